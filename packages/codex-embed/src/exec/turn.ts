import type { StandardSchemaV1 } from "@standard-schema/spec";
import { CodexError } from "../errors/base.js";
import { withStderr } from "../errors/connection.js";
import type { InferOutput } from "../schema/types.js";
import type { ThreadError, ThreadEvent, ThreadItem, Usage } from "./events.js";

/** The type of `parsed` for an `outputSchema` of type `S`. `never` means that there is no `parsed`. */
export type ParsedOf<S> = [S] extends [StandardSchemaV1] ? InferOutput<S> : never;

/** A completed turn. */
export type Turn<P = never> = {
  /** The completed items, in order. */
  items: ThreadItem[];
  /** The text of the agent's last message. Empty if there was none. */
  finalResponse: string;
  /** Token counts of the whole thread so far. Null in a partial turn. */
  usage: Usage | null;
} & ([P] extends [never]
  ? unknown
  : {
      /** The final answer, validated against the `outputSchema`. */
      parsed: P;
    });

/** The part of a turn that ran before it ended early. */
export type PartialTurn = Turn & {
  /** The items that started but did not complete, in their last known state. */
  unfinished: ThreadItem[];
};

/** Accumulates the events of a turn. */
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

  /** The id of the thread, if the runtime reported it. */
  get threadId(): string | null {
    return this.#threadId;
  }

  /** Whether the runtime reported that the turn completed. */
  get isCompleted(): boolean {
    return this.#isCompleted;
  }

  /** Why the turn failed, if the runtime reported that it did. */
  get failure(): ThreadError | null {
    return this.#failure;
  }

  /** The message of the last `error` event. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** The result of a completed turn. */
  turn(): Turn {
    return { items: this.#items, finalResponse: this.#finalResponse, usage: this.#usage };
  }

  /** The result of a turn that did not complete. */
  partial(): PartialTurn {
    return { ...this.turn(), unfinished: [...this.#unfinished.values()] };
  }
}

/** How a run ended. */
export interface RunEnd {
  readonly record: TurnRecord;
  /** Null if a signal killed the process, or if it was never started. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of the process's stderr. */
  readonly stderrTail: string;
  /** The error of the system, if the process did not exit normally. */
  readonly error?: Error | undefined;
}

/** The base class of errors of turns that did not complete. */
export class ExecError extends CodexError {
  static override readonly typeName: string = "ExecError";
  /** The exit code of the runtime. Null if a signal killed it, or if it was never started. */
  readonly exitCode: number | null;
  /** The signal that killed the runtime, or null. */
  readonly signal: NodeJS.Signals | null;
  /** The last lines of the runtime's stderr: at most 16 KiB, with secrets redacted. */
  readonly stderrTail: string;
  /** The id of the thread, which you can resume. Null if it is unknown. */
  readonly threadId: string | null;
  /** The part of the turn that ran. */
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

/** The runtime reported that the turn failed (code `TURN_FAILED`). You can resume the thread. */
export class ExecTurnFailedError extends ExecError {
  static override readonly typeName: string = "ExecTurnFailedError";

  /** @internal */
  constructor(reason: string, end: RunEnd) {
    super("TURN_FAILED", `The turn failed: ${reason}`, end);
  }
}

/**
 * The runtime exited without a completed turn, or with an exit code other than 0 after one (code `EXEC_EXITED`):
 * invalid arguments or configuration, an unknown thread, a crash.
 */
export class ExecExitError extends ExecError {
  static override readonly typeName: string = "ExecExitError";

  /** @internal */
  constructor(end: RunEnd, advice?: string) {
    const what = advice === undefined ? describeExit(end) : `${describeExit(end)}. ${advice}`;
    const message = withStderr(what, end.stderrTail);
    super("EXEC_EXITED", message, end, end.error === undefined ? {} : { cause: end.error });
  }
}

/**
 * The `signal` aborted the turn (code `ABORT_ERR`). The name, and the reason of the signal as `cause`, are those of
 * Node's error for an aborted child process.
 */
export class AbortError extends ExecError {
  static override readonly typeName: string = "AbortError";

  /** @internal */
  constructor(reason: unknown, end: RunEnd) {
    super("ABORT_ERR", "The signal aborted the turn. Its process and everything that it started have ended.", end, {
      cause: reason,
    });
  }
}

function describeExit({ record, exitCode, signal, error }: RunEnd): string {
  const how =
    error !== undefined
      ? `codex exec ended (${error.message})`
      : signal !== null
        ? `codex exec was killed by ${signal}`
        : `codex exec exited with code ${exitCode}`;
  const when = record.isCompleted ? "after the turn completed" : "before the turn completed";
  const last = record.lastError === null || record.isCompleted ? "" : `. Last error event: ${record.lastError}`;
  return `${how} ${when}${last}`;
}
