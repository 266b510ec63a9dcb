import type { CodexErrorInfo, TurnError } from "../protocol/generated/protocol.js";
import type { TurnSnapshot } from "../protocol/shapes.js";
import { CodexError } from "./base.js";

/** How to log in, for error messages. */
export const LOGIN_ADVICE =
  "Run `npx codex login` (with CODEX_HOME set to the client's codexHome, if it has one), or log in with an API key: " +
  "await codex.loginApiKey(key).";

/**
 * Why a thread takes no turn. `running`: a turn runs. `ending`: an aborted turn has not ended yet. `steered`: a turn of
 * another client runs, and the runtime added the input to it.
 */
export type BusyReason = "running" | "ending" | "steered";

const BUSY_ADVICE: Readonly<Record<BusyReason, string>> = {
  running: "Await its result, steer it with turn.steer(input), or call turn.interrupt() first.",
  ending: "It was aborted, but the runtime has not confirmed its end yet. Try again later, or use another thread.",
  steered:
    "It belongs to another client, and the runtime added your input to it instead of starting a turn. Wait for its end before you start one.",
};

/**
 * The thread already has a turn in flight. The runtime would take the input of a second `turn/start` as a steer of that turn
 * (measured), so the SDK refuses it.
 */
export class TurnInProgressError extends CodexError {
  static override readonly typeName: string = "TurnInProgressError";
  readonly threadId: string;
  /** The id of the turn in flight, or null when it is not known. */
  readonly activeTurnId: string | null;
  /** Only `steered` means that the runtime has seen the input. */
  readonly reason: BusyReason;

  constructor(threadId: string, activeTurnId: string | null, reason: BusyReason = "running") {
    const which = activeTurnId === null ? "" : ` (${activeTurnId})`;
    super("TURN_IN_PROGRESS", `Thread ${threadId} already has a turn in flight${which}. ${BUSY_ADVICE[reason]}`);
    this.threadId = threadId;
    this.activeTurnId = activeTurnId;
    this.reason = reason;
  }
}

/** A login failed or was cancelled. */
export class LoginError extends CodexError {
  static override readonly typeName: string = "LoginError";
  /** The id of the login, or null when it never began. */
  readonly loginId: string | null;

  constructor(message: string, loginId: string | null) {
    super("LOGIN_FAILED", message);
    this.loginId = loginId;
  }
}

/**
 * The runtime did not apply the requested settings, because the thread was already loaded. Pass them to a turn instead, or
 * unsubscribe from the thread everywhere and resume it again.
 */
export class SettingsMismatchError extends CodexError {
  static override readonly typeName: string = "SettingsMismatchError";
  readonly threadId: string;
  /** The requested settings that are not in effect. */
  readonly requested: Readonly<Record<string, unknown>>;
  /** The settings in effect in their place. */
  readonly effective: Readonly<Record<string, unknown>>;

  constructor(threadId: string, requested: Record<string, unknown>, effective: Record<string, unknown>) {
    const names = Object.keys(requested).join(", ");
    super(
      "SETTINGS_MISMATCH",
      `Thread ${threadId} did not apply the requested ${names}: requested ${JSON.stringify(requested)}, in effect ` +
        `${JSON.stringify(effective)}. A thread that is already loaded keeps its settings. Pass them to a turn instead.`,
    );
    this.threadId = threadId;
    this.requested = requested;
    this.effective = effective;
  }
}

/** The final answer of the turn does not conform to `outputSchema`. Pass `repairAttempts` to `run()` to ask again. */
export class OutputValidationError extends CodexError {
  static override readonly typeName: string = "OutputValidationError";
  /** What is wrong, and where in the answer. */
  readonly issues: readonly { readonly message: string; readonly path: readonly (string | number)[] }[];
  /** The answer as the model gave it. */
  readonly text: string;

  constructor(issues: OutputValidationError["issues"], text: string) {
    const list = issues.map((issue) => `${issue.path.join(".") || "(root)"}: ${issue.message}`).join("; ");
    super("OUTPUT_INVALID", `The final answer does not conform to outputSchema: ${list}.`);
    this.issues = issues;
    this.text = text;
  }
}

/** A reader of a stream fell behind by more than `streamBufferBytes`, so its unread events were dropped. The turn continues. */
export class StreamOverflowError extends CodexError {
  static override readonly typeName: string = "StreamOverflowError";
  /** The limit (`streamBufferBytes`), in bytes. */
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(
      "STREAM_OVERFLOW",
      `This reader fell more than ${limitBytes} bytes behind its turn, and its unread events were dropped. ` +
        "The turn continues. Await turn.result(), read faster, or raise streamBufferBytes.",
    );
    this.limitBytes = limitBytes;
  }
}

