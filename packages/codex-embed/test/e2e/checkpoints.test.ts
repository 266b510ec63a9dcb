/** What a turn changed, and undoing it: patches and commands of the real runtime, in real folders. */

import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CheckpointError,
  RestoreConflictError,
  serveAppServer,
  type Thread,
  TurnDeadlineError,
  TurnFailedError,
  UsageError,
} from "codex-embed";
import { applyPatch, fail, gate, message, type Part, type Step, shell, updatePlan } from "codex-embed/testing";
import { describe, expect, test, vi } from "vitest";
import { SharedBench } from "../support/bench.js";
import { rejection, untyped, waitForFile } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const warnings: string[] = [];
const quiet = (): void => {};
const logger = {
  debug: quiet,
  info: quiet,
  error: quiet,
  warn: (_: object, message: string) => void warnings.push(message),
};
const bench = new SharedBench({ logger, extraConfig: { tools: { update_plan: { enabled: true } } } });

/** A thread in a folder of its own, with these files. */
async function threadIn(files: Readonly<Record<string, string>>, ...steps: readonly (Step | Part)[]): Promise<Thread> {
  const cwd = mkdtempSync(join(bench.workspace, "project-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  return bench.threadWith({ ephemeral: true, cwd }, ...steps);
}

function filesIn(thread: Thread): Record<string, string> {
  const names = readdirSync(thread.cwd).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(thread.cwd, name), "utf8")]));
}

/** The checkpoints that are kept. */
function records(): string[] {
  const folder = join(bench.codexHome, "codex-embed", "checkpoints");
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  return files.filter((name) => name.endsWith(".json"));
}

const patch = (body: string) => applyPatch(`*** Begin Patch\n${body}\n*** End Patch`);
const FILES = { "a.txt": "one\n", "b.txt": "two\n", "c.txt": "three\nfour\nfive\nsix\n" };

describe("a result", () => {
  test("has the diff of the patches and the last plan; plan() yields each", async () => {
    verifies("result-diff-plan");
    const thread = await threadIn(
      FILES,
      updatePlan([{ step: "Write", status: "in_progress" }]),
      patch("*** Update File: a.txt\n@@\n-one\n+1"),
      shell("echo by the shell > d.txt"),
      updatePlan([{ step: "Write", status: "completed" }]),
      message("Done."),
    );
    const turn = await thread.startTurn("Go.");
    const plans = [];
    for await (const plan of turn.plan()) plans.push(plan);
    const result = await turn.result();
    expect(plans).toEqual([[{ step: "Write", status: "inProgress" }], [{ step: "Write", status: "completed" }]]);
    expect(result.plan).toEqual(plans[1]);
    expect(result.diff).toContain("-one\n+1\n");
    expect(result.diff).not.toContain("d.txt");
    expect(result.changes).toBeNull();
    expect(await rejection(result.undo(), UsageError)).toMatchObject({
      message: expect.stringContaining("{ checkpoint: true }"),
    });
  });

  test("has neither when there was none", async () => {
    const thread = await threadIn(FILES, message("Done."));
    const result = await thread.run("Go.");
    expect([result.diff, result.plan]).toEqual([null, null]);
    expect(structuredClone(result)).toEqual(result);
  });
});

