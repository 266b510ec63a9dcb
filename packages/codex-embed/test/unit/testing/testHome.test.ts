import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parse } from "smol-toml";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestHome } from "../../../src/testing/index.js";
import { configToml } from "../../../src/process/config.js";
import { linkBubblewrap, makeTestFolder, testConfig, testEnvironment } from "../../../src/testing/testHome.js";
import { verifies } from "../../support/verifies.js";

const model = { baseUrl: "http://127.0.0.1:1/v1" };

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "testing-kit-unit-"));
});
afterEach(() => rm(scratch, { recursive: true }));

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

test("writes a configuration that stays on the scripted model", async () => {
  await using home = await createTestHome({ model, sandbox: "workspace-write", streamMaxRetries: 2 });
  const config = parse(await readFile(join(home.codexHome, "config.toml"), "utf8"));
  expect(config).toMatchObject({
    model: "mock-model",
    sandbox_mode: "workspace-write",
    model_catalog_json: join(home.codexHome, "catalog.json"),
    features: { plugins: false, apps: false, shell_snapshot: false, unbounded_connection_retries: false },
    tools: { update_plan: { enabled: true } },
    model_providers: { mock: { base_url: model.baseUrl, request_max_retries: 0, stream_max_retries: 2 } },
  });
  expect(await readdir(home.workspace)).toEqual([]);
});

test("removes everything when it is disposed, and twice is no error", async () => {
  const home = await createTestHome({ model });
  await writeFile(join(home.workspace, "file"), "");
  await home.dispose();
  await home.dispose();
  expect(await exists(dirname(home.workspace))).toBe(false);
});

test("merges more configuration over its own, with every kind of value", () => {
  const extraConfig = {
    model: "other",
    features: { plugins: true, "odd key": 1.5 },
    model_providers: { mock: { stream_idle_timeout_ms: 50 } },
    mcp_servers: { files: { command: "node", args: ["a b", "é\n"], env: { A: "1" } } },
    list: [{ a: [true], gone: undefined }],
    big: 12n,
    gone: undefined,
  };
  const toml = configToml(testConfig({ model: { baseUrl: 'http://a"b' }, extraConfig }, "C:\\codex"));
  expect(parse(toml)).toMatchObject({
    model: "other",
    model_catalog_json: join("C:\\codex", "catalog.json"),
    sandbox_mode: "danger-full-access",
    features: { plugins: true, apps: false, "odd key": 1.5 },
    model_providers: { mock: { name: "Mock", base_url: 'http://a"b', stream_idle_timeout_ms: 50 } },
    mcp_servers: { files: { command: "node", args: ["a b", "é\n"], env: { A: "1" } } },
    list: [{ a: [true] }],
    big: 12,
  });
  expect(toml).not.toContain("gone");
});

test("keeps credentials, proxies, git and the user's home out of the environment", () => {
  verifies("testing-isolation");
  const source = {
    PATH: "/bin",
    LANG: "C",
    RUST_LOG: "warn",
    GONE: undefined,
    OPENAI_API_KEY: "k",
    CODEX_API_KEY: "k",
    CODEX_BIN: "/codex",
    CODEX_HOME: "/users",
    https_proxy: "http://proxy",
    GIT_DIR: "/repo/.git",
    BASH_ENV: "/evil",
    HOME: "/users",
    XDG_CONFIG_HOME: "/users/config",
  };
  const temporary = { TMPDIR: "/t", TMP: "/t", TEMP: "/t" };
  expect(testEnvironment(source, { codexHome: "/c", userHome: "/h", temporary: "/t" }, "linux")).toEqual({
    PATH: "/bin",
    LANG: "C",
    RUST_LOG: "warn",
    CODEX_BIN: "/codex",
    CODEX_HOME: "/c",
    HOME: "/h",
    ...temporary,
  });
  expect(
    testEnvironment({ Path: "x", UserProfile: "u" }, { codexHome: "/c", userHome: "/h", temporary: "/t" }, "win32"),
  ).toEqual({
    Path: "x",
    CODEX_HOME: "/c",
    HOME: "/h",
    ...temporary,
    USERPROFILE: "/h",
  });
});

test("takes the first cache that can be written to and is not temporary", async () => {
  await writeFile(join(scratch, "file"), "");
  const temporary = join(scratch, "tmp");
  const good = join(scratch, "good");
  const places = { caches: [join(scratch, "file", "cache"), join(temporary, "cache"), good], temporary };
  await mkdir(temporary);
  const folder = await makeTestFolder(places);
  expect(dirname(folder)).toBe(join(good, "codex-embed-testing"));
  expect(await readdir(join(temporary, "cache", "codex-embed-testing"))).toEqual([]);
});

test("falls back to the temporary folder", async () => {
  const folder = await makeTestFolder({ caches: [], temporary: scratch });
  expect(dirname(folder)).toBe(scratch);
});

test.runIf(process.platform === "linux")("lends a bubblewrap only to a machine without one", async () => {
  const bin = join(scratch, "bin");
  expect(await linkBubblewrap(bin, { PATH: scratch })).toBe(bin);
  expect(await readdir(bin)).toEqual(["bwrap"]);
  expect(await linkBubblewrap(join(scratch, "other"), { PATH: [scratch, bin].join(delimiter) })).toBeUndefined();
  expect(await exists(join(scratch, "other"))).toBe(false);
});
