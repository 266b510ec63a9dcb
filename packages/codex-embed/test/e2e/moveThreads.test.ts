/** Threads that move: their export, and their import into another home. */

import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  Codex,
  serveAppServer,
  type Thread,
  type ThreadArchive,
  ThreadArchiveError,
  ThreadConflictError,
  ThreadNotFoundError,
  UsageError,
} from "codex-embed";
import { gate, message, shell, startTestCodex, type TestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { cast, spawn, waitFor } from "../support/cast.js";
import { rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

/** A home with a model that answers everything. */
async function home(answer = "Hello."): Promise<TestCodex> {
  const bench = await startTestCodex();
  bench.model.respondWith(() => message(answer));
  return bench;
}

async function threadOf({ codex }: TestCodex, ...inputs: readonly string[]): Promise<Thread> {
  const thread = await codex.startThread();
  for (const input of inputs) await thread.run(input);
  return thread;
}

/** What the user said, as the model was told in its last request. */
function told({ model }: TestCodex): string[] {
  return (
    model.requests
      .at(-1)
      ?.userTexts()
      .filter((text) => !text.startsWith("<")) ?? []
  );
}

async function userTexts(thread: Thread): Promise<string[]> {
  const texts: string[] = [];
  for await (const { item } of thread.items()) {
    if (item.type === "userMessage")
      texts.push(...item.content.flatMap((part) => (part.type === "text" ? part.text : [])));
  }
  return texts;
}

/** Every file of a home's threads, with its content. */
async function recordsIn({ codexHome }: TestCodex): Promise<Record<string, string>> {
  const files = await readdir(codexHome, { recursive: true });
  const kept = files.filter((file) => /^(?:archived_)?sessions.*\.(?:jsonl|tmp)$/.test(file)).sort();
  return Object.fromEntries(
    await Promise.all(kept.map(async (file) => [file, await readFile(join(codexHome, file), "utf8")])),
  );
}

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** The bytes in pieces of a size, and whether the reader let go of them. */
function pieces(bytes: Buffer, size: number) {
  const source = {
    isClosed: false,
    async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      } finally {
        source.isClosed = true;
      }
    },
  };
  return source;
}

function onlyRecord({ records }: ThreadArchive): ThreadArchive["records"][number] {
  const [record] = records;
  if (record === undefined || records.length > 1) throw new Error(`One record was expected, not ${records.length}.`);
  return record;
}

