import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InvalidRequestError, NoActiveTurnError, UsageError } from "codex-embed";
import { gate, message, shell, step } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { commandStarted, eventsOf, itemsOf, readAll, rejection, until, waitForFile } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

test("while the model streams: its answer is dropped and starts again in the same turn", async () => {
  verifies("steer");
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Wrong", hold, " way."] }), message("Right way."));
  const turn = await thread.startTurn("Go left.");
  await hold.reached;
  await until(turn, ({ method }) => method === "item/agentMessage/delta");
  await turn.steer("No, right.");
  const result = await turn.result();
  expect(result).toMatchObject({ id: turn.id, status: "completed", finalResponse: "Right way." });
  expect(itemsOf(result, "userMessage").map(({ content }) => content)).toMatchObject([
    [{ text: "Go left." }],
    [{ text: "No, right." }],
  ]);
  expect(itemsOf(result, "agentMessage").map(({ text }) => text)).toEqual(["Right way."]);
  expect(eventsOf((await readAll(turn)).events, "turn/completed")).toHaveLength(1);
  expect(bench.requestsOf(thread)[1]?.userTexts().slice(-2)).toEqual(["Go left.", "No, right."]);
});

test("while a command runs: it is delivered with the command's output", async () => {
  const goFile = join(bench.workspace, "go");
  const thread = await bench.thread(shell(`${waitForFile(goFile)}; echo up`, { callId: "slow" }), message("Noted."));
  const turn = await thread.startTurn("Hi");
  await commandStarted(turn);
  await turn.steer("And this.");
  await writeFile(goFile, "");
  expect(await turn.result()).toMatchObject({ finalResponse: "Noted." });
  const [, second] = bench.requestsOf(thread);
  expect(second?.toolOutput("slow")).toContain("up");
  expect(second?.lastUserText()).toBe("And this.");
});

test("at once after startTurn: it waits for the turn to have started", async () => {
  const thread = await bench.thread();
  bench.respond(thread, (request) => message(`Last: ${request.lastUserText()}`));
  const hold = gate();
  bench.script(thread, step(hold, message("First.")));
  const turn = await thread.startTurn("Hi");
  await turn.steer("Also.");
  hold.open();
  const result = await turn.result();
  expect(result.status).toBe("completed");
  expect(itemsOf(result, "userMessage")).toHaveLength(2);
});

test("several at once, in order", async () => {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["One", hold] }));
  // Each steer begins the answer anew; a turn whose answer came in between would be over for the next one.
  const answer = gate();
  bench.respond(thread, () => step(answer, message("All.")));
  const turn = await thread.startTurn("1");
  await hold.reached;
  await Promise.all([turn.steer("2"), turn.steer("3"), turn.steer(["4", "5"])]);
  answer.open();
  const result = await turn.result();
  const texts = itemsOf(result, "userMessage").flatMap(({ content }) =>
    content.map((part) => (part.type === "text" ? part.text : part.type)),
  );
  expect(texts).toEqual(["1", "2", "3", "4", "5"]);
  expect(result.finalResponse).toBe("All.");
});

test("after the end: NoActiveTurnError", async () => {
  verifies("steer");
  const thread = await bench.thread(message("Hello."));
  const turn = await thread.startTurn("Hi");
  await turn.result();
  const error = await rejection(turn.steer("Late."), NoActiveTurnError);
  expect(error).toMatchObject({ code: "NO_ACTIVE_TURN", method: "turn/steer" });
});

test("after the end, while another turn runs: refused, and the other turn is left alone", async () => {
  const hold = gate();
  const thread = await bench.thread(message("First."), message({ deltas: ["Sec", hold, "ond."] }));
  const first = await thread.startTurn("Hi");
  await first.result();
  const second = await thread.startTurn("Again");
  await hold.reached;
  await rejection(first.steer("Late."), NoActiveTurnError);
  hold.open();
  const result = await second.result();
  expect(result.finalResponse).toBe("Second.");
  expect(itemsOf(result, "userMessage")).toHaveLength(1);
});

test("a refused steer leaves the turn running", async () => {
  const hold = gate();
  const thread = await bench.thread(message({ deltas: ["Hel", hold, "lo."] }));
  const turn = await thread.startTurn("Hi");
  await hold.reached;
  await rejection(turn.steer([]), InvalidRequestError);
  await rejection(turn.steer({ type: "image", url: "http://example.com/a.png" }), UsageError);
  hold.open();
  expect((await turn.result()).finalResponse).toBe("Hello.");
});
