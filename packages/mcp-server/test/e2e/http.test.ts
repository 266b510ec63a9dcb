/** The HTTP server: who is let in, what is too much, and how sessions and tokens are kept. */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { IncomingMessage, request } from "node:http";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { type McpHttpHandle, serveMcpHttp } from "@codex-embed/mcp-server";
import { UsageError } from "codex-embed";
import { gate, message } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { descendants, leavesNothing } from "../../../codex-embed/test/support/leaks.js";
import { verifies } from "../../../codex-embed/test/support/verifies.js";
import { connectTo, McpHome, serve, TOKEN, textOf } from "../support/mcp.js";

let home: McpHome;
let server: McpHttpHandle;
let folder: string;

beforeAll(async () => {
  home = await McpHome.create();
  server = await serve(home, { maxRequestBytes: 4096 });
  folder = await mkdtemp(join(tmpdir(), "codex-embed-test-"));
});
afterAll(async () => {
  await server.close();
  await home.close();
  await rm(folder, { recursive: true, force: true });
});

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
};
const usual = {
  authorization: `Bearer ${TOKEN}`,
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** A request with headers that fetch would not send. */
function send(
  headers: Readonly<Record<string, string>>,
  { url = server.url, method = "POST", body = JSON.stringify(initialize) } = {},
): Promise<{ status: number | undefined; text: string; headers: Readonly<Record<string, unknown>> }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode, text, headers: response.headers }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("who is let in", () => {
  test("those who bring the token", async () => {
    verifies("mcp-http-token");
    const answered = await send(usual);
    expect(answered.status).toBe(200);
    expect(answered.headers["mcp-session-id"]).toEqual(expect.any(String));
    expect((await send({ ...usual, host: "localhost" })).status).toBe(200);
    expect((await send({ ...usual, origin: "http://localhost:3000" })).status).toBe(200);
  });

  test.each([
    ["no token", { authorization: "" }],
    ["another token", { authorization: "Bearer another-token-of-the-tests" }],
    ["the beginning of the token", { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ["more than the token", { authorization: `Bearer ${TOKEN}x` }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
  ])("not those with %s", async (_name, headers) => {
    const answered = await send({ ...usual, ...headers });
    expect(answered.status).toBe(401);
    expect(answered.headers["www-authenticate"]).toBe("Bearer");
    expect(answered.text).not.toContain(TOKEN);
  });

  test.each([
    ["a Host of elsewhere, as after DNS rebinding", { host: "evil.example" }],
    ["a Host that begins like ours", { host: "127.0.0.1.evil.example" }],
    ["an Origin of elsewhere", { origin: "https://evil.example" }],
    ["an Origin that is opaque", { origin: "null" }],
  ])("not those with %s, even with the token", async (_name, headers) => {
    verifies("mcp-http-token");
    expect((await send({ ...usual, ...headers })).status).toBe(403);
  });

  test("nothing is served on other paths, and no page may read an answer", async () => {
    expect((await send(usual, { url: server.url.replace("/mcp", "/") })).status).toBe(404);
    const preflight = await send({ origin: "http://localhost:3000" }, { method: "OPTIONS", body: "" });
    expect(preflight.status).toBe(401);
    expect(preflight.headers["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("what is no good", () => {
  test.each([
    ["a body over the limit", 413, usual, JSON.stringify({ ...initialize, padding: "x".repeat(5000) })],
    ["a body that is no JSON", 400, usual, "{"],
    ["a call without a session", 400, usual, JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" })],
    ["a session that is not there", 404, { ...usual, "mcp-session-id": "nobody" }, JSON.stringify(initialize)],
    ["a body of another type", 415, { ...usual, "content-type": "text/plain" }, JSON.stringify(initialize)],
  ])("%s is refused", async (_name, status, headers, body) => {
    expect((await send(headers, { body })).status).toBe(status);
  });

  test("a body over the limit that does not say its length is refused as well", async () => {
    const body = JSON.stringify({ ...initialize, padding: "x".repeat(100_000) });
    const answered = await send({ ...usual, "transfer-encoding": "chunked" }, { body }).catch(
      (error: unknown) => error,
    );
    // The answer may be lost when the connection is closed under what is still being sent.
    expect(answered instanceof Error || JSON.stringify(answered).includes('"status":413')).toBe(true);
  });
});

describe("sessions", () => {
  test("an idle one makes room, and with none idle no more begin", async () => {
    await using small = await serve(home, { maxSessions: 1 });
    const first = await send(usual, { url: small.url });
    const second = await send(usual, { url: small.url });
    expect([first.status, second.status]).toEqual([200, 200]);
    const list = { body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" }), url: small.url };
    const session = (of: typeof first) => ({ ...usual, "mcp-session-id": String(of.headers["mcp-session-id"]) });
    expect((await send(session(first), list)).status).toBe(404);
    expect((await send(session(second), list)).status).toBe(200);

    await send(session(second), { method: "DELETE", body: "", url: small.url });
    const client = await connectTo(small.url);
    const hold = gate();
    home.model.enqueue(message({ deltas: ["Busy", hold] }));
    const running = client.callTool({ name: "codex", arguments: { prompt: "Go." } });
    await hold.reached;
    expect((await send(usual, { url: small.url })).status).toBe(503);
    hold.open();
    expect(textOf(await running)).toContain("Busy");
    await client.close();
  });
});

describe("an event stream", () => {
  test("begins at once, and a client that leaves it frees its session and can open it again", async () => {
    await using small = await serve(home, { maxSessions: 1 });
    const session = async () => {
      const { headers } = await send(usual, { url: small.url });
      return { ...usual, "mcp-session-id": String(headers["mcp-session-id"]) };
    };
    const open = async (headers: Readonly<Record<string, string>>) => {
      const asked = request(small.url, { method: "GET", headers });
      asked.on("error", () => {});
      asked.end();
      const [response]: unknown[] = await once(asked, "response");
      if (!(response instanceof IncomingMessage)) throw new Error("There was no response.");
      return { status: response.statusCode, leave: () => asked.destroy() };
    };
    const first = await session();
    // No event has been sent, and none will be.
    const stream = await open(first);
    expect(stream.status).toBe(200);
    expect((await send(usual, { url: small.url })).status).toBe(503);
    expect((await open(first)).status).toBe(409);
    stream.leave();
    await expect.poll(async () => (await open(first)).status, { timeout: 10_000 }).toBe(200);
  });
});

describe("the token", () => {
  test("is made anew, for its owner's eyes alone, and goes with the server", async () => {
    await using own = await serveMcpHttp({ ...home.options });
    const file = own.tokenFile ?? "";
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(file, ".."))).mode & 0o777).toBe(0o700);
    const token = (await readFile(file, "utf8")).trim();
    expect(token).toMatch(/^[\w-]{43}$/);
    const client = await connectTo(own.url, undefined, { token });
    expect((await client.listTools()).tools).toHaveLength(2);
    await client.close();
    await own.close();
    expect(existsSync(join(file, ".."))).toBe(false);
  });

  test("is kept in the file that is given, and read from it the next time", async () => {
    const tokenFile = join(folder, "kept");
    const first = await serveMcpHttp({ ...home.options, tokenFile });
    const token = (await readFile(tokenFile, "utf8")).trim();
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    await first.close();
    await using second = await serveMcpHttp({ ...home.options, tokenFile });
    expect((await send({ ...usual, authorization: `Bearer ${token}` }, { url: second.url })).status).toBe(200);
  });

  test("is taken from the environment, which the runtime does not get it from", async () => {
    process.env["CODEX_EMBED_MCP_TOKEN"] = TOKEN;
    process.env["CODEX_EMBED_MCP_OTHER"] = "other";
    try {
      const before = descendants();
      await using own = await serveMcpHttp({ codex: { ...home.options.codex, inheritEnv: true } });
      expect(own.tokenFile).toBeNull();
      const client = await connectTo(own.url);
      home.model.enqueue(message("Here."));
      expect(textOf(await client.callTool({ name: "codex", arguments: { prompt: "Go." } }))).toContain("Here.");
      for (const pid of descendants().filter((each) => !before.includes(each))) {
        const environment = await readFile(`/proc/${pid}/environ`, "utf8");
        expect(environment).toContain("CODEX_EMBED_MCP_OTHER=other");
        expect(environment).not.toContain(TOKEN);
      }
      await client.close();
    } finally {
      delete process.env["CODEX_EMBED_MCP_TOKEN"];
      delete process.env["CODEX_EMBED_MCP_OTHER"];
    }
  });

  test.each([
    ["a file that others can read", async () => ({ tokenFile: await shared() }), "which others can read"],
    ["a folder that is not there", async () => ({ tokenFile: join(folder, "no", "file") }), "cannot be written"],
    ["one that is short", async () => ({ token: "short" }), "at least 16"],
    ["one with a space", async () => ({ token: "a token that has spaces" }), "no space"],
    ["two of them", async () => ({ token: TOKEN, tokenFile: join(folder, "x") }), "both given"],
  ])("is refused: %s", async (_name, options, why) => {
    const refused = await serveMcpHttp({ ...home.options, ...(await options()) }).catch((error: unknown) => error);
    expect(UsageError.isInstance(refused) && refused.message).toContain(why);
  });

  async function shared(): Promise<string> {
    const file = join(folder, "shared");
    await writeFile(file, TOKEN);
    await chmod(file, 0o644);
    return file;
  }
});

describe("the address", () => {
  test("is the loopback and nothing else", async () => {
    // @ts-expect-error: the type does not allow it either.
    const refused = await serveMcpHttp({ ...home.options, host: "0.0.0.0" }).catch((error: unknown) => error);
    expect(UsageError.isInstance(refused) && refused.message).toContain('it must be one of "127.0.0.1", "::1"');
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
  test.runIf(hasIpv6)("is the one of IPv6 when that is wanted", async () => {
    await using six = await serve(home, { host: "::1" });
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+\/mcp$/);
    expect((await send(usual, { url: six.url })).status).toBe(200);
  });

  test("that is taken is told of, and nothing is left of the attempt", async () => {
    const port = Number(new URL(server.url).port);
    await leavesNothing(async () => {
      const refused = await serveMcpHttp({ ...home.options, port }).catch((error: unknown) => error);
      expect(UsageError.isInstance(refused) && refused.message).toContain(`port ${port} of 127.0.0.1`);
    });
  });
});
