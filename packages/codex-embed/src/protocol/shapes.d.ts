import type { ThreadItem, TokenUsageBreakdown, TurnStatus } from "./generated/protocol.js";
/** Identifies a request. The runtime numbers its own requests from 0; ours are numbers too. */
export type RequestId = number | string;
/** A notification as it came, under the runtime's own names. */
export interface WireNotification {
  readonly method: string;
  readonly params: unknown;
  /** When the runtime sent it, in Unix milliseconds. */
  readonly emittedAtMs?: number;
}
/** A request of the runtime to the client. */
export interface WireRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: unknown;
}
/** What the turn used. `cachedInputTokens` is a part of `inputTokens`. */
export interface TurnUsage {
  /** Of this turn alone: the thread's total at its end less that at its beginning. */
  readonly turn: TokenUsageBreakdown;
  /** Of the whole thread, as the runtime counts it. */
  readonly thread: TokenUsageBreakdown;
  /** The model's context window in tokens, when it is known. */
  readonly contextWindow: number | null;
}
/** What a turn has produced: everything once it has ended, what arrived so far otherwise. */
export interface TurnSnapshot {
  readonly id: string;
  readonly threadId: string;
  /** `inProgress` when the runtime has not confirmed the end of the turn. */
  readonly status: TurnStatus;
  /** Unix seconds, as the runtime tells them. */
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly durationMs: number | null;
  /** The last agent message of the turn that is not commentary and not empty, from completed items; else null. */
  readonly finalResponse: string | null;
  /**
   * The agent's messages without commentary, a blank line between two. In a turn that did not complete it includes the
   * part that arrived of an unfinished message.
   */
  readonly text: string;
  /** Every item that was completed during the turn, in order. */
  readonly items: readonly ThreadItem[];
  /** Null when the model reported no usage. */
  readonly usage: TurnUsage | null;
}
/** A turn that ended without failing, before its answer was held against a schema. */
export interface EndedTurn extends TurnSnapshot {
  readonly status: "completed" | "interrupted";
}
/** The result of a turn that ended without failing. */
export interface TurnResult<O = undefined> extends EndedTurn {
  /** The answer as `outputSchema` has it, validated; undefined without one. */
  readonly output: O;
}
