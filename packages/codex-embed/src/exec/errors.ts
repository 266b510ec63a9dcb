/** Owns the errors of a run of `codex exec`. */

import { CodexError } from "../errors/index.js";
import { withStderr } from "../errors/stderr.js";
import type { PartialTurn, TurnRecord } from "./turn.js";

/** How a run ended. */
export interface RunEnd {
  readonly record: TurnRecord;
  /** Null when the process died by a signal, or was never started. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of the process's stderr. */
  readonly stderrTail: string;
  /** What the system said, when the process did not simply exit. */
  readonly error?: Error | undefined;
}

/** A turn that did not complete. Subclasses say why. */
export class ExecError extends CodexError {
  static override readonly typeName: string = "ExecError";
  /** The exit code of the runtime; null when it died by a signal or was never started. */
  readonly exitCode: number | null;
  /** The signal that the runtime died by, or null. */
  readonly signal: NodeJS.Signals | null;
  /** The last lines that the runtime wrote to stderr: at most 16 KiB, secrets redacted. */
  readonly stderrTail: string;
  /** The thread, when it is known: it may be resumed. */
  readonly threadId: string | null;
  /** What there was of the turn. */
  readonly result: PartialTurn;

  /** @internal */
  constructor(code: string, message: string, end: RunEnd, options?: ErrorOptions) {
    super(code, message, options);
    this.exitCode = end.exitCode;
    this.signal = end.signal;
    this.stderrTail = end.stderrTail;
    this.threadId = end.record.threadId;
    this.result = end.record.partial();
  }
}

/** The runtime said that the turn failed (code `TURN_FAILED`). The thread can be resumed. */
export class ExecTurnFailedError extends ExecError {
  static override readonly typeName: string = "ExecTurnFailedError";

  /** @internal */
  constructor(reason: string, end: RunEnd) {
    super("TURN_FAILED", `The turn failed: ${reason}`, end);
  }
}

/**
 * The runtime ended without a completed turn, or with an exit code other than 0 after one (code `EXEC_EXITED`): bad
 * arguments, a configuration that it refuses, an unknown thread, a crash.
 */
export class ExecExitError extends ExecError {
  static override readonly typeName: string = "ExecExitError";

  /** @internal */
  constructor(end: RunEnd) {
    const message = withStderr(describeExit(end), end.stderrTail);
    super("EXEC_EXITED", message, end, end.error === undefined ? {} : { cause: end.error });
  }
}

/**
 * The turn was aborted by its `signal` (code `ABORT_ERR`). Its name and its `cause`, the signal's reason, are those that
 * Node gives to a process that was aborted.
 */
export class AbortError extends ExecError {
  static override readonly typeName: string = "AbortError";

  /** @internal */
  constructor(reason: unknown, end: RunEnd) {
    super("ABORT_ERR", "The turn was aborted by its signal; its process and all that it started are ended.", end, {
      cause: reason,
    });
  }
}

function describeExit({ record, exitCode, signal, error }: RunEnd): string {
  const how =
    error !== undefined
      ? `codex exec ended (${error.message})`
      : signal !== null
        ? `codex exec died by ${signal}`
        : `codex exec exited with code ${exitCode}`;
  const when = record.isCompleted ? "after the turn was completed" : "before the turn was completed";
  const last = record.lastError === null || record.isCompleted ? "" : `; its last error event: ${record.lastError}`;
  return `${how} ${when}${last}`;
}
