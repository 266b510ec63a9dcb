/** Which processes exist: read from /proc where there is one, else from `ps`. */
/** One running process. A process id together with a start time names one process for good. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** Opaque: only to be compared. */
  readonly startTime: string;
  /** What `ps` shows of the command line and the environment; left out where /proc tells. */
  readonly shown?: string;
}
/** The running processes; zombies are left out. */
export interface ProcessTable {
  readonly processes: ReadonlyMap<number, ProcessInfo>;
  /** False when a process ended while the table was read: it may have started another one that is not in it. */
  readonly isWhole: boolean;
}
/** Reads all running processes; an empty table when the system offers no way to. */
export declare function processTable(): Promise<ProcessTable>;
/** Reads all running processes at once, for the exit of this program. */
export declare function processTableSync(): ProcessTable;
/** Tells whether this very process still runs, where that can be told at once; otherwise assumes that it does. */
export declare function stillRuns(known: ProcessInfo): boolean;
/**
 * The environment that a process of this user was started with.
 *
 * @returns null for a process of another user and for one that is gone; a test that never holds for one without variables.
 */
export declare function environmentOf(info: ProcessInfo): ProcessEnvironment | null;
/** What can be asked of an environment. */
export interface ProcessEnvironment {
  /** True also in the middle of `execve`, for a moment. */
  readonly isEmpty: boolean;
  /** Whether `NAME=value` is in it. The value must hold no blanks. */
  has(assignment: string): boolean;
}
/** For how many milliseconds a process has been running, rounded up to the resolution of the system; null if unknown. */
export declare function ageMs(info: ProcessInfo): number | null;
