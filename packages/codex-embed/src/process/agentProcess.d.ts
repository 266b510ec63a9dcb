import { type Readable, type Writable } from "node:stream";
import { type CodexError } from "../errors/base.js";
import type { SpawnRequest } from "./launch.js";
import { type Orphans } from "./processTree.js";
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
export declare function spawnDetached(request: SpawnRequest): SpawnedProcess;
/** Starts the process, in the user's own way if there is one. Throws `UsageError` when that returns no process. */
export declare function spawnProcess(request: SpawnRequest, spawn: Spawn | undefined): SpawnedProcess;
/** Tells whether `pid` of the process is one of this machine, so that its tree can be looked at. */
export declare function isLocalChild(child: SpawnedProcess): child is SpawnedProcess & {
  readonly pid: number;
};
/** Makes the error of a process that could not be started; `cause` is the system's error. A `UsageError` stays as it is. */
export declare function spawnFailure(request: SpawnRequest, cause: unknown): CodexError;
/** The same process, bound to its stdin. On Windows, which has no shell for it, the request as it is. */
export declare function guarded(request: SpawnRequest): SpawnRequest;
export type { Orphans } from "./processTree.js";
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
/** A running process, its pipes and its descendants. */
export declare class AgentProcess {
  #private;
  /** The process id on this machine, or what a custom `spawn` gave. */
  readonly pid: number | undefined;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when the process itself is gone, though descendants may still be. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /**
   * Starts a process.
   *
   * @returns the process, once it runs.
   * @throws LaunchError with code SPAWN_FAILED and the system's error as `cause`; UsageError when the user's own `spawn`
   * returns no process.
   */
  static start(request: SpawnRequest, options?: AgentProcessOptions): Promise<AgentProcess>;
  private constructor();
  /** The last lines that the process wrote to stderr: at most 16 KiB, without colours, secrets redacted. */
  stderrTail(): string;
  /**
   * Ends the process politely and then by force: the end of stdin, SIGTERM to the group, SIGKILL to the group and to
   * all descendants, with a grace between them. Later calls return the same.
   *
   * @returns how it ended, once the process and its known descendants are gone and the pipes are closed. Never rejects.
   */
  shutdown(options?: GraceOptions): Promise<ProcessExit>;
  /** Ends the process and its descendants by force, also in the middle of a {@link shutdown}. Otherwise the same. */
  kill(): Promise<ProcessExit>;
  /** Kills what commands of the running process have left behind; see {@link ProcessTree.killOrphans}. Never rejects. */
  killOrphans(orphans: Orphans): Promise<void>;
}
