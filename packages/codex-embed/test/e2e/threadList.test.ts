/** The end-to-end tests of finding threads: pages, filters, other providers. */

import { InvalidRequestError, UsageError } from "codex-embed";
import { message } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

/** Makes a thread that is on disk. */
async function storedThread(text: string, modelProvider?: string): Promise<string> {
  const own = {
    name: "Own",
    base_url: bench.model.baseUrl,
    wire_api: "responses",
    request_max_retries: 0,
    stream_max_retries: 0,
  };
  const thread = await bench.threadWith(
    modelProvider === undefined ? {} : { modelProvider, config: { model_providers: { [modelProvider]: own } } },
    message("Hello."),
  );
  await thread.run(text);
  return thread.id;
}

test("threads() reads all pages, listThreads() one; threads of other providers are included", async () => {
  verifies("thread-list");
  expect((await readAll(bench.codex.threads())).events).toEqual([]);
  const ids: string[] = [];
  for (const text of ["one", "two", "three", "four"]) ids.push(await storedThread(text));
  ids.push(await storedThread("five", "another"));
  const neverUsed = await bench.codex.startThread();

  const page = await bench.codex.listThreads({ limit: 2 });
  expect(page.data).toHaveLength(2);
  expect(page.nextCursor).not.toBeNull();
  const next = await bench.codex.listThreads({ limit: 2, cursor: page.nextCursor });
  expect(next.data.map(({ id }) => id)).not.toContain(page.data[0]?.id);

  const all = await readAll(bench.codex.threads({ limit: 2 }));
  expect(all.error).toBeUndefined();
  expect(all.events.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  expect(all.events.map(({ id }) => id)).not.toContain(neverUsed.id);
  expect(all.events.find(({ id }) => id === ids[4])).toMatchObject({ modelProvider: "another", preview: "five" });

  const own = await bench.codex.listThreads({ modelProviders: ["mock"] });
  expect(own.data.map(({ id }) => id)).not.toContain(ids[4]);
  const found = await bench.codex.listThreads({ searchTerm: "three" });
  expect(found.data.map(({ id }) => id)).toEqual([ids[2]]);
});

test("listThreads() of these ids, or of all but these: at most 100", async () => {
  verifies("thread-list-ids");
  const ids = [await storedThread("a"), await storedThread("b", "another"), await storedThread("c")];
  const [first = "", second = ""] = ids;
  const page = await bench.codex.listThreads({ includedThreadIds: [first, second] });
  expect(page.data.map(({ id }) => id).toSorted()).toEqual([first, second].toSorted());
  const few = await bench.codex.listThreads({ includedThreadIds: ids, excludedThreadIds: [first, second] });
  expect(few.data.map(({ id }) => id)).toEqual([ids[2]]);
  expect((await bench.codex.listThreads({ includedThreadIds: [] })).data).toEqual([]);
  const all = await readAll(bench.codex.threads({ limit: 1, includedThreadIds: [first, second] }));
  expect(all.events).toHaveLength(2);

  const many = Array.from({ length: 100 }, () => first);
  expect((await bench.codex.listThreads({ includedThreadIds: many })).data.map(({ id }) => id)).toEqual([first]);
  for (const option of ["includedThreadIds", "excludedThreadIds"]) {
    const error = await rejection(bench.codex.listThreads({ [option]: [...many, second] }), UsageError);
    expect(error.message).toBe(`listThreads: ${option} has 101 ids; the limit is 100. Make several calls.`);
  }
});

test("leaving threads() early asks for no further page", async () => {
  await storedThread("six");
  for await (const record of bench.codex.threads({ limit: 1 })) {
    expect(record.preview).toBe("six");
    break;
  }
});

test("a cursor that is none is refused", async () => {
  await rejection(bench.codex.listThreads({ cursor: "nonsense" }), InvalidRequestError);
  expect((await readAll(bench.codex.threads({ cursor: "nonsense" }))).error).toBeInstanceOf(InvalidRequestError);
});

test("models: those on offer, and the hidden ones on request", async () => {
  verifies("models-and-limits");
  expect((await bench.codex.models()).map(({ id }) => id)).toEqual(["mock-model"]);
  const all = await bench.codex.models({ includeHidden: true });
  expect(all.map(({ id, hidden }) => [id, hidden])).toEqual([
    ["mock-model", false],
    ["gpt-5.6-luna", true],
  ]);
  expect(all[0]?.supportedReasoningEfforts.map(({ reasoningEffort }) => reasoningEffort)).toContain("high");
});
