import { ChildProcess, spawn as spawnChild } from "node:child_process";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { messageOf } from "../errors/base.js";
import { type CodexError, LaunchError, UsageError } from "../errors/index.js";
import type { SpawnRequest } from "./launch.js";

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