/**
 * The turn failed; the message quotes the runtime's reason. The thread stays usable, so with `retryable` the same input may
 * succeed later. `result` holds what the turn produced until then.
 */
export class TurnFailedError extends CodexError {
  static override readonly typeName: string = "TurnFailedError";
  readonly threadId: string;
  readonly turnId: string;
  /** The runtime's own classification, such as `"contextWindowExceeded"`; null when it gave none. */
  readonly info: CodexErrorInfo | null;
  /** The HTTP status of the model's answer, when the failure came from one. */
  readonly httpStatus: number | null;
  /**
   * Whether the same turn may succeed later unchanged: overload, rate limits, failed connections. The runtime classifies a
   * stream that broke off as `"other"`, which is not among them.
   */
  readonly retryable: boolean;
  /** What the turn produced until it failed: items, text, usage. */
  readonly result: TurnSnapshot;

  constructor(result: TurnSnapshot, error: TurnError | null) {
    const info = error?.codexErrorInfo ?? null;
    const message = `Turn ${result.id} failed: ${describe(error)}`;
    super("TURN_FAILED", isUnauthorized(info) ? `${message.replace(/\.$/, "")}. ${UNAUTHORIZED_ADVICE}` : message);
    this.threadId = result.threadId;
    this.turnId = result.id;
    this.info = info;
    this.httpStatus = httpStatusOf(this.info);
    this.retryable = isRetryable(this.info, this.httpStatus);
    this.result = result;
  }
}

/** Why the last request to the model failed, which the runtime then retried. The `cause` of a `TurnLimitError`. */
export class ModelRetryError extends CodexError {
  static override readonly typeName: string = "ModelRetryError";
  /** The runtime's own classification; null when it gave none. */
  readonly info: CodexErrorInfo | null;
  /** The HTTP status of the model's answer, when there was one. */
  readonly httpStatus: number | null;

  constructor(error: TurnError | null) {
    super("MODEL_RETRY", describe(error));
    this.info = error?.codexErrorInfo ?? null;
    this.httpStatus = httpStatusOf(this.info);
  }
}

/** What is known of a turn that a limit ended. */
export interface LimitedTurn {
  readonly threadId: string;
  /** Null when the runtime had not answered the request that starts the turn. */
  readonly turnId: string | null;
  readonly result?: TurnSnapshot | null | undefined;
  /** For a turn without an id: whether `turn/start` was sent. */
  readonly maybeAccepted?: boolean | undefined;
  /** What delayed the turn. */
  readonly cause?: Error | undefined;
}

/** A limit ended the turn. The base class of `TurnDeadlineError`, `TurnStalledError` and `BudgetExceededError`. */
export class TurnLimitError extends CodexError {
  static override readonly typeName: string = "TurnLimitError";
  readonly threadId: string;
  /** Null when the runtime had not answered `turn/start` yet. */
  readonly turnId: string | null;
  /** What the turn produced: items, text, usage. Null when the runtime had not answered `turn/start` yet. */
  readonly result: TurnSnapshot | null;
  /**
   * Whether the runtime may have accepted the input. If it starts the turn later, the SDK interrupts that turn and stops its
   * commands.
   */
  readonly maybeAccepted: boolean;

  constructor(code: string, turn: LimitedTurn, limit: { readonly missed: string; readonly advice: string }) {
    const { threadId, turnId, cause } = turn;
    const maybeAccepted = turnId !== null || (turn.maybeAccepted ?? false);
    const subject = turnId === null ? `A turn of thread ${threadId}` : `Turn ${turnId}`;
    const why = cause === undefined ? "" : ` Cause: ${sentence(cause.message)}`;
    const advice = cause === undefined && turnId !== null ? ` ${limit.advice}` : "";
    super(code, `${subject} ${limit.missed}${fateOf(turnId, maybeAccepted)}${why}${advice}`, cause && { cause });
    this.threadId = threadId;
    this.turnId = turnId;
    this.result = turn.result ?? null;
    this.maybeAccepted = maybeAccepted;
  }
}

