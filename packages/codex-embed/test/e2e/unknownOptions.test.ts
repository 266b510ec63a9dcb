/** The tests that every options object of the public surface refuses what it does not know, before anything is sent. */

import { mkdir, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { createCodexMcp, serveMcpHttp, serveMcpStdio } from "@codex-embed/mcp-server";
import { Codex, diagnose, retryOnOverload, serveAppServer, tool, UsageError } from "codex-embed";
import { approvalRules } from "codex-embed/approvals";
import { Codex as ExecCodex } from "codex-embed/exec";
import {
  applyPatch,
  createTestHome,
  customToolCall,
  fail,
  message,
  rawToolCall,
  reasoning,
  ScriptedModel,
  shell,
  startTestCodex,
  step,
  toolCall,
  updatePlan,
  usage,
} from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();
const { signal } = new AbortController();

/** What a call settles or throws with, as a rejection. */
async function refusal(call: () => unknown): Promise<UsageError> {
  try {
    await call();
  } catch (error) {
    if (UsageError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

/** Every call with an options object, by the name that its errors have. */
const calls: Readonly<Record<string, (options: never) => unknown>> = {
  "new Codex": (options) => new Codex(options),
  "Codex.launch": (options) => Codex.launch(options),
  "Codex.connect": (options) => Codex.connect("ws://127.0.0.1:1", options),
  serveAppServer: (options) => serveAppServer(options),
  diagnose: (options) => diagnose(options),
  startThread: (options) => bench.codex.startThread(options),
  resumeThread: (options) => bench.codex.resumeThread("x", options),
  forkThread: (options) => bench.codex.forkThread("x", options),
  listThreads: (options) => bench.codex.listThreads(options),
  threads: (options) => bench.codex.threads(options).next(),
  readThread: (options) => bench.codex.readThread("x", options),
  models: (options) => bench.codex.models(options),
  account: (options) => bench.codex.account(options),
  request: (options) => bench.codex.request("thread/list", {}, options),
  approvalRules: (options) => approvalRules(options),
  tool: (options) => tool(options),
  retryOnOverload: (options) => retryOnOverload(async () => {}, options),
  createCodexMcp: (options) => createCodexMcp(options),
  serveMcpHttp: (options) => serveMcpHttp(options),
  serveMcpStdio: (options) => serveMcpStdio(options),
  startTestCodex: (options) => startTestCodex(options),
  createTestHome: (options) => createTestHome(options),
  "ScriptedModel.start": (options) => ScriptedModel.start(options),
  message: (options) => message("x", options),
  "message of deltas": (options) => message(options),
  reasoning: (options) => reasoning(options),
  usage: (options) => usage(options),
  toolCall: (options) => toolCall("x", {}, options),
  rawToolCall: (options) => rawToolCall("x", "{}", options),
  customToolCall: (options) => customToolCall("x", "", options),
  applyPatch: (options) => applyPatch("x", options),
  shell: (options) => shell("x", options),
  updatePlan: (options) => updatePlan([], options),
  fail: (options) => fail(500, options),
  step: (options) => step(options),
  "exec: new Codex": (options) => new ExecCodex(options),
  "exec: startThread": (options) => new ExecCodex().startThread(options),
  "exec: resumeThread": (options) => new ExecCodex().resumeThread("x", options),
  "exec: resumeLast": (options) => new ExecCodex().resumeLast(options),
  "exec: forkThread": (options) => new ExecCodex().forkThread("x", options),
  "exec: review": (options) => new ExecCodex().review({ type: "uncommittedChanges" }, options),
  "exec: run": (options) => new ExecCodex().startThread().run("x", options),
  "exec: runStreamed": async (options) => (await new ExecCodex().startThread().runStreamed("x", options)).events.next(),
};

const ofThread = ["run", "startTurn", "stream", "read", "review", "startGoal", "runGoal", "resumeGoal"] as const;
const moreOfThread = ["sample", "fork", "revert"] as const;

test.each(Object.keys(calls))("%s refuses an option that it does not know", async (name) => {
  verifies("unknown-options");
  const error = await refusal(() => calls[name]?.(untyped({ surprise: 1 })));
  expect(error.message).toMatch(/unknown option surprise\. \S/);
});

test.each([...ofThread, ...moreOfThread])("thread.%s refuses an option that it does not know", async (name) => {
  verifies("unknown-options");
  const thread = await bench.thread();
  const wrong = untyped<never>({ surprise: 1 });
  const call = {
    run: () => thread.run("x", wrong),
    startTurn: () => thread.startTurn("x", wrong),
    stream: () => thread.stream("x", wrong).next(),
    read: () => thread.read(wrong),
    review: () => thread.review({ type: "uncommittedChanges" }, wrong),
    startGoal: () => thread.startGoal("x", wrong),
    runGoal: () => thread.runGoal("x", wrong),
    resumeGoal: () => thread.resumeGoal(wrong),
    sample: () => thread.sample("x", wrong),
    fork: () => thread.fork(wrong),
    revert: () => thread.revert(wrong),
  }[name];
  expect((await refusal(call)).message).toMatch(/unknown option surprise\. \S/);
  expect(bench.requestsOf(thread)).toEqual([]);
});

describe("nested options", () => {
  test.each<[string, () => unknown, string]>([
    ["reconnect", () => Codex.connect("ws://x:1", untyped({ reconnect: { maxDelay: 5 } })), "reconnect.maxDelay"],
    ["auth", () => serveAppServer(untyped({ auth: { type: "none", token: "x" } })), "auth.token"],
    ["handlers", () => new Codex(untyped({ handlers: { approveComand: () => "accept" } })), "handlers.approveComand"],
    ["a rule list", () => approvalRules(untyped({ commands: { alow: [] } })), "commands.alow"],
    ["otherwise", () => approvalRules(untyped({ otherwise: { approvePatch: () => {} } })), "otherwise.approvePatch"],
    ["escalate", () => shell("x", untyped({ escalate: { justification: "x", rule: [] } })), "escalate.rule"],
    ["token counts", () => message("x", untyped({ usage: { input: 1, output: 1, total: 2 } })), "usage.total"],
    ["the client of MCP", () => createCodexMcp(untyped({ codex: { codexPath: "x" } })), "codex.codexPath"],
    [
      "a target",
      async () => (await bench.thread()).review(untyped({ type: "commit", sha: "x", branch: "y" })),
      "branch",
    ],
  ])("of %s", async (_, call, path) => {
    expect((await refusal(call)).message).toContain(`unknown option ${path === "branch" ? "target.branch" : path}.`);
  });
});

describe("values of the wrong kind", () => {
  test.each<
    [string, "startGoal" | "run" | "setName" | "runShellCommand" | "revert" | "review" | "injectItems", unknown[]]
  >([
    ["startGoal: objective is a number. Give a string.", "startGoal", [7]],
    ["input: a part is undefined.", "run", []],
    ["input: a part is a number.", "run", [5]],
    ["input: text is undefined.", "run", [{ type: "text" }]],
    ["setName: name is null.", "setName", [null]],
    ["runShellCommand: command is an array.", "runShellCommand", [["ls"]]],
    ["revert: beforeTurnId is undefined.", "revert", [{}]],
    ["startReview: target is undefined.", "review", []],
    ["injectItems: items is an object.", "injectItems", [{}]],
  ])("%s", async (says, method, given) => {
    const thread = await bench.thread();
    const call = (): unknown => Reflect.apply(thread[method], thread, given);
    expect((await refusal(call)).message).toContain(says);
  });

  test.each<[object, string]>([
    [{ signal: new AbortController() }, "run: signal is an AbortController. Give its .signal."],
    [{ sandbox: "readonly" }, 'Did you mean "read-only"?'],
    [{ sandbox: null }, "run: sandbox is null; it must be one of"],
    [{ deadlineMs: "100" }, "run: deadlineMs is a string; it must be more than 0"],
    [{ deadlineMs: 2 ** 31 }, "run: deadlineMs is 2147483648; it must be more than 0 and at most"],
    [{ keepCommands: "yes" }, "run: keepCommands is a string. Give true or false."],
    [{ repairAttempts: -1 }, "run: repairAttempts is -1; it must be an integer ≥ 0."],
    [{ outputSchema: "object" }, "run: outputSchema is a string. Give an object."],
    [{ effort: 5 }, "run: effort is a number. Give a string."],
    [{ additionalContext: { a: "b" } }, "run: additionalContext.a is a string."],
    [
      { signal, toolOutput: { name: "x", outputs: [] } },
      "run: unknown option toolOutput.outputs. Did you mean output?",
    ],
  ])("of a turn: %o", async (options, says) => {
    const thread = await bench.thread();
    expect((await refusal(() => thread.run("x", untyped(options)))).message).toContain(says);
    expect(bench.requestsOf(thread)).toEqual([]);
  });

  test.each<[object, string]>([
    [{ env: { A: 1 } }, "new Codex: env.A is a number. Give a string."],
    [{ logger: { info: () => {} } }, "new Codex: logger.debug is undefined. A logger has the methods"],
    [{ startupTimeoutMs: "5" }, "new Codex: startupTimeoutMs is a string"],
    [{ optOutNotifications: "error" }, "new Codex: optOutNotifications is a string. Give an array."],
    [{ restart: "always" }, 'it must be one of "on-crash", "never".'],
    [{ spawn: {} }, "new Codex: spawn is an object. Give a function."],
    [{ handlers: { approveCommand: "accept" } }, "new Codex: handlers.approveCommand is a string. Give a function."],
    [{ config: "model=x" }, "new Codex: config is a string. Give an object."],
    [{ codexHome: 5 }, "new Codex: codexHome is a number. Give a string."],
    [{ codexHome: "~root/x" }, "codexHome begins with ~ and a name."],
  ])("of a client: %o", async (options, says) => {
    expect((await refusal(() => new Codex(untyped(options)))).message).toContain(says);
  });
});

describe("the configuration of a thread", () => {
  test.each<[string, unknown, string]>([
    ["a Date", { a: { b: new Date() } }, "config.a.b is neither a plain object nor an array."],
    ["a Map", { a: new Map() }, "config.a is neither a plain object nor an array."],
    ["NaN", { a: [Number.NaN] }, "config.a[0] is NaN. Give a finite number."],
    ["Infinity", { a: Number.POSITIVE_INFINITY }, "config.a is Infinity. Give a finite number."],
    ["a function", { a: () => {} }, "config.a is function."],
    ["null inside", { a: null }, "config.a is null."],
    ["a dotted key", { "features.apps": true }, "Write a dotted key as nested objects"],
    ["an empty key", { "": 1 }, 'the top-level key ""'],
    ["a large bigint", { a: 2n ** 60n }, "config.a is a bigint that JSON cannot express exactly."],
    ["an array", [], "config is an array."],
  ])("refuses what that of the client refuses: %s", async (_, config, says) => {
    verifies("thread-config");
    for (const open of [
      () => bench.codex.startThread({ config: untyped(config) }),
      () => bench.codex.forkThread("x", { config: untyped(config) }),
    ]) {
      expect((await refusal(open)).message).toContain(says);
    }
  });

  test("takes what that of the client takes", async () => {
    verifies("thread-config");
    const config = { model_reasoning_effort: "low", tools: undefined, x_custom: { n: 5n, "a.b": [1, true] } };
    const thread = await bench.threadWith({ ephemeral: true, config }, message("Hi."));
    await thread.run("x");
    expect(bench.requestsOf(thread)[0]?.body["reasoning"]).toMatchObject({ effort: "low" });
  });
});

describe("a path that begins with ~", () => {
  const home = join(homedir(), ".cache", "codex-embed-tests");
  const { HOME } = process.env;
  beforeEach(async () => {
    await mkdir(home, { recursive: true });
    process.env["HOME"] = home;
  });
  afterEach(() => {
    process.env["HOME"] = HOME;
  });

  test("is in the user's home: codexHome, and the cwd of the client and of a thread", async () => {
    verifies("home-paths");
    await mkdir(join(home, "work", "sub"), { recursive: true });
    const { codexHome: _, ...options } = bench.codexOptions;
    const env = { ...options.env };
    delete env["CODEX_HOME"];
    await using codex = new Codex({ ...options, env, codexHome: "~/codex home", cwd: "~/work" });
    await codex.start();
    expect(codex.metadata.codexHome).toBe(join(home, "codex home"));
    expect((await codex.startThread({ ephemeral: true })).cwd).toBe(join(home, "work"));
    expect(await readdir(home)).toContain("codex home");
    expect((await codex.startThread({ ephemeral: true, cwd: "~/work/sub" })).cwd).toBe(join(home, "work", "sub"));
    await expect(codex.startThread({ cwd: "~root" })).rejects.toThrow("cwd begins with ~ and a name.");
    const thread = await bench.thread();
    await expect(thread.startTurn("x", { cwd: "~root" })).rejects.toThrow("cwd begins with ~ and a name.");
  });
});