describe("a thread that moves into an empty home", () => {
  test("goes on there with its history, under its id and its name", async () => {
    verifies("thread-moves");
    await using own = await home();
    await using other = await home("There.");
    const thread = await threadOf(own, "First.", "Second.");
    await thread.setName("Moving");
    const archive = await own.codex.exportThread(thread.id);
    expect(archive).toMatchObject({ format: "codex-embed-thread", version: 1, threadId: thread.id, name: "Moving" });
    expect(archive.runtimeVersion).toBe(own.codex.metadata.runtimeVersion);

    const sent: ThreadArchive = JSON.parse(JSON.stringify(archive));
    const record = await other.codex.importThread(sent);
    expect(record).toMatchObject({ id: thread.id, name: "Moving", preview: "First.", status: { type: "notLoaded" } });
    expect((await other.codex.listThreads()).data.map(({ id }) => id)).toEqual([thread.id]);
    expect((await stat(record.path ?? "")).mode & 0o777).toBe(0o600);
    const moved = await other.codex.resumeThread(thread.id, { cwd: other.workspace });
    expect(moved.cwd).toBe(other.workspace);
    expect(await userTexts(moved)).toEqual(["First.", "Second."]);
    expect((await moved.run("Third.")).finalResponse).toBe("There.");
    expect(told(other)).toEqual(["First.", "Second.", "Third."]);
    expect(await recordsIn(other)).toMatchObject({ [onlyRecord(archive).path]: expect.stringContaining("Third.") });
  });

  test("as a stream too, in pieces of any size", async () => {
    verifies("thread-moves-as-stream");
    await using own = await home();
    const thread = await threadOf(own, "First. 😀");
    const fork = await thread.fork();
    await fork.run("Second.");
    const bytes = await bytesOf(own.codex.exportThreadStream(fork.id));
    const lines = bytes.toString("utf8").trimEnd().split("\n");
    expect(lines.map((line) => typeof JSON.parse(line))).toEqual(lines.map(() => "object"));
    await using one = await home();
    for (const size of [1, 7, bytes.length]) {
      const source = pieces(bytes, size);
      expect((await one.codex.importThread(source)).id).toBe(fork.id);
      expect(source.isClosed).toBe(true);
    }
    const { records } = await own.codex.exportThread(fork.id);
    expect(await recordsIn(one)).toEqual(Object.fromEntries(records.map(({ path, data }) => [path, data])));
  });

  test("a fork brings what it continues of its ancestors, and no more", async () => {
    verifies("thread-moves-with-lineage");
    await using own = await home();
    const thread = await threadOf(own, "Root.");
    const fork = await thread.fork();
    await fork.run("Fork.");
    const forkOfFork = await fork.fork();
    await forkOfFork.run("Fork of fork.");
    await thread.run("Secret of the root.");
    await fork.run("Secret of the fork.");
    await thread.archive();
    const archive = await own.codex.exportThread(forkOfFork.id);
    expect(archive.records.map(({ threadId }) => threadId)).toEqual([thread.id, fork.id, forkOfFork.id]);
    expect(archive.records.map(({ path }) => path.split("/")[0])).toEqual([
      "archived_sessions",
      "sessions",
      "sessions",
    ]);
    expect(JSON.stringify(archive)).not.toContain("Secret");

    await using other = await home();
    await other.codex.importThread({ ...archive });
    const moved = await other.codex.resumeThread(forkOfFork.id, { cwd: other.workspace });
    await moved.run("There.");
    expect(told(other)).toEqual(["Root.", "Fork.", "Fork of fork.", "There."]);
  });

  test("the turns of its ancestors can be read there", async () => {
    await using own = await home();
    const thread = await threadOf(own, "Root.");
    const fork = await thread.fork();
    await fork.run("Fork.");
    await using other = await home();
    await other.codex.importThread(await own.codex.exportThread(fork.id));
    const moved = await other.codex.resumeThread(fork.id, { cwd: other.workspace });
    expect(await userTexts(moved)).toEqual(["Root.", "Fork."]);
    expect((await other.codex.readThread(thread.id)).status).toEqual({ type: "notLoaded" });
  });

  test("a thread that was reverted goes on from there", async () => {
    await using own = await home();
    const thread = await threadOf(own, "One.");
    const { id } = await thread.run("Two.");
    await thread.revert({ beforeTurnId: id });
    await thread.run("Three.");
    await thread.revert({ beforeTurnId: (await thread.run("Four.")).id });
    const archive = await own.codex.exportThread(thread.id);
    expect(archive.records.map(({ threadId }) => threadId)).toEqual([thread.id, thread.id, thread.id]);
    await using other = await home();
    await other.codex.importThread(archive);
    const moved = await other.codex.resumeThread(thread.id, { cwd: other.workspace });
    await moved.run("Five.");
    expect(told(other)).toEqual(["One.", "Three.", "Five."]);
  });

  test("an archived thread stays archived", async () => {
    await using own = await home();
    const thread = await threadOf(own, "First.");
    await thread.archive();
    await using other = await home();
    const record = await other.codex.importThread(await own.codex.exportThread(thread.id));
    expect(record.path).toContain("archived_sessions");
    expect((await other.codex.listThreads({ archived: true })).data.map(({ id }) => id)).toEqual([thread.id]);
    await other.codex.unarchiveThread(thread.id);
    await (await other.codex.resumeThread(thread.id, { cwd: other.workspace })).run("Second.");
    expect(told(other)).toEqual(["First.", "Second."]);
  });

  test("after a crash in the middle of a turn, and while one runs", async () => {
    verifies("thread-moves-mid-turn");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const held = gate();
    own.model.enqueue(message({ deltas: ["Half ", held] }));
    const turn = await thread.startTurn("Cut.");
    await held.reached;
    const during = await own.codex.exportThread(thread.id);
    expect(onlyRecord(during).data.endsWith("\n")).toBe(true);
    const settled = turn.result().catch(() => {});
    if (own.codex.pid !== undefined) process.kill(own.codex.pid, "SIGKILL");
    await own.codex.closed;
    await settled;
    held.open();
    await using same = await Codex.launch(own.codexOptions);
    const after = await same.exportThread(thread.id);
    for (const archive of [during, after]) {
      await using other = await home();
      await other.codex.importThread(archive);
      const moved = await other.codex.resumeThread(thread.id, { cwd: other.workspace });
      const statuses: string[] = [];
      for await (const { status } of moved.turns()) statuses.push(status);
      expect(statuses).toEqual(["completed", "interrupted"]);
      await moved.run("Again.");
      expect(told(other)).toEqual(["First.", "Cut.", "Again."]);
    }
  });

  test("a line that is being written is left out", async () => {
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const path = (await thread.read()).path ?? "";
    await own.codex.close();
    const whole = await readFile(path, "utf8");
    await writeFile(path, `${whole}{"timestamp":"2026-`);
    await using same = await Codex.launch(own.codexOptions);
    expect(onlyRecord(await same.exportThread(thread.id)).data).toBe(whole);
  });

  test("with sub-agents, which it does not need", async () => {
    await using own = await startTestCodex();
    cast(own.model, {
      root: [spawn("a", "task"), waitFor("a"), message("It is back.")],
      task: [message("Done.")],
    });
    const thread = await own.codex.startThread();
    await thread.run("root");
    const archive = await own.codex.exportThread(thread.id);
    expect(onlyRecord(archive).threadId).toBe(thread.id);
    await using other = await home();
    await other.codex.importThread(archive);
    await (await other.codex.resumeThread(thread.id, { cwd: other.workspace })).run("Second.");
    expect(told(other)).toEqual(expect.arrayContaining(["root", "Second."]));
  });

  test("from another platform, whose folders are not here", async () => {
    verifies("thread-moves-platform");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const archive = await own.codex.exportThread(thread.id);
    const foreign = JSON.stringify(String.raw`C:\Users\ada\project`).slice(1, -1);
    const records = archive.records.map((record) => ({
      ...record,
      data: record.data.replaceAll(own.workspace, foreign),
    }));
    await using other = await home();
    await other.codex.importThread({ ...archive, records });
    const moved = await other.codex.resumeThread(thread.id, { cwd: other.workspace });
    other.model.enqueue(shell("pwd"), message("Here."));
    const { items } = await moved.run("Where?");
    expect(items).toContainEqual(
      expect.objectContaining({ type: "commandExecution", aggregatedOutput: `${other.workspace}\n`, exitCode: 0 }),
    );
    expect(told(other)).toEqual(["First.", "Where?"]);
  });
});

