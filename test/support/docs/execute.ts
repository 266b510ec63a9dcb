/** Owns running the documentation's programs: bundled together, each in a process of its own, offline. */

import { execFileSync, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { text } from "node:stream/consumers";
import { build } from "esbuild";
import { createTestHome, ScriptedModel, type TestHome } from "codex-embed/testing";
import manifest from "../../../package.json" with { type: "json" };
import { answer } from "./answers.js";
import { type CodeBlock, ROOT } from "./pages.js";

const FOLDER = `${ROOT}node_modules/.cache/codex-embed-docs/${process.pid}`;
/** A program takes about a second; a busy machine may run it ten times as long. */
const LIMIT_MS = 60_000;

/** How a program ended. */
export interface Run {
  readonly exitCode: number | null;
  /** What it wrote, to show when it failed. */
  readonly output: string;
}

/** The place where the programs run: one scripted model for all of them. */
export class Stage {
  readonly #model: ScriptedModel;

  private constructor(model: ScriptedModel) {
    this.#model = model;
  }

  /** Bundles the programs and starts the model. */
  static async set(programs: readonly CodeBlock[]): Promise<Stage> {
    await bundle(programs);
    const model = await ScriptedModel.start();
    model.respondWith(answer);
    return new Stage(model);
  }

  /** Runs one program, in a repository of its own and with a home of its own, and waits for it to end by itself. */
  async run(program: CodeBlock): Promise<Run> {
    await using home = await createTestHome({ model: this.#model, sandbox: "read-only" });
    execFileSync("git", ["init", "-q"], { cwd: home.workspace, env: home.env });
    const child = spawn(process.execPath, [`${FOLDER}/${nameOf(program)}.js`], {
      cwd: home.workspace,
      env: { ...home.env, ...placeholders(home) },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
    });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    const [exitCode, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { exitCode, output: `${stdout}${stderr}` };
  }

  async close(): Promise<void> {
    await this.#model.close();
    rmSync(FOLDER, { recursive: true, force: true });
  }
}

const nameOf = ({ page, line }: CodeBlock): string => `${page.replaceAll("/", "__")}.L${line}`;

/** The folders that pages name, and the variables that stand for them when a program runs. */
const PLACES: Readonly<Record<string, string>> = {
  "/path/to/project": "DOCS_WORKSPACE",
  "/srv/project": "DOCS_WORKSPACE",
  "/srv/agent": "DOCS_CODEX_HOME",
};

function placeholders({ workspace, codexHome }: TestHome): Record<string, string> {
  return { DOCS_WORKSPACE: workspace, DOCS_CODEX_HOME: codexHome };
}

function withPlaces(source: string): string {
  return Object.entries(PLACES).reduce(
    (changed, [path, variable]) => changed.replaceAll(`"${path}"`, `String(process.env["${variable}"])`),
    source,
  );
}

async function bundle(programs: readonly CodeBlock[]): Promise<void> {
  const byName = new Map(programs.map((program) => [nameOf(program), program]));
  await build({
    entryPoints: [...byName.keys()].map((name) => ({ in: `docs:${name}`, out: name })),
    outdir: FOLDER,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "silent",
    plugins: [
      {
        name: "docs",
        setup(bundler) {
          bundler.onResolve({ filter: /^docs:/ }, ({ path }) => ({
            path: path.slice("docs:".length),
            namespace: "docs",
          }));
          bundler.onResolve({ filter: /^codex-embed(\/|$)/ }, ({ path }) => ({ path: sourceOf(path) }));
          bundler.onLoad({ filter: /.*/, namespace: "docs" }, ({ path }) => ({
            contents: withPlaces(byName.get(path)?.text ?? ""),
            loader: "ts",
            resolveDir: ROOT,
          }));
        },
      },
    ],
  });
}

/** The source of an entry of the package. */
function sourceOf(specifier: string): string {
  const entries: Readonly<Record<string, { default: string } | string | undefined>> = manifest.exports;
  const entry = entries[specifier.replace(/^codex-embed/, ".")];
  if (typeof entry !== "object") throw new Error(`The package has no entry ${specifier}.`);
  return ROOT + entry.default.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts");
}
