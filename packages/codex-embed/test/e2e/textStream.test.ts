/** The end-to-end tests of a turn's text as it grows. */

import { type TurnEvent, TurnFailedError } from "codex-embed";
import { disconnect, gate, message, type Part, reasoning, type Step, shell, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { beginningOf, readAll, until } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

async function textOf(...steps: readonly (Step | Part)[]): Promise<{ pieces: readonly string[]; error: unknown }> {
  const thread = await bench.thread(...steps);
  const turn = await thread.startTurn("Hi");
  const { events, error } = await readAll(turn.textStream());
  return { pieces: events, error };
}

const cases: readonly (readonly [what: string, steps: readonly (Step | Part)[], text: string])[] = [
  ["a message in deltas", [message("Hello, you.", { deltas: 4 })], "Hello, you."],
  ["a message without deltas", [message("Hello.", { deltas: 0 })], "Hello."],
  ["deltas that leave out the end", [message("Hello, you.", { deltas: ["Hello"] })], "Hello, you."],
  [
    "commentary is left out, before and behind the answer",
    [
      step(
        message("Hm.", { phase: "commentary", deltas: 2 }),
        message("A.", { phase: "final_answer" }),
        message("Well.", { phase: "commentary" }),
      ),
    ],
    "A.",
  ],
  ["commentary without deltas is left out", [message("Hm.", { phase: "commentary", deltas: 0 })], ""],
  ["two messages: an empty line between them", [step(message("One."), message("Two.", { deltas: 2 }))], "One.\n\nTwo."],
  ["messages around a command", [step(message("One."), shell("true")), message("Two.")], "One.\n\nTwo."],
  [
    "no empty line for what is left out",
    [step(message("One."), message(""), message("Hm.", { phase: "commentary" }))],
    "One.",
  ],
  ["reasoning is no text", [step(reasoning({ summary: ["Think."] }), message("One."))], "One."],
  ["no message at all", [step()], ""],
];

test.each(cases)("%s", async (_what, steps, text) => {
  const { pieces, error } = await textOf(...steps);
  expect(error).toBeUndefined();
  expect(pieces.join("")).toBe(text);
  expect(pieces).not.toContain("");
});

test("piece by piece, as it comes", async () => {
  verifies("text-stream");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Hi");
  const pieces: string[] = [];
  for await (const piece of turn.textStream()) {
    pieces.push(piece);
    hold.open();
  }
  expect(pieces).toEqual(["Hel", "lo."]);
});

test("two streams, one early and one after the end, add up to the same", async () => {
  verifies("text-stream");
  const thread = await bench.thread(step(message("One.", { deltas: 4 }), message("Two.", { deltas: 4 })));
  const turn = await thread.startTurn("Hi");
  const early = readAll(turn.textStream());
  await turn.result();
  const late = readAll(turn.textStream());
  expect((await early).events.join("")).toBe("One.\n\nTwo.");
  expect((await late).events.join("")).toBe("One.\n\nTwo.");
});

test("leaving it early leaves the turn running", async () => {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Hi");
  for await (const piece of turn.textStream()) {
    expect(piece).toBe("Hel");
    break;
  }
  hold.open();
  expect((await turn.result()).finalResponse).toBe("Hello.");
});

test("a turn that fails: the text until then, and then the error", async () => {
  const { pieces, error } = await textOf(step(message("One."), ...beginningOf("Tw"), disconnect()));
  expect(pieces.join("")).toBe("One.\n\nTw");
  expect(error).toBeInstanceOf(TurnFailedError);
});

/** The text that docs/faq.md shows while it grows, at its end. */
function shownOf(events: readonly TurnEvent[]): string {
  let completed = "";
  let growing = "";
  for (const event of events) {
    if (event.method === "item/agentMessage/delta") growing += event.params.delta;
    if (event.method === "item/started" && event.params.item.type === "agentMessage") growing = "";
    if (event.method === "item/completed" && event.params.item.type === "agentMessage") {
      completed += `${event.params.item.text}\n\n`;
      growing = "";
    }
  }
  return completed + growing;
}

test("a steered turn: the dropped beginning stays, the new answer follows after an empty line", async () => {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Wro", hold] }), message("Right."));
  const turn = await thread.startTurn("Hi");
  const reading = readAll(turn.textStream());
  await until(turn, ({ method }) => method === "item/agentMessage/delta");
  await turn.steer("No.");
  await turn.result();
  expect((await reading).events.join("")).toBe("Wro\n\nRight.");
  expect(shownOf((await readAll(turn)).events)).toBe("Right.\n\n");
});

describe("a retried turn", () => {
  const retrying = new SharedBench({ streamMaxRetries: 1 });

  test("the beginning that was cut off stays, and the whole answer follows; the retry is an event between them", async () => {
    verifies("text-stream-retry");
    const thread = await retrying.thread(step(...beginningOf("Hel"), disconnect()), message("Hello.", { deltas: 2 }));
    const turn = await thread.startTurn("Hi");
    const { events: pieces } = await readAll(turn.textStream());
    expect(pieces.join("")).toBe("Hel\n\nHello.");
    expect((await turn.result()).finalResponse).toBe("Hello.");

    const { events } = await readAll(turn);
    const at = (matches: (event: TurnEvent) => boolean, from = 0) =>
      events.findIndex((each, index) => index >= from && matches(each));
    const cut = at(({ method }) => method === "item/agentMessage/delta");
    const retry = at((event) => event.method === "error" && event.params.willRetry, cut);
    const next = at((event) => event.method === "item/started" && event.params.item.type === "agentMessage", retry);
    const delta = at(({ method }) => method === "item/agentMessage/delta", next);
    expect([cut, retry, next, delta].every((index) => index >= 0)).toBe(true);
    expect(shownOf(events)).toBe("Hello.\n\n");
  });

  test("a model that reuses the id of the message that was cut off", async () => {
    const cut = step(...beginningOf("Hel"), disconnect());
    const thread = await retrying.thread(cut, message("Hello.", { id: "cut_3", deltas: 2 }));
    const turn = await thread.startTurn("Hi");
    const { events, error } = await readAll(turn.textStream());
    expect(error).toBeUndefined();
    // The pieces that were seen cannot be taken back, so the whole answer follows them.
    expect(events.join("")).toMatch(/^Hel\s*Hello\.$/);
    expect((await turn.result()).finalResponse).toBe("Hello.");
    expect(shownOf((await readAll(turn)).events)).toBe("Hello.\n\n");
  });
});