describe("a thread that the home has already", () => {
  test("the same archive again changes nothing, also while the thread is in use", async () => {
    verifies("import-never-overwrites");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const before = await recordsIn(own);
    const archive = await own.codex.exportThread(thread.id);
    expect((await own.codex.importThread(archive)).id).toBe(thread.id);
    expect(await recordsIn(own)).toEqual(before);
    await using other = await home();
    const both = await Promise.all([other.codex.importThread(archive), other.codex.importThread(archive)]);
    expect(both.map(({ id }) => id)).toEqual([thread.id, thread.id]);
    expect(await recordsIn(other)).toEqual(before);
  });

  test("there and back: the archive extends what is its beginning", async () => {
    verifies("import-extends");
    await using own = await home();
    await using other = await home();
    const thread = await threadOf(own, "Here.");
    const early = await own.codex.exportThread(thread.id);
    await other.codex.importThread(early);
    await (await other.codex.resumeThread(thread.id, { cwd: other.workspace })).run("There.");
    const archive = await other.codex.exportThread(thread.id);

    const before = await recordsIn(own);
    const loaded = await rejection(own.codex.importThread(archive), ThreadConflictError);
    expect(loaded).toMatchObject({ code: "THREAD_CONFLICT", threadId: thread.id, reason: "inUse" });
    await using second = await Codex.launch(own.codexOptions);
    expect(await rejection(second.importThread(archive), ThreadConflictError)).toMatchObject({ reason: "inUse" });
    expect(await recordsIn(own)).toEqual(before);
    await own.codex.close();
    await second.importThread(archive);
    const back = await second.resumeThread(thread.id, { cwd: own.workspace });
    expect(await userTexts(back)).toEqual(["Here.", "There."]);
    await back.run("Here again.");
    expect(told(own)).toEqual(["Here.", "There.", "Here again."]);

    await back.unsubscribe();
    const after = await recordsIn(own);
    const newer = await rejection(second.importThread(archive), ThreadConflictError);
    const size = Buffer.byteLength(onlyRecord(archive).data);
    expect(newer).toMatchObject({ reason: "newer", archived: { bytes: size } });
    expect(newer.existing.bytes).toBeGreaterThan(size);
    expect(newer.existing.lastWrittenAt ?? "").toMatch(/^\d{4}-\d{2}-\d{2}T/);
    expect(newer.message).toContain(`the archive has ${size} bytes, last written 20`);
    expect(await recordsIn(own)).toEqual(after);
  });

  test("one that went on in both places is refused, and stays as it is", async () => {
    verifies("import-never-overwrites");
    await using own = await home();
    await using other = await home();
    const thread = await threadOf(own, "Both.");
    await other.codex.importThread(await own.codex.exportThread(thread.id));
    await (await other.codex.resumeThread(thread.id, { cwd: other.workspace })).run("There.");
    await thread.run("Here.");
    const before = await recordsIn(own);
    const error = await rejection(
      own.codex.importThread(await other.codex.exportThread(thread.id)),
      ThreadConflictError,
    );
    expect(error).toMatchObject({ reason: "diverged", threadId: thread.id });
    expect(error.message).toContain("codex.deleteThread(id)");
    expect(await recordsIn(own)).toEqual(before);
  });

  test("one that was reverted since is refused, until the thread is deleted", async () => {
    await using own = await home();
    await using other = await home();
    const thread = await threadOf(own, "One.");
    const { id } = await thread.run("Two.");
    const early = await own.codex.exportThread(thread.id);
    await other.codex.importThread(early);
    await thread.revert({ beforeTurnId: id });
    await thread.run("Three.");
    const archive = await own.codex.exportThread(thread.id);
    expect(await rejection(other.codex.importThread(archive), ThreadConflictError)).toMatchObject({
      reason: "reverted",
    });
    expect(await rejection(own.codex.importThread(early), ThreadConflictError)).toMatchObject({ reason: "newer" });
    await other.codex.deleteThread(thread.id);
    await other.codex.importThread(archive);
    const moved = await other.codex.resumeThread(thread.id, { cwd: other.workspace });
    await moved.run("Four.");
    expect(told(other)).toEqual(["One.", "Three.", "Four."]);
  });

  test("an ancestor that went on elsewhere is left alone", async () => {
    await using own = await home();
    await using other = await home();
    const thread = await threadOf(own, "Root.");
    const fork = await thread.fork();
    await fork.run("Fork.");
    await other.codex.importThread(await own.codex.exportThread(thread.id));
    const copy = await other.codex.resumeThread(thread.id, { cwd: other.workspace });
    await copy.run("Only there.");
    const before = await recordsIn(other);
    await other.codex.importThread(await own.codex.exportThread(fork.id));
    expect(await recordsIn(other)).toMatchObject(before);
    await (await other.codex.resumeThread(fork.id, { cwd: other.workspace })).run("Next.");
    expect(told(other)).toEqual(["Root.", "Fork.", "Next."]);
  });

  test("a deleted thread can be imported again", async () => {
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const archive = await own.codex.exportThread(thread.id);
    await own.codex.deleteThread(thread.id);
    await own.codex.importThread(archive);
    await (await own.codex.resumeThread(thread.id)).run("Second.");
    expect(told(own)).toEqual(["First.", "Second."]);
  });
});

