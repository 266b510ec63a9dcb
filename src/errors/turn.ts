/** Owns the errors of threads, turns, their streams and logins. */

import { CodexError } from "./base.js";

/** A turn is already in flight on this thread. The runtime would have taken the input as a steer of that turn. */
export class TurnInProgressError extends CodexError {
  static override readonly typeName: string = "TurnInProgressError";
  readonly threadId: string;
  readonly activeTurnId: string | null;

  constructor(threadId: string, activeTurnId: string | null) {
    super(
      "TURN_IN_PROGRESS",
      `Thread ${threadId} already has a turn in flight${activeTurnId === null ? "" : ` (${activeTurnId})`}. ` +
        "Await its result, steer it with turn.steer(input), or interrupt it first.",
    );
    this.threadId = threadId;
    this.activeTurnId = activeTurnId;
  }
}

/** A login did not succeed, or was cancelled. */
export class LoginError extends CodexError {
  static override readonly typeName: string = "LoginError";
  readonly loginId: string | null;

  constructor(message: string, loginId: string | null) {
    super("LOGIN_FAILED", message);
    this.loginId = loginId;
  }
}

/** The runtime kept other settings than the ones asked for, for example because the thread was already loaded. */
export class SettingsMismatchError extends CodexError {
  static override readonly typeName: string = "SettingsMismatchError";
  readonly threadId: string;
  readonly requested: Readonly<Record<string, unknown>>;
  readonly effective: Readonly<Record<string, unknown>>;

  constructor(threadId: string, requested: Record<string, unknown>, effective: Record<string, unknown>) {
    const names = Object.keys(requested).join(", ");
    super(
      "SETTINGS_MISMATCH",
      `Thread ${threadId} did not take the requested ${names}: asked for ${JSON.stringify(requested)}, in force is ` +
        `${JSON.stringify(effective)}. A thread that is already loaded keeps its settings: pass them to the turn, or unsubscribe first.`,
    );
    this.threadId = threadId;
    this.requested = requested;
    this.effective = effective;
  }
}

/** A reader of a stream fell so far behind that what it had yet to read was dropped. The turn itself goes on. */
export class StreamOverflowError extends CodexError {
  static override readonly typeName: string = "StreamOverflowError";
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(
      "STREAM_OVERFLOW",
      `This reader fell more than ${limitBytes} bytes behind its turn and can no longer see all of it. ` +
        "The turn goes on: await turn.result(), read faster, or raise streamBufferBytes.",
    );
    this.limitBytes = limitBytes;
  }
}
