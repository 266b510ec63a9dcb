/** The end-to-end tests of sandboxes and approval modes: what they are in force as, and what they let through. */

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ApprovalMode, Sandbox, type Thread, UsageError } from "codex-embed";
import { message, shell } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { itemsOf, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const warnings: string[] = [];
const log = (_fields: object, text: string) => void warnings.push(text);
const bench = new SharedBench({ logger: { debug: () => {}, info: () => {}, warn: log, error: log } });

/** The settings of a thread that has run a turn, as the runtime tells them. */
async function inForce(thread: { readonly id: string }) {
  const { approvalPolicy, approvalsReviewer, sandbox } = await bench.codex.request("thread/resume", {
    threadId: thread.id,
    excludeTurns: true,
  });
  return { approvalPolicy, approvalsReviewer, sandbox: sandbox.type };
}

let fileCount = 0;

/** Runs a turn whose command writes a file to a folder, and tells whether that succeeded. */
async function canWrite(thread: Thread, folder: string, options: Parameters<Thread["run"]>[1] = {}): Promise<boolean> {
  const path = join(folder, `written-${fileCount++}`);
  bench.script(thread, shell(`echo x > ${path}`), message("Done."));
  await thread.run("Write.", options);
  return existsSync(path);
}

const sandboxes = [
  [Sandbox.readOnly, "readOnly", false, false],
  [Sandbox.workspaceWrite, "workspaceWrite", true, false],
  [Sandbox.fullAccess, "dangerFullAccess", true, true],
] as const;

test.each(sandboxes)("sandbox %s is %s", async (sandbox, type, inWorkspace, outside) => {
  verifies("sandbox-modes");
  const thread = await bench.threadWith({ sandbox, approvalMode: "deny_all" });
  expect(await canWrite(thread, bench.workspace)).toBe(inWorkspace);
  expect(await canWrite(thread, bench.codexHome)).toBe(outside);
  expect((await inForce(thread)).sandbox).toBe(type);
});

const modes = [
  [undefined, "on-request", "auto_review"],
  [ApprovalMode.autoReview, "on-request", "auto_review"],
  [ApprovalMode.ask, "on-request", "user"],
  [ApprovalMode.denyAll, "never", "user"],
] as const;

test.each(modes)("approval mode %s is %s by %s", async (approvalMode, approvalPolicy, approvalsReviewer) => {
  const thread = await bench.threadWith(approvalMode === undefined ? {} : { approvalMode }, message("Hello."));
  await thread.run("Hi");
  expect(await inForce(thread)).toMatchObject({ approvalPolicy, approvalsReviewer });
});

describe("modes of a turn", () => {
  test("hold for it and for the turns after it", async () => {
    verifies("sticky-modes");
    const thread = await bench.threadWith({ sandbox: "read-only", approvalMode: "deny_all" });
    expect(await canWrite(thread, bench.workspace)).toBe(false);
    expect(await canWrite(thread, bench.workspace, { sandbox: "workspace-write", approvalMode: "ask" })).toBe(true);
    const all = { approvalPolicy: "on-request", approvalsReviewer: "user", sandbox: "workspaceWrite" };
    expect(await inForce(thread)).toEqual(all);
    expect(await canWrite(thread, bench.workspace)).toBe(true);
    expect(await canWrite(thread, bench.codexHome)).toBe(false);
    expect(await inForce(thread)).toEqual(all);
  });

  test("left out on resume and on fork, those of the thread stay", async () => {
    verifies("sticky-modes");
    const thread = await bench.threadWith({ sandbox: "read-only", approvalMode: "ask" }, message("Hello."));
    await thread.run("Hi");
    const resumed = await bench.codex.resumeThread(thread.id);
    expect(await canWrite(resumed, bench.workspace)).toBe(false);
    const own = { approvalPolicy: "on-request", approvalsReviewer: "user", sandbox: "readOnly" };
    expect(await inForce(thread)).toEqual(own);
    const fork = await thread.fork();
    bench.script(fork, message("Fork."));
    await fork.run("Hi");
    expect(await inForce(fork)).toMatchObject({ approvalPolicy: "on-request", approvalsReviewer: "user" });
  });

  test.each(sandboxes)("left out on fork, sandbox %s stays", async (sandbox, type) => {
    verifies("forked-sandbox");
    const thread = await bench.threadWith({ sandbox }, message("Hello."));
    await thread.run("Hi");
    expect((await inForce(await thread.fork())).sandbox).toBe(type);
  });

  test("left out on fork, the sandbox of the last turn stays", async () => {
    verifies("forked-sandbox");
    const thread = await bench.threadWith({ sandbox: "full-access" }, message("Hello."), message("Hello again."));
    await thread.run("Hi", { sandbox: "workspace-write" });
    expect((await inForce(await thread.fork())).sandbox).toBe("workspaceWrite");
    await thread.run("Hi", { sandbox: "read-only" });
    expect((await inForce(await bench.codex.forkThread(thread.id))).sandbox).toBe("readOnly");
  });

  test("given on fork, they are those of the fork", async () => {
    const thread = await bench.threadWith({ sandbox: "read-only", approvalMode: "ask" }, message("Hello."));
    await thread.run("Hi");
    const fork = await thread.fork({ sandbox: "workspace-write", approvalMode: "deny_all" });
    expect(await canWrite(fork, bench.workspace)).toBe(true);
    expect(await inForce(fork)).toMatchObject({ approvalPolicy: "never", sandbox: "workspaceWrite" });
    expect(await inForce(thread)).toMatchObject({ approvalPolicy: "on-request", sandbox: "readOnly" });
  });

  test("given on resume of a thread that is not loaded, they are in force", async () => {
    const thread = await bench.threadWith({ sandbox: "read-only", approvalMode: "ask" }, message("Hello."));
    await thread.run("Hi");
    await thread.archive();
    await bench.codex.unarchiveThread(thread.id);
    const modes = { sandbox: "workspace-write", approvalMode: "deny_all" } as const;
    const cwd = join(bench.workspace, "moved");
    await mkdir(cwd);
    const resumed = await bench.codex.resumeThread(thread.id, { ...modes, cwd });
    expect(resumed.cwd).toBe(cwd);
    expect(await inForce(thread)).toMatchObject({ approvalPolicy: "never", sandbox: "workspaceWrite" });
  });
});

describe("a command that asks to leave the sandbox", () => {
  const ask = shell("echo out", { escalate: { justification: "Needed." }, callId: "asking" });

  test("deny_all: it is refused without a question", async () => {
    verifies("approval-mode");
    const thread = await bench.threadWith(
      { approvalMode: "deny_all", sandbox: "workspace-write" },
      ask,
      message("Ok."),
    );
    const result = await thread.run("Hi");
    expect(itemsOf(result, "commandExecution")).toEqual([]);
    expect(bench.requestsOf(thread)[1]?.toolOutput("asking")).toContain("approval policy is Never");
  });

  test("ask, and nobody is there to decide: it is declined, and the logger is told", async () => {
    const thread = await bench.threadWith({ approvalMode: "ask", sandbox: "workspace-write" }, ask, message("Ok."));
    const before = warnings.length;
    const result = await thread.run("Hi");
    expect(result).toMatchObject({ status: "completed", finalResponse: "Ok." });
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ status: "declined" }]);
    expect(bench.requestsOf(thread)[1]?.toolOutput("asking")).toContain("rejected by user");
    expect(warnings.slice(before)).toEqual([expect.stringContaining("item/commandExecution/requestApproval")]);
  });

  test.each([
    ["allow", "completed"],
    ["deny", "declined"],
  ] as const)("auto_review: the reviewer says %s, and it is %s", async (outcome, status) => {
    verifies("approval-mode");
    const thread = await bench.threadWith({ sandbox: "workspace-write" });
    const verdict = { outcome, risk_level: "low", user_authorization: "high", rationale: "As told." };
    bench.model.when((request) => request.subagent === "guardian").enqueue(message(JSON.stringify(verdict)));
    bench.script(thread, ask, message("Ok."));
    const turn = await thread.startTurn("Hi");
    const reviews: string[] = [];
    for await (const event of turn) {
      if (event.method === "item/autoApprovalReview/completed") reviews.push(event.params.review.status);
    }
    expect(reviews).toEqual([outcome === "allow" ? "approved" : "denied"]);
    expect(itemsOf(await turn.result(), "commandExecution")).toMatchObject([{ status }]);
  });
});

test("an unknown mode is refused before anything is sent", async () => {
  const thread = await bench.thread();
  const bad = untyped<Sandbox>("danger-full-access");
  const never = untyped<ApprovalMode>("never");
  await rejection(bench.codex.startThread({ sandbox: bad }), UsageError);
  await rejection(bench.codex.startThread({ approvalMode: never }), UsageError);
  await rejection(bench.codex.resumeThread(thread.id, { sandbox: bad }), UsageError);
  await rejection(thread.run("Hi", { approvalMode: never }), UsageError);
  const error = await rejection(thread.startTurn("Hi", { sandbox: bad }), UsageError);
  expect(error.message).toContain('"read-only", "workspace-write", "full-access"');
});