describe("what cannot be exported", () => {
  test("a thread that is unknown, ephemeral, or has no turn yet", async () => {
    await using own = await home();
    await rejection(own.codex.exportThread("01a22333-25f5-7322-b915-42fe361a2654"), ThreadNotFoundError);
    const ephemeral = await own.codex.startThread({ ephemeral: true });
    await ephemeral.run("Hi");
    expect((await rejection(own.codex.exportThread(ephemeral.id), UsageError)).message).toContain("ephemeral");
    const empty = await own.codex.startThread();
    expect((await rejection(own.codex.exportThread(empty.id), UsageError)).message).toContain("no record yet");
    expect((await rejection(own.codex.exportThread(untyped(5)), UsageError)).message).toContain(
      "exportThread: threadId",
    );
    expect(() => own.codex.exportThreadStream(untyped(5))).toThrow(UsageError);
  });

  test("one of a runtime whose files may be elsewhere", async () => {
    verifies("thread-moves-local");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const archive = await own.codex.exportThread(thread.id);
    await own.codex.close();
    await using server = await serveAppServer(own.codexOptions);
    await using remote = await server.connect();
    for (const call of [() => remote.exportThread(thread.id), () => remote.importThread(archive)]) {
      expect((await rejection(call(), UsageError)).message).toContain("Call it on the machine of the runtime");
    }
  });
});

