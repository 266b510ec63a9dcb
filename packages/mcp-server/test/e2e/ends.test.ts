/** How calls end before their time: cancelled, disconnected, never answered, closed under, or with a dead runtime. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as never } from "node:timers/promises";
import type { McpHttpHandle, McpHttpOptions } from "@codex-embed/mcp-server";
import type { ElicitResult } from "@modelcontextprotocol/client";
import type { Logger } from "codex-embed";
import { gate, message, shell } from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { descendants, until } from "../../../codex-embed/test/support/leaks.js";
import { connectTo, McpHome, outcomeOf, serve, textOf } from "../support/mcp.js";

let home: McpHome;
let server: McpHttpHandle | undefined;

beforeEach(async () => {
  home = await McpHome.create();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await home.close();
});

async function begin(options: McpHttpOptions = {}): Promise<string> {
  server = await serve(home, options);
  return server.url;
}

const asking = (path: string) => shell(`touch ${path}`, { escalate: { justification: "Needed." }, callId: "ask" });

/** A user who has been asked, and who never answers unless the question is withdrawn. */
function silentUser() {
  const asked = gate();
  const withdrawn = gate();
  const answer = async (_params: object, signal: AbortSignal): Promise<ElicitResult> => {
    signal.addEventListener("abort", () => withdrawn.open());
    asked.open();
    await never(60_000, undefined, { signal });
    return { action: "accept", content: { decision: "accept" } };
  };
  return { asked: asked.opened, withdrawn: withdrawn.opened, answer };
}

describe.each(["2025-11-25", "2026-07-28"])("with a client of %s", (version) => {
  const negotiation = version === "2026-07-28" ? { versionNegotiation: { mode: { pin: version } } } : {};

  test("a connection that breaks off ends its turn, and leaves the server to the others", async () => {
    const url = await begin({ maxConcurrentTurns: 1 });
    const client = await connectTo(url, undefined, negotiation);
    const hold = gate();
    home.model.enqueue(message({ deltas: ["Never", hold, " more"] }));
    const running = client.callTool({ name: "codex", arguments: { prompt: "Go." } });
    const rejected = expect(running).rejects.toThrow();
    await hold.reached;
    const other = await connectTo(url, undefined, negotiation);
    const busy = await other.callTool({ name: "codex", arguments: { prompt: "Hello?" } });
    expect(textOf(busy)).toContain("this server runs one turn at once");
    await client.close();
    await rejected;
    expect(await home.model.requests[0]?.ended).toBe("cut off");

    home.model.enqueue(message("Still here."));
    await expect
      .poll(async () => textOf(await other.callTool({ name: "codex", arguments: { prompt: "Hello?" } })), {
        timeout: 10_000,
      })
      .toContain("Still here.");
    await other.close();
  });

  test("a server that closes answers what runs, and leaves no process", async () => {
    const before = descendants();
    const client = await connectTo(await begin(), undefined, negotiation);
    const hold = gate();
    home.model.enqueue(message({ deltas: ["Never", hold, " more"] }));
    const running = client.callTool({ name: "codex", arguments: { prompt: "Go." } });
    await hold.reached;
    expect(descendants().length).toBeGreaterThan(before.length);
    await server?.close();
    const result = await running;
    expect(result.isError).toBe(true);
    expect(outcomeOf(result)).toMatchObject({ status: "failed", content: "This server is closing." });
    expect(descendants()).toEqual(before);
    await server?.closed;
    await client.close();
  });

  test("a call that is cancelled while its user is asked does not wait for the answer", async () => {
    const user = silentUser();
    const url = await begin({ maxSandbox: "read-only", answerTimeoutMs: 300 });
    const client = await connectTo(url, user.answer, negotiation);
    const path = join(home.home.codexHome, "cancelled");
    home.model.enqueue(asking(path));
    const cancel = new AbortController();
    const running = client.callTool({ name: "codex", arguments: { prompt: "Go." } }, { signal: cancel.signal });
    const rejected = expect(running).rejects.toThrow();
    await user.asked;
    cancel.abort();
    await rejected;
    if (version === "2025-11-25") await user.withdrawn;
    home.model.enqueue(message("Free again."));
    const other = await connectTo(url, undefined, negotiation);
    expect(textOf(await other.callTool({ name: "codex", arguments: { prompt: "Hello?" } }))).toContain("Free again.");
    await Promise.all([client.close(), other.close()]);
    expect(existsSync(path)).toBe(false);
  });
});

