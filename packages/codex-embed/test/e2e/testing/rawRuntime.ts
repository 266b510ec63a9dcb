/** A bare `codex app-server` process that speaks JSON lines, to test the kit without the SDK. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { locateRuntime } from "../../../src/process/locate.js";
import type { TestHome } from "../../../src/testing/index.js";

/** Any JSON object. */
export type Json = Record<string, unknown>;

/** A notification or a request of the runtime. */
export interface Incoming {
  readonly id?: number;
  readonly method: string;
  readonly params: Json;
}

/** The end of a turn and all that was announced on the way. */
export interface FinishedTurn {
  readonly status: unknown;
  readonly error: Json | null;
  readonly events: readonly Incoming[];
}

/** A running runtime. */
export class RawRuntime {
  readonly events: Incoming[] = [];
  stderr = "";
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<unknown>;
  readonly #replies = new Map<number, (reply: Json) => void>();
  readonly #watchers = new Set<() => void>();
  #nextId = 0;
  #gone = false;

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#exited = once(child, "close").then(() => {
      this.#gone = true;
      for (const watcher of this.#watchers) watcher();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    child.stdin.on("error", () => {});
    createInterface({ input: child.stdout }).on("line", (line) => this.#receive(line));
  }

  static async start(home: TestHome, args: readonly string[] = []): Promise<RawRuntime> {
    const child = spawn(locateRuntime({ env: home.env }).path, ["app-server", ...args], {
      cwd: home.workspace,
      env: home.env,
    });
    const runtime = new RawRuntime(child);
    await once(child, "spawn");
    await runtime.call("initialize", {
      clientInfo: { name: "testing-kit", version: "0" },
      capabilities: { experimentalApi: true },
    });
    return runtime;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async call(method: string, params: Json): Promise<Json> {
    const id = this.#nextId++;
    const reply = await new Promise<Json>((resolve, reject) => {
      this.#replies.set(id, resolve);
      void this.#exited.then(() => reject(new Error(`${method}: the runtime is gone. stderr: ${this.stderr}`)));
      this.#child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
    });
    if (reply["error"] !== undefined) throw new Error(`${method}: ${JSON.stringify(reply["error"])}`);
    return asObject(reply["result"]);
  }

  answer(id: number, result: Json): void {
    this.#child.stdin.write(`${JSON.stringify({ id, result })}\n`);
  }

  async startThread(params: Json = {}): Promise<string> {
    const { thread } = await this.call("thread/start", { ephemeral: true, ...params });
    return String(asObject(thread)["id"]);
  }

  async startTurn(threadId: string, text: string, params: Json = {}): Promise<string> {
    const { turn } = await this.call("turn/start", { threadId, input: [{ type: "text", text }], ...params });
    return String(asObject(turn)["id"]);
  }

  /** Runs one turn to its end, on a fresh thread unless one is given. */
  async run(text: string, options: { threadId?: string; turn?: Json; thread?: Json } = {}): Promise<FinishedTurn> {
    const threadId = options.threadId ?? (await this.startThread(options.thread));
    const turnId = await this.startTurn(threadId, text, options.turn);
    return this.finish(turnId);
  }

  /** Waits for the end of a turn. */
  async finish(turnId: string): Promise<FinishedTurn> {
    const last = await this.until(
      ({ method, params }) => method === "turn/completed" && asObject(params["turn"])["id"] === turnId,
    );
    const turn = asObject(last.params["turn"]);
    const events = this.events.filter(({ params }) => params["turnId"] === turnId);
    return { status: turn["status"], error: turn["error"] === null ? null : asObject(turn["error"]), events };
  }

  /** Waits for an event, of the past or of the future. */
  async until(wanted: (event: Incoming) => boolean): Promise<Incoming> {
    for (;;) {
      const found = this.events.find(wanted);
      if (found !== undefined) return found;
      if (this.#gone) throw new Error(`The runtime is gone. stderr: ${this.stderr}`);
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#exited;
  }

  #receive(line: string): void {
    const received = asObject(JSON.parse(line));
    const { id, method, params } = received;
    if (typeof method === "string") {
      this.events.push({ method, params: asObject(params), ...(typeof id === "number" && { id }) });
      for (const watcher of this.#watchers) watcher();
    } else if (typeof id === "number") {
      this.#replies.get(id)?.(received);
      this.#replies.delete(id);
    }
  }
}

/** Reads an unknown value as an object; anything else is an empty one. */
export function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** The completed items of a turn, of one type. */
export function itemsOf(turn: FinishedTurn, type: string): Json[] {
  return turn.events
    .filter(({ method }) => method === "item/completed")
    .map(({ params }) => asObject(params["item"]))
    .filter((item) => item["type"] === type);
}
