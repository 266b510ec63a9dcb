/** Owns one running agent process and everything it started, until nothing of it is left. */

import type { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { atExit, deferred, pause } from "../util/async.js";
import type { SpawnRequest } from "./launch.js";
import { type Orphans, ProcessTree } from "./processTree.js";
import { isLocalChild, type Spawn, type SpawnedProcess, spawnFailure, spawnProcess } from "./spawn.js";
import { StderrTail } from "./stderr.js";

export type { Orphans } from "./processTree.js";
export type { Spawn, SpawnedProcess } from "./spawn.js";

/** How a process ended. */
export interface ProcessExit {
  /** Null when it died by a signal, or its end was not seen. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What went wrong, when the process did not simply exit. */
  readonly error?: Error;
}

/** How long the polite phases of an ending last. */
export interface GraceOptions {
  /** Between the end of stdin, SIGTERM and SIGKILL, each. Default: 2000. */
  readonly graceMs?: number | undefined;
}

/** What {@link AgentProcess.start} goes by, besides the request. */
export interface AgentProcessOptions extends GraceOptions {
  /** Starts the process in another way than as a plain child. */
  readonly spawn?: Spawn | undefined;
  /** Gets what the process writes to stderr, as it comes and unredacted. What it throws is ignored. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** How long output that was written before the exit may still be read afterwards. Default: 1000. */
  readonly drainMs?: number | undefined;
}

const DEFAULT_GRACE_MS = 2_000;
const DEFAULT_DRAIN_MS = 1_000;
/** A killed process can linger only while the system holds it in an uninterruptible call. */
const KILL_WAIT_MS = 5_000;

/** A running process, its pipes and its descendants. */
export class AgentProcess {
  /** The process id on this machine, or what a custom `spawn` gave. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process itself is gone, though descendants may still be. Never rejects. */
  readonly exited: Promise<ProcessExit>;

  readonly #child: SpawnedProcess;
  readonly #tree: ProcessTree | null;
  readonly #stderrTail = new StderrTail();
  #graceMs: number;
  readonly #drainMs: number;
  /** With what kept it from starting, or null. */
  readonly #started = deferred<Error | null>();
  readonly #exited = deferred<ProcessExit>();
  readonly #cleaned = deferred<void>();
  readonly #hurry = deferred<void>();
  #hurried = false;
  #hasExited = false;
  #ending: Promise<ProcessExit> | undefined;

  /**
   * Starts a process.
   *
   * @returns the process, once it runs.
   * @throws LaunchError with code SPAWN_FAILED and the system's error as `cause`; UsageError when the user's own `spawn`
   * returns no process.
   */
  static async start(request: SpawnRequest, options: AgentProcessOptions = {}): Promise<AgentProcess> {
    let child: SpawnedProcess;
    try {
      child = spawnProcess(request, options.spawn);
    } catch (error) {
      throw spawnFailure(request, error);
    }
    const agent = new AgentProcess(child, request.mark, options);
    const failure = await agent.#started.promise;
    if (failure === null) return agent;
    await agent.#cleaned.promise;
    throw spawnFailure(request, failure);
  }

  private constructor(child: SpawnedProcess, mark: string | undefined, options: AgentProcessOptions) {
    this.#child = child;
    this.pid = child.pid;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    this.exited = this.#exited.promise;
    this.#graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
    this.#drainMs = options.drainMs ?? DEFAULT_DRAIN_MS;
    this.#tree = isLocalChild(child) ? new ProcessTree(child.pid, mark) : null;
    const forget = atExit(() => (this.#tree === null ? this.#signalChild("SIGKILL") : this.#tree.killSync()));
    void this.#cleaned.promise.then(forget);

    // Each has its listener before the first write and keeps it, since an EPIPE may come at any time.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on("error", () => {});
    child.on("error", (error) => this.#onError(error));
    child.on("spawn", () => this.#started.resolve(null));
    child.on("exit", (exitCode, signal) => this.#onExit({ exitCode, signal }));
    if (child.pid !== undefined) this.#started.resolve(null);
    this.#readStderr(options.onStderr);
  }

  /** The last lines that the process wrote to stderr: at most 16 KiB, without colours, secrets redacted. */
  stderrTail(): string {
    return this.#stderrTail.text();
  }

  /**
   * Ends the process politely and then by force: the end of stdin, SIGTERM to the group, SIGKILL to the group and to
   * all descendants, with a grace between them. Later calls return the same.
   *
   * @returns how it ended, once the process and its known descendants are gone and the pipes are closed. Never rejects.
   */
  shutdown(options: GraceOptions = {}): Promise<ProcessExit> {
    if (this.#ending === undefined) {
      this.#graceMs = options.graceMs ?? this.#graceMs;
      this.#ending = this.#end();
    }
    return this.#ending;
  }

  /** Ends the process and its descendants by force, also in the middle of a {@link shutdown}. Otherwise the same. */
  kill(): Promise<ProcessExit> {
    this.#hurried = true;
    this.#hurry.resolve();
    return this.shutdown();
  }

  /** Kills what commands of the running process have left behind; see {@link ProcessTree.killOrphans}. Never rejects. */
  async killOrphans(orphans: Orphans): Promise<void> {
    if (!this.#hasExited) await this.#tree?.killOrphans(orphans);
  }

  async #end(): Promise<ProcessExit> {
    const exitedOrHurried = Promise.race([this.exited, this.#hurry.promise]);
    for (const step of ["stdin", "SIGTERM", "SIGKILL"] as const) {
      if (this.#hasExited) break;
      if (this.#hurried && step !== "SIGKILL") continue;
      // A descendant that outlives its parents can only be found by what was seen before they died.
      await this.#tree?.refresh();
      if (this.#hasExited) break;
      if (step === "stdin") this.stdin.end();
      else await this.#signal(step);
      if (step === "SIGKILL") await pause(KILL_WAIT_MS, this.exited);
      else await pause(this.#graceMs, exitedOrHurried);
    }
    this.#onExit({ exitCode: null, signal: null, error: new Error("The process did not exit after SIGKILL.") });
    await this.#cleaned.promise;
    return await this.exited;
  }

  #onError(error: Error): void {
    this.#started.resolve(error);
    // Of a ChildProcess that runs, an error means a signal that could not be sent, not its end.
    if (this.#tree === null) this.#onExit({ exitCode: null, signal: null, error });
  }

  #onExit(exit: ProcessExit): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#started.resolve(null);
    this.#tree?.rootExited();
    this.#exited.resolve(exit);
    this.stdin.destroy();
    void this.#cleanUp();
  }

  async #cleanUp(): Promise<void> {
    const tree = this.#tree;
    if (tree !== null && !(await tree.gone(0))) {
      if (!this.#hurried) await tree.signal("SIGTERM");
      if (this.#hurried || !(await tree.gone(this.#graceMs, this.#hurry.promise))) await tree.killAll(KILL_WAIT_MS);
    }
    await Promise.all([
      this.#drained(this.stdout),
      this.#drained(this.#child.stderr),
      closed(this.stdin, this.#drainMs),
    ]);
    // Node closes the handles at the end of a turn of the event loop, after the immediates of that turn.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    this.#cleaned.resolve();
  }

  /** Lets a reader have what is still in the pipe, within bounds, and closes it. */
  async #drained(stream: Readable | null): Promise<void> {
    if (stream === null) return;
    const hasReader = stream.readableFlowing !== null || stream.listenerCount("readable") > 0;
    if (hasReader && !stream.destroyed) await closed(stream, this.#drainMs);
    stream.destroy();
    await closed(stream, this.#drainMs);
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#tree === null) this.#signalChild(signal);
    else await this.#tree.signal(signal);
  }

  #signalChild(signal: NodeJS.Signals): void {
    try {
      this.#child.kill(signal);
    } catch {
      // A custom process may refuse; the next phase, and the bound of the last, still apply.
    }
  }

  #readStderr(onStderr: AgentProcessOptions["onStderr"]): void {
    const decoder = new StringDecoder("utf8");
    this.#child.stderr?.on("data", (chunk: Buffer | string) => {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      this.#stderrTail.push(bytes);
      const text = decoder.write(bytes);
      if (onStderr === undefined || text === "") return;
      try {
        const returned: unknown = onStderr(text);
        if (returned instanceof Promise) returned.catch(() => {});
      } catch {
        // The user's observer must not stop the draining of the pipe.
      }
    });
  }
}

async function closed(stream: Readable | Writable, timeoutMs: number): Promise<void> {
  if (!stream.closed) await pause(timeoutMs, new Promise((resolve) => stream.once("close", resolve)));
}
