import { chmod, mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Diagnosis } from "codex-embed";
import { RUNTIME_VERSION } from "codex-embed/protocol";
import { createTestHome, ScriptedModel, type TestHome, type TestHomeOptions } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../support/cli.js";

/** The pinned version, for a pattern. */
const VERSION = RUNTIME_VERSION.replaceAll(".", "\\.");

const FAKE = fileURLToPath(new URL("../../fixtures/fakeRuntime.mjs", import.meta.url));

let model: ScriptedModel;
beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(() => model.close());

/** Runs the command in a home of its own. */
async function doctor(
  args: readonly string[] = [],
  change: (home: TestHome) => unknown = () => {},
  more: Partial<TestHomeOptions> & { env?: (home: TestHome) => Record<string, string> } = {},
) {
  const { env, ...homeOptions } = more;
  await using home = await createTestHome({ model, sandbox: "workspace-write", ...homeOptions });
  await change(home);
  return await runCli(["doctor", ...args], { cwd: home.workspace, env: { ...home.env, ...env?.(home) } });
}

describe("codex-embed doctor", () => {
  test("says what is well, line by line", async () => {
    const { code, stdout, stderr } = await doctor();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^ok +node +Node \d/);
    expect(stdout).toMatch(new RegExp(`^ok +version +${VERSION} `, "m"));
    expect(stdout).toMatch(/^ok +login +The provider mock requires no login\.$/m);
    expect(stdout).toMatch(/^ok +sandbox /m);
    expect(stdout.endsWith("\n\nCodex runs here.\n")).toBe(true);
    expect(stdout).not.toContain("\x1b");
  });

  test("prints the diagnosis as JSON", async () => {
    const { code, stdout, stderr } = await doctor(["--json", "-c", "features.apps=true", "--timeout", "20"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const diagnosis: Diagnosis = JSON.parse(stdout);
    expect(diagnosis).toMatchObject({ healthy: true, launch: { args: ["app-server", "-c", "features.apps=true"] } });
  });

  test("nobody is logged in", async () => {
    const needsLogin = { model_providers: { mock: { requires_openai_auth: true } } };
    const { code, stdout } = await doctor([], undefined, { extraConfig: needsLogin });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^x +login +Not logged in, and the model provider mock requires a login\.$/m);
    expect(stdout).toMatch(/^ +-> Run: npx codex login\./m);
    expect(stdout.endsWith("\n\nProblems: 1.\n")).toBe(true);
  });

  test("there is no runtime", async () => {
    const { code, stdout } = await doctor(["--codex-bin", "/nowhere/codex"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^x +binary +No runtime found\. Tried:\n +\/nowhere\/codex: there is no such file\n +-> /m);
  });

  test("the runtime has another version", async () => {
    const { code, stdout } = await doctor([], undefined, { env: () => ({ CODEX_BIN: FAKE, FAKE_VERSION: "0.12.3" }) });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^x +version +The runtime is version 0\.12\.3; this SDK needs 0\.\d+\.\d+ or later/m);
    expect(stdout).toMatch(new RegExp(`^ +-> Run npm install @openai/codex@${VERSION}`, "m"));
  });

  test("the configuration is broken", async () => {
    const breakConfig = ({ codexHome }: TestHome) => writeFile(join(codexHome, "config.toml"), "model = 1\nfoo");
    const { code, stdout } = await doctor([], breakConfig);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^x +configuration +The configuration does not load/m);
    expect(stdout).toMatch(/^ +Invalid configuration; .*config\.toml:2:\d+/m);
  });

  test.runIf(process.platform === "linux")("commands cannot be sandboxed", async () => {
    const bin = ({ codexHome }: TestHome): string => join(dirname(codexHome), "fake-bin");
    const script = `#!/bin/sh\n[ "$1" = --help ] && echo "--argv0 --as-pid-1 --perms" && exit\necho "no way" >&2\nexit 1\n`;
    const { code, stdout } = await doctor(
      [],
      async (home) => {
        await mkdir(bin(home));
        await writeFile(join(bin(home), "bwrap"), script);
        await chmod(join(bin(home), "bwrap"), 0o755);
      },
      { env: (home) => ({ PATH: `${bin(home)}${delimiter}${home.env["PATH"] ?? ""}` }) },
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/^x +sandbox +Commands cannot be sandboxed: no way\. Bubblewrap: \S+fake-bin\/bwrap/m);
  });

  test.skipIf(process.platform === "win32")("Ctrl-C ends it", async () => {
    await using home = await createTestHome({ model });
    // A runtime that never answers, and tells by itself when it is there.
    const silent = join(home.workspace, "silent.mjs");
    await writeFile(silent, 'process.kill(process.ppid, "SIGINT");\nprocess.stdin.resume();\n');
    const { code, stdout, stderr } = await runCli(["doctor"], { env: { ...home.env, CODEX_BIN: silent } });
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: "", stderr: "\nInterrupted.\n" });
  });
});
