import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

interface Call {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Turn {
  text: string | null;
  end(text: string | null): void;
}

/** What it reads of a line. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { threadId: string; item?: { type: string; text?: string } };
  readonly result?: unknown;
  readonly error?: unknown;
}

const LINE_FEED = 0x0a;

/** The least that can talk to the runtime, to compare with. It has no timeouts, limits, signals, errors or readers. */
export class Handwritten {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #calls = new Map<number, Call>();
  readonly #turns = new Map<string, Turn>();
  #rest: Buffer = Buffer.alloc(0);
  #nextId = 0;

  private constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>, cwd?: string) {
    this.#child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "ignore"] });
    this.#child.stdout.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  /** Starts the process and does the handshake. */
  static async start(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    cwd?: string,
  ): Promise<Handwritten> {
    const client = new Handwritten(command, args, env, cwd);
    const clientInfo = { name: "handwritten", title: null, version: "1" };
    await client.request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
    client.#send({ method: "initialized" });
    return client;
  }

  request(method: string, params: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#calls.set(id, { resolve, reject });
      this.#send({ method, id, params });
    });
  }

  /** Starts a thread as `codex.startThread()` does; gives its id. */
  async startThread(options: { ephemeral?: boolean } = {}): Promise<string> {
    const approval = { approvalPolicy: "on-request", approvalsReviewer: "auto_review" };
    const { thread }: { thread?: { id: string } } = Object(
      await this.request("thread/start", { ...options, ...approval }),
    );
    if (thread === undefined) throw new Error("The reply has no thread.");
    return thread.id;
  }

  /** Runs a turn; gives the answer. */
  async run(threadId: string, text: string): Promise<string | null> {
    const ended = new Promise<string | null>((end) => this.#turns.set(threadId, { text: null, end }));
    await this.request("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] });
    return ended;
  }

  async close(): Promise<void> {
    const gone = once(this.#child, "close");
    this.#child.stdin.end();
    await gone;
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, start)) {
      this.#take(JSON.parse(bytes.toString("utf8", start, end)));
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
  }

  #take({ id, method, params, result, error }: Message): void {
    if (method === undefined) {
      const call = this.#calls.get(id ?? -1);
      this.#calls.delete(id ?? -1);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(JSON.stringify(error)));
      return;
    }
    const turn = params === undefined ? undefined : this.#turns.get(params.threadId);
    if (turn === undefined || params === undefined) return;
    if (method === "item/completed" && params.item?.type === "agentMessage") turn.text = params.item.text ?? null;
    if (method !== "turn/completed") return;
    this.#turns.delete(params.threadId);
    turn.end(turn.text);
  }
}
