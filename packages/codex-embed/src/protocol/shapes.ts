import type { ThreadItem, TokenUsageBreakdown, TurnPlanStep, TurnStatus } from "./generated/protocol.js";

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

/** A step of the agent's plan. `status` is `pending`, `inProgress` or `completed`. */
export type PlanStep = TurnPlanStep;

/** A file that differs between two states of a workspace. */
export interface WorkspaceChange {
  /** Relative to the workspace, with `/`. A byte of the name that is not UTF-8 becomes U+FFFD. */
  readonly path: string;
  /** `update` is another content, another type, or another executable bit. */
  readonly kind: "add" | "update" | "delete" | "rename";
  /** Where a renamed file was before. */
  readonly from?: string;
  /** Added lines. Null for a binary file. */
  readonly additions: number | null;
  /** Removed lines. Null for a binary file. */
  readonly deletions: number | null;
}

/** Options of `result.undo` and of `restore` of a checkpoint. */
export interface RestoreOptions {
  /** The files or folders to restore, relative to the workspace or absolute. Default: all. */
  readonly paths?: readonly string[] | undefined;
  /** Overwrite files that were changed later. Default false: nothing is restored if there are any. */
  readonly force?: boolean | undefined;
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
  /**
   * What the turn's patches changed, as a unified diff (`turn/diff/updated`). Null when there was none. What commands wrote
   * is not in it: see `changes`.
   */
  readonly diff: string | null;
  /** The agent's last plan (`turn/plan/updated`). Null when it made none: the tool `update_plan` is off by default. */
  readonly plan: readonly PlanStep[] | null;
  /**
   * The files that changed in the workspace during the turn, by patches, commands, sub-agents and anyone else. Null without
   * `checkpoint: true`, while the turn runs, and when the end of the turn could not be recorded: `undo` then rejects with
   * the reason.
   */
  readonly changes: readonly WorkspaceChange[] | null;
  /**
   * Takes these changes back, and resolves with the paths that it changed. Files that were changed after the turn stay as
   * they are: if they are among those to restore, it throws. Can be repeated, also after a failure. Not enumerable, so a
   * copy of the result does not have it.
   *
   * @throws RestoreConflictError, UsageError without `checkpoint: true`, CheckpointError.
   */
  readonly undo: (options?: RestoreOptions) => Promise<readonly string[]>;
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
