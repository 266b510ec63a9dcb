/** Tests the WebSocket transport against real servers on loopback: refusals, limits, silence, and the end. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { inspect } from "node:util";
import { Codex, type ConnectOptions, FrameTooLargeError, LaunchError, TransportClosedError } from "codex-embed";
import { afterEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { RUNTIME_VERSION } from "../../src/protocol/generated/tables.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port }: AddressInfo = addressOf(server);
  return `ws://127.0.0.1:${port}`;
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return address;
}

/** A server that greets like a runtime, and leaves the rest to the test. */
async function runtimeLike(
  onRequest: (socket: WebSocket, request: { id: number; method: string }) => void = () => {},
  server: Server = createServer(),
) {
  const seen: { readonly headers: object }[] = [];
  const sockets: WebSocket[] = [];
  const wss = new WebSocketServer({ server, autoPong: true });
  wss.on("connection", (socket, request) => {
    seen.push({ headers: { ...request.headers } });
    sockets.push(socket);
    socket.on("message", (data: Buffer) => {
      const message: { id: number; method: string } = JSON.parse(data.toString());
      if (message.method === "initialize") {
        const result = {
          userAgent: `codex-embed/${RUNTIME_VERSION}`,
          codexHome: "/h",
          platformFamily: "unix",
          platformOs: "linux",
        };
        socket.send(JSON.stringify({ id: message.id, result }));
      } else if (message.id !== undefined && message.method !== undefined) {
        onRequest(socket, message);
      }
    });
  });
  const url = await listening(server);
  return { url, seen, sockets, wss };
}

async function connected(url: string, options: ConnectOptions = {}): Promise<Codex> {
  const codex = await Codex.connect(url, options);
  closers.push(() => void codex.close());
  return codex;
}

describe("connecting", () => {
  test("sends the token and the headers, and no Origin", async () => {
    const { url, seen } = await runtimeLike();
    const tokens = ["first", "second"];
    const tokenProvider = () => Promise.resolve(tokens.shift() ?? "none");
    for (const token of ["first", "second"]) {
      await connected(url, { tokenProvider, headers: { "X-Via": "test" } });
      expect(seen.at(-1)?.headers).toMatchObject({ authorization: `Bearer ${token}`, "x-via": "test" });
      expect(seen.at(-1)?.headers).not.toHaveProperty("origin");
      expect(seen.at(-1)?.headers).not.toHaveProperty("sec-websocket-extensions");
    }
  });

  test("over TLS trusts the certificates that are given, and no others", async () => {
    verifies("certificates");
    const tls = new URL("../fixtures/tls/", import.meta.url);
    const [key, cert] = await Promise.all(["key.pem", "cert.pem"].map((name) => readFile(new URL(name, tls), "utf8")));
    if (key === undefined || cert === undefined) throw new Error("The fixture is not whole.");
    const { url, seen } = await runtimeLike(undefined, createTlsServer({ key, cert }));
    const secure = url.replace(/^ws:/, "wss:");
    for (const ca of [cert, Buffer.from(cert), [cert]]) {
      await connected(secure, { ca, token: "t" });
      expect(seen.at(-1)?.headers).toMatchObject({ authorization: "Bearer t" });
    }
    const error = await rejection(Codex.connect(secure, { token: "t" }), LaunchError);
    expect(error).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringMatching(/self.signed certificate/) });
    expect(seen).toHaveLength(3);
  });

  test.each([
    [401, "UNAUTHORIZED", "refused the token (HTTP 401: not you)"],
    [403, "CONNECT_FAILED", "Origin"],
    [404, "CONNECT_FAILED", "HTTP 404: not you"],
    [302, "CONNECT_FAILED", "HTTP 302"],
  ])("HTTP %i is %s", async (status, code, text) => {
    const server = createServer((_, response) => {
      response.writeHead(status, { location: "ws://127.0.0.1:1/" });
      response.end("not\nyou");
    });
    server.on("upgrade", (_, socket: Socket) => {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 7\r\nLocation: ws://127.0.0.1:1/\r\n\r\nnot\nyou`);
    });
    const error = await rejection(Codex.connect(await listening(server), { token: "s3cr3t" }), LaunchError);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(error.message).not.toContain("s3cr3t");
  });

  test("a refusal that quotes the token does not show it", async () => {
    const server = createServer();
    server.on("upgrade", ({ headers }, socket: Socket) => {
      socket.end(
        `HTTP/1.1 401 No\r\n\r\nbad ${headers.authorization}, really ${headers.authorization?.slice(7)}; cookie ${headers.cookie}`,
      );
    });
    const options = { token: "s3cr3t", headers: { Cookie: "c00kie" } };
    const error = await rejection(Codex.connect(await listening(server), options), LaunchError);
    expect(error.message).toContain("HTTP 401: bad");
    for (const shown of [inspect(error, { depth: 9 }), JSON.stringify(error), error.stack]) {
      expect(shown).not.toMatch(/s3cr3t|c00kie/);
    }
  });

  test("a refusal that goes on without end is one after its first 4 KiB", async () => {
    const server = createServer();
    server.on("upgrade", (_, socket: Socket) => {
      socket.on("error", () => {});
      socket.write(`HTTP/1.1 404 No\r\n\r\n${"no ".repeat(3_000)}`);
    });
    const error = await rejection(Codex.connect(await listening(server)), LaunchError);
    expect(error.message).toContain("HTTP 404: no no");
    expect(error.message.length).toBeLessThan(500);
  });

  test("a server that never answers is given up after startupTimeoutMs", async () => {
    const server = createServer();
    server.on("upgrade", () => {});
    const url = await listening(server);
    const error = await rejection(Codex.connect(url, { startupTimeoutMs: 100 }), LaunchError);
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
  });

  test("a server that upgrades and then says nothing fails the handshake", async () => {
    const server = createServer();
    void new WebSocketServer({ server });
    const error = await rejection(Codex.connect(await listening(server), { startupTimeoutMs: 200 }), LaunchError);
    expect(error).toMatchObject({ code: "HANDSHAKE_FAILED" });
  });

  test("a runtime of another version is refused", async () => {
    const server = createServer();
    new WebSocketServer({ server }).on("connection", (socket) => {
      socket.on("message", (data: Buffer) => {
        const { id }: { id: number } = JSON.parse(data.toString());
        socket.send(JSON.stringify({ id, result: { userAgent: "codex-embed/0.1.0", codexHome: "/h" } }));
      });
    });
    const error = await rejection(Codex.connect(await listening(server)), LaunchError);
    expect(error).toMatchObject({ code: "VERSION_MISMATCH", message: expect.stringContaining("0.1.0") });
  });
});

