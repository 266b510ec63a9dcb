/** Writes `api/*.api.md`, the public names of each entry, or with `--check` says what is out of date. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { type PackageFolder, packageFolder } from "./shared/bundle.js";

/** The entries that are written by hand; `codex-embed/protocol` is generated, and its diff is that of the sources. */
const ENTRIES = {
  index: ["codex-embed", "index"],
  approvals: ["codex-embed", "approvals/index"],
  exec: ["codex-embed", "exec/index"],
  testing: ["codex-embed", "testing/index"],
  ui: ["codex-embed", "ui/index"],
  "mcp-server": ["mcp-server", "index"],
} as const satisfies Record<string, readonly [PackageFolder, string]>;

const reports = fileURLToPath(new URL("../api", import.meta.url));
/** Without the paths of this repository: a package imports another one by its name. */
const TSCONFIG = fileURLToPath(new URL("api.tsconfig.json", import.meta.url));
let compilerState: CompilerState | undefined;

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const work = mkdtempSync(join(tmpdir(), "codex-embed-api-"));
try {
  mkdirSync(reports, { recursive: true });
  for (const [name, [folder, entry]] of Object.entries(ENTRIES)) {
    const fresh = report(name, packageFolder(folder), entry);
    const file = join(reports, `${name}.api.md`);
    if (existsSync(file) && readFileSync(file, "utf8") === fresh) continue;
    if (values.check) {
      console.error(`api/${name}.api.md is not what the sources give: run \`npm run api\` and read its diff.`);
      process.exitCode = 1;
    } else {
      writeFileSync(file, fresh);
      console.log(`Wrote api/${name}.api.md.`);
    }
  }
  if (process.exitCode === undefined) console.log("api is up to date.");
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The report of one entry, from its built types. Throws when they are missing or do not compile. */
function report(name: string, project: string, entry: string): string {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: project,
      mainEntryPointFilePath: typesOf(project, entry),
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: work,
        reportTempFolder: join(work, "temp"),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      compiler: { tsconfigFilePath: TSCONFIG },
      // Of names that another entry exports it would warn as of missing ones.
      messages: {
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None, addToApiReportFile: false } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(project, "package.json"),
  });
  // One program for all entries: making it takes most of the time.
  const additionalEntryPoints = Object.values(ENTRIES).map(([folder, path]) => typesOf(packageFolder(folder), path));
  compilerState ??= CompilerState.create(config, { additionalEntryPoints });
  const { errorCount } = Extractor.invoke(config, {
    localBuild: true,
    compilerState,
    messageCallback: (message) => {
      if (message.logLevel === ExtractorLogLevel.Error) console.error(`${name}: ${message.text}`);
      message.handled = true;
    },
  });
  if (errorCount > 0) throw new Error(`The types of ${name} could not be read: npm run build`);
  return readFileSync(join(work, `${name}.api.md`), "utf8");
}

function typesOf(project: string, entry: string): string {
  return join(project, "dist", `${entry}.d.ts`);
}