describe("an archive that is damaged, or hostile", () => {
  const escape = "sessions/2026/11/28/../../../rollout-2026-11-28T00-00-00-01a22333-25f5-7322-b915-42fe361a2654.jsonl";
  type Change = (archive: ThreadArchive) => unknown;
  const withRecord = (archive: ThreadArchive, change: Record<string, unknown>) => ({
    ...archive,
    records: [{ ...onlyRecord(archive), ...change }],
  });
  const withData = (archive: ThreadArchive, change: (data: string) => string) =>
    withRecord(archive, { data: change(onlyRecord(archive).data) });

  const damages: readonly (readonly [string, Change, string])[] = [
    ["another version", (archive) => ({ ...archive, version: 2 }), "Update codex-embed"],
    ["no records", (archive) => ({ ...archive, records: [] }), "must have 1 to"],
    ["a damaged header", (archive) => ({ ...archive, threadId: 5 }), "header is damaged"],
    ["a path that leads out", (archive) => withRecord(archive, { path: escape }), "records[0].path"],
    ["an absolute path", (archive) => withRecord(archive, { path: `/${onlyRecord(archive).path}` }), "records[0].path"],
    [
      "a path with backslashes",
      (archive) => withRecord(archive, { path: onlyRecord(archive).path.replaceAll("/", "\\") }),
      "records[0].path",
    ],
    ["a path to a database", (archive) => withRecord(archive, { path: "state_5.sqlite" }), "records[0].path"],
    [
      "a folder of another day",
      (archive) => withRecord(archive, { path: onlyRecord(archive).path.replace(/^sessions\/\d+/, "sessions/1999") }),
      "records[0].path",
    ],
    [
      "the id of another thread",
      (archive) => withRecord(archive, { threadId: "01a22333-25f5-7322-b915-42fe361a2654" }),
      "records[0].threadId",
    ],
    [
      "content of another thread",
      (archive) =>
        withData(archive, (data) => data.replaceAll(archive.threadId, "01a22333-25f5-7322-b915-42fe361a2654")),
      "belongs to another thread",
    ],
    [
      "a line that is no JSON",
      (archive) => withData(archive, (data) => `${data}garbage\n`),
      "is not a line of a rollout",
    ],
    [
      "a line that is cut",
      (archive) => withData(archive, (data) => data.slice(0, -2)),
      "does not end with a whole line",
    ],
    ["no lines", (archive) => withData(archive, () => ""), "does not end with a whole line"],
    [
      "no beginning",
      (archive) => withData(archive, (data) => data.slice(data.indexOf("\n") + 1)),
      "is not the beginning",
    ],
    ["half a character", (archive) => withData(archive, (data) => `${data}"\ud83d"\n`), "well-formed string"],
    [
      "a record twice",
      (archive) => ({ ...archive, records: [onlyRecord(archive), onlyRecord(archive)] }),
      "two records of",
    ],
    [
      "the records of another thread",
      (archive) => ({ ...archive, threadId: crypto.randomUUID() }),
      "of another thread",
    ],
  ];

  test("is refused, and leaves nothing behind", async () => {
    verifies("archive-checked");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const archive = await own.codex.exportThread(thread.id);
    await using other = await home();
    for (const [what, damage, words] of damages) {
      const error = await rejection(other.codex.importThread(untyped(damage(archive))), ThreadArchiveError);
      expect(error.code, what).toBe("ARCHIVE_INVALID");
      expect(error.message, what).toContain(words);
      expect(await recordsIn(other), what).toEqual({});
    }
    await other.codex.importThread(archive);
  });

  test("a stream that is cut off, goes on, or fails is refused, and let go of", async () => {
    verifies("archive-checked");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const fork = await thread.fork();
    await fork.run("Second.");
    const bytes = await bytesOf(own.codex.exportThreadStream(fork.id));
    await using other = await home();
    const cuts = [0, 10, bytes.indexOf(10) + 1, bytes.indexOf(10) + 5, Math.floor(bytes.length / 2), bytes.length - 1];
    for (const cut of cuts) {
      const source = pieces(bytes.subarray(0, cut), 512);
      expect((await rejection(other.codex.importThread(source), ThreadArchiveError)).message).toContain("cut off");
      expect(source.isClosed).toBe(true);
    }
    const longer = pieces(Buffer.concat([bytes, Buffer.from("x")]), 512);
    expect((await rejection(other.codex.importThread(longer), ThreadArchiveError)).message).toContain("goes on after");
    expect(longer.isClosed).toBe(true);
    const late = pieces(Buffer.from("x".repeat(100_000)), 512);
    expect((await rejection(other.codex.importThread(late), ThreadArchiveError)).message).toContain("is longer than");
    expect(late.isClosed).toBe(true);
    const broken = new Error("The disk is gone.");
    async function* failing(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes.subarray(0, 5000);
      throw broken;
    }
    expect(await rejection(other.codex.importThread(failing()), Error)).toBe(broken);
    expect(await recordsIn(other)).toEqual({});
  });

  test("what is no archive is refused before anything starts", async () => {
    await using codex = new Codex({ codexBin: "/does/not/exist" });
    for (const value of [null, "text", 5, {}, [], { format: "zip" }, { format: "codex-embed-thread" }]) {
      expect((await rejection(codex.importThread(untyped(value)), UsageError)).message).toContain(
        "codex.exportThread(id)",
      );
    }
    const texts = (async function* () {
      yield "text";
    })();
    expect((await rejection(codex.importThread(untyped(texts)), UsageError)).message).toContain("Uint8Array");
    const unknown = await rejection(codex.importThread(untyped({}), untyped({ maxSize: 1 })), UsageError);
    expect(unknown.message).toContain("unknown option maxSize");
    await rejection(codex.importThread(untyped({}), { maxBytes: 0 }), UsageError);
  });

  test("an archive that is too large, and a fork without what it continues", async () => {
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const fork = await thread.fork();
    await fork.run("Second.");
    const archive = await own.codex.exportThread(fork.id);
    const size = archive.records.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
    await using other = await home();
    const error = await rejection(other.codex.importThread(archive, { maxBytes: size - 1 }), UsageError);
    expect(error.message).toContain(`more than ${size - 1} bytes`);
    const alone = { ...archive, records: archive.records.slice(1) };
    const lone = await rejection(other.codex.importThread(alone), ThreadArchiveError);
    expect(lone.message).toContain("continues a record that the archive does not have");
    expect(await recordsIn(other)).toEqual({});
    await other.codex.importThread(archive, { maxBytes: size });
  });

  test("a link in the home does not lead it out", async () => {
    verifies("archive-checked");
    await using own = await home();
    const thread = await threadOf(own, "First.");
    const archive = await own.codex.exportThread(thread.id);
    await using other = await home();
    const year = join(other.codexHome, ...onlyRecord(archive).path.split("/").slice(0, 2));
    const outside = join(other.workspace, "outside");
    await mkdir(outside);
    await rm(year, { recursive: true, force: true });
    await mkdir(dirname(year), { recursive: true });
    await symlink(outside, year);
    expect((await rejection(other.codex.importThread(archive), UsageError)).message).toContain("is not a folder");
    expect(await readdir(outside)).toEqual([]);
  });
});
