/** The end-to-end tests of opening a thread again: history, settings in force, locks, subscriptions. */

import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import {
  Codex,
  InvalidRequestError,
  SettingsMismatchError,
  type Thread,
  ThreadLockedError,
  ThreadNotFoundError,
} from "codex-embed";
import { gate, message, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

/** A thread with one turn, so that it is on disk. */
async function storedThread(options: Parameters<typeof bench.codex.startThread>[0] = {}): Promise<Thread> {
  const thread = await bench.threadWith(options, message("Hello.", { usage: { input: 10, output: 1 } }));
  await thread.run("Hi");
  return thread;
}

test("in a new process: the history is there, no deprecation notice comes, usage goes on", async () => {
  verifies("resume");
  await using own = await startTestCodex();
  own.model.respondWith(() => message("Hello.", { usage: { input: 10, output: 1 } }));
  const thread = await own.codex.startThread({ approvalMode: "deny_all" });
  await thread.run("First");
  await own.codex.close();
  await using second = await Codex.launch(own.codexOptions);
  const notices: unknown[] = [];
  second.on("deprecationNotice", ({ params }) => notices.push(params));
  const resumed = await second.resumeThread(thread.id);
  expect(resumed).toMatchObject({ id: thread.id, cwd: own.workspace, model: "mock-model" });
  const result = await resumed.run("Second");
  expect(own.model.requests.at(-1)?.userTexts().slice(-2)).toEqual(["First", "Second"]);
  expect(result.usage).toMatchObject({
    turn: { inputTokens: 10, outputTokens: 1 },
    thread: { inputTokens: 20, outputTokens: 2 },
  });
  expect(notices).toEqual([]);
  await rejection(second.resumeThread(thread.id, { approvalMode: "ask" }), SettingsMismatchError);
});

test("unknown, malformed and never used ids", async () => {
  const unknown = "01a1fd66-02d7-7593-a9c6-feaaeddd2600";
  for (const open of ["resumeThread", "forkThread"] as const) {
    const error = await rejection(bench.codex[open](unknown), ThreadNotFoundError);
    expect(error).toMatchObject({ code: "THREAD_NOT_FOUND", rpcCode: -32600 });
    expect(error.message).toContain(unknown);
    await rejection(bench.codex[open]("not an id"), InvalidRequestError);
    const neverUsed = await bench.codex.startThread();
    await rejection(bench.codex[open](neverUsed.id), ThreadNotFoundError);
  }
});

test("another process that writes to the thread: ThreadLockedError, until it closes", async () => {
  verifies("thread-locked");
  const thread = await storedThread();
  await using other = await Codex.launch(bench.codexOptions);
  for (const call of [
    () => other.resumeThread(thread.id),
    () => other.archiveThread(thread.id),
    () => other.deleteThread(thread.id),
  ]) {
    const error = await rejection(call(), ThreadLockedError);
    expect(error).toMatchObject({ code: "THREAD_LOCKED", rpcCode: -32600 });
  }
  expect((await other.readThread(thread.id)).id).toBe(thread.id);
  const mine = await other.startThread();
  bench.script(mine, message("Mine."));
  await mine.run("Hi");
  await rejection(bench.codex.resumeThread(mine.id), ThreadLockedError);
  await other.close();
  const resumed = await bench.codex.resumeThread(mine.id);
  bench.script(mine, message("Now it is."));
  expect((await resumed.run("Mine?")).finalResponse).toBe("Now it is.");
});

test("resuming a thread with a turn in flight disturbs it not", async () => {
  const thread = await storedThread();
  const hold = gate();
  bench.script(thread, message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Again");
  await hold.reached;
  const resumed = await bench.codex.resumeThread(thread.id);
  await expect(resumed.startTurn("Busy")).rejects.toMatchObject({ activeTurnId: turn.id });
  hold.open();
  expect((await turn.result()).finalResponse).toBe("Hello.");
});

describe("a loaded thread keeps its settings", () => {
  const mismatches = [
    [{ sandbox: "read-only" }, ["sandbox"], { sandbox: "read-only" }],
    [{ approvalMode: "ask" }, ["approvalPolicy", "approvalsReviewer"], { approvalMode: "ask" }],
    [{ approvalMode: "deny_all" }, ["approvalPolicy", "approvalsReviewer"], { approvalMode: "deny_all" }],
    [{ cwd: "/" }, ["cwd"], { cwd: "/" }],
    [{ sandbox: "workspace-write", cwd: "/" }, ["sandbox", "cwd"], { sandbox: "workspace-write", cwd: "/" }],
  ] as const;

  test.each(mismatches)("asked for %j: SettingsMismatchError", async (asked, inForce, requested) => {
    verifies("settings-mismatch");
    const thread = await storedThread();
    const error = await rejection(bench.codex.resumeThread(thread.id, asked), SettingsMismatchError);
    expect(error).toMatchObject({ code: "SETTINGS_MISMATCH", threadId: thread.id, requested });
    expect(Object.keys(error.effective)).toEqual(inForce);
    expect((await bench.codex.readThread(thread.id)).cwd).toBe(bench.workspace);
    bench.script(thread, message("Unharmed."));
    expect((await thread.run("Again")).finalResponse).toBe("Unharmed.");
  });

  test("what it has already is no mismatch, and nothing asked is none either", async () => {
    const thread = await storedThread({ sandbox: "workspace-write", approvalMode: "ask" });
    const same = { sandbox: "workspace-write", approvalMode: "ask", cwd: bench.workspace } as const;
    expect((await bench.codex.resumeThread(thread.id, same)).id).toBe(thread.id);
    expect((await bench.codex.resumeThread(thread.id)).cwd).toBe(bench.workspace);
  });

  test("another spelling of the same folder is no mismatch", async () => {
    await mkdir(join(bench.workspace, "sub", "x"), { recursive: true });
    const thread = await storedThread({ cwd: join(bench.workspace, "sub") });
    const { cwd } = thread;
    for (const same of [`${cwd}/`, `${cwd}/./x/..`, "sub"]) {
      expect((await bench.codex.resumeThread(thread.id, { cwd: same })).id).toBe(thread.id);
    }
  });

  test("a symbolic link to the same folder is no mismatch", async () => {
    const real = join(bench.workspace, "real");
    const link = join(bench.workspace, "link");
    await mkdir(real);
    await symlink(real, link);
    const byLink = await storedThread({ cwd: link });
    expect(byLink.cwd).toBe(link);
    expect((await bench.codex.resumeThread(byLink.id, { cwd: real })).id).toBe(byLink.id);
    const byPath = await storedThread({ cwd: real });
    expect((await bench.codex.resumeThread(byPath.id, { cwd: link })).id).toBe(byPath.id);
  });

  test("a fork takes other settings", async () => {
    const thread = await storedThread();
    const fork = await thread.fork({ sandbox: "read-only", approvalMode: "deny_all", cwd: "/" });
    expect(fork.cwd).toBe("/");
    bench.script(fork, message("Fork."));
    expect((await fork.run("Hi")).finalResponse).toBe("Fork.");
  });
});
