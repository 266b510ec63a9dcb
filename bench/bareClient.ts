/** Owns the least that can talk to the runtime: the time that it takes is the runtime's own. */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { createInterface } from "node:readline";

/** What it reads of a message. */
export interface BareMessage {
  readonly id?: number;
  readonly method?: string;
  readonly result?: { readonly thread?: { readonly id: string } };
}

/** A process that is started, greeted and spoken to. */
export class BareClient {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Set<(message: BareMessage) => void>();
  #nextId = 0;

  private constructor(command: string, env: Readonly<Record<string, string>>, cwd: string) {
    this.#child = spawn(command, ["app-server"], { cwd, env, stdio: ["pipe", "pipe", "ignore"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const message: BareMessage = JSON.parse(line);
      for (const take of this.#waiting) take(message);
    });
  }

  /** Starts the process; resolves after the handshake. */
  static async start(command: string, env: Readonly<Record<string, string>>, cwd: string): Promise<BareClient> {
    const client = new BareClient(command, env, cwd);
    const clientInfo = { name: "bare", title: null, version: "1" };
    await client.request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
    client.#send({ method: "initialized" });
    return client;
  }

  /** Resolves with the answer. */
  request(method: string, params: object): Promise<BareMessage> {
    const id = this.#nextId++;
    const answer = this.next((message) => message.id === id && message.method === undefined);
    this.#send({ method, id, params });
    return answer;
  }

  /** Sends a request whose answer nobody waits for. */
  tell(method: string, params: object): void {
    this.#send({ method, id: this.#nextId++, params });
  }

  /** Resolves with the next such message. */
  next(isIt: (message: BareMessage) => boolean): Promise<BareMessage> {
    return new Promise((resolve) => {
      const take = (message: BareMessage): void => {
        if (!isIt(message)) return;
        this.#waiting.delete(take);
        resolve(message);
      };
      this.#waiting.add(take);
    });
  }

  async close(): Promise<void> {
    const gone = once(this.#child, "close");
    this.#child.stdin.end();
    await gone;
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }
}
