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
 * What a started process looks like; Node's ChildProcess is one. A process without a `pid` must emit `spawn` once it
 * runs. Each emits `exit` once; another than a ChildProcess may emit `error` in its place.
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

/** Starts a process in another way than as a plain child: in a container, over SSH, under a wrapper. */
export type Spawn = (request: SpawnRequest) => SpawnedProcess;

/** Starts a child that leads a process group of its own, where there are such groups. */
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

/** Starts the process, in the user's own way if there is one. Throws `UsageError` when that returns no process. */
export function spawnProcess(request: SpawnRequest, spawn: Spawn | undefined): SpawnedProcess {
  if (spawn === undefined) return withPipes(spawnDetached(request));
  if (typeof spawn !== "function") throw new UsageError(`spawn is of type ${typeof spawn}. Give a function.`);
  const child = withPipes(spawn(request));
  const missing = missingOf(child);
  if (missing === null) return child;
  killIfAny(child);
  throw new UsageError(
    `spawn returned ${missing}. Return the process itself, as node:child_process does, with pipes for stdin and stdout.`,
  );
}

/** Node gives a child no pipes when files have run out, and emits the error afterwards: until then it gets some that lead nowhere. */
function withPipes(child: SpawnedProcess): SpawnedProcess {
  if (!(child instanceof ChildProcess) || child.pid !== undefined || child.stdio !== undefined) return child;
  return Object.assign(child, { stdin: new PassThrough(), stdout: new PassThrough(), stderr: null });
}

/** What keeps a value from being a process, or null. */
function missingOf(child: unknown): string | null {
  if (child === null || typeof child !== "object") return child === null ? "null" : `a value of type ${typeof child}`;
  if ("then" in child && typeof child.then === "function") return "a promise";
  const has = (name: string, method: string): boolean => hasMethod(Reflect.get(child, name), method);
  const missing = [
    ...(has("stdin", "write") ? [] : ["stdin"]),
    ...(has("stdout", "on") ? [] : ["stdout"]),
    // A process without stderr is taken as one that writes nothing there.
    ...(Reflect.get(child, "stderr") === null || has("stderr", "on") ? [] : ["stderr"]),
    ...["on", "kill"].filter((name) => !hasMethod(child, name)),
  ];
  return missing.length === 0 ? null : `an object without ${missing.join(", ")}`;
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function";
}

/** A process that cannot be spoken to would run on unseen. */
function killIfAny(child: SpawnedProcess): void {
  try {
    if (hasMethod(child, "kill")) child.kill("SIGKILL");
  } catch {
    // What cannot be killed is told all the same.
  }
}

/** Tells whether `pid` of the process is one of this machine, so that its tree can be looked at. */
export function isLocalChild(child: SpawnedProcess): child is SpawnedProcess & { readonly pid: number } {
  return child instanceof ChildProcess && child.pid !== undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "the file, or the interpreter or loader that it names, does not exist",
  EACCES: "it is not executable (chmod +x it), or lies on a file system mounted noexec",
  EPERM: "the system does not permit it",
  ENOEXEC: "it is not a program for this platform and architecture",
  E2BIG: "the arguments and the environment are too large; move settings to config.toml in the codexHome",
  ENOMEM: "there is not enough memory",
  EAGAIN: "there are too many processes",
  EMFILE: "this program has too many open files; close some, or raise its limit (ulimit -n)",
  ENFILE: "the system has too many open files",
  ETXTBSY: "the file is being written to",
};

/** Makes the error of a process that could not be started; `cause` is the system's error. A `UsageError` stays as it is. */
export function spawnFailure(request: SpawnRequest, cause: unknown): CodexError {
  if (UsageError.isInstance(cause)) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  const known = code === undefined ? undefined : REASONS[code];
  const message = messageOf(cause);
  const why = known === undefined ? message : `${known} (${code})`;
  const advice = code === "ENOENT" ? ". Check that path, and the working directory" : "";
  return new LaunchError("SPAWN_FAILED", `${request.command} could not be started: ${why}${advice}`, { cause });
}

/**
 * Runs "$@" and ends it at the end of stdin, which comes even when this program is killed. The first SIGTERM has a server
 * wait for the turns that run, the second does not. Ends as it does: with its exit code, or by its signal. PATH may be the
 * user's own, so it is not relied on.
 */
const SCRIPT = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
  while read -r line; do :; done <&3
  kill -TERM "$server" 2>/dev/null
  command -p sleep 0.1
  kill -TERM "$server" 2>/dev/null
  command -p sleep 2
  kill -KILL "$server" 2>/dev/null
} &
guard=$!
exec 3<&-
trap 'kill -TERM "$server" 2>/dev/null' TERM INT
while :; do
  wait "$server" 2>/dev/null
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
kill -TERM "$guard" 2>/dev/null
wait "$guard" 2>/dev/null
trap - TERM INT
if [ "$code" -gt 128 ]; then kill -"$((code - 128))" $$; fi
exit "$code"
`;

/** The same process, bound to its stdin. On Windows, which has no shell for it, the request as it is. */
export function guarded(request: SpawnRequest): SpawnRequest {
  if (process.platform === "win32") return request;
  return { ...request, command: "/bin/sh", args: ["-c", SCRIPT, "codex-embed", request.command, ...request.args] };
}

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
    throw new LaunchError("SPAWN_FAILED", `${request.command} did not start: ${why}`, { cause });
  }
}
