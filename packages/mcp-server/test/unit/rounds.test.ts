/** Calls in rounds, with the real library on both ends and work that the test scripts. */

import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type CallToolResult, createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import type { Answer, Caller, Question } from "../../src/caller.js";
import { Rounds } from "../../src/rounds.js";
import { type Answerer, clientWith } from "../support/mcp.js";

const form = (message: string): Question => ({
  mode: "form",
  message,
  requestedSchema: { type: "object", properties: { word: { type: "string" } }, required: ["word"] },
});

/** Calls a tool that does this work, for a client of 2026-07-28 that answers in this way. */
async function call(work: (caller: Caller) => Promise<CallToolResult>, answer: Answerer): Promise<void> {
  const rounds = new Rounds(10_000);
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "test", version: "1" });
    server.registerTool("work", {}, (context) => rounds.serve(context, work));
    return server;
  });
  const client = clientWith(answer, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(
    new StreamableHTTPClientTransport(new URL("http://127.0.0.1/mcp"), {
      fetch: (url, init) => handler.fetch(new Request(url, init)),
    }),
  );
  await client.callTool({ name: "work", arguments: {} });
  await client.close();
  await handler.close();
}

it("puts a question that comes up while the client is asking its user into the next round", async () => {
  const never = new AbortController().signal;
  const answers: Promise<Answer>[] = [];
  let couldAsk = false;
  let askMore = (): void => {};
  const asked: unknown[] = [];
  await call(
    async (caller) => {
      askMore = () => {
        couldAsk = caller.canAsk("form");
        answers.push(caller.ask(form("Second?"), never));
      };
      answers.push(caller.ask(form("First?"), never));
      await answers[0];
      await answers[1];
      return { content: [] };
    },
    ({ message }) => {
      asked.push(message);
      if (message === "First?") askMore();
      return { action: "accept", content: { word: String(message) } };
    },
  );
  expect(couldAsk).toBe(true);
  expect(asked).toEqual(["First?", "Second?"]);
  expect(await Promise.all(answers)).toEqual([
    { action: "accept", content: { word: "First?" } },
    { action: "accept", content: { word: "Second?" } },
  ]);
});
