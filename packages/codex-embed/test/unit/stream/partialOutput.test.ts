/** Tests when readers of a growing answer get a look at it. */

import { PassThrough } from "node:stream";
import { expect, it, onTestFinished, vi } from "vitest";
import type { TurnEvent } from "../../../src/stream/events.js";
import { partialOutputOf } from "../../../src/stream/partialOutput.js";
import { verifies } from "../../support/verifies.js";

const turn = { threadId: "thread", turnId: "turn" };
const item = (id: string, text: string) => ({
  item: {
    type: "agentMessage" as const,
    id,
    text,
    phase: null,
    memoryCitation: null,
    moderation: null,
    delivery: null,
    questions: null,
  },
});
const started = (id: string): TurnEvent => ({
  method: "item/started",
  params: { ...turn, ...item(id, ""), startedAtMs: 0 },
});
const completed = (id: string, text: string): TurnEvent => ({
  method: "item/completed",
  params: { ...turn, ...item(id, text), completedAtMs: 0 },
});
const delta = (itemId: string, text: string): TurnEvent => ({
  method: "item/agentMessage/delta",
  params: { ...turn, itemId, delta: text },
});

/** Events that come when the test says so. */
function stage() {
  const events = new PassThrough({ objectMode: true });
  const values = partialOutputOf(events);
  const next = async (): Promise<unknown> => (await values.next()).value;
  return { events, values, next };
}

it("shows what came last although nothing comes after it", async () => {
  verifies("partial-output-latest");
  const { events, values, next } = stage();
  for (const event of [started("m"), delta("m", '{"a":1,'), delta("m", '"b":[2,'), delta("m", "3,")])
    events.write(event);
  expect(await next()).toEqual({ a: 1 });
  expect(await next()).toEqual({ a: 1, b: [2, 3] });
  events.end(completed("m", '{"a":1,"b":[2,3,4]}'));
  expect(await next()).toEqual({ a: 1, b: [2, 3, 4] });
  expect(await values.next()).toEqual({ done: true, value: undefined });
});

it("shows what it can of an answer that is nested without end, and never throws", async () => {
  const { events, next, values } = stage();
  const text = `{"a":1,"b":${"[".repeat(50_000)}`;
  for (const event of [started("m"), delta("m", text)]) events.write(event);
  expect(await next()).toMatchObject({ a: 1, b: expect.any(Array) });
  events.end(completed("m", `${text}${"]".repeat(50_000)}}`));
  expect(await next()).toMatchObject({ a: 1, b: expect.any(Array) });
  expect(await values.next()).toEqual({ done: true, value: undefined });
});

it("shows nothing of an answer that another has taken the place of", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const { events, next } = stage();
  for (const event of [started("m"), delta("m", "[1,"), delta("m", "2,"), started("n")]) events.write(event);
  expect(await next()).toEqual([1]);
  const shown = next();
  await vi.advanceTimersByTimeAsync(1_000);
  events.end(completed("n", "[9]"));
  expect(await shown).toEqual([9]);
});

it("ends its source when the reader leaves while it waits", async () => {
  const { events, values, next } = stage();
  for (const event of [started("m"), delta("m", "[1,"), delta("m", "2,")]) events.write(event);
  expect(await next()).toEqual([1]);
  await values.return();
  expect(events.destroyed).toBe(true);
});

it("rejects as its source does", async () => {
  const { events, next } = stage();
  const shown = next();
  events.destroy(new Error("Over."));
  await expect(shown).rejects.toThrow("Over.");
});
