/** Tests that a thread that was unsubscribed is forgotten, with the handlers and tools that it came with. */

import { expect, test } from "vitest";
import { Thread } from "../../../src/client/thread.js";
import { FakeClient, turnOfTheLoop } from "../../support/fakeClient.js";

test("its handlers are not asked any more, and so not kept", async () => {
  const client = await FakeClient.connect();
  let asked = 0;
  const starting = Thread.start(client.runtime, {
    handlers: {
      approveCommand: () => {
        asked += 1;
        return "accept";
      },
    },
  });
  await client.reply("thread/start", { thread: { id: "A" }, cwd: "/", model: "m" });
  const thread = await starting;
  const ask = async (id: string) => {
    const params = { threadId: "A", turnId: id, itemId: "i" };
    client.transport.receive({ id, method: "item/commandExecution/requestApproval", params });
    while (!client.transport.sent.some((message) => message.id === id)) {
      await turnOfTheLoop();
      const parent = client.transport.sent.findLast(({ method }) => method === "thread/read");
      if (parent !== undefined)
        client.transport.receive({ id: parent.id, result: { thread: { parentThreadId: null } } });
    }
  };
  await ask("before");
  expect(asked).toBe(1);
  const leaving = thread.unsubscribe();
  await client.reply("thread/unsubscribe", { status: "unsubscribed" });
  await leaving;
  await ask("after");
  expect(asked).toBe(1);
});
