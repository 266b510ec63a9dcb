/** The server for hooks refuses strangers, and a call that was not asked about stops its thread. */

import { request } from "node:http";
import { GuardError } from "codex-embed";
import { expect, test } from "vitest";
import { Guardian } from "../../../src/guards/guardian.js";
import { GuardServer } from "../../../src/guards/server.js";
import { deferred } from "../../../src/util/async.js";
import { verifies } from "../../support/verifies.js";

const CALL = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: "decide", arguments: { event: "PreToolUse" }, _meta: { threadId: "t" } },
});

function post(url: string, headers: Readonly<Record<string, string>>, body = CALL): Promise<number> {
  return new Promise((resolve, reject) => {
    const sending = request(url, { method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on("error", reject);
    sending.end(body);
  });
}

test("the server answers the runtime alone", async () => {
  verifies("guards-closed");
  let answered = 0;
  const server = await GuardServer.listen(async () => {
    answered += 1;
    return "";
  });
  try {
    const url = server.urlOf("thread-1");
    expect(new URL(url).hostname).toBe("127.0.0.1");
    const { headers } = server;
    expect(await post(url, {})).toBe(403);
    expect(await post(url, { "x-codex-embed-guards": "0".repeat(64) })).toBe(403);
    expect(await post(url, { ...headers, host: "example.org" })).toBe(403);
    expect(await post(url, { ...headers, origin: "http://127.0.0.1" })).toBe(403);
    expect(await post(url, headers, "no JSON")).toBe(400);
    expect(answered).toBe(0);
    expect(await post(url, headers)).toBe(200);
    expect(answered).toBe(1);
  } finally {
    server.close();
  }
  await expect(post(server.urlOf("thread-1"), server.headers)).rejects.toThrow();
});

test("a call that was not asked about stops its thread", async () => {
  verifies("guards-closed");
  const interrupted: string[] = [];
  const { promise: closed, resolve: close } = deferred<void>();
  const guardian = await Guardian.start({
    handlerError: () => {},
    contextOf: () => null,
    listHooks: async () => [],
    interrupt: (threadId, turnId) => void interrupted.push(`${threadId} ${turnId}`),
    closed,
    argv: () => null,
  });
  try {
    const guards = { beforeTool: () => undefined };
    const prepared = guardian.prepare({ layers: [guards], tool: () => undefined }, {}, {});
    prepared.attach("parent");
    const item = { type: "dynamicToolCall", id: "call_1", namespace: null, tool: "look", arguments: {} } as const;
    guardian.observe({
      method: "item/started",
      params: {
        threadId: "parent",
        turnId: "turn",
        startedAtMs: 0,
        item: { ...item, status: "inProgress", contentItems: null, success: null, durationMs: null },
      },
    });
    expect(interrupted).toEqual(["parent turn"]);
    expect(guardian.signalOf("parent")?.reason).toBeInstanceOf(GuardError);
    await expect(prepared.verify("parent")).rejects.toThrow(/beforeTool/);
  } finally {
    close();
  }
});
