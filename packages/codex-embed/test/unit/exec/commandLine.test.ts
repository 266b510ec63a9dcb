import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { LaunchError } from "../../../src/errors/connection.js";
import { type ExecPlan, execArgs, execEnvironment, planExec } from "../../../src/exec/commandLine.js";

const plan = (over: Partial<ExecPlan> = {}): ExecPlan => ({
  codex: {},
  thread: {},
  turn: {},
  target: { kind: "new" },
  images: [],
  schemaPath: undefined,
  ...over,
});
const args = (over: Partial<ExecPlan> = {}) => execArgs(plan(over)).slice(2);

describe("execArgs", () => {
  it("begins with the subcommand and the flag for events", () => {
    expect(execArgs(plan())).toEqual(["exec", "--experimental-json"]);
  });

  it.each<[string, Partial<ExecPlan>, string[]]>([
    ["profile", { codex: { profile: "p" } }, ["--profile", "p"]],
    ["ignoreUserConfig", { codex: { ignoreUserConfig: true } }, ["--ignore-user-config"]],
    ["ignoreRules", { codex: { ignoreRules: true } }, ["--ignore-rules"]],
    ["strictConfig", { codex: { strictConfig: true } }, ["--strict-config"]],
    ["enable and disable", { codex: { enable: ["a"], disable: ["b"] } }, ["--enable", "a", "--disable", "b"]],
    [
      "folders under both names",
      { thread: { additionalDirectories: ["/a"], addDirs: ["/b", "/c"] } },
      ["--add-dir", "/a", "--add-dir", "/b", "--add-dir", "/c"],
    ],
    ["ephemeral", { thread: { ephemeral: true } }, ["--ephemeral"]],
    ["worktree", { thread: { worktree: true } }, ["--worktree"]],
    ["trust", { thread: { trust: true } }, ["--trust"]],
    ["oss", { thread: { oss: true, localProvider: "ollama" } }, ["--oss", "--local-provider", "ollama"]],
    ["approveForMe", { thread: { approveForMe: true } }, ["--approve-for-me"]],
    [
      "the dangerous ones",
      { thread: { dangerouslyBypassApprovalsAndSandbox: true, dangerouslyBypassHookTrust: true } },
      ["--dangerously-bypass-approvals-and-sandbox", "--dangerously-bypass-hook-trust"],
    ],
    ["outputLastMessage", { turn: { outputLastMessage: "/o" } }, ["--output-last-message", "/o"]],
    ["the last thread", { target: { kind: "resumeLast", all: false } }, ["resume", "--last"]],
    ["the last thread of all", { target: { kind: "resumeLast", all: true } }, ["resume", "--last", "--all"]],
    ["a fork, with an image", { target: { kind: "fork", id: "t" }, images: ["a"] }, ["fork", "t", "-", "--image", "a"]],
    [
      "a source, for a fork",
      { target: { kind: "fork", id: "t" }, thread: { threadSource: "s" } },
      ["--thread-source", "s", "fork", "t", "-"],
    ],
    [
      "no source, for a thread that exists",
      { target: { kind: "resumeLast", all: false }, thread: { threadSource: "s" } },
      ["resume", "--last"],
    ],
    ["everything that is off", { codex: { ignoreRules: false }, thread: { ephemeral: false, trust: false } }, []],
  ])("has %s", (_, over, expected) => {
    expect(args(over)).toEqual(expected);
  });

  it("quotes what goes into the configuration", () => {
    expect(args({ codex: { baseUrl: 'http://a"b' } })).toEqual(["--config", 'openai_base_url="http://a\\"b"']);
  });

  it.each<[string, Partial<ExecPlan>, string]>([
    ["an override without a value", { codex: { configOverrides: ["model"] } }, '"key=value"'],
    ["a key that ends too early", { codex: { config: { "a=b": 1 } } }, 'a key must be a non-empty string without "="'],
    ["a key of nothing", { codex: { config: { "": 1 } } }, "a key must be a non-empty string"],
    ["a value that TOML does not have", { codex: { config: { a: Number.NaN } } }, "config.a is NaN"],
    ["a feature that is on and off", { codex: { enable: ["a"], disable: ["a"] } }, "in both enable and disable"],
  ])("refuses %s", (_, over, message) => {
    expect(() => args(over)).toThrow(UsageError);
    expect(() => args(over)).toThrow(message);
  });
});

