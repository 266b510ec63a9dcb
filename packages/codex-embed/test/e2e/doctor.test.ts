import { once } from "node:events";
import { appendFile, chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Codex, type DiagnoseOptions, type Diagnosis, type DiagnosisCheckName, diagnose } from "codex-embed";
import { SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import { createTestHome, ScriptedModel, type TestHome, type TestHomeOptions } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { leavesNothing } from "../support/leaks.js";
import { verifies } from "../support/verifies.js";

const FAKE = fileURLToPath(new URL("../fixtures/fakeRuntime.mjs", import.meta.url));
const ALL = ["node", "binary", "home", "launch", "runtime", "version", "configuration", "login", "sandbox", "network"];
const linuxOnly = test.runIf(process.platform === "linux");

let model: ScriptedModel;
beforeAll(async () => {
  model = await ScriptedModel.start();
});
afterAll(async () => {
  await model.close();
  expect(model.requests).toEqual([]);
});

/** Makes a home, changes it, and diagnoses the options that belong to it. */
async function examine(
  change: (home: TestHome) => DiagnoseOptions | Promise<DiagnoseOptions> = () => ({}),
  homeOptions: Partial<TestHomeOptions> = {},
): Promise<Diagnosis> {
  await using home = await createTestHome({ model, sandbox: "workspace-write", ...homeOptions });
  const { env, ...options } = await change(home);
  const base = { codexHome: home.codexHome, cwd: home.workspace, inheritEnv: false };
  return await diagnose({ ...base, ...options, env: { ...home.env, ...env } });
}

function check({ checks }: Diagnosis, name: DiagnosisCheckName) {
  return checks.find((one) => one.name === name);
}

const problems = ({ checks }: Diagnosis) => checks.filter(({ status }) => status === "problem").map(({ name }) => name);

describe("a machine that is well", () => {
  test("has no problem and no warning, and nothing is left of the diagnosis", async () => {
    verifies("doctor");
    let diagnosis: Diagnosis | undefined;
    await leavesNothing(async () => {
      diagnosis = await examine();
    });
    if (diagnosis === undefined) throw new Error("There is no diagnosis.");
    expect(diagnosis.checks.filter(({ status }) => status !== "ok")).toEqual([]);
    expect(diagnosis.checks.map(({ name }) => name)).toEqual([...ALL, "packages"]);
    expect(diagnosis).toMatchObject({
      healthy: true,
      runtimeVersion: diagnosis.expectedRuntimeVersion,
      nodeVersion: process.versions.node,
      launch: { args: ["app-server"], env: { set: expect.arrayContaining(["CODEX_HOME"]) } },
    });
    expect(check(diagnosis, "login")?.detail).toBe("The provider mock requires no login.");
    expect(check(diagnosis, "network")?.detail).toBe(
      "At startup: nothing (the feature plugins is off).\n" +
        `Each turn: the model provider mock, on this machine (${model.baseUrl}).`,
    );
  });

  test("is logged in", async () => {
    const diagnosis = await examine(async ({ codexHome, env }) => {
      await using codex = new Codex({ codexHome, env, inheritEnv: false });
      await codex.loginApiKey("sk-not-a-key-0123456789");
      return { config: { model_providers: { mock: { requires_openai_auth: true } } } };
    });
    expect(check(diagnosis, "login")).toEqual({ name: "login", status: "ok", detail: "Logged in (apikey)." });
    expect(JSON.stringify(diagnosis)).not.toContain("not-a-key");
  });

  test("calls outside what its configuration says", async () => {
    const diagnosis = await examine(undefined, {
      extraConfig: {
        features: { plugins: true },
        analytics: { enabled: true },
        model_provider: "far",
        model_providers: {
          far: {
            name: "Far",
            base_url: "https://someone:topsecret@models.example/v1?key=topsecret",
            wire_api: "responses",
          },
        },
        mcp_servers: { near: { command: "true" }, remote: { url: "https://mcp.example/mcp" } },
      },
    });
    expect(check(diagnosis, "network")).toEqual({
      name: "network",
      status: "ok",
      detail: [
        "At startup: looks for plugins (git and HTTPS). To turn this off, set features.plugins=false.",
        "Each turn: the model provider far, on another host (https://models.example/v1).",
        "Remote MCP servers: remote.",
        "Local MCP servers: near.",
        "Analytics are on.",
      ].join("\n"),
    });
    expect(JSON.stringify(diagnosis)).not.toContain("topsecret");
  });

  test("and none of it is called by the diagnosis, unlike by a start", async () => {
    verifies("doctor");
    let calls = 0;
    const proxy = createServer((socket) => {
      calls += 1;
      socket.on("error", () => {}).destroy();
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const address = proxy.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const env = { HTTPS_PROXY: `http://127.0.0.1:${port}`, HTTP_PROXY: `http://127.0.0.1:${port}` };
    await using home = await createTestHome({ model, extraConfig: { features: { plugins: true } } });
    const options = { codexHome: home.codexHome, env: { ...home.env, ...env }, inheritEnv: false, enable: ["plugins"] };
    const diagnosis = await diagnose(options);
    expect(check(diagnosis, "network")?.detail).toMatch(/^At startup: looks for plugins/);
    expect(calls).toBe(0);
    await using codex = new Codex(options);
    await Promise.all([once(proxy, "connection"), codex.start()]);
    proxy.close();
  });
});

describe("the login", () => {
  test("is missing where the provider needs one", async () => {
    const diagnosis = await examine(() => ({ config: { model_providers: { mock: { requires_openai_auth: true } } } }));
    expect(problems(diagnosis)).toEqual(["login"]);
    expect(check(diagnosis, "login")).toMatchObject({
      detail: "Not logged in, and the model provider mock requires a login.",
      advice: expect.stringContaining("npx codex login"),
    });
  });

  test.each([
    [undefined, "problem", "reads its key from the variable MOCK_KEY, which is not set."],
    ["a-secret-of-the-provider", "ok", "reads its key from MOCK_KEY, which is set."],
  ])("is a variable of the environment: %s", async (value, status, detail) => {
    const diagnosis = await examine(() => ({
      env: { MOCK_KEY: value },
      config: { model_providers: { mock: { env_key: "MOCK_KEY" } } },
    }));
    expect(check(diagnosis, "login")).toMatchObject({ status, detail: expect.stringContaining(detail) });
    expect(JSON.stringify(diagnosis)).not.toContain("a-secret");
  });
});

describe("the sandbox", () => {
  /** Puts a `bwrap` in front of PATH. */
  async function withBubblewrap({ workspace, env }: TestHome, script: string): Promise<DiagnoseOptions> {
    const folder = join(workspace, "..", "fake-bin");
    await mkdir(folder);
    await writeFile(join(folder, "bwrap"), `#!/bin/sh\n${script}`);
    await chmod(join(folder, "bwrap"), 0o755);
    return { env: { PATH: `${folder}${delimiter}${env["PATH"] ?? ""}` } };
  }
  const FAILING = `[ "$1" = --help ] && echo "--argv0 --as-pid-1 --perms" && exit\necho "no namespaces here" >&2\nexit 1\n`;

  linuxOnly("works with the bundled bubblewrap where there is none on PATH", async () => {
    // A folder with the programs that the check needs, and no bwrap.
    const diagnosis = await examine(() => ({ env: { PATH: "/nowhere" } }));
    expect(check(diagnosis, "sandbox")).toEqual({
      name: "sandbox",
      status: "ok",
      detail: "A command ran in the read-only sandbox. Bubblewrap: the bundled one, since there is none on PATH.",
    });
    expect(check(diagnosis, "configuration")?.status).toBe("ok");
  });

  linuxOnly("names the bubblewrap on PATH", async () => {
    const diagnosis = await examine((home) => withBubblewrap(home, "exit 1\n"));
    expect(check(diagnosis, "sandbox")).toMatchObject({
      status: "ok",
      detail: expect.stringMatching(/Bubblewrap: \S+fake-bin\/bwrap, or the bundled one if that is too old\.$/),
    });
  });

  linuxOnly("is a problem where no command can be sandboxed", async () => {
    const diagnosis = await examine((home) => withBubblewrap(home, FAILING));
    expect(problems(diagnosis)).toEqual(["sandbox"]);
    expect(check(diagnosis, "sandbox")).toMatchObject({
      detail: expect.stringMatching(/^Commands cannot be sandboxed: no namespaces here\. Bubblewrap: \S+fake-bin/),
      advice: expect.stringContaining("Install bubblewrap"),
    });
  });

  linuxOnly("is a warning where the configuration uses none", async () => {
    const diagnosis = await examine((home) => withBubblewrap(home, FAILING), { sandbox: "full-access" });
    expect(diagnosis.healthy).toBe(true);
    expect(check(diagnosis, "sandbox")?.status).toBe("warning");
  });
});

describe("the runtime", () => {
  test("is missing", async () => {
    const diagnosis = await examine(() => ({ codexBin: "/nowhere/codex" }));
    expect(diagnosis).toMatchObject({ healthy: false, codexBin: null, runtimeVersion: null, launch: null });
    expect(diagnosis.checks.map(({ name }) => name)).toEqual(["node", "binary", "home", "packages"]);
    expect(problems(diagnosis)).toEqual(["binary"]);
  });

  test("is too old", async () => {
    const { oldest, newest } = SUPPORTED_RUNTIMES;
    const diagnosis = await examine(() => ({ codexBin: FAKE, env: { FAKE_VERSION: "0.12.3" } }));
    expect(diagnosis.runtimeVersion).toBe("0.12.3");
    expect(problems(diagnosis)).toEqual(["version"]);
    expect(check(diagnosis, "version")).toMatchObject({
      detail: `The runtime is version 0.12.3; this SDK needs ${oldest} or later, and was tested up to ${newest}.`,
      advice: expect.stringContaining(`Run npm install @openai/codex@${newest}`),
    });
    expect(check(diagnosis, "login")).toBeUndefined();
  });

  test("does not start", async () => {
    const diagnosis = await examine(() => ({ codexBin: FAKE, env: { FAKE_MODE: "dies-at-once" } }));
    expect(problems(diagnosis)).toEqual(["runtime"]);
    expect(check(diagnosis, "runtime")?.detail).toContain("no such luck");
    expect(JSON.stringify(diagnosis)).not.toContain("abcdef0123456789");
  });

  test("says nothing", async () => {
    const options = { codexBin: FAKE, env: { FAKE_MODE: "silent" }, startupTimeoutMs: 300 };
    const diagnosis = await examine(() => options);
    expect(check(diagnosis, "runtime")).toMatchObject({
      status: "problem",
      detail: expect.stringContaining("did not answer `initialize` within startupTimeoutMs (300 ms)"),
    });
  });

  test("answers nonsense", async () => {
    const diagnosis = await examine(() => ({ codexBin: FAKE, checkTimeoutMs: 2_000 }));
    expect(check(diagnosis, "version")?.status).toBe("ok");
    expect(diagnosis.checks.map(({ name }) => name)).toEqual([...ALL, "packages"]);
  });

  test("is not waited for after an abort, and is gone", async () => {
    const abort = new AbortController();
    const reason = new Error("Enough.");
    await leavesNothing(async () => {
      const diagnosis = diagnose({ codexBin: FAKE, env: { FAKE_MODE: "silent" }, signal: abort.signal });
      setImmediate(() => abort.abort(reason));
      await expect(diagnosis).rejects.toBe(reason);
    });
    await expect(diagnose({ signal: abort.signal })).rejects.toBe(reason);
  });

  test("is not started with options that cannot work", async () => {
    expect(problems(await examine(() => ({ cwd: "/nowhere" })))).toEqual(["launch"]);
    expect(problems(await examine(() => ({ clientName: "a\nb" })))).toEqual(["runtime"]);
  });
});

describe("the configuration", () => {
  const withConfig = (text: string) =>
    examine(async ({ codexHome }) => {
      await writeFile(join(codexHome, "config.toml"), text);
      return {};
    });

  test.each([
    ["broken TOML", "model = 1\nfoo", /config\.toml:2:\d+: /],
    ["a value that there is not", 'sandbox_mode = "nonsense"\n', /config\.toml:1:16: unknown variant `nonsense`/],
  ])("%s", async (_name, text, detail) => {
    const diagnosis = await withConfig(text);
    expect(problems(diagnosis)).toEqual(["configuration"]);
    expect(check(diagnosis, "configuration")?.detail).toMatch(detail);
    // What they would say rests on defaults that nobody asked for.
    expect(check(diagnosis, "login")).toBeUndefined();
    expect(check(diagnosis, "network")).toBeUndefined();
  });

  test("a setting that there is not", async () => {
    const diagnosis = await examine(undefined, { extraConfig: { hello_there: 1 } });
    expect(diagnosis.healthy).toBe(true);
    expect(check(diagnosis, "configuration")).toMatchObject({
      status: "warning",
      detail: expect.stringContaining("`hello_there` is ignored"),
    });
  });

  test("a folder that is not trusted is told apart from a mistake, and trusted as the advice says", async () => {
    verifies("doctor-trust");
    const inFolder = (text: (workspace: string) => string) =>
      examine(async ({ workspace, codexHome }) => {
        await mkdir(join(workspace, ".codex"));
        await writeFile(join(workspace, ".codex", "config.toml"), 'model_verbosity = "low"\n');
        await appendFile(join(codexHome, "config.toml"), text(workspace));
        return {};
      });
    const untrusted = check(await inFolder(() => ""), "configuration");
    expect(untrusted).toMatchObject({ status: "warning", detail: expect.stringContaining("trusted project") });
    expect(untrusted?.advice).toMatch(/^Nothing is broken: .*\[projects\."FOLDER"\] with trust_level = "trusted"/);

    const both = check(await inFolder(() => "\n[hello_there]\nx = 1\n"), "configuration");
    expect(both?.advice).toMatch(/^Correct the configuration\. Nothing is broken: /);

    const trust = (workspace: string) => `\n[projects.${JSON.stringify(workspace)}]\ntrust_level = "trusted"\n`;
    expect(check(await inFolder(trust), "configuration")?.status).toBe("ok");
  });

  test("a provider that there is not keeps the runtime from starting", async () => {
    const diagnosis = await examine(() => ({ config: { model_provider: "nope" } }));
    expect(problems(diagnosis)).toEqual(["runtime"]);
    expect(check(diagnosis, "runtime")?.detail).toMatch(/Model provider `nope` not found$/);
  });

  test("a broken catalog of models", async () => {
    const diagnosis = await examine(async ({ codexHome }) => {
      await writeFile(join(codexHome, "catalog.json"), "{");
      return {};
    });
    expect(problems(diagnosis)).toEqual(["configuration"]);
    expect(check(diagnosis, "configuration")?.detail).toContain("catalog.json");
  });

  test("a home that the variable names and that is not there", async () => {
    const diagnosis = await examine(async ({ workspace }) => {
      const home = join(workspace, "gone");
      await rm(home, { recursive: true, force: true });
      return { codexHome: undefined, env: { CODEX_HOME: home } };
    });
    expect(problems(diagnosis)).toEqual(["home", "runtime"]);
  });
});
