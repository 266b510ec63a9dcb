/** Owns a way to see what the client sends to its runtime, by the public `spawn` option. */

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { PassThrough } from "node:stream";
import type { Spawn, SpawnedProcess, SpawnRequest } from "codex-embed";

/** A message of the client. */
export interface SentMessage {
  readonly method?: string;
  readonly params?: unknown;
}

/** Records every message on its way to the runtime. */
export class Wiretap {
  readonly messages: SentMessage[] = [];
  readonly #arrivals = new EventEmitter();

  /** Pass it as the option of the client. */
  readonly spawn: Spawn = (request) => new TappedProcess(request, (message) => this.#record(message));

  /** The messages of one method, in order. */
  sent(method: string): SentMessage[] {
    return this.messages.filter((message) => message.method === method);
  }

  /** Resolves when the next message of a method has been sent. */
  async next(method: string): Promise<void> {
    await once(this.#arrivals, method);
  }

  #record(message: SentMessage): void {
    this.messages.push(message);
    if (message.method !== undefined) this.#arrivals.emit(message.method);
  }
}

class TappedProcess extends EventEmitter implements SpawnedProcess {
  readonly stdin = new PassThrough();
  readonly stdout;
  readonly stderr;
  readonly #child;

  constructor(request: SpawnRequest, onMessage: (message: SentMessage) => void) {
    super();
    this.#child = spawn(request.command, request.args, { cwd: request.cwd, env: request.env, stdio: "pipe" });
    this.stdout = this.#child.stdout;
    this.stderr = this.#child.stderr;
    this.#child.on("spawn", () => this.emit("spawn"));
    this.#child.on("error", (error) => this.emit("error", error));
    this.#child.on("exit", (exitCode, signal) => this.emit("exit", exitCode, signal));
    this.#child.stdin.on("error", () => {});
    let rest = "";
    this.stdin.setEncoding("utf8").on("data", (text: string) => {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onMessage(JSON.parse(line));
    });
    this.stdin.pipe(this.#child.stdin);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
