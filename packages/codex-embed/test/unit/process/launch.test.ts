/** The tests of launch plans. */

import { existsSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { launchEnvironment, mergeEnvironment, newMark } from "../../../src/process/environment.js";
import { type LaunchPlan, planLaunch } from "../../../src/process/launch.js";
import type { LocatedRuntime } from "../../../src/process/locate.js";
import { put, temporaryFolder } from "./temporary.js";

const located: LocatedRuntime = {
  path: "/bin/codex",
  source: "codexBin",
  command: "/bin/codex",
  args: [],
  pathDir: null,
};
const plan = (options: Omit<LaunchPlan, "located">) => planLaunch({ located, ...options });

describe("the command line", () => {
  it("is the app-server's, with overrides in order: config, then raw ones, which win", () => {
    const { command, args } = plan({
      config: { a: { b: 1 } },
      configOverrides: ["a.b=2", 'c={"x=y"=1}'],
      enable: ["one", "two"],
      disable: ["three"],
      strictConfig: true,
    });
    expect(command).toBe("/bin/codex");
    expect(args.join(" ")).toBe(
      'app-server -c a.b=1 -c a.b=2 -c c={"x=y"=1} --enable one --enable two --disable three --strict-config',
    );
    expect(plan({}).args).toEqual(["app-server"]);
    expect(plan({ strictConfig: false }).args).toEqual(["app-server"]);
  });

  it("hands the mark on, in the environment and by the policy for commands, after all that is given", () => {
    const mark = newMark();
    expect(mark).toMatch(/^CODEX_EMBED_MARK_[0-9a-f]{32}$/);
    const request = plan({ mark, inheritEnv: false, env: { A: "1" }, configOverrides: ["a=1"], enable: ["one"] });
    expect(request.mark).toBe(mark);
    expect(request.env).toEqual({ A: "1", [mark]: "1" });
    const override = `shell_environment_policy.set.${mark}="1"`;
    expect(request.args).toEqual(["app-server", "-c", "a=1", "-c", override, "--enable", "one"]);
    expect(plan({ mark, launchArgs: ["x"] })).toMatchObject({ args: ["x"], env: { [mark]: "1" } });
  });

  it("keeps the marks of the launches that this program is part of, without its environment too", () => {
    const [outer, mark] = [newMark(), newMark()];
    vi.stubEnv(outer, "1");
    expect(plan({ mark, inheritEnv: false }).env).toEqual({ [outer]: "1", [mark]: "1" });
    vi.unstubAllEnvs();
  });

  it("starts with the script when the runtime is one", () => {
    const script: LocatedRuntime = { ...located, command: process.execPath, args: ["/codex.js"] };
    expect(planLaunch({ located: script }).args).toEqual(["/codex.js", "app-server"]);
    expect(planLaunch({ located: script, launchArgs: ["x"] }).args).toEqual(["/codex.js", "x"]);
  });

  it("is launchArgs alone when given", () => {
    expect(plan({ launchArgs: ["app-server", "--listen", "stdio://"] }).args).toEqual([
      "app-server",
      "--listen",
      "stdio://",
    ]);
    expect(plan({ launchArgs: [] }).args).toEqual([]);
  });

  it.each<[string, Omit<LaunchPlan, "located">, string]>([
    [
      "launchArgs with config and enable",
      { launchArgs: [], config: {}, enable: [] },
      "config, enable would have no effect",
    ],
    ["an override without =", { configOverrides: ["model"] }, '"key=value"'],
    ["an override without a key", { configOverrides: [" =1"] }, '"key=value"'],
    ["an empty feature", { disable: [" "] }, "must be non-empty feature names"],
    ["a feature both on and off", { enable: ["a", "b"], disable: ["b"] }, "The feature b is in both"],
    ["launchArgs with a profile", { launchArgs: [], profile: "work" }, "profile would have no effect"],
    ["a NUL in an argument", { configOverrides: ["a='\0'"] }, "NUL"],
    ["a bad config", { config: { a: Number.NaN } }, "config.a is NaN"],
    ["an empty cwd", { cwd: "" }, "cwd is empty"],
    [
      "a cwd that does not exist",
      { cwd: "/nowhere/at/all" },
      "cwd is /nowhere/at/all, which is not an existing folder",
    ],
    ["a cwd that is a file", { cwd: import.meta.filename }, "not an existing folder"],
    ["an empty codexHome", { codexHome: "" }, "codexHome is empty"],
    ["a codexHome that is a file", { codexHome: import.meta.filename }, "cannot be created"],
  ])("refuses %s", (_, options, message) => {
    expect(() => plan(options)).toThrow(UsageError);
    expect(() => plan(options)).toThrow(message);
  });
});

describe("the environment", () => {
  it("is merged over this program's, and undefined removes", () => {
    vi.stubEnv("CODEX_EMBED_TEST_A", "a");
    vi.stubEnv("CODEX_EMBED_TEST_B", "b");
    const { env } = plan({ env: { CODEX_EMBED_TEST_A: "changed", CODEX_EMBED_TEST_B: undefined, C: "c" } });
    vi.unstubAllEnvs();
    expect(env).toMatchObject({ CODEX_EMBED_TEST_A: "changed", C: "c", PATH: process.env["PATH"] });
    expect(env).not.toHaveProperty("CODEX_EMBED_TEST_B");
  });

  it("is nothing else when it is not inherited", () => {
    expect(plan({ env: { A: "1", B: undefined }, inheritEnv: false }).env).toEqual({ A: "1" });
    expect(plan({ inheritEnv: false }).env).toEqual({});
  });

  it("has the folder of helpers in front of PATH", () => {
    const helped = { ...located, pathDir: "/helpers" };
    expect(planLaunch({ located: helped, env: { PATH: "/a:/b" } }).env["PATH"]).toBe("/helpers:/a:/b");
    expect(planLaunch({ located: helped, inheritEnv: false }).env).toEqual({ PATH: "/helpers" });
  });

  it.each<[string, unknown, string]>([
    ["a NUL in a value", { TOKEN: "s3cr3t\0" }, "env.TOKEN contains a NUL"],
    ["a NUL in a name", { "TO\0KEN": "s3cr3t" }, "env.TO\\0KEN contains a NUL"],
    ["a number", { TOKEN: 5314 }, "env.TOKEN is of type number"],
    ["null", { TOKEN: null }, "env.TOKEN is of type object"],
  ])("refuses %s, and does not say the value", (_, env, message) => {
    const options = { env } as Omit<LaunchPlan, "located">;
    expect(() => plan(options)).toThrow(UsageError);
    expect(() => plan(options)).toThrow(message);
    expect(() => plan(options)).not.toThrow(/s3cr3t|5314/);
  });

  it("refuses a NUL in an argument, and does not say the argument", () => {
    const overrides = () => plan({ configOverrides: ["a='s3cr3t\0'"] });
    expect(overrides).toThrow("Argument 3 of the command line (after -c) contains a NUL character");
    expect(overrides).not.toThrow("s3cr3t");
  });

  it("matches names without regard to case on Windows only", () => {
    expect(mergeEnvironment({ Path: "a", X: "1" }, { PATH: "b", x: undefined }, "win32")).toEqual({ PATH: "b" });
    expect(mergeEnvironment({ Path: "a", X: "1" }, { PATH: "b", x: undefined }, "linux")).toEqual({
      Path: "a",
      PATH: "b",
      X: "1",
    });
    expect(launchEnvironment({ env: { A: "1" }, inheritEnv: false }, "win32")).toEqual({ A: "1" });
  });

  it("names codexHome, absolute and created for its owner alone", () => {
    const home = join(temporaryFolder(), "deep", "home");
    const { env } = plan({ codexHome: relative(process.cwd(), home) });
    expect(env["CODEX_HOME"]).toBe(home);
    expect(existsSync(home)).toBe(true);
    if (process.platform !== "win32") expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(plan({ codexHome: home }).env["CODEX_HOME"]).toBe(home);
  });

  it("may name CODEX_HOME twice only when they agree", () => {
    const home = temporaryFolder();
    expect(plan({ codexHome: home, env: { CODEX_HOME: home } }).env["CODEX_HOME"]).toBe(home);
    expect(() => plan({ codexHome: home, env: { CODEX_HOME: "/other" } })).toThrow("differ. Remove one of them");
  });
});

describe("the folder that it starts in", () => {
  it("is absolute, or this program's own", () => {
    const folder = temporaryFolder();
    put(join(folder, "file"));
    expect(plan({ cwd: relative(process.cwd(), folder) }).cwd).toBe(folder);
    expect(plan({}).cwd).toBeUndefined();
    expect(() => plan({ cwd: join(folder, "file", "below") })).toThrow("not an existing folder");
  });
});