describe("checkpoint: true", () => {
  test("names what patches and commands changed, and takes it back", async () => {
    verifies("checkpoint-changes");
    const thread = await threadIn(
      FILES,
      patch("*** Update File: a.txt\n@@\n-one\n+1\n+2\n*** Add File: new.txt\n+new"),
      shell("mv c.txt moved.txt; rm b.txt; echo by the shell > d.txt"),
      message("Done."),
    );
    const result = await thread.run("Go.", { checkpoint: true });
    expect(result.changes).toEqual([
      { path: "a.txt", kind: "update", additions: 2, deletions: 1 },
      { path: "b.txt", kind: "delete", additions: 0, deletions: 1 },
      { path: "d.txt", kind: "add", additions: 1, deletions: 0 },
      { path: "moved.txt", from: "c.txt", kind: "rename", additions: 0, deletions: 0 },
      { path: "new.txt", kind: "add", additions: 1, deletions: 0 },
    ]);
    expect(structuredClone(result)).toEqual(result);
    expect(await result.undo()).toEqual(["a.txt", "b.txt", "c.txt", "d.txt", "moved.txt", "new.txt"]);
    expect(filesIn(thread)).toEqual(FILES);
    expect(await result.undo()).toEqual([]);
  });

  test("keeps later work: it refuses to lose a file, and leaves others alone", async () => {
    verifies("checkpoint-conflict");
    const thread = await threadIn(FILES, shell("echo 1 > a.txt; echo 2 > b.txt"), message("Done."));
    const { undo } = await thread.run("Go.", { checkpoint: true });
    writeFileSync(join(thread.cwd, "b.txt"), "by a person\n");
    writeFileSync(join(thread.cwd, "e.txt"), "later\n");
    expect(await rejection(undo(), RestoreConflictError)).toMatchObject({ paths: ["b.txt"] });
    expect(filesIn(thread)["a.txt"]).toBe("1\n");
    expect(await undo({ paths: ["a.txt"] })).toEqual(["a.txt"]);
    expect(await undo({ force: true })).toEqual(["b.txt"]);
    expect(filesIn(thread)).toEqual({ ...FILES, "e.txt": "later\n" });
  });

  test("covers all turns of a run, also those that repair an answer", async () => {
    const schema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] } as const;
    const thread = await threadIn(
      FILES,
      shell("echo 1 > a.txt"),
      message('{"n":"no number"}'),
      shell("echo 2 > b.txt"),
      message('{"n":2}'),
    );
    const result = await thread.run("Go.", { checkpoint: true, outputSchema: schema, repairAttempts: 1 });
    expect(result.output).toEqual({ n: 2 });
    expect(result.changes?.map(({ path }) => path)).toEqual(["a.txt", "b.txt"]);
    await result.undo();
    expect(filesIn(thread)).toEqual(FILES);
  });

  test("works for two turns at once in one folder", async () => {
    const first = await threadIn(FILES, shell("echo 1 > a.txt"), message("Done."));
    const second = await bench.threadWith(
      { ephemeral: true, cwd: first.cwd },
      shell("echo 2 > b.txt"),
      message("Done."),
    );
    const results = await Promise.all([first, second].map((thread) => thread.run("Go.", { checkpoint: true })));
    expect(results[0]?.changes).toContainEqual({ path: "a.txt", kind: "update", additions: 1, deletions: 1 });
    expect(results[1]?.changes).toContainEqual({ path: "b.txt", kind: "update", additions: 1, deletions: 1 });
    for (const { undo } of results) await undo({ force: true });
    expect(filesIn(first)).toEqual(FILES);
  });

  test("does not count what the next turn of the thread writes", async () => {
    const thread = await threadIn(
      FILES,
      shell("echo 1 > a.txt"),
      message("Done."),
      shell("echo 2 > b.txt"),
      message("Done."),
    );
    const turn = await thread.startTurn("Go.", { checkpoint: true });
    for await (const event of turn) if (event.method === "turn/completed") break;
    const [result] = await Promise.all([turn.result(), thread.run("Go on.")]);
    expect(result.changes?.map(({ path }) => path)).toEqual(["a.txt"]);
    await result.undo();
    expect(filesIn(thread)).toEqual({ ...FILES, "b.txt": "2\n" });
  });
});

describe("a turn that did not complete", () => {
  test("by interrupt() or a deadline", async () => {
    verifies("checkpoint-partial");
    const thread = await threadIn(
      FILES,
      shell("echo 1 > a.txt"),
      message({ deltas: ["Half", gate()] }),
      shell("echo 2 > b.txt"),
      message({ deltas: ["Half", gate()] }),
    );
    const turn = await thread.startTurn("Go.", { checkpoint: true });
    for await (const text of turn.textStream()) if (text === "Half") await turn.interrupt();
    const result = await turn.result();
    expect(result).toMatchObject({ status: "interrupted", changes: [{ path: "a.txt" }] });
    const late = await thread.startTurn("Go on.", { checkpoint: true, deadlineMs: 8_000 });
    const error = await rejection(late.result(), TurnDeadlineError);
    expect(error.result).toMatchObject({ changes: [{ path: "b.txt" }] });
    expect((await late.outcome()).result).toBe(error.result);
    await error.result?.undo();
    await result.undo();
    expect(filesIn(thread)).toEqual(FILES);
  });

  test("because the model failed", async () => {
    verifies("checkpoint-partial");
    const thread = await threadIn(FILES, shell("rm a.txt"), fail(400, { message: "No." }));
    const error = await rejection(thread.run("Go.", { checkpoint: true }), TurnFailedError);
    expect(error.result.changes).toEqual([{ path: "a.txt", kind: "delete", additions: 0, deletions: 1 }]);
    await error.result.undo();
    expect(filesIn(thread)).toEqual(FILES);
  });
});

