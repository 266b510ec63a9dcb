/** Tests that connecting has one limit in time, whatever a server does: silence, drips, floods, and hangs later on. */

import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Codex, LaunchError, type SpawnedProcess, TransportClosedError } from "codex-embed";
import { afterEach, describe, expect, test } from "vitest";
import { RUNTIME_VERSION } from "../../src/protocol/generated/tables.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
});

/** Writes a piece again and again, faster than any idle limit, until the socket is gone. */
function drip(socket: Socket, piece: string | Buffer = "a"): void {
  const dripping = setInterval(() => socket.write(piece), 20);
  socket.once("close", () => clearInterval(dripping));
}

/** Answers the upgrade as RFC 6455 asks. */
function upgrade(socket: Socket, head: string): void {
  const key = /sec-websocket-key: (.*)\r\n/i.exec(head)?.[1] ?? "";
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

/** An unmasked text frame of less than 64 KiB. */
function frame(message: object): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  const head = Buffer.from([0x81, 126, 0, 0]);
  head.writeUInt16BE(text.length, 2);
  return Buffer.concat([head, text]);
}

/** How a server misbehaves; `head` is the upgrade request. */
type Behaviour = (socket: Socket, head: string) => void;

const BEHAVIOURS: Readonly<Record<string, readonly [code: string, Behaviour]>> = {
  "says nothing": ["CONNECT_FAILED", () => {}],
  "stops within the status line": ["CONNECT_FAILED", (socket) => socket.write("HTTP/1.1 101 Switching")],
  "drips headers": [
    "CONNECT_FAILED",
    (socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nX: ");
      drip(socket);
    },
  ],
  "drips informational answers": ["CONNECT_FAILED", (socket) => drip(socket, "HTTP/1.1 102 Processing\r\n\r\n")],
  "drips the body of a refusal": [
    "UNAUTHORIZED",
    (socket) => {
      socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4000\r\n\r\n");
      drip(socket);
    },
  ],
  "upgrades and says nothing": ["HANDSHAKE_FAILED", upgrade],
  "upgrades and drips a frame": [
    "HANDSHAKE_FAILED",
    (socket, head) => {
      upgrade(socket, head);
      socket.write(Buffer.from([0x81, 126, 0xff, 0xff]));
      drip(socket);
    },
  ],
  "upgrades and floods notifications": [
    "HANDSHAKE_FAILED",
    (socket, head) => {
      upgrade(socket, head);
      drip(socket, frame({ method: "configWarning", params: { summary: "x" } }));
    },
  ],
};

interface SlowServer {
  readonly url: string;
  /** Settles when the connection of a client is gone. */
  readonly dropped: Promise<unknown>;
}

async function slowServer(kind: "ws" | "wss" | "unix", behaviour: Behaviour): Promise<SlowServer> {
  const server = createServer();
  const sockets = new Set<Socket>();
  const dropped = new Promise((resolve) => server.once("connection", (socket) => socket.once("close", resolve)));
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", (head: Buffer) => {
      socket.resume();
      behaviour(socket, head.toString("latin1"));
    });
  });
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: await listen(server, kind), dropped };
}

async function listen(server: Server, kind: "ws" | "wss" | "unix"): Promise<string> {
  if (kind !== "unix") {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("The server has no port.");
    return `${kind}://127.0.0.1:${address.port}`;
  }
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-slow-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "s.sock");
  server.listen(path);
  await once(server, "listening");
  return `unix://${path}`;
}

describe.each(["ws", "unix"] as const)("startupTimeoutMs over %s:// ends a start with a server that", (kind) => {
  test.each(Object.entries(BEHAVIOURS))("%s", async (_, [code, behaviour]) => {
    verifies("timeouts-against-servers");
    const { url, dropped } = await slowServer(kind, behaviour);
    const error = await rejection(Codex.connect(url, { startupTimeoutMs: 250 }), LaunchError);
    expect(error.code).toBe(code);
    if (code !== "UNAUTHORIZED") expect(error.message).toContain("within startupTimeoutMs (250 ms)");
    await dropped;
  });
});

