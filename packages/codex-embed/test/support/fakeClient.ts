/** A client whose runtime is played by the test: everything above the transport is real. */

import { Thread } from "../../src/client/thread.js";
import { RUNTIME_VERSION } from "../../src/protocol/generated/tables.js";
import type { ClientOptions } from "../../src/runtime/options.js";
import { Runtime } from "../../src/runtime/runtime.js";
import { FakeTransport } from "./fakeTransport.js";

/** Lets everything that is already settled be delivered. */
export const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A connected client and the other end of its connection. */
export class FakeClient {
  readonly transport = new FakeTransport();
  readonly diagnostics: string[] = [];
  readonly runtime: Runtime;

  private constructor(options: ClientOptions) {
    const log = (_: object, message: string) => void this.diagnostics.push(message);
    this.runtime = new Runtime(
      { logger: { debug: log, info: () => {}, warn: () => {}, error: () => {} }, ...options },
      {
        recovery: null,
        cwd: "/",
        sharesFiles: false,
        open: async () => ({ transport: this.transport, codexBin: null, stderrTail: () => "", killOrphans: null }),
      },
    );
  }

  /** Connects, with the handshake done. */
  static async connect(options: ClientOptions = {}): Promise<FakeClient> {
    const client = new FakeClient(options);
    const start = client.runtime.start();
    const metadata = {
      userAgent: `fake/${RUNTIME_VERSION} (test)`,
      codexHome: "/",
      platformFamily: "",
      platformOs: "",
    };
    await client.reply("initialize", metadata);
    await start;
    return client;
  }

  /** Starts a thread of this id. */
  async thread(id: string): Promise<Thread> {
    const started = Thread.start(this.runtime, {});
    await this.reply("account/read", { account: null, requiresOpenaiAuth: false });
    await this.reply("thread/start", { thread: { id }, cwd: "/", model: "m", modelProvider: "p" });
    return started;
  }

  /** Waits until the client has sent its newest request of a method, and gives its id. */
  async requestId(method: string): Promise<unknown> {
    for (;;) {
      const sent = this.transport.sent.findLast((message) => message.method === method);
      if (sent !== undefined) return sent.id;
      await turnOfTheLoop();
    }
  }

  async reply(method: string, result: unknown): Promise<void> {
    this.transport.receive({ id: await this.requestId(method), result });
  }
}