describe("a connection", () => {
  test("that the server drops rejects what is pending with the cause", async () => {
    const { url } = await runtimeLike((socket) => socket.terminate());
    const codex = await connected(url, { reconnect: false });
    const error = await rejection(codex.models(), TransportClosedError);
    expect(error).toMatchObject({ maybeAccepted: true, exitCode: null, message: expect.stringContaining("code 1006") });
    expect(await codex.closed).toMatchObject({ initiator: "runtime" });
    expect(await rejection(codex.models(), TransportClosedError)).toMatchObject({ maybeAccepted: false });
  });

  test("whose other side has vanished is given up after the time of two pings", async () => {
    verifies("pings");
    const { url, sockets } = await runtimeLike();
    const codex = await connected(url, { pingIntervalMs: 60, reconnect: false });
    const pending = rejection(codex.models(), TransportClosedError);
    for (const socket of sockets) socket.pause();
    expect((await pending).message).toContain("nothing was heard for 60 ms");
  });

  test("that is quiet but alive stays", async () => {
    const { url, sockets } = await runtimeLike((socket, { id }) =>
      socket.send(JSON.stringify({ id, result: { data: [], nextCursor: null } })),
    );
    const codex = await connected(url, { pingIntervalMs: 100 });
    let pings = 0;
    await new Promise<void>((resolve) => {
      sockets[0]?.on("ping", () => {
        pings += 1;
        if (pings === 4) resolve();
      });
    });
    expect(await codex.models()).toEqual([]);
  });

  test("is not given up because this program was busy for longer than that", async () => {
    const { url, sockets } = await runtimeLike((socket, { id }) => {
      socket.send(JSON.stringify({ id, result: { data: [], nextCursor: null } }));
    });
    const codex = await connected(url, { pingIntervalMs: 50 });
    let pings = 0;
    await new Promise<void>((resolve) => {
      sockets[0]?.on("ping", () => {
        pings += 1;
        // The pong is under way; while this program is busy, the time in which it should have come passes.
        const awake = performance.now() + 300;
        while (pings === 1 && performance.now() < awake);
        if (pings === 3) resolve();
      });
      sockets[0]?.once("close", () => resolve());
    });
    expect(await codex.models()).toEqual([]);
  });

  test("whose threads are being taken up again closes at once", { timeout: 10_000 }, async () => {
    let resumed = (): void => {};
    const asked = new Promise<void>((resolve) => (resumed = resolve));
    const { url } = await runtimeLike((socket, { id, method }) => {
      if (method === "thread/start")
        socket.send(JSON.stringify({ id, result: { thread: { id: "t" }, cwd: "/", sandbox: { type: "readOnly" } } }));
      else if (method === "turn/start")
        socket.send(JSON.stringify({ id, result: { turn: { id: "u", items: [], status: "inProgress" } } }));
      else if (method === "thread/resume") resumed();
      else if (method === "model/list") socket.terminate();
      else socket.send(JSON.stringify({ id, result: {} }));
    });
    const codex = await Codex.connect(url, { reconnect: { initialDelayMs: 1 } });
    const turn = await (await codex.startThread()).startTurn("x");
    const cut = rejection(turn.result(), TransportClosedError);
    const pending = rejection(codex.models(), TransportClosedError);
    await asked;
    await codex.close();
    expect((await pending).message).toContain("client was closed");
    await cut;
  });

  test("whose server hangs while threads are taken up again ends after giveUpAfterMs", async () => {
    const { url, sockets } = await runtimeLike((socket, { id, method }) => {
      if (method === "thread/start") {
        socket.send(JSON.stringify({ id, result: { thread: { id: "t" }, cwd: "/", sandbox: { type: "readOnly" } } }));
      } else if (method === "turn/start") {
        socket.send(JSON.stringify({ id, result: { turn: { id: "u", items: [], status: "inProgress" } } }));
        socket.terminate();
      }
    });
    const codex = await connected(url, { reconnect: { initialDelayMs: 1, giveUpAfterMs: 500 } });
    const turn = await (await codex.startThread()).startTurn("x");
    await rejection(turn.result(), TransportClosedError);
    expect(codex.status).toBe("closed");
    for (const socket of sockets) if (socket.readyState !== socket.CLOSED) await once(socket, "close");
  });

  test("takes no message over maxFrameBytes, and says so", async () => {
    const { url } = await runtimeLike((socket, { id }) => {
      socket.send(JSON.stringify({ id, result: { data: "x".repeat(10_000) } }));
    });
    const codex = await connected(url, { maxFrameBytes: 5_000, reconnect: false });
    const error = await rejection(codex.models(), TransportClosedError);
    expect(error.cause).toBeInstanceOf(FrameTooLargeError);
    expect(error.message).toContain("5000 bytes");
  });

  test("sends nothing that the runtime would drop it for: neither a request nor an answer", async () => {
    const received: number[] = [];
    const { url, sockets } = await runtimeLike((socket, { id }) => {
      received.push(id);
      socket.send(JSON.stringify({ id, result: { data: [], nextCursor: null } }));
    });
    const large = "ä".repeat(9 * 1024 * 1024);
    const codex = await connected(url, { handlers: { generateAttestation: () => large } });
    const refused = await rejection(codex.request("fs/readFile", { path: large }), FrameTooLargeError);
    expect(refused).toMatchObject({ outgoing: true, message: expect.stringContaining("fs/readFile was not sent") });
    const answered = new Promise<unknown>((resolve) => {
      sockets[0]?.on("message", (data: Buffer) => {
        const message: { id?: unknown } = JSON.parse(data.toString());
        if (message.id === "ask") resolve(message);
      });
    });
    sockets[0]?.send(JSON.stringify({ id: "ask", method: "attestation/generate", params: {} }));
    expect(await answered).toMatchObject({ id: "ask", error: { message: expect.stringContaining("too large") } });
    expect(received).toEqual([]);
    expect(await codex.models()).toEqual([]);
  });

  test("skips frames that are no message: binary, not JSON, half a message", async () => {
    const { url } = await runtimeLike((socket, { id }) => {
      socket.send(Buffer.from(JSON.stringify({ id, result: { data: "binary" } })));
      socket.send("not JSON");
      socket.send(`{"id":${id}`);
      socket.send(JSON.stringify({ id, result: { data: [], nextCursor: null } }));
    });
    const codex = await connected(url);
    expect(await codex.models()).toEqual([]);
  });

  test("closes at once, twice, and when the server does not close in turn", async () => {
    const { url, sockets } = await runtimeLike();
    const codex = await Codex.connect(url);
    sockets[0]?.pause();
    await Promise.all([codex.close(), codex.close()]);
    expect(await codex.closed).toMatchObject({ initiator: "client" });
  });
});