describe("planExec", () => {
  const bin = { codexPathOverride: process.execPath, env: {} };

  it("finds the packaged runtime, and puts its helpers in front of PATH", () => {
    const { command, env } = planExec(plan({ codex: { env: { PATH: "/bin" } } }));
    expect(command).toContain("node_modules");
    expect(env["PATH"]).toMatch(/codex-path.:\/bin$|codex-path:\/bin$/);
  });

  it("leaves PATH alone for a runtime that was named, and takes an empty name for none", () => {
    expect(planExec(plan({ codex: { ...bin, env: { PATH: "/bin" } } })).env["PATH"]).toBe("/bin");
    expect(planExec(plan({ codex: { codexPathOverride: "", env: {} } })).command).toContain("node_modules");
  });

  it("says by the name of the option that a runtime is not there", () => {
    const call = () => planExec(plan({ codex: { codexPathOverride: "/nowhere/codex", env: {} } }));
    expect(call).toThrow(LaunchError);
    expect(call).toThrow("The option codexPathOverride names");
  });

  it.each<[string, Partial<ExecPlan>, string]>([
    ["no id", { codex: bin, target: { kind: "resume", id: "" } }, "The thread id is empty"],
    ["no id to fork", { codex: bin, target: { kind: "fork", id: "" } }, "The thread id is empty"],
    ["an option for an id", { codex: bin, target: { kind: "resume", id: "--last" } }, "would read as an option"],
    ["an option for an id to fork", { codex: bin, target: { kind: "fork", id: "-h" } }, "would read as an option"],
    [
      "a worktree for a resume",
      { codex: bin, thread: { worktree: true }, target: { kind: "resume", id: "t" } },
      "worktree list",
    ],
    [
      "a worktree for the last",
      { codex: bin, thread: { worktree: true }, target: { kind: "resumeLast", all: false } },
      "worktree list",
    ],
    ["a NUL", { codex: bin, thread: { model: "a\0b" } }, "NUL"],
    [
      "an ephemeral resume",
      { codex: bin, thread: { ephemeral: true }, target: { kind: "resume", id: "t" } },
      "Use forkThread()",
    ],
    [
      "an ephemeral last",
      { codex: bin, thread: { ephemeral: true }, target: { kind: "resumeLast", all: true } },
      "Use forkThread()",
    ],
    ["what is no text", { codex: bin, thread: Object({ model: 5 }) }, "(after --model) is of type number"],
  ])("refuses %s", (_, over, message) => {
    expect(() => planExec(plan(over))).toThrow(UsageError);
    expect(() => planExec(plan(over))).toThrow(message);
  });
});

describe("execEnvironment", () => {
  const originator = "CODEX_INTERNAL_ORIGINATOR_OVERRIDE";

  it("is that of this program, or the one that is given and nothing of this program", () => {
    expect(execEnvironment({})).toEqual({ ...process.env, [originator]: expect.any(String) });
    expect(execEnvironment({ env: { A: "1", B: undefined } })).toEqual({ A: "1", [originator]: expect.any(String) });
  });

  it("keeps an originator, but not an empty one", () => {
    expect(execEnvironment({ env: { [originator]: "me" } })).toEqual({ [originator]: "me" });
    expect(execEnvironment({ env: { [originator]: "" } })).toEqual({ [originator]: "codex_sdk_ts" });
  });

  it("sets the key over one that is there, whatever its case on Windows", () => {
    expect(execEnvironment({ apiKey: "new", env: { CODEX_API_KEY: "old" } })["CODEX_API_KEY"]).toBe("new");
    expect(execEnvironment({ apiKey: "", env: { CODEX_API_KEY: "old" } })["CODEX_API_KEY"]).toBe("old");
    const onWindows = execEnvironment({ apiKey: "new", env: { Codex_Api_Key: "old", [originator]: "me" } }, "win32");
    expect(onWindows).toEqual({ Codex_Api_Key: "new", [originator]: "me" });
  });
});
