/** A way to see what the client sends to its runtime, and to lose what comes back, by the public `spawn` option. */

import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { PassThrough, Transform } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Spawn, SpawnedProcess, SpawnRequest } from "codex-embed";

/** A message of the client. */
export interface SentMessage {
  readonly method?: string;
  readonly params?: unknown;
}

/** Records every message on its way to the runtime. */
export class Wiretap {
  readonly messages: SentMessage[] = [];
  /** Whether a message of the runtime gets lost on its way to the client. */
  loses: (message: SentMessage) => boolean = () => false;
  readonly #arrivals = new EventEmitter();
  #held: Promise<void> | null = null;

  /** Pass it as the option of the client. */
  readonly spawn: Spawn = (request) =>
    new TappedProcess(request, {
      sent: (message) => this.#record(message),
      loses: (message) => this.loses(message),
      held: () => this.#held,
    });

  /** From now on nothing arrives at the runtime until the gate is opened, as if it were stopped. */
  hold(): { open(): void } {
    let open = (): void => {};
    this.#held = new Promise((resolve) => {
      open = () => {
        this.#held = null;
        resolve();
      };
    });
    return { open: () => open() };
  }

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

interface Tap {
  sent(message: SentMessage): void;
  loses(message: SentMessage): boolean;
  held(): Promise<void> | null;
}

class TappedProcess extends EventEmitter implements SpawnedProcess {
  readonly stdin = new PassThrough();
  readonly stdout;
  readonly stderr;
  readonly #child;

  constructor(request: SpawnRequest, tap: Tap) {
    super();
    this.#child = spawn(request.command, request.args, { cwd: request.cwd, env: request.env, stdio: "pipe" });
    this.stdout = this.#child.stdout.pipe(lines((line) => (tap.loses(JSON.parse(line)) ? "" : line)));
    this.stderr = this.#child.stderr;
    this.#child.on("spawn", () => this.emit("spawn"));
    this.#child.on("error", (error) => this.emit("error", error));
    this.#child.on("exit", (exitCode, signal) => this.emit("exit", exitCode, signal));
    this.#child.stdin.on("error", () => {});
    const tapped = lines((line) => {
      tap.sent(JSON.parse(line));
      return line;
    });
    const gate = new Transform({
      transform(chunk: Buffer, _, done) {
        const pass = (): void => done(null, chunk);
        const held = tap.held();
        if (held === null) pass();
        else void held.then(pass);
      },
    });
    this.stdin.pipe(tapped).pipe(gate).pipe(this.#child.stdin);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** Passes on what becomes of each line. */
function lines(pass: (line: string) => string): Transform {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const whole = `${rest}${decoder.write(chunk)}`.split("\n");
      rest = whole.pop() ?? "";
      const passed = whole.map(pass).filter((line) => line !== "");
      done(null, passed.map((line) => `${line}\n`).join(""));
    },
  });
}
