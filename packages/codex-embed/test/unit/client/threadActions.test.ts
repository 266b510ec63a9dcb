import { expect, test } from "vitest";
import type { ThreadItem } from "../../../src/protocol/generated/protocol.js";
import { started, threadId, turnId } from "../../support/events.js";
import { FakeClient, turnOfTheLoop } from "../../support/fakeClient.js";

test("a command of the user ends with its own item, not with one of the same id in another thread or turn", async () => {
  const client = await FakeClient.connect();
  const thread = await client.thread(threadId);
  client.transport.receive(started());
  const ended = thread.runShellCommand("ls");
  await client.requestId("thread/shellCommand");
  const tell = (event: "started" | "completed", at: object, output: string) => {
    const item: Partial<ThreadItem> = {
      type: "commandExecution",
      id: "i",
      source: "userShell",
      aggregatedOutput: output,
    };
    client.transport.receive({ method: `item/${event}`, params: { threadId, turnId, ...at, item } });
  };
  tell("started", {}, "");
  await client.reply("thread/shellCommand", {});
  tell("completed", { threadId: "thread-2" }, "of another thread");
  tell("completed", { turnId: "turn-2" }, "of another turn");
  await turnOfTheLoop();
  tell("completed", {}, "mine");
  expect(await ended).toMatchObject({ aggregatedOutput: "mine" });
});
