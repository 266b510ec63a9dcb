/** A proxy on the loopback that stands between a client and a runtime, and can fail as networks do. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A proxy to a server at `ws://…` or `unix://…`. */
export class Proxy implements AsyncDisposable {
  /** The address to connect to in place of the server's. */
  readonly url: string;
  /** The server that is reached at present. */
  target: string;
  /** How many connections were made through it. */
  connections = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isDown = false;
  #piecesLeft = Number.POSITIVE_INFINITY;
  #onConnection: () => void = () => {};

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.target = target;
    this.url = addressOf(server);
    server.on("connection", (socket: Socket) => this.#pair(socket));
  }

  /** Listens on a free port of the loopback, or on a unix socket at the path. */
  static async to(target: string, socketPath?: string): Promise<Proxy> {
    const server = createServer();
    if (socketPath === undefined) server.listen(0, "127.0.0.1");
    else server.listen(socketPath);
    await once(server, "listening");
    return new Proxy(server, target);
  }

  /** Breaks all connections off; new ones are let through. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) reset(socket);
  }

  /** Breaks all connections off once the server has sent so many more pieces; the piece that it happens at is lost. */
  cutAfter(pieces: number): void {
    this.#piecesLeft = pieces;
  }

  /** Breaks all connections off, and every new one, until `up` is called. */
  down(): void {
    this.#isDown = true;
    this.cut();
  }

  up(): void {
    this.#isDown = false;
  }

  /** Lets nothing more through on the connections there are, without a sign of it. */
  freeze(): void {
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        socket.unpipe();
        socket.pause();
      }
    }
  }

  /** As `freeze`, but what the client sends still arrives. */
  freezeAnswers(): void {
    for (const [, server] of this.#pairs) {
      server.unpipe();
      server.pause();
    }
  }

  /** Resolves when the next connection is tried. */
  nextConnection(): Promise<void> {
    return new Promise((resolve) => {
      this.#onConnection = resolve;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.down();
    this.#server.close();
    await once(this.#server, "close");
  }

  #pair(client: Socket): void {
    this.connections += 1;
    this.#onConnection();
    client.on("error", () => {});
    if (this.#isDown) {
      reset(client);
      return;
    }
    const server = connect(
      this.target.startsWith("unix://")
        ? { path: this.target.slice("unix://".length) }
        : { host: "127.0.0.1", port: Number(new URL(this.target).port) },
    );
    server.on("error", () => client.destroy());
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    // Before `pipe`, so that the piece is not passed on.
    server.on("data", () => {
      this.#piecesLeft -= 1;
      if (this.#piecesLeft >= 0) return;
      this.#piecesLeft = Number.POSITIVE_INFINITY;
      this.cut();
    });
    client.pipe(server);
    server.pipe(client);
    for (const socket of pair) {
      socket.on("close", () => {
        this.#pairs.delete(pair);
        for (const each of pair) each.destroy();
      });
    }
  }
}

function addressOf(server: Server): string {
  const address: AddressInfo | string | null = server.address();
  if (address === null) throw new Error("The proxy does not listen.");
  return typeof address === "string" ? `unix://${address}` : `ws://127.0.0.1:${address.port}`;
}

/** A unix socket knows no reset: for its other side, its end is the same. */
function reset(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
