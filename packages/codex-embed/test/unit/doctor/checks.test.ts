import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUNTIME_VERSION, SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import { afterAll, describe, expect, it } from "vitest";
import {
  checkBinary,
  checkHome,
  checkLaunch,
  checkNode,
  checkPackages,
  checkVersion,
} from "../../../src/doctor/checks.js";
import type { LocatedRuntime } from "../../../src/process/locate.js";

/** The pinned version, for a pattern. */
const VERSION = RUNTIME_VERSION.replaceAll(".", "\\.");

const work = realpathSync(mkdtempSync(join(tmpdir(), "codex-embed-doctor-")));
afterAll(() => rmSync(work, { recursive: true, force: true }));
const located: LocatedRuntime = { path: "/c", source: "package", command: "/c", args: [], pathDir: null };

describe("Node", () => {
  it.each(["20.19.0", "20.20.2", "22.0.0", "26.10.0"])("%s will do", (version) => {
    expect(checkNode(version).status).toBe("ok");
  });
  it.each(["18.20.0", "20.9.0", "20.18.3"])("%s is too old", (version) => {
    expect(checkNode(version)).toMatchObject({ status: "problem", advice: expect.stringContaining("20.19") });
  });
});

describe("the version of the runtime", () => {
  it.each<[string, boolean, string]>([
    [RUNTIME_VERSION, false, "ok"],
    [RUNTIME_VERSION.replace(/\d+$/, "7"), false, "ok"],
    [SUPPORTED_RUNTIMES.oldest, false, "ok"],
    ["0.999.0", false, "warning"],
    ["0.12.3", false, "problem"],
    ["0.12.3", true, "warning"],
    ["unknown", false, "problem"],
  ])("%s, allowed to differ: %s: %s", (version, allowed, status) => {
    expect(checkVersion(version, allowed)).toMatchObject({ status, detail: expect.stringContaining(version) });
  });
});

describe("the home", () => {
  const home = (name: string): string => {
    const folder = join(work, name);
    mkdirSync(folder);
    return folder;
  };

  it("is the one of the option, of the variable, or in the user's folder", () => {
    const [option, variable] = [home("option"), home("variable")];
    const env = { CODEX_HOME: variable, HOME: work, TMPDIR: join(work, "tmp") };
    expect(checkHome({ codexHome: option, env })).toMatchObject({ found: option, check: { status: "ok" } });
    expect(checkHome({ env })).toMatchObject({ found: variable, check: { status: "ok" } });
    expect(checkHome({ env: { ...env, CODEX_HOME: undefined } })).toMatchObject({
      found: join(work, ".codex"),
      check: { status: "ok", detail: expect.stringContaining("will be created") },
    });
  });

  it("must be there when the variable names it, and is created for the option", () => {
    const missing = join(work, "missing");
    expect(checkHome({ env: { CODEX_HOME: missing } }).check).toMatchObject({
      status: "problem",
      detail: `CODEX_HOME is ${missing}, which does not exist.`,
    });
    expect(checkHome({ codexHome: missing }).check.status).toBe("ok");
  });

  it("is warned of in the temporary folder", () => {
    const folder = home("temporary");
    expect(checkHome({ codexHome: folder, env: { TMPDIR: work } }).check).toMatchObject({
      status: "warning",
      detail: `${folder} is inside the temporary folder (${work}): the runtime creates no helper programs there.`,
    });
  });

  it("must be a folder", () => {
    const file = join(work, "file");
    writeFileSync(file, "");
    expect(checkHome({ codexHome: file }).check).toMatchObject({
      status: "problem",
      detail: `${file} is not a folder.`,
      advice: expect.stringContaining("choose another folder"),
    });
  });

  it.runIf(process.platform === "linux")("must be writable", () => {
    expect(checkHome({ codexHome: "/proc" }).check).toMatchObject({
      status: "problem",
      detail: expect.stringMatching(/^\/proc is not writable: ENOENT/),
    });
  });

  it("is one below it when something is ignored", () => {
    const codexHome = join(work, "home-with-own");
    mkdirSync(codexHome);
    const { check, found } = checkHome({ codexHome, ignoreUserConfig: true, ignoreRules: true });
    expect(found).toBe(join(codexHome, "codex-embed", "bare"));
    expect(check.detail).toContain(`The runtime uses ${found}: it shares auth.json by a link`);
    expect(check.detail).toContain("leaves out config.toml and the user's rules");
    expect(checkHome({ env: { CODEX_HOME: join(work, "none-yet") }, ignoreRules: true }).check.status).not.toBe(
      "problem",
    );
  });

  it("is not looked at when the process runs elsewhere", () => {
    const spawn = (): never => {
      throw new Error("Not called.");
    };
    expect(checkHome({ codexHome: "/proc", spawn }).check.status).toBe("ok");
  });
});

describe("the executable", () => {
  it("lists every place that was tried in vain", () => {
    const { check, found } = checkBinary({ codexBin: join(work, "codex") });
    expect(found).toBeNull();
    expect(check).toEqual({
      name: "binary",
      status: "problem",
      detail: `No runtime found. Tried:\n${join(work, "codex")}: there is no such file`,
      advice: expect.stringMatching(
        new RegExp(`^Correct codexBin, or remove it .*npm install @openai/codex@${VERSION}\\.$`),
      ),
    });
    expect(checkBinary({ env: { CODEX_BIN: "no-such-codex" } }).check.advice).toMatch(/^Correct CODEX_BIN/);
  });

  it("is found in its package", () => {
    expect(checkBinary({ env: { CODEX_BIN: undefined } })).toMatchObject({
      check: { status: "ok" },
      found: { source: "package" },
    });
  });
});

describe("the launch", () => {
  it("names the variables that are set and removed, and no value", async () => {
    const env = { PLAIN_VARIABLE: "the value", CODEX_HOME: undefined, PATH: process.env["PATH"] };
    const { check } = await checkLaunch({ env, cwd: work }, located);
    expect(check).toMatchObject({
      status: "ok",
      detail: expect.stringContaining(`/c app-server\nin ${work}; variables set: `),
    });
    expect(check.detail).toContain("PLAIN_VARIABLE");
    expect(check.detail).not.toContain("the value");
    expect(check.detail).not.toContain("PATH");
  });

  it("replaces what may be secret in the configuration", async () => {
    const config = {
      model: "some-model",
      mcp_servers: { files: { bearer_token_env_var: "NAME", http_headers: { "X-Api-Key": "topsecret1" } } },
      model_providers: {
        mine: { base_url: "https://user:topsecret2@host/v1", experimental_bearer_token: "topsecret3" },
      },
    };
    const configOverrides = ['list=[{ token = "topsecret4" }]', 'note="sk-topsecret5"', "features.plugins=false"];
    const { check } = await checkLaunch({ config, configOverrides }, located);
    expect(check.detail).not.toContain("topsecret");
    expect(check.detail).toContain('model="some-model"');
    expect(check.detail).toContain("features.plugins=false");
    expect(check.detail).toContain("model_providers.mine.experimental_bearer_token=[redacted]");
  });

  it("fails as a start would", async () => {
    const { check, found } = await checkLaunch({ cwd: join(work, "nowhere") }, located);
    expect(found).toBeNull();
    expect(check).toMatchObject({ status: "problem", detail: expect.stringContaining("not an existing folder") });
  });
});

it("tells which optional packages are there", () => {
  expect(checkPackages()).toMatchObject({
    status: "ok",
    detail: expect.stringMatching(/^@codex-embed\/mcp-server: \d+\.\S+ \(.*codex-embed mcp\)$/),
  });
});
