/** Owns the command that writes `api/*.api.md`, the public names of each entry, or with `--check` says what is out of date. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CompilerState, Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";

/** The entries that are written by hand; `codex-embed/protocol` is generated, and its diff is that of the sources. */
const ENTRIES = {
  index: "index",
  approvals: "approvals/index",
  exec: "exec/index",
  "mcp-server": "mcp/index",
  testing: "testing/index",
} as const;

const project = fileURLToPath(new URL("../", import.meta.url));
const reports = join(project, "api");
let compilerState: CompilerState | undefined;

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

if (!existsSync(join(project, "dist", "index.d.ts"))) throw new Error("There is no dist: npm run build");
const work = mkdtempSync(join(tmpdir(), "codex-embed-api-"));
try {
  mkdirSync(reports, { recursive: true });
  for (const [name, path] of Object.entries(ENTRIES)) {
    const fresh = report(name, path);
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

/** The report of one entry, from its emitted types. Throws when the types do not compile. */
function report(name: string, path: string): string {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: project,
      mainEntryPointFilePath: join(project, "dist", `${path}.d.ts`),
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: work,
        reportTempFolder: join(work, "temp"),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      compiler: { tsconfigFilePath: join(project, "tsconfig.json") },
      // Of names that another entry exports it would warn as of missing ones.
      messages: {
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None, addToApiReportFile: false } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(project, "package.json"),
  });
  // One program for all entries: making it takes most of the time.
  const additionalEntryPoints = Object.values(ENTRIES).map((entry) => join(project, "dist", `${entry}.d.ts`));
  compilerState ??= CompilerState.create(config, { additionalEntryPoints });
  const { errorCount } = Extractor.invoke(config, {
    localBuild: true,
    compilerState,
    messageCallback: (message) => {
      if (message.logLevel === ExtractorLogLevel.Error) console.error(`${name}: ${message.text}`);
      message.handled = true;
    },
  });
  if (errorCount > 0) throw new Error(`The types of codex-embed/${name} could not be read.`);
  return readFileSync(join(work, `${name}.api.md`), "utf8");
}
