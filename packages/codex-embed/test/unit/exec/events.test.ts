import { describe, expect, it } from "vitest";
import { parseEvent, type ThreadEvent, type ThreadItem, unknownEvent, unknownItem } from "../../../src/exec/events.js";
import { TurnRecord } from "../../../src/exec/turn.js";

const usage = {
  input_tokens: 3,
  cached_input_tokens: 1,
  cache_write_input_tokens: 0,
  output_tokens: 2,
  reasoning_output_tokens: 1,
};
const todo = (completed: boolean): ThreadItem => ({
  id: "todo",
  type: "todo_list",
  items: [{ text: "look", completed }],
});
const message = (text: string): ThreadEvent => ({
  type: "item.completed",
  item: { id: text, type: "agent_message", text },
});

describe("parseEvent", () => {
  it.each([
    { type: "thread.started", thread_id: "t" },
    { type: "turn.started" },
    { type: "turn.completed", usage },
    { type: "turn.failed", error: { message: "no" } },
    { type: "item.started", item: todo(false) },
    { type: "item.updated", item: todo(true) },
    { type: "item.completed", item: { id: "n", type: "novel", extra: [1] } },
    { type: "error", message: "Reconnecting..." },
    { type: "novel.event", anything: { goes: true } },
  ])("reads $type", (event) => {
    expect(parseEvent(`${JSON.stringify(event)}\r`)).toEqual(event);
  });

  it("counts no writes to the cache for a runtime that does not tell of them", () => {
    const { cache_write_input_tokens: _, ...older } = usage;
    const event = { type: "turn.completed", usage: older };
    expect(parseEvent(JSON.stringify(event))).toEqual({
      type: "turn.completed",
      usage: { ...usage, cache_write_input_tokens: 0 },
    });
  });

  it("passes on an item without an id, and one without a type", () => {
    for (const item of [{ type: "agent_message", text: "a" }, { id: "x" }, {}]) {
      const event = { type: "item.completed", item };
      expect(parseEvent(JSON.stringify(event))).toEqual(event);
    }
  });

  it.each([
    "",
    "not json",
    "null",
    "5",
    "[]",
    "{}",
    '{"type":1}',
    '{"type":"thread.started"}',
    '{"type":"turn.completed","usage":null}',
    '{"type":"turn.failed","error":"no"}',
    '{"type":"item.completed"}',
    '{"type":"error","message":{}}',
  ])("finds no event in %j", (line) => {
    expect(parseEvent(line)).toBeUndefined();
  });
});

describe("what this version does not know", () => {
  it("is given back to be read", () => {
    const event = parseEvent('{"type":"item.completed","item":{"id":"n","type":"constructor","extra":1}}');
    if (event?.type !== "item.completed") throw new Error("It is a known event.");
    expect(unknownEvent(event)).toBeUndefined();
    expect(unknownItem(event.item)?.["extra"]).toBe(1);
    expect(unknownItem(todo(true))).toBeUndefined();
    const novel = parseEvent('{"type":"toString","extra":2}');
    expect(novel && unknownEvent(novel)?.["extra"]).toBe(2);
  });
});

describe("TurnRecord", () => {
  const record = (...events: ThreadEvent[]) => {
    const made = new TurnRecord();
    for (const event of events) made.add(event);
    return made;
  };

  it("takes the last message for the answer, and the last usage", () => {
    const turn = record(message("one"), message("two"), { type: "turn.completed", usage }).turn();
    expect(turn).toMatchObject({ finalResponse: "two", usage });
    expect(turn.items.map(({ id }) => id)).toEqual(["one", "two"]);
  });

  it("keeps what had begun as it was last seen", () => {
    const begun = record({ type: "item.started", item: todo(false) }, { type: "item.updated", item: todo(true) });
    expect(begun.partial()).toEqual({ items: [], unfinished: [todo(true)], finalResponse: "", usage: null });
    begun.add({ type: "item.completed", item: todo(true) });
    expect(begun.partial()).toMatchObject({ items: [todo(true)], unfinished: [] });
  });

  it("keeps the first reason of a failure", () => {
    const failed = record(
      { type: "turn.failed", error: { message: "first" } },
      { type: "turn.failed", error: { message: "second" } },
    );
    expect(failed.failure).toEqual({ message: "first" });
  });
});
