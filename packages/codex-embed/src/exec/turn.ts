import type { StandardSchemaV1 } from "@standard-schema/spec";
import { CodexError } from "../errors/base.js";
import { withStderr } from "../errors/connection.js";
import type { InferOutput } from "../schema/types.js";
import type { ThreadError, ThreadEvent, ThreadItem, Usage } from "./events.js";

/** What `parsed` is for an `outputSchema` of type `S`: `never` stands for no `parsed` at all. */
export type ParsedOf<S> = [S] extends [StandardSchemaV1] ? InferOutput<S> : never;

/** A turn that is complete. */
export type Turn<P = never> = {
  /** The completed items, in order. */
  items: ThreadItem[];
  /** The text of the last message of the agent; empty when there was none. */
  finalResponse: string;
  /** Token counts of the whole thread so far. */
  usage: Usage | null;
} & ([P] extends [never]
  ? unknown
  : {
      /** The final answer, checked against the `outputSchema`. */
      parsed: P;
    });

/** What there is of a turn that was cut short. */
export type PartialTurn = Turn & {
  /** The items that had begun and were not completed, as they were last seen. */
  unfinished: ThreadItem[];
};

/** Adds the events of a turn up. */
export class TurnRecord {
  readonly #items: ThreadItem[] = [];
  readonly #unfinished = new Map<string, ThreadItem>();
  #finalResponse = "";
  #usage: Usage | null = null;
  #threadId: string | null = null;
  #failure: ThreadError | null = null;
  #lastError: string | null = null;
  #isCompleted = false;

  /** Takes the next event. */
  add(event: ThreadEvent): void {
    switch (event.type) {
      case "thread.started":
        this.#threadId = event.thread_id;
        break;
      case "item.started":
      case "item.updated":
        this.#unfinished.set(event.item.id, event.item);
        break;
      case "item.completed":
        this.#unfinished.delete(event.item.id);
        this.#items.push(event.item);
        if (event.item.type === "agent_message") this.#finalResponse = event.item.text;
        break;
      case "turn.completed":
        this.#isCompleted = true;
        this.#usage = event.usage;
        break;
      case "turn.failed":
        this.#failure ??= event.error;
        break;
      case "error":
        this.#lastError = event.message;
        break;
      case "turn.started":
        break;
    }
  }

  /** The thread that the runtime named. */
  get threadId(): string | null {
    return this.#threadId;
  }

  /** Whether the runtime said that the turn is complete. */
  get isCompleted(): boolean {
    return this.#isCompleted;
  }

  /** Why the turn failed, when the runtime said that it did. */
  get failure(): ThreadError | null {
    return this.#failure;
  }

  /** The message of the last `error` event. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** The result, for a turn that is complete. */
  turn(): Turn {
    return { items: this.#items, finalResponse: this.#finalResponse, usage: this.#usage };
  }

  /** What there is. */
  partial(): PartialTurn {
    return { ...this.turn(), unfinished: [...this.#unfinished.values()] };
  }
}

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