test("a client of 2026-07-28 that does not come back has its turn interrupted", async () => {
  const url = await begin({ answerTimeoutMs: 200, maxConcurrentTurns: 1 });
  const user = silentUser();
  const modern = { versionNegotiation: { mode: { pin: "2026-07-28" } } };
  const client = await connectTo(url, user.answer, modern);
  home.model.enqueue(asking(join(home.home.codexHome, "late")));
  const cancel = new AbortController();
  const running = client.callTool({ name: "codex", arguments: { prompt: "Go." } }, { signal: cancel.signal });
  const rejected = expect(running).rejects.toThrow();
  await user.asked;
  const other = await connectTo(url);
  // There is room for one turn, so as long as the first one stands this is refused.
  home.model.enqueue(message("Room again."));
  await expect
    .poll(async () => textOf(await other.callTool({ name: "codex", arguments: { prompt: "Hello?" } })), {
      timeout: 10_000,
    })
    .toContain("Room again.");
  cancel.abort();
  await rejected;
  await Promise.all([client.close(), other.close()]);
});

test("a state that no call has is refused", async () => {
  const url = await begin();
  const client = await connectTo(url, () => ({ action: "decline" }), {
    versionNegotiation: { mode: { pin: "2026-07-28" } },
  });
  const params = { name: "codex", arguments: { prompt: "Go." }, requestState: "made-up", inputResponses: {} };
  const result = await client.request({ method: "tools/call", params });
  expect(JSON.stringify(result)).toContain("belongs to no call of this server");
  expect(home.model.requests).toHaveLength(0);
  await client.close();
});

test("an answer that is left out is a no, and one call is not gone on with twice at once", async () => {
  const url = await begin({ answerTimeoutMs: 10_000 });
  const client = await connectTo(url, () => ({ action: "accept" }), {
    versionNegotiation: { mode: { pin: "2026-07-28" } },
    inputRequired: { autoFulfill: false },
  });
  const call = async (more: object): Promise<Record<string, unknown>> => {
    const params = { name: "codex", arguments: { prompt: "Go." }, ...more };
    return { ...(await client.request({ method: "tools/call", params }, { allowInputRequired: true })) };
  };
  const path = join(home.home.codexHome, "left-out");
  const hold = gate();
  home.model.enqueue(asking(path), message({ deltas: ["Done without.", hold] }));
  const { requestState, inputRequests } = await call({});
  expect(Object.keys(Object(inputRequests))).toEqual(["question-1"]);
  const again = call({
    requestState,
    inputResponses: { "question-2": { action: "accept", content: { decision: "accept" } } },
  });
  await hold.reached;
  expect(JSON.stringify(await call({ requestState, inputResponses: {} }))).toContain(
    "belongs to no call of this server",
  );
  hold.open();
  expect(await again).toMatchObject({ structuredContent: { status: "completed", content: "Done without." } });
  expect(existsSync(path)).toBe(false);
  expect(JSON.stringify(await call({ requestState, inputResponses: {} }))).toContain("comes too late");
  await client.close();
});

test("a runtime that dies is told of and started again, and its threads go on within their caps", async () => {
  const logged: object[] = [];
  const logger: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => void logged.push(fields) };
  const before = descendants();
  const client = await connectTo(await begin({ logger, maxSandbox: "workspace-write" }));
  home.model.enqueue(message("One."));
  const { threadId } = outcomeOf(
    await client.callTool({ name: "codex", arguments: { prompt: "One.", sandbox: "read-only" } }),
  );

  const hold = gate();
  home.model.enqueue(message({ deltas: ["Two", hold] }));
  const running = client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Two." } });
  await hold.reached;
  for (const pid of descendants().filter((each) => !before.includes(each))) process.kill(pid, "SIGKILL");
  const died = await running;
  expect(died.isError).toBe(true);
  expect(outcomeOf(died)).toMatchObject({
    threadId,
    status: "failed",
    content: expect.stringContaining("ended during the call"),
  });
  await until(() => logged.length > 0, 5_000);
  expect(logged).toEqual([expect.objectContaining({ signal: "SIGKILL" })]);

  home.model.enqueue(shell("touch within", { callId: "try" }), message("Three."));
  const again = await client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Three." } });
  expect(outcomeOf(again)).toMatchObject({ threadId, content: "Three." });
  const request = home.model.requests.at(-1);
  expect(request?.userTexts()).toEqual(expect.arrayContaining(["One.", "Three."]));
  expect(request?.toolOutput("try")).toContain("Read-only file system");
  await client.close();
});

test("threads beyond the limit are unloaded, and loaded again for a reply", async () => {
  const client = await connectTo(await begin({ maxLoadedThreads: 1 }));
  const ids: string[] = [];
  for (const text of ["a", "b", "c"]) {
    home.model.enqueue(message(text));
    ids.push(outcomeOf(await client.callTool({ name: "codex", arguments: { prompt: text } })).threadId);
  }
  for (const threadId of ids) {
    home.model.enqueue(message(`again ${threadId}`));
    const result = await client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Again." } });
    expect(outcomeOf(result)).toMatchObject({ threadId, content: `again ${threadId}`, status: "completed" });
  }
  await client.close();
});
