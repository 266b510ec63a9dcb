import { CodexError } from "./base.js";

/**
 * Why a thread with guards was stopped. `GUARD_UNREACHABLE`: the runtime could not ask a guard. `GUARD_SKIPPED`: a call
 * started that no guard was asked about, or the runtime does not run the hooks of the guards. `GUARD_FAILED`: a guard threw,
 * timed out or gave an invalid answer, where the runtime offers no denial.
 */
export type GuardErrorCode = "GUARD_UNREACHABLE" | "GUARD_SKIPPED" | "GUARD_FAILED";

/**
 * A thread with guards was stopped, because a guard could not decide. After `GUARD_UNREACHABLE` and `GUARD_SKIPPED` the
 * thread takes no further turn of this client: resume it with another client.
 */
export class GuardError extends CodexError {
  static override readonly typeName: string = "GuardError";
  declare readonly code: GuardErrorCode;
  /** The thread that has the guards; null when it could not be opened. */
  readonly threadId: string | null;

  constructor(code: GuardErrorCode, message: string, threadId: string | null, options?: ErrorOptions) {
    super(code, message, options);
    this.threadId = threadId;
  }
}
