/** Tests what becomes of a turn when the runtime writes what the protocol does not allow. */

import { expect, test } from "vitest";
import { TurnFailedError } from "../../../src/errors/turn.js";
import { agentMessage, completed, itemCompleted, started, threadId, turnId, turnRecord } from "../../support/events.js";
import { FakeClient } from "../../support/fakeClient.js";
import { verifies } from "../../support/verifies.js";

const at = { threadId, turnId };

async function running() {
  const client = await FakeClient.connect();
  const thread = await client.thread(threadId);
  const begun = thread.startTurn("Go");
  await client.reply("turn/start", { turn: turnRecord("inProgress") });
  client.transport.receive(started());
  const { transport, runtime } = client;
  return { transport, runtime, client, turn: await begun };
}

test.each([
  ["no parameters", { method: "item/started" }],
  ["no item", { method: "item/completed", params: { ...at, item: null } }],
  ["an item without a type", { method: "item/completed", params: { ...at, item: { id: "i" } } }],
  ["an item that is a list", { method: "item/completed", params: { ...at, item: [null] } }],
  [
    "an agent without a name",
    { method: "item/started", params: { ...at, item: { type: "subAgentActivity", id: "i" } } },
  ],
  [
    "agents that are no list",
    { method: "item/started", params: { ...at, item: { type: "collabAgentToolCall", id: "i" } } },
  ],
  [
    "a delta that is no text",
    { method: "item/agentMessage/delta", params: { ...at, itemId: "i", delta: { length: 1e9 } } },
  ],
  ["no usage", { method: "thread/tokenUsage/updated", params: at }],
  ["a usage without a total", { method: "thread/tokenUsage/updated", params: { ...at, tokenUsage: { last: {} } } }],
  ["a resolved request without parameters", { method: "serverRequest/resolved" }],
])("a notification with %s is told to nobody, and the turn goes on", async (_, message) => {
  verifies("unreadable-notification");
  const { transport, turn, runtime } = await running();
  const end = [itemCompleted(agentMessage("m", "Done")), completed()];
  for (const line of [message, ...end]) transport.receive(line);
  expect(await turn.result()).toMatchObject({ finalResponse: "Done", items: [{ id: "m" }], usage: null });
  const seen = [];
  for await (const event of turn) seen.push(event);
  expect(seen).toEqual([started(), ...end]);
  await runtime.close();
});

test("one that cannot be understood is a diagnostic that names it and holds nothing of it", async () => {
  const { transport, runtime, client } = await running();
  transport.receive({ method: "item/started", secret: "hunter2" });
  expect(client.diagnostics).toEqual(["Skipped a notification that cannot be understood"]);
  await runtime.close();
});

test.each([
  ["items that are no list", { items: 5 }],
  ["items that are none", { items: [null, 5, "x", { id: "i" }] }],
])("an end with %s is an end all the same", async (_, over) => {
  const { transport, turn, runtime } = await running();
  transport.receive({ method: "turn/completed", params: { threadId, turn: { ...turnRecord("completed"), ...over } } });
  expect(await turn.result()).toMatchObject({ status: "completed", finalResponse: null, items: [] });
  await runtime.close();
});

test("a failure that cannot be put into words is a failure all the same", async () => {
  const { transport, turn, runtime } = await running();
  const error = { message: { toString: 1 }, additionalDetails: [{ toString: 1 }] };
  transport.receive({ method: "turn/completed", params: { threadId, turn: { ...turnRecord("failed"), error } } });
  await expect(turn.result()).rejects.toBeInstanceOf(TurnFailedError);
  await runtime.close();
});
