/** Runs a real agent with full access under guard rules: nothing but the guards stands in its way. */

import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Guards, Thread } from "codex-embed";
import {
  combineGuards,
  type GuardRuleDecision,
  type GuardRulesOptions,
  guardRules,
  limitCalls,
  type PassingRun,
  protectPaths,
  redactOutput,
  requirePassing,
} from "codex-embed/approvals";
import { applyPatch, message, type Part, shell } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { EVASIONS } from "../support/approvals.js";
import { SharedBench } from "../support/bench.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench({ sandbox: "full-access" });
let count = 0;

async function folder(): Promise<string> {
  const made = join(bench.codexHome, `folder-${count++}`);
  await mkdir(made);
  return realpath(made);
}

async function threadWith(guards: Guards, cwd: string, ...steps: Part[]): Promise<Thread> {
  return bench.threadWith({ ephemeral: true, guards, cwd }, ...steps, message("Done."));
}

async function runUnder(options: GuardRulesOptions, cwd: string, ...steps: Part[]) {
  const decisions: GuardRuleDecision[] = [];
  const guards = guardRules({ ...options, onDecision: (decision) => void decisions.push(decision) });
  const thread = await threadWith(guards, cwd, ...steps);
  await thread.run("Go.");
  return { thread, decisions };
}

describe.each(EVASIONS)("touch by %s", (_, command) => {
  test("is not covered by a rule that allows git status, and caught by one that denies touch", async () => {
    verifies("guard-rules");
    const cwd = await folder();
    const path = join(cwd, "file");
    const closed = await runUnder({ commands: { allow: ["git status **"] } }, cwd, shell(command(path)));
    expect(existsSync(path)).toBe(false);
    expect(closed.decisions).toMatchObject([{ kind: "command", decision: "deny", threadId: closed.thread.id }]);
    const open = await runUnder({ commands: { deny: ["touch"] } }, cwd, shell(command(path)));
    expect(existsSync(path)).toBe(false);
    expect(open.decisions).toMatchObject([{ decision: "deny", by: "rule", rule: "touch" }]);
  });
});

test("what the rules allow runs, and the model reads why another call was denied", async () => {
  verifies("guard-rules");
  const cwd = await folder();
  const steps = [shell("touch a", { callId: "c1" }), shell("touch b", { callId: "c2" })];
  const { thread, decisions } = await runUnder({ commands: { allow: ["touch a"] } }, cwd, ...steps);
  expect([existsSync(join(cwd, "a")), existsSync(join(cwd, "b"))]).toEqual([true, false]);
  expect(decisions).toMatchObject([
    { decision: "allow", rule: "touch a", subject: "touch a" },
    { decision: "deny", subject: "touch b", agent: { kind: "main" } },
  ]);
  expect(bench.requestsOf(thread)[2]?.toolOutput("c2")).toContain("no pattern of commands.allow matches the command");
});

test("the folder of a command counts, for cwd and for relative paths", async () => {
  verifies("guard-paths");
  const cwd = await folder();
  const workdir = join(cwd, "sub");
  await mkdir(workdir);
  const commands = { allow: ["touch file"], cwd };
  const { decisions } = await runUnder({ commands }, cwd, shell("touch file", { workdir }), shell("touch file"));
  expect(decisions.map(({ decision }) => decision)).toEqual(["deny", "allow"]);
  expect(existsSync(join(workdir, "file"))).toBe(false);
  await runUnder({ paths: { deny: [join(workdir, "*")] } }, cwd, shell("touch other", { workdir }));
  expect(existsSync(join(workdir, "other"))).toBe(false);
});

test("an agent with full access writes to src alone", async () => {
  verifies("guard-paths");
  const cwd = await folder();
  await mkdir(join(cwd, "src"));
  const add = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+a\n*** End Patch`);
  const asCommand = (path: string) =>
    shell(`apply_patch <<'E'\n*** Begin Patch\n*** Add File: ${path}\n+a\n*** End Patch\nE`);
  await runUnder(
    { paths: { allow: [join(cwd, "src", "**")] } },
    cwd,
    add("src/a"),
    add("b"),
    add("src/../c"),
    shell("echo d > src/d"),
    shell("echo e > e"),
    asCommand("f"),
    asCommand("src/g"),
  );
  const there = ["src/a", "b", "c", "src/d", "e", "f", "src/g"].filter((name) => existsSync(join(cwd, name)));
  expect(there).toEqual(["src/a", "src/d", "src/g"]);
});

test("an agent may stop once its tests pass", async () => {
  verifies("require-passing");
  const cwd = await folder();
  await writeFile(join(cwd, "check"), "#!/bin/sh\ntest -f done || { echo 'done is missing' >&2; exit 1; }\n");
  await chmod(join(cwd, "check"), 0o755);
  const runs: PassingRun[] = [];
  const guards = requirePassing("./check", { onRun: (run) => runs.push(run) });
  const thread = await bench.threadWith(
    { ephemeral: true, guards, cwd },
    message("I am done."),
    shell("touch done"),
    message("Now I am done."),
  );
  const result = await thread.run("Go.");
  expect(result.finalResponse).toBe("Now I am done.");
  expect(bench.requestsOf(thread)[1]?.lastUserText()).toContain("done is missing");
  expect(runs).toMatchObject([
    { passed: false, exitCode: 1, rounds: 0, isFinal: false, threadId: thread.id },
    { passed: true, exitCode: 0, rounds: 1, isFinal: true },
  ]);
});

test("a turn ends when the rounds are used up", async () => {
  verifies("require-passing");
  const runs: PassingRun[] = [];
  const guards = requirePassing("false", { maxRounds: 1, onRun: (run) => runs.push(run) });
  const thread = await bench.threadWith({ ephemeral: true, guards, cwd: await folder() }, message("A"), message("B"));
  expect((await thread.run("Go.")).finalResponse).toBe("B");
  expect(runs.map(({ isFinal }) => isFinal)).toEqual([false, true]);
});

test("ready-made guards work together", async () => {
  verifies("ready-guards");
  const cwd = await folder();
  await writeFile(join(cwd, ".env"), "KEY=secret-1\n");
  const guards = combineGuards(
    protectPaths([join(cwd, ".env")]),
    limitCalls({ perTurn: 2 }),
    redactOutput(/secret-\d/),
  );
  const steps = [
    shell("echo KEY=x > .env", { callId: "c1" }),
    shell("cat .env", { callId: "c2" }),
    shell("touch one", { callId: "c3" }),
    shell("touch two", { callId: "c4" }),
  ];
  const thread = await threadWith(guards, cwd, ...steps);
  await thread.run("Go.");
  expect(await readFile(join(cwd, ".env"), "utf8")).toBe("KEY=secret-1\n");
  const last = bench.requestsOf(thread).at(-1);
  expect(last?.toolOutput("c1")).toContain("paths.deny has");
  expect(last?.toolOutput("c2")).toContain("KEY=[redacted]");
  expect(last?.toolOutput("c2")).not.toContain("secret-1");
  expect(last?.toolOutput("c4")).toContain("The limit of 2 tool calls in one turn is reached");
  expect([existsSync(join(cwd, "one")), existsSync(join(cwd, "two"))]).toEqual([true, false]);
});
