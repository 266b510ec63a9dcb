import { ChildProcess, spawn as spawnChild } from "node:child_process";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { type CodexError, messageOf, UsageError } from "../errors/base.js";
import { LaunchError } from "../errors/connection.js";
import { atExit, deferred, pause, withLimits } from "../util/async.js";
import type { SpawnRequest } from "./launch.js";
import { type Orphans, ProcessTree } from "./processTree.js";
import { StderrTail } from "./stderr.js";

/**
 * A started process, as a custom `spawn` returns it. Node's `ChildProcess` is one. A process without a `pid` must emit
 * `spawn` once it runs. Every process emits `exit` once; one that is no `ChildProcess` may emit `error` instead.
 */
export interface SpawnedProcess {
  readonly pid?: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable | null;
  kill(signal: NodeJS.Signals): unknown;
  on(event: "spawn", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "exit", listener: (exitCode: number | null, signal: NodeJS.Signals | null) => void): unknown;
}

/** Starts the process in a custom way: in a container, over SSH, under a wrapper. */
export type Spawn = (request: SpawnRequest) => SpawnedProcess;

/** Starts a child that leads its own process group, on systems with process groups. */
export function spawnDetached(request: SpawnRequest): SpawnedProcess {
  return spawnChild(request.command, request.args, {
    cwd: request.cwd,
    env: request.env,
    stdio: ["pipe", "pipe", "pipe"],
    // On Windows this would open a console window instead.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
}

/** Starts the process, with the custom `spawn` if there is one. Throws `UsageError` when that returns no process. */
function spawnProcess(request: SpawnRequest, spawn: Spawn | undefined): SpawnedProcess {
  if (spawn === undefined) return withPipes(spawnDetached(request));
  if (typeof spawn !== "function") throw new UsageError(`spawn must be a function, but is of type ${typeof spawn}.`);
  const child = withPipes(spawn(request));
  const missing = missingOf(child);
  if (missing === null) return child;
  killIfAny(child);
  throw new UsageError(
    `spawn returned ${missing}. Return the process that node:child_process.spawn() returns, with pipes for stdin and stdout.`,
  );
}

/** Without file descriptors left, Node gives a child no pipes and emits the error later. Until then these stand in. */
function withPipes(child: SpawnedProcess): SpawnedProcess {
  if (!(child instanceof ChildProcess) || child.pid !== undefined || child.stdio !== undefined) return child;
  return Object.assign(child, { stdin: new PassThrough(), stdout: new PassThrough(), stderr: null });
}

/** Why a value is no process, or null when it is one. */
function missingOf(child: unknown): string | null {
  if (child === null || typeof child !== "object") return child === null ? "null" : `a value of type ${typeof child}`;
  if ("then" in child && typeof child.then === "function") return "a promise";
  const has = (name: string, method: string): boolean => hasMethod(Reflect.get(child, name), method);
  const missing = [
    ...(has("stdin", "write") ? [] : ["stdin"]),
    ...(has("stdout", "on") ? [] : ["stdout"]),
    // A process without stderr writes nothing there.
    ...(Reflect.get(child, "stderr") === null || has("stderr", "on") ? [] : ["stderr"]),
    ...["on", "kill"].filter((name) => !hasMethod(child, name)),
  ];
  return missing.length === 0 ? null : `an object without ${missing.join(", ")}`;
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function";
}

/** Kills a process that nothing can talk to, so that it does not keep running. */
function killIfAny(child: SpawnedProcess): void {
  try {
    if (hasMethod(child, "kill")) child.kill("SIGKILL");
  } catch {
    // The caller reports the process anyway.
  }
}

/** Whether the `pid` of the process belongs to this machine, so that its tree can be read. */
function isLocalChild(child: SpawnedProcess): child is SpawnedProcess & { readonly pid: number } {
  return child instanceof ChildProcess && child.pid !== undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "the file, or the interpreter or loader that it names, does not exist",
  EACCES: "it is not executable (run chmod +x), or its file system is mounted noexec",
  EPERM: "the system does not permit it",
  ENOEXEC: "it is not an executable for this platform and architecture",
  E2BIG: "its arguments and environment are too large; move settings to config.toml in the codexHome",
  ENOMEM: "there is not enough memory",
  EAGAIN: "there are too many processes",
  EMFILE: "this program has too many open files; close some, or raise its limit (ulimit -n)",
  ENFILE: "the system has too many open files",
  ETXTBSY: "the file is being written to",
};

/** The error of a process that could not be started, with the system's error as `cause`. A `UsageError` stays as it is. */
function spawnFailure(request: SpawnRequest, cause: unknown): CodexError {
  if (UsageError.isInstance(cause)) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  const known = code === undefined ? undefined : REASONS[code];
  const message = messageOf(cause);
  const why = known === undefined ? message : `${known} (${code})`;
  const advice = code === "ENOENT" ? ". Check that path and the working directory" : "";
  return new LaunchError("SPAWN_FAILED", `${request.command} could not be started: ${why}${advice}`, { cause });
}

/** How a process ended. */
export interface ProcessExit {
  /** Null when a signal ended it, or its exit was not observed. */
  readonly exitCode: number | null;
  /** The signal that ended it, or null. */
  readonly signal: NodeJS.Signals | null;
  /** What went wrong, when the process did not simply exit. */
  readonly error?: Error;
}

/** How long a polite shutdown waits. */
export interface GraceOptions {
  /** Milliseconds between the end of stdin, SIGTERM and SIGKILL, each. Default 2000. */
  readonly graceMs?: number | undefined;
}

/** Options of {@link AgentProcess.start}. */
export interface AgentProcessOptions extends GraceOptions {
  /** Starts the process in a custom way. Default: as a child process. */
  readonly spawn?: Spawn | undefined;
  /** Called with stderr output as it arrives, unredacted. Its exceptions are ignored. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** Milliseconds after the exit in which buffered output may still be read. Default 1000. */
  readonly drainMs?: number | undefined;
}

const DEFAULT_GRACE_MS = 2_000;
const DEFAULT_DRAIN_MS = 1_000;
/** A killed process lingers only while the system holds it in an uninterruptible call. */
const KILL_WAIT_MS = 5_000;

/** A running process, its pipes and its descendants. */
export class AgentProcess {
  /** The process id on this machine, or the one that a custom `spawn` returned. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process itself has exited; descendants may still run. Never rejects. */
  readonly exited: Promise<ProcessExit>;

  readonly #child: SpawnedProcess;
  readonly #tree: ProcessTree | null;
  readonly #stderrTail = new StderrTail();
  #graceMs: number;
  readonly #drainMs: number;
  /** Resolves with the error that prevented the start, or null. */
  readonly #started = deferred<Error | null>();
  readonly #exited = deferred<ProcessExit>();
  readonly #cleaned = deferred<void>();
  readonly #hurry = deferred<void>();
  #hurried = false;
  #hasExited = false;
  #ending: Promise<ProcessExit> | undefined;

  /**
   * Starts a process. Resolves once it runs.
   *
   * @throws LaunchError `SPAWN_FAILED` with the system's error as `cause`; UsageError when a custom `spawn` returns no
   * process.
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

    // Added before the first write and never removed, because an EPIPE may come at any time.
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on("error", () => {});
    child.on("error", (error) => this.#onError(error));
    child.on("spawn", () => this.#started.resolve(null));
    child.on("exit", (exitCode, signal) => this.#onExit({ exitCode, signal }));
    if (child.pid !== undefined) this.#started.resolve(null);
    this.#readStderr(options.onStderr);
  }

  /** The last stderr output: at most 16 KiB of whole lines, without colours, secrets redacted. */
  stderrTail(): string {
    return this.#stderrTail.text();
  }

  /**
   * Ends the process politely, then by force: the end of stdin, SIGTERM to the group, SIGKILL to the group and to all
   * descendants, `graceMs` apart. Later calls return the same promise.
   *
   * Resolves with how the process ended, once it and its known descendants are gone and the pipes are closed. Never rejects.
   */
  shutdown(options: GraceOptions = {}): Promise<ProcessExit> {
    if (this.#ending === undefined) {
      this.#graceMs = options.graceMs ?? this.#graceMs;
      this.#ending = this.#end();
    }
    return this.#ending;
  }

  /**
   * Interrupts the process alone, as Ctrl-C does, and resolves when it has exited, or after the grace period. Never
   * rejects. Windows has no such signal: the process is killed there.
   */
  async interrupt(): Promise<void> {
    if (this.#hasExited) return;
    this.#signalChild("SIGINT");
    await pause(this.#graceMs, this.exited);
  }

  /** Ends the process and its descendants by force, also during a {@link shutdown}. Settles as that does. */
  kill(): Promise<ProcessExit> {
    this.#hurried = true;
    this.#hurry.resolve();
    return this.shutdown();
  }

  /** Kills what commands of the running process left behind; see {@link ProcessTree.killOrphans}. Never rejects. */
  async killOrphans(orphans: Orphans): Promise<void> {
    if (!this.#hasExited) await this.#tree?.killOrphans(orphans);
  }

  async #end(): Promise<ProcessExit> {
    const exitedOrHurried = Promise.race([this.exited, this.#hurry.promise]);
    for (const step of ["stdin", "SIGTERM", "SIGKILL"] as const) {
      if (this.#hasExited) break;
      if (this.#hurried && step !== "SIGKILL") continue;
      // A descendant that outlives its parents is found only if it was seen before they died.
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
    // For a running ChildProcess, an error means that a signal could not be sent, not that the process ended.
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
    // Node closes handles at the end of an iteration of the event loop, after its immediates.
    await eventLoopTurns(2);
    this.#cleaned.resolve();
  }

  /** Lets a reader have what is still in the pipe, for at most `drainMs`, and closes it. */
  async #drained(stream: Readable | null): Promise<void> {
    if (stream === null) return;
    const hasReader = stream.readableFlowing !== null || stream.listenerCount("readable") > 0;
    if (hasReader && !stream.destroyed) {
      await closed(stream, this.#drainMs);
      // A busy program reaches the limit before it has looked at the pipe even once.
      if (!stream.closed) await eventLoopTurns(2);
    }
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
      // A custom process may throw. The next step and its time limit still apply.
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
        // The callback must not stop the reading of the pipe.
      }
    });
  }
}

async function closed(stream: Readable | Writable, timeoutMs: number): Promise<void> {
  if (!stream.closed) await pause(timeoutMs, new Promise((resolve) => stream.once("close", resolve)));
}

/** Lets the event loop look at its handles that many times. */
async function eventLoopTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** How long an aborted start waits for the process of a hanging `spawn` to die. */
const KILL_GRACE_MS = 1_000;

/**
 * Starts a process within the limits of a signal: a plain child starts at once, but a custom `spawn` may hang.
 *
 * @throws LaunchError, UsageError as {@link AgentProcess.start} does; LaunchError `SPAWN_FAILED` when the signal aborts.
 */
export async function startProcess(
  request: SpawnRequest,
  { spawn, ...options }: AgentProcessOptions,
  signal: AbortSignal,
): Promise<AgentProcess> {
  if (spawn === undefined) return AgentProcess.start(request, options);
  let spawned: SpawnedProcess | undefined;
  const starting = AgentProcess.start(request, { ...options, spawn: (asked) => (spawned = spawn(asked)) });
  try {
    return await withLimits(starting, { signal });
  } catch (cause) {
    if (!signal.aborted) throw cause;
    const gone = starting.then((late) => late.kill()).catch(() => {});
    spawned?.kill("SIGKILL");
    await pause(KILL_GRACE_MS, gone);
    const why = messageOf(cause);
    throw new LaunchError(
      "SPAWN_FAILED",
      `${request.command} did not start: ${why}. Check the custom spawn, or raise startupTimeoutMs`,
      { cause },
    );
  }
}