test("startupTimeoutMs ends a start with a server that does not speak TLS", async () => {
  const { url, dropped } = await slowServer("wss", () => {});
  const error = await rejection(Codex.connect(url, { startupTimeoutMs: 250 }), LaunchError);
  expect(error).toMatchObject({
    code: "CONNECT_FAILED",
    message: expect.stringContaining("startupTimeoutMs (250 ms)"),
  });
  await dropped;
});

test("startupTimeoutMs ends a start whose spawn never runs, and kills what it made", async () => {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: null };
  const killed: string[] = [];
  const process: SpawnedProcess = Object.assign(new EventEmitter(), streams, {
    kill: (signal: string) => void killed.push(signal),
  });
  const error = await rejection(Codex.launch({ spawn: () => process, startupTimeoutMs: 100 }), LaunchError);
  expect(error).toMatchObject({ code: "SPAWN_FAILED", message: expect.stringContaining("startupTimeoutMs (100 ms)") });
  expect(killed).toEqual(["SIGKILL"]);
});

test.each([0, -1, Number.NaN])("startupTimeoutMs %d is refused", (startupTimeoutMs) => {
  expect(() => new Codex({ startupTimeoutMs })).toThrow("startupTimeoutMs is");
});

/** A server that behaves as a runtime on its first connection, and as told on all others. */
async function turnsSlow(kind: "ws" | "unix", later: Behaviour) {
  const connections: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const { url } = await slowServer(kind, (socket, head) => {
    connections.push(socket);
    if (connections.length > 1) {
      later(socket, head);
      for (const resolve of waiting.splice(0)) resolve(socket);
      return;
    }
    upgrade(socket, head);
    // The first frame of the client is its initialize, with id 0.
    const userAgent = `codex-embed/${RUNTIME_VERSION}`;
    socket.once("data", () => socket.write(frame({ id: 0, result: { userAgent, codexHome: "/h" } })));
  });
  const again = new Promise<Socket>((resolve) => waiting.push(resolve));
  return { url, again, cut: () => connections[0]?.destroy() };
}

const RECONNECT = { initialDelayMs: 1, maxDelayMs: 5 };

describe.each(["ws", "unix"] as const)("a reconnect over %s:// to a server that hangs", (kind) => {
  test.each(Object.entries(BEHAVIOURS).filter(([, [code]]) => code !== "UNAUTHORIZED"))(
    "and %s ends after giveUpAfterMs",
    async (_, [, behaviour]) => {
      verifies("timeouts-against-servers");
      const server = await turnsSlow(kind, behaviour);
      const codex = await Codex.connect(server.url, { reconnect: { ...RECONNECT, giveUpAfterMs: 300 } });
      const pending = rejection(codex.models(), LaunchError);
      server.cut();
      expect((await pending).message).toContain("within reconnect.giveUpAfterMs (300 ms)");
      expect(await codex.closed).toMatchObject({
        initiator: "runtime",
        error: { message: expect.stringContaining("within reconnect.giveUpAfterMs (300 ms)") },
      });
      expect(codex.status).toBe("closed");
      await codex.close();
    },
  );

  test("leaves the callers their own limits, and close() its promptness", async () => {
    const server = await turnsSlow(kind, () => {});
    const codex = await Codex.connect(server.url, { reconnect: RECONNECT });
    server.cut();
    const hanging = await server.again;
    const dropped = new Promise((resolve) => hanging.once("close", resolve));
    const limit = new AbortController();
    const aborted = expect(codex.request("model/list", {}, { signal: limit.signal })).rejects.toThrow("enough");
    limit.abort(new Error("enough"));
    await aborted;
    const pending = rejection(codex.models(), TransportClosedError);
    await codex.close();
    await pending;
    await dropped;
  });
});