function fateOf(turnId: string | null, maybeAccepted: boolean): string {
  if (turnId !== null) return " and was interrupted.";
  return maybeAccepted
    ? ": the runtime did not answer turn/start. If the turn starts later, it is interrupted at once."
    : ": turn/start was not sent.";
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/**
 * No event of the turn arrived for `idleTimeoutMs`, and the runtime confirmed that the turn still runs. It was interrupted.
 */
export class TurnStalledError extends TurnLimitError {
  static override readonly typeName: string = "TurnStalledError";
  /** The method of the last notification, or null when there was none. */
  readonly lastMethod: string | null;
  /** The limit, in milliseconds. */
  readonly idleTimeoutMs: number;

  constructor(turn: LimitedTurn, lastMethod: string | null, idleTimeoutMs: number) {
    super("TURN_STALLED", turn, {
      missed: `sent nothing for ${idleTimeoutMs} ms (last event: ${lastMethod ?? "none"})`,
      advice: "Raise idleTimeoutMs if the model or a command needs longer.",
    });
    this.lastMethod = lastMethod;
    this.idleTimeoutMs = idleTimeoutMs;
  }
}

/** The turn took longer than `deadlineMs`, counted from the call, and was interrupted. */
export class TurnDeadlineError extends TurnLimitError {
  static override readonly typeName: string = "TurnDeadlineError";
  /** The limit, in milliseconds. */
  readonly deadlineMs: number;

  constructor(turn: LimitedTurn, deadlineMs: number) {
    super("TURN_DEADLINE", turn, {
      missed: `took longer than its deadlineMs (${deadlineMs} ms)`,
      advice: "Raise deadlineMs if it needs longer.",
    });
    this.deadlineMs = deadlineMs;
  }
}

/** What a turn, a review or a goal has spent, or may spend. */
export interface TurnSpending {
  /** Input and output tokens together, cached input included (the runtime's `totalTokens`), sub-agents included. */
  readonly tokens: number;
}

/** What a turn, a review or a goal may spend. A limit that is left out does not apply. */
export interface TurnBudget {
  /**
   * Tokens as in `TurnSpending`: an integer ≥ 1. The runtime reports a response of the model when it has ended. So the
   * overshoot is at most one response of each agent that runs, and a turn that ends with the response that spends the
   * budget resolves.
   */
  readonly tokens?: number | undefined;
}

/**
 * The turn, the review or the goal has spent its `budget`, the model was called again, and it was interrupted. `result` is
 * what there is; of a goal, its last turn. Not retryable: the same call would spend as much.
 */
export class BudgetExceededError extends TurnLimitError {
  static override readonly typeName: string = "BudgetExceededError";
  /** The limit. */
  readonly budget: TurnSpending;
  /**
   * What was spent when it had ended, with what sub-agents spent: at least the budget. A response of the model that was cut
   * off is not in it, because the runtime reports no usage for that.
   */
  readonly spent: TurnSpending;

  constructor(turn: LimitedTurn, budget: TurnSpending, spent: TurnSpending) {
    super("BUDGET_EXCEEDED", turn, {
      missed: `spent its budget (${spent.tokens} of ${budget.tokens} tokens)`,
      advice: "Raise budget.tokens if it needs more.",
    });
    this.budget = budget;
    this.spent = spent;
  }
}

const UNAUTHORIZED = 401;
const UNAUTHORIZED_ADVICE = `The model provider rejected the credentials, or received none (401). ${LOGIN_ADVICE} For a provider of your own, set the variable that its env_key names.`;

function isUnauthorized(info: CodexErrorInfo | null): boolean {
  return info === "unauthorized" || httpStatusOf(info) === UNAUTHORIZED;
}

function describe(error: TurnError | null): string {
  const details = textOf(error?.additionalDetails);
  return `${textOf(error?.message) ?? "the runtime gave no reason"}${details ? ` (${details})` : ""}`;
}

/** Anything but a string is ignored: converting an object to one may throw. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

const RETRYABLE_INFO: ReadonlySet<string> = new Set([
  "serverOverloaded",
  "rateLimitExceeded",
  "internalServerError",
  "flexUnavailable",
  "responseStreamDisconnected",
]);
const TRANSPORT_INFO: ReadonlySet<string> = new Set([
  "httpConnectionFailed",
  "responseStreamConnectionFailed",
  "responseTooManyFailedAttempts",
]);
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** The name of a classification: a string, or the one key of an object. */
function infoName(info: CodexErrorInfo | null): string {
  if (info === null) return "";
  return typeof info === "string" ? info : (Object.keys(info)[0] ?? "");
}

function httpStatusOf(info: CodexErrorInfo | null): number | null {
  if (info === null || typeof info === "string") return null;
  const detail: unknown = Object.values(info)[0];
  if (typeof detail !== "object" || detail === null || !("httpStatusCode" in detail)) return null;
  return typeof detail.httpStatusCode === "number" ? detail.httpStatusCode : null;
}

function isRetryable(info: CodexErrorInfo | null, httpStatus: number | null): boolean {
  const name = infoName(info);
  if (RETRYABLE_INFO.has(name)) return true;
  return TRANSPORT_INFO.has(name) && (httpStatus === null || RETRYABLE_STATUS.has(httpStatus));
}