describe("a checkpoint that cannot be made", () => {
  test("because the call was aborted meanwhile sends nothing, and leaves no checkpoint", async () => {
    const thread = await threadIn(FILES, message("Done."));
    const before = records().length;
    const folder = mkdtempSync(join(bench.workspace, "git-"));
    const code = `#!/bin/sh\ntouch ${folder}/asked\n${waitForFile(`${folder}/go`)}\nPATH=${process.env["PATH"]} exec git "$@"\n`;
    writeFileSync(join(folder, "git"), code, { mode: 0o755 });
    vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
    try {
      const controller = new AbortController();
      const running = thread.run("Go.", { checkpoint: true, signal: controller.signal });
      running.catch(() => {});
      await vi.waitFor(() => expect(existsSync(join(folder, "asked"))).toBe(true), { timeout: 30_000 });
      controller.abort(new Error("enough"));
      expect(await rejection(running, Error)).toMatchObject({ message: "enough" });
      expect(bench.requestsOf(thread)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      writeFileSync(join(folder, "go"), "");
    }
    expect((await thread.run("Go.", { checkpoint: true })).changes).toEqual([]);
    expect(bench.requestsOf(thread)).toHaveLength(1);
    // The checkpoint of the first run is discarded once it is made.
    await vi.waitFor(() => expect(records()).toHaveLength(before + 1), { timeout: 30_000 });
  });

  test("fails the call before anything is sent", async () => {
    verifies("checkpoint-limits");
    const thread = await threadIn(FILES, message("Done."));
    const error = await rejection(thread.run("Go.", { checkpoint: { maxFiles: 2 } }), CheckpointError);
    expect(error.code).toBe("CHECKPOINT_TOO_LARGE");
    expect(error.stack).toContain("checkpoints.test.ts");
    vi.stubEnv("PATH", thread.cwd);
    try {
      const missing = await rejection(thread.run("Go.", { checkpoint: true }), CheckpointError);
      expect(missing.code).toBe("GIT_NOT_FOUND");
    } finally {
      vi.unstubAllEnvs();
    }
    expect(bench.requestsOf(thread)).toEqual([]);
    expect((await thread.run("Go.", { checkpoint: { maxFiles: 3 } })).changes).toEqual([]);
  });

  test("is refused with bad options, in a stream, and for a runtime elsewhere", async () => {
    const thread = await threadIn(FILES);
    await rejection(thread.run("Go.", { checkpoint: untyped("yes") }), UsageError);
    await rejection(thread.run("Go.", { checkpoint: untyped({ maxfiles: 2 }) }), UsageError);
    expect(() => thread.stream("Go.", { checkpoint: true })).toThrow(UsageError);
    const { codexHome, env } = bench.codexOptions;
    await using server = await serveAppServer({ codexHome, env, inheritEnv: false, cwd: bench.workspace });
    await using remote = await server.connect();
    const there = await remote.startThread({ ephemeral: true, cwd: thread.cwd });
    const error = await rejection(there.run("Go.", { checkpoint: true }), UsageError);
    expect(error.message).toContain("Codex.connect");
    expect(bench.requestsOf(there)).toEqual([]);
  });

  test("at the end leaves the result whole, without changes, and undo says why", async () => {
    const thread = await threadIn(FILES, shell("mkfifo .gitignore"), message("Done."));
    const result = await thread.run("Go.", { checkpoint: true });
    expect(result).toMatchObject({ finalResponse: "Done.", changes: null });
    expect(warnings).toEqual([expect.stringContaining("The changes of a turn could not be recorded")]);
    expect(await rejection(result.undo(), CheckpointError)).toMatchObject({
      message: expect.stringContaining(".gitignore is not a file"),
    });
  });
});
