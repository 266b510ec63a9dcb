import type { TurnSnapshot, TurnUsage } from "../protocol/shapes.js";
import type { AgentResult } from "../stream/agentStream.js";
import type {
  HandlerErrorEvent,
  Notification,
  ReconnectedEvent,
  StatusEvent,
  UnknownNotification,
} from "../stream/events.js";
import type { GoalResult } from "../stream/goalStream.js";

/** A trace context of the W3C, which the runtime continues: its own spans are children of `traceparent`. */
export interface TraceContext {
  /** `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, in lower case. */
  readonly traceparent: string;
  /** At most 512 printable ASCII characters. */
  readonly tracestate?: string | undefined;
}

/** What a subscriber runs work in. Call `work` once, synchronously, and return what it returns. */
export type WorkWrapper = <T>(work: () => T) => T;

/**
 * What a message of `codex-embed:turn` is about. `goal`: all turns of a goal; each of them is a `turn` with the goal as
 * `parent`. `agent`: all turns of one sub-agent.
 */
export type TracedWork = "turn" | "review" | "goal" | "agent" | "compact" | "shellCommand";

/**
 * The message of the tracing channel `codex-embed:turn`. All five sub-channels get the same object, so it can be the key of
 * a `WeakMap`. `start` and `end` enclose the synchronous part of the call, `asyncStart` and `asyncEnd` follow when the work
 * has ended for its caller, and `error` precedes them when it ended with an error.
 *
 * Work that the runtime starts by itself has no call here: turns of the queue and of other clients are on the channel
 * `codex-embed:event` alone.
 */
export interface TurnChannelMessage {
  /** The client: the same for all of its messages, and unique. */
  readonly clientId: string;
  readonly kind: TracedWork;
  readonly threadId: string;
  /** Null until the runtime has accepted the turn, and always for a goal or an agent. */
  readonly turnId: string | null;
  /** The goal that a turn belongs to, or what began an agent: a turn, a review, a goal or another agent. */
  readonly parent: TurnChannelMessage | null;
  /** The model that the thread was opened with, or that a turn has set; null when it is unknown. */
  readonly model: string | null;
  /** The options of the call, as they were given. Content: an output schema or instructions may be private. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What was asked: the input of a turn, the target of a review, the objective of a goal, the prompt of an agent. Content. */
  readonly input: unknown;
  /** How it ended, as `TurnHandle.outcome` says; null before that. A start that was refused is `failed`. */
  readonly status: "completed" | "interrupted" | "failed" | "ended" | null;
  /** What there is of it at its end. Content. Null before, and when it did not start. */
  readonly result: TurnSnapshot | GoalResult | AgentResult | null;
  /** What `result()` rejects with. Undefined without an error. */
  readonly error?: unknown;
  /** The tokens used; null before the end, when they are unknown, and for an agent, whose turns have their own in `result`. */
  readonly usage: TurnUsage | null;
  /** Milliseconds from the call to the end; null before that. */
  readonly durationMs: number | null;
  /**
   * Set it at `start`: the trace context that is sent with the request. It has no effect on an agent or a turn of a goal,
   * which the runtime starts. An invalid one is not sent, and costs one warning.
   */
  trace: TraceContext | null;
  /**
   * Call it at `start`: `wrapper` then runs the start of the turn. What `AsyncLocalStorage` holds inside of it is there in
   * the handlers and tools of the turn too. A wrapper that throws or does not call `work` costs one warning and nothing
   * else. It has no effect later, and none on an agent or a turn of a goal.
   */
  around(wrapper: WorkWrapper): void;
}

/**
 * Who decided a request of the runtime. `rules`: `approvalRules`. `default`: nobody did, because there is no handler, or it
 * failed or gave an invalid answer; the request was then declined.
 */
export type DecidedBy = "handler" | "tool" | "rules" | "default";

/**
 * The message of the tracing channel `codex-embed:request`: something that the runtime asks of this program. The
 * sub-channels are those of `codex-embed:turn`. `error` is published when the answer is a refusal that nobody decided.
 */
export interface RequestChannelMessage {
  readonly clientId: string;
  /** The id of the request on the wire. */
  readonly requestId: string | number;
  /** The method of the protocol, such as `item/tool/call`. */
  readonly method: string;
  readonly kind: "tool" | "approval" | "question" | "other";
  /** The handler that such a request goes to, such as `approveCommand`. */
  readonly handler: string;
  /** As they came. Content. */
  readonly params: unknown;
  readonly threadId: string | null;
  readonly turnId: string | null;
  /** The item that it is about: the command, the file change, the call of a tool. */
  readonly itemId: string | null;
  /** The work that it belongs to, if a subscriber was told of it. */
  readonly turn: TurnChannelMessage | null;
  /** The answer on the wire. Content. Undefined before the end, and for a request that became void. */
  readonly answer?: unknown;
  /** Null before the end, and for a request that became void: its turn ended, or another client decided. */
  readonly decidedBy: DecidedBy | null;
  /** Why nobody decided. Undefined otherwise. */
  readonly error?: unknown;
  /** Milliseconds from the request to the answer; null before that. */
  readonly durationMs: number | null;
  /** As `TurnChannelMessage.around`: `wrapper` runs the handler or the tool. */
  around(wrapper: WorkWrapper): void;
}

/** The message of the channel `codex-embed:event`: an event, once, in the order in which handles and listeners get it. */
export interface EventChannelMessage {
  readonly clientId: string;
  /** A notification of the runtime, also one that is opted out of for listeners, or an event of the client. */
  readonly event: Notification | UnknownNotification | ReconnectedEvent | HandlerErrorEvent | StatusEvent;
  readonly threadId: string | null;
  readonly turnId: string | null;
  /** The work that it belongs to, if a subscriber was told of it. */
  readonly turn: TurnChannelMessage | null;
}

/** The message of the channel `codex-embed:frame`: one message on the wire, unredacted, with prompts and credentials. */
export interface FrameChannelMessage {
  readonly clientId: string;
  /** `in`: from the runtime. */
  readonly direction: "in" | "out";
  /** JSON. Only the beginning of a message over `maxFrameBytes`. */
  readonly text: string;
  /** The size of the whole message in UTF-8. */
  readonly bytes: number;
}
