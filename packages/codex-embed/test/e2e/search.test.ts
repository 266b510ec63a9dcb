/** The end-to-end tests of `searchThreads`: what it finds, what comes on the way, and how it ends early. */

import { AsyncLocalStorage } from "node:async_hooks";
import { getEventListeners } from "node:events";
import { existsSync, mkdtempSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Codex,
  InvalidParamsError,
  type Logger,
  MethodNotFoundError,
  TransportClosedError,
  UsageError,
} from "codex-embed";
import type { ThreadSearchResult } from "codex-embed/protocol";
import { message, startTestCodex } from "codex-embed/testing";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { SharedBench } from "../support/bench.js";
import { floorRuntime, INSTALL_TIMEOUT_MS } from "../support/runtimes.js";
import { descendantsOf } from "../support/processes.js";
import { rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const folder = mkdtempSync(join(tmpdir(), "codex-embed-search-"));
const hold = join(folder, "hold");
const config = join(folder, "ripgreprc");
const warnings: object[] = [];
const QUIET: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const note = (fields: object): void => void warnings.push(fields);

/** The runtime searches with ripgrep, which passes each file through a script here: the script can hold one of them. */
const bench = new SharedBench({
  env: { RIPGREP_CONFIG_PATH: config },
  logger: { ...QUIET, warn: note, error: note },
});

beforeAll(async () => {
  const script = join(folder, "read.sh");
  const waits = `[ -e '${hold}' ] && grep -q 'held' "$1" && while [ -e '${hold}' ]; do sleep 0.02; done`;
  await writeFile(script, `#!/bin/sh\n${waits}\nexec cat "$1"\n`, { mode: 0o755 });
  if (process.platform !== "win32") await writeFile(config, `--pre=${script}\n`);
});
afterEach(async () => {
  await rm(hold, { force: true });
  warnings.length = 0;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Makes a thread that is on disk. */
async function store(text: string, answer = "Hello."): Promise<string> {
  const thread = await bench.threadWith({}, message(answer));
  await thread.run(text);
  return thread.id;
}

const idsOf = (rows: readonly ThreadSearchResult[]): string[] => rows.map(({ thread }) => thread.id);

/** Collects the rows that come on the way, and resolves at the first. */
function collect(): {
  rows: ThreadSearchResult[];
  first: Promise<void>;
  onPartial: (rows: readonly ThreadSearchResult[]) => void;
} {
  const rows: ThreadSearchResult[] = [];
  let arrive = (): void => {};
  const first = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  return {
    rows,
    first,
    onPartial: (more) => {
      rows.push(...more);
      arrive();
    },
  };
}

describe("searchThreads", () => {
  test("finds what the user and the agent said, with a snippet, in pages, and archived threads on request", async () => {
    verifies("thread-search");
    const ids = [
      await store("Where does the walrus sleep?"),
      await store("And where do seals sleep?", "Near the Walrus."),
      await store("Nothing of the kind."),
    ];
    const page = await bench.codex.searchThreads("walrus");
    expect(idsOf(page.data)).toEqual([ids[1], ids[0]]);
    expect(page.data.map(({ snippet }) => snippet)).toEqual(["Near the Walrus.", "Where does the walrus sleep?"]);
    expect(page.data[1]?.thread).toMatchObject({ preview: "Where does the walrus sleep?", turns: [] });
    expect(page.nextCursor).toBeNull();

    const first = await bench.codex.searchThreads("walrus", { limit: 1, sortDirection: "asc" });
    expect(idsOf(first.data)).toEqual([ids[0]]);
    expect(first.nextCursor).not.toBeNull();
    await rejection(bench.codex.searchThreads("walrus", { cursor: "nonsense" }), InvalidParamsError);

    await bench.codex.archiveThread(ids[0] ?? "");
    expect(idsOf((await bench.codex.searchThreads("walrus")).data)).toEqual([ids[1]]);
    expect(idsOf((await bench.codex.searchThreads("walrus", { archived: true })).data)).toEqual([ids[0]]);
    // Literal text: no pattern, no option of the program that searches, and no words in any order.
    for (const term of ["wal.us", "--files", "sleep walrus"]) {
      expect((await bench.codex.searchThreads(term)).data).toEqual([]);
    }
  });

  test.each([
    ["an empty term", "", {}, /term is an empty string/],
    ["blanks", " \n ", {}, /term is a string\. Give a non-empty string/],
    ["no string", 7, {}, /term is a number/],
    ["a term over the runtime's limit", "é".repeat(32_769), {}, /term has 65538 bytes; the limit is 65536/],
    ["a limit of 0", "x", { limit: 0 }, /limit is 0; it must be an integer ≥ 1/],
    ["half a limit", "x", { limit: 1.5 }, /limit is 1.5; it must be an integer ≥ 1/],
    ["a misspelled option", "x", { archive: true }, /unknown option archive\. Did you mean archived\?/],
    ["a callback that is none", "x", { onPartial: true }, /onPartial is a boolean\. Give a function/],
    ["a controller for a signal", "x", { signal: new AbortController() }, /signal is an AbortController/],
  ])("refuses %s", async (_, term, options, expected) => {
    const error = await rejection(bench.codex.searchThreads(untyped(term), untyped(options)), UsageError);
    expect(error.message).toMatch(expected);
    expect(error.message).toMatch(/^searchThreads: /);
  });

  test("says when the client has switched off what it needs", async () => {
    await using codex = new Codex({ ...bench.codexOptions, optOutNotifications: ["thread/search/partial"] });
    const search = codex.searchThreads("x", { onPartial: () => {} });
    expect((await rejection(search, UsageError)).message).toMatch(
      /optOutNotifications leave out thread\/search\/partial/,
    );
    expect(codex.status).toBe("idle");

    await using stable = new Codex({ ...bench.codexOptions, experimentalApi: false });
    const refused = await rejection(stable.searchThreads("x"), MethodNotFoundError);
    expect(refused).toMatchObject({ code: "EXPERIMENTAL_API_REQUIRED", method: "thread/search/stream" });
  });

  test("with a signal that has aborted sends nothing", async () => {
    const reason = new Error("Too late.");
    await using codex = new Codex(bench.codexOptions);
    await expect(codex.searchThreads("x", { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(codex.status).toBe("idle");
  });
});

describe.skipIf(process.platform === "win32")("while a search runs", () => {
  const context = new AsyncLocalStorage<string>();
  let ids: string[] = [];

  beforeAll(async () => {
    ids = [];
    for (const text of ["otter one", "otter two, held", "otter three"]) ids.push(await store(text));
  });

  test("rows come before the result, each once, in the context of the caller", async () => {
    verifies("thread-search-partial");
    await writeFile(hold, "");
    const seen = collect();
    const contexts = new Set<string | undefined>();
    const search = context.run("mine", () =>
      bench.codex.searchThreads("otter", {
        onPartial: (rows) => {
          contexts.add(context.getStore());
          seen.onPartial(rows);
        },
      }),
    );
    await seen.first;
    expect(ids.filter((id) => id !== ids[1])).toEqual(expect.arrayContaining(idsOf(seen.rows)));
    await rm(hold);
    expect(idsOf((await search).data)).toEqual(ids.toReversed());
    expect(new Set(idsOf(seen.rows)).size).toBe(seen.rows.length);
    expect(seen.rows[0]?.snippet).toMatch(/^otter /);
    expect([...contexts]).toEqual(["mine"]);
  });

  test("a callback that throws is reported, and the search goes on", async () => {
    await writeFile(hold, "");
    const failure = new Error("Not now.");
    const seen = collect();
    const search = bench.codex.searchThreads("otter", {
      onPartial: (rows) => {
        seen.onPartial(rows);
        throw failure;
      },
    });
    await seen.first;
    await rm(hold);
    expect((await search).data).toHaveLength(3);
    expect(warnings).toContainEqual({ error: failure });
  });

  test("an abort stops the runtime's search, and leaves nothing behind", async () => {
    verifies("thread-search-abort");
    await writeFile(hold, "");
    const controller = new AbortController();
    const seen = collect();
    const { signal } = controller;
    const search = bench.codex.searchThreads("otter", { signal, onPartial: seen.onPartial });
    await seen.first;
    if (process.platform === "linux") expect(await searchers()).toHaveLength(1);
    const reason = new Error("Enough.");
    controller.abort(reason);
    await expect(search).rejects.toBe(reason);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    // The file is still held: only the cancellation ends the search.
    if (process.platform === "linux") await expect.poll(searchers, { timeout: 30_000 }).toEqual([]);
    expect(existsSync(hold)).toBe(true);
  });

  test("an abort by the callback lets no further rows come", async () => {
    await writeFile(hold, "");
    const controller = new AbortController();
    let calls = 0;
    const search = bench.codex.searchThreads("otter", {
      signal: controller.signal,
      onPartial: () => {
        calls += 1;
        controller.abort();
      },
    });
    const reason: unknown = await search.catch((error: unknown) => error);
    expect(reason).toBe(controller.signal.reason);
    expect(calls).toBe(1);
  });

  test("two searches at once do not mix, and one can be aborted alone", async () => {
    await writeFile(hold, "");
    const controller = new AbortController();
    const [all, two] = [collect(), collect()];
    const other = bench.codex.searchThreads("otter t", { signal: controller.signal, onPartial: two.onPartial });
    const search = bench.codex.searchThreads("otter", { onPartial: all.onPartial });
    await Promise.all([all.first, two.first]);
    controller.abort();
    await expect(other).rejects.toBe(controller.signal.reason);
    await rm(hold);
    expect(idsOf((await search).data)).toEqual(ids.toReversed());
    expect(idsOf(two.rows)).not.toContain(ids[0]);
  });

  test("the end of the runtime rejects it, or repeats it where the client restarts the runtime", async () => {
    await writeFile(hold, "");
    await using mortal = new Codex(bench.codexOptions);
    const lost = collect();
    const search = mortal.searchThreads("otter", { onPartial: lost.onPartial });
    const failed = rejection(search, TransportClosedError);
    await lost.first;
    kill(mortal);
    expect(await failed).toMatchObject({ method: "thread/search/stream", maybeAccepted: true });

    await using lasting = new Codex({ ...bench.codexOptions, restart: "on-crash" });
    const seen = collect();
    const repeated = lasting.searchThreads("otter", { onPartial: seen.onPartial });
    await seen.first;
    kill(lasting);
    await rm(hold);
    expect(idsOf((await repeated).data)).toEqual(ids.toReversed());
    expect(new Set(idsOf(seen.rows)).size).toBe(seen.rows.length);
  });
});

describe("on a runtime that cannot stream a search", () => {
  test(
    "the plain search answers, without rows on the way",
    async () => {
      verifies("thread-search-older");
      const codexBin = await floorRuntime();
      await using older = await startTestCodex({ codexBin, allowVersionMismatch: true, logger: QUIET });
      older.model.respondWith(() => message("Near the Narwhal."));
      const thread = await older.codex.startThread();
      await thread.run("Where?");
      const onPartial = vi.fn();
      const found = await older.codex.searchThreads("narwhal", { limit: 5, onPartial });
      expect(found.data).toMatchObject([{ thread: { id: thread.id }, snippet: "Near the Narwhal." }]);
      expect(onPartial).not.toHaveBeenCalled();
      const reason = new Error("Enough.");
      const controller = new AbortController();
      const search = older.codex.searchThreads("narwhal", { signal: controller.signal });
      controller.abort(reason);
      await expect(search).rejects.toBe(reason);
      expect((await older.codex.searchThreads("narwhal")).data).toHaveLength(1);
    },
    INSTALL_TIMEOUT_MS,
  );
});

function kill({ pid }: Codex): void {
  if (pid !== undefined) process.kill(pid, "SIGKILL");
}

/** The search programs of the bench's runtime. */
async function searchers(): Promise<string[]> {
  const pids = await descendantsOf(bench.codex.pid ?? 0);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => /[\\/]rg\0--count\0/.test(line));
}
