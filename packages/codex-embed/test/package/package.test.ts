/** Packs the package as for a release, installs it into an empty project, and uses it there in every way that is promised. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build, type Format } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Bench } from "../../../../compat/bench.js";
import { layouts } from "../../../../compat/layouts.js";
import { ROOT } from "../../../../compat/pack.js";
import { builtWith } from "../../../../compat/typescripts.js";
import { verifies } from "../support/verifies.js";

const manifest: {
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
} = JSON.parse(readFileSync(join(ROOT, "packages/codex-embed/package.json"), "utf8"));

const RUNTIME = manifest.optionalDependencies["@openai/codex"] ?? "";

/** What a release may hold, and what it must. */
const ALLOWED =
  /^(?:dist\/(?:[a-z]+\/)?index\.(?:js|d\.ts)|dist\/cli\/main\.js|dist\/shared\/(?:[A-Z0-9]{8}\.js|(?:types|protocol)\.d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
const REQUIRED = ["package.json", "README.md", "LICENSE", "CHANGELOG.md", "dist/index.js", "dist/index.d.ts"];

/** What would show where a file was made, or would send its reader to one that is not packed. */
const TRACES = ["sourceMappingURL", ROOT, "codex-embed-compat-", "../src/", "../test/"];

const typesOf = (path: string): string => path.replace(/\.js$/, ".d.ts");

let bench: Bench | undefined;
let work = "";
let consumer = "";
let packed: readonly string[] = [];

/** Runs a program and returns what it prints. */
function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): string {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`${basename(program)} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}

/** Runs a script of the consumer and returns the JSON that it prints. It must not print anything else, nor a warning. */
function runScript(name: string, env: Readonly<Record<string, string>> = {}): unknown {
  const options = { cwd: consumer, encoding: "utf8", env: { ...process.env, ...env } } as const;
  const { stdout, stderr } = spawnSync(process.execPath, [name], options);
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

function script(name: string, text: string): string {
  writeFileSync(join(consumer, name), text);
  return name;
}

beforeAll(async () => {
  bench = await Bench.open();
  ({ work } = bench);
  packed = bench.packed["codex-embed"].files;
  const project = bench.project();
  consumer = project.folder;
  await project.place();
  await project.placeMcpServer();
  for (const name of ["@types/node", "undici-types"]) project.link(name);
}, 240_000);

afterAll(() => bench?.close());

describe("the tarball", () => {
  it("holds the build, its types and the papers, and nothing else", () => {
    verifies("tarball");
    expect(packed.filter((path) => !ALLOWED.test(path))).toEqual([]);
    expect(REQUIRED.filter((path) => !packed.includes(path))).toEqual([]);
    const untyped = packed.filter(
      (path) => path.endsWith("index.js") && !path.startsWith("dist/shared/") && !packed.includes(typesOf(path)),
    );
    expect(untyped).toEqual([]);
  });

  it("holds no trace of the machine that it was made on, and no word of files that it does not hold", () => {
    verifies("tarball");
    const texts = packed.map((path) => ({
      path,
      text: readFileSync(join(consumer, "node_modules/codex-embed", path), "utf8"),
    }));
    const found = texts.flatMap(({ path, text }) =>
      TRACES.filter((trace) => text.includes(trace)).map((trace) => [path, trace]),
    );
    expect(found).toEqual([]);
  });

  it("holds what its exports name", () => {
    const named = JSON.stringify(manifest.exports).match(/\.\/[^"]+\.(?:json|js|ts)/g) ?? [];
    expect(named.length).toBeGreaterThan(6);
    expect(named.filter((path) => !packed.includes(path.slice(2)) && path !== "./package.json")).toEqual([]);
  });
});

describe("a project that has installed it", () => {
  const subpaths = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
  const names = [...subpaths.map((path) => `codex-embed${path.slice(1)}`), "@codex-embed/mcp-server"];

  it("gets the same names by import and by require", () => {
    verifies("esm-and-cjs");
    const imported = runScript(
      script(
        "names.mjs",
        `const all = {};
      for (const name of ${JSON.stringify(names)}) all[name] = Object.keys(await import(name)).sort();
      console.log(JSON.stringify(all));`,
      ),
    );
    const required = runScript(
      script(
        "names.cjs",
        `const all = {};
      for (const name of ${JSON.stringify(names)}) all[name] = Object.keys(require(name)).sort();
      console.log(JSON.stringify(all));`,
      ),
    );
    expect(imported).toEqual(required);
    expect(imported).toMatchObject({
      "codex-embed": expect.arrayContaining(["Codex", "CodexError", "Thread", "TurnFailedError"]),
      "codex-embed/approvals": expect.arrayContaining(["approvalRules", "guardRules"]),
      "codex-embed/checkpoints": expect.arrayContaining(["Checkpoint", "checkpoint", "openCheckpoint"]),
      "codex-embed/exec": expect.arrayContaining(["Codex", "Thread", "ExecTurnFailedError", "unknownEvent"]),
      "@codex-embed/mcp-server": ["createCodexMcp", "serveMcpHttp", "serveMcpStdio"],
      "codex-embed/protocol": expect.arrayContaining(["RUNTIME_VERSION"]),
      "codex-embed/testing": expect.arrayContaining(["ScriptedModel", "startTestCodex"]),
      "codex-embed/ui": ["toAgUi", "toResponse", "toUIMessageStream"],
    });
  });

  it("reaches no file that is not exported", () => {
    const code = runScript(
      script(
        "inside.mjs",
        `console.log(JSON.stringify(await import("codex-embed/dist/cli/main.js").catch(({ code }) => code)));`,
      ),
    );
    expect(code).toBe("ERR_PACKAGE_PATH_NOT_EXPORTED");
  });

  it("starts, opens and changes nothing by importing it", () => {
    verifies("import-without-effects");
    const seen = runScript(
      script(
        "effects.mjs",
        `import childProcess from "node:child_process";
      import { createRequire, syncBuiltinESMExports } from "node:module";
      import { EventEmitter } from "node:events";
      const { cache } = createRequire(import.meta.url);
      const started = [];
      for (const name of Object.keys(childProcess)) {
        if (typeof childProcess[name] === "function" && name !== "ChildProcess") childProcess[name] = () => started.push(name);
      }
      syncBuiltinESMExports();
      const look = () => ({
        started: started.length,
        globals: Reflect.ownKeys(globalThis).length,
        env: JSON.stringify(process.env),
        listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
        handles: process.getActiveResourcesInfo().filter((name) => !/FSReq|CloseReq/.test(name)),
        maxListeners: EventEmitter.defaultMaxListeners,
        webSockets: Object.keys(cache).filter((path) => /[\\\\/]ws[\\\\/]/.test(path)).length,
      });
      const before = look();
      await import("codex-embed");
      await import("codex-embed/exec");
      const after = look();
      await import("ws");
      childProcess.spawn("codex");
      const spoilt = look();
      const differ = (one, other) => Object.keys(one).filter((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]));
      console.log(JSON.stringify({ changed: differ(before, after), spoilt: differ(after, spoilt) }));`,
      ),
    );
    expect(seen).toEqual({ changed: [], spoilt: expect.arrayContaining(["started", "webSockets"]) });
  });
});

describe("the program codex-embed", () => {
  const env = (): Record<string, string> => ({ CODEX_HOME: join(work, "home-program"), CODEX_BIN: "" });

  beforeAll(() => {
    // Links the program as an installation does, without asking the registry for the dependencies again.
    run("npm", ["rebuild", "--offline", "--ignore-scripts", "codex-embed"], consumer);
    mkdirSync(join(work, "home-program"));
  });

  it("starts by npx and tells its version", () => {
    const versions = new RegExp(`^codex-embed ${manifest.version}\\nruntime ${RUNTIME} `);
    expect(run("npx", ["--no-install", "codex-embed", "--version"], consumer)).toMatch(versions);
    expect(run("npx", ["--no-install", "codex-embed", "--help"], consumer)).toContain("codex-embed doctor");
  });

  it("diagnoses the project that it is installed in", () => {
    // Nobody is logged in there, so that it has to find a problem, and no other.
    const program = join(consumer, "node_modules", ".bin", "codex-embed");
    const options = { cwd: consumer, encoding: "utf8", env: { ...process.env, ...env() } } as const;
    const { status, stdout, stderr } = spawnSync(program, ["doctor", "--json"], options);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    const diagnosis: { checks: { name: string; status: string }[] } = JSON.parse(stdout);
    expect(diagnosis).toMatchObject({
      runtimeVersion: RUNTIME,
      codexBin: expect.stringContaining("node_modules"),
      codexHome: env()["CODEX_HOME"],
    });
    const problems = diagnosis.checks.filter(({ status: found }) => found === "problem");
    expect(problems.map(({ name }) => name)).toEqual(["login"]);
  });
});

describe.each<{ format: Format; name: string }>([
  { format: "esm", name: "bundle.mjs" },
  { format: "cjs", name: "bundle.cjs" },
])("a bundle as $format", ({ format, name }) => {
  const bundle = (text: string) => {
    const entryPoints = [join(consumer, script(`${format}.ts`, text))];
    return build({
      entryPoints,
      outfile: join(consumer, name),
      format,
      bundle: true,
      platform: "node",
      logLevel: "silent",
    });
  };

  it("finds the installed runtime and starts it", async () => {
    verifies("bundles");
    const { warnings } = await bundle(`
      import { Codex } from "codex-embed";
      const codex = new Codex();
      codex.start().then(async () => {
        console.log(JSON.stringify(codex.metadata));
        await codex.close();
      });
    `);
    // A CommonJS bundle has no import.meta: the SDK looks from the script and the working directory then.
    expect(warnings.filter(({ id }) => id !== "empty-import-meta")).toEqual([]);
    const codexHome = join(work, `home-${format}`);
    mkdirSync(codexHome);
    expect(runScript(name, { CODEX_HOME: codexHome, CODEX_BIN: "" })).toMatchObject({
      codexHome,
      runtimeVersion: manifest.optionalDependencies["@openai/codex"],
      codexBin: expect.stringContaining("node_modules"),
    });
  });

  it("runs codex exec of the installed runtime", async () => {
    await bundle(`
      import { Codex } from "codex-embed/exec";
      const codex = new Codex({ strictConfig: true, config: { no_such_field: 1 } });
      codex.startThread().run("x").catch(({ name, code, exitCode }) => console.log(JSON.stringify({ name, code, exitCode })));
    `);
    const env = { CODEX_HOME: work, CODEX_BIN: "" };
    expect(runScript(name, env)).toEqual({ name: "ExecExitError", code: "EXEC_EXITED", exitCode: 1 });
  });

  it("holds nothing of it when nothing of it is used", async () => {
    verifies("tree-shaking");
    const unused = 'import { Codex } from "codex-embed";\nimport { Codex as Other } from "codex-embed/exec";\n';
    await bundle(`${unused}import "codex-embed";\nconsole.log(1);`);
    expect(statSync(join(consumer, name)).size).toBeLessThan(300);
  });
});

describe("the package works where it finds itself", () => {
  it.each([...layouts, builtWith])(
    "$name: $what",
    async (trial) => {
      verifies("install-places");
      if (bench === undefined) throw new Error("There is no bench.");
      expect(await trial.run(bench)).not.toBe("");
    },
    240_000,
  );
});
