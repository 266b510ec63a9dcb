import type { TokenUsageBreakdown } from "../protocol/generated/protocol.js";
import { checkStream, type Included, type UiStreamOptions, type UiTurn } from "./options.js";
import { streamOf } from "./stream.js";
import { type EndData, type PlanData, type StatusData, type Update, updatesOf } from "./updates.js";

/** The `providerMetadata` of a text or reasoning part. */
export type CodexPartMetadata = {
  readonly codex: {
    /** `commentary` or `final_answer`, if the model says so. */
    readonly phase?: string;
    /** The model dropped this text, by a retry or a steer: do not show it any longer. */
    readonly withdrawn?: true;
  };
};

/** The `metadata` of the message. */
export interface CodexMessageMetadata {
  readonly threadId?: string;
  readonly turnId?: string;
  /** Set when the turn has ended. */
  readonly status?: "completed" | "interrupted" | "failed";
  /** What the turn used; null when the model reported nothing. */
  readonly usage?: TokenUsageBreakdown | null;
  /** The `code` of the error of a turn that failed. */
  readonly errorCode?: string;
}

/** A chunk of the AI SDK's UI message stream: those that a turn makes. */
export type CodexUIMessageChunk =
  | { type: "start"; messageId: string; messageMetadata: CodexMessageMetadata }
  | { type: "start-step" }
  | { type: "text-start" | "text-end"; id: string; providerMetadata?: CodexPartMetadata }
  | { type: "text-delta"; id: string; delta: string }
  | { type: "reasoning-start" | "reasoning-end"; id: string; providerMetadata?: CodexPartMetadata }
  | { type: "reasoning-delta"; id: string; delta: string }
  | ({ type: "tool-input-available"; toolName: string; input: unknown } & ToolChunk)
  | ({ type: "tool-output-available"; output: unknown } & ToolChunk)
  | ({ type: "tool-output-error"; errorText: string } & ToolChunk)
  | { type: "data-plan"; id: "plan"; data: PlanData }
  | { type: "data-diff"; id: "diff"; data: string }
  | { type: "data-status"; data: StatusData; transient: true }
  | { type: "message-metadata"; messageMetadata: CodexMessageMetadata }
  | { type: "error"; errorText: string }
  | { type: "finish-step" }
  | { type: "finish"; finishReason: "stop" | "error" }
  | { type: "abort"; reason: string };

/** The runtime executes every call itself, and its tools are not declared on the page. */
type ToolChunk = { toolCallId: string; dynamic: true; providerExecuted: true };

/**
 * A turn as the UI message stream of the AI SDK, for `useChat` and `readUIMessageStream` of ai 6 and 7: one message with
 * one step. Starts with the first event of the turn, whenever it is called and however often. The stream reads the turn
 * only as fast as it is read itself, and cancelling it leaves the turn running.
 *
 * Messages of the agent are text parts, its reasoning summaries reasoning parts, its commands, patches and tool calls
 * dynamic tool parts. The plan is the part `data-plan`. A turn that fails ends with `error` and `finish`, one that is
 * interrupted with `abort`; the stream itself never errors. Events of sub-agents are left out.
 *
 * @throws UsageError for a value that is not a turn, and for unknown options.
 */
export function toUIMessageStream(turn: UiTurn, options: UiStreamOptions = {}): ReadableStream<CodexUIMessageChunk> {
  const include = checkStream(turn, options, "toUIMessageStream");
  return streamOf((gone) => uiMessageChunks(turn, include, gone));
}

/** The chunks of {@link toUIMessageStream}. */
export async function* uiMessageChunks(
  turn: UiTurn,
  include: Included,
  gone: AbortSignal,
): AsyncGenerator<CodexUIMessageChunk> {
  yield { type: "start", messageId: turn.id, messageMetadata: { threadId: turn.threadId, turnId: turn.id } };
  yield { type: "start-step" };
  for await (const update of updatesOf(turn, include, gone)) yield* chunksOf(update);
}

function* chunksOf(update: Update): Generator<CodexUIMessageChunk> {
  switch (update.type) {
    case "open": {
      const { kind, id, phase } = update;
      return yield { type: `${kind}-start`, id, ...(phase !== null && { providerMetadata: { codex: { phase } } }) };
    }
    case "delta":
      return yield { type: `${update.kind}-delta`, id: update.id, delta: update.delta };
    case "close": {
      const { kind, id, withdrawn } = update;
      return yield { type: `${kind}-end`, id, ...(withdrawn && { providerMetadata: { codex: { withdrawn } } }) };
    }
    case "call": {
      const { name: toolName, input } = update.call;
      return yield { type: "tool-input-available", toolName, input, ...toolChunk(update.id) };
    }
    case "answer": {
      const { output, error } = update.answer;
      if (error === null) return yield { type: "tool-output-available", output, ...toolChunk(update.id) };
      return yield { type: "tool-output-error", errorText: error, ...toolChunk(update.id) };
    }
    case "plan":
      return yield { type: "data-plan", id: "plan", data: update.plan };
    case "diff":
      return yield { type: "data-diff", id: "diff", data: update.diff };
    case "status":
      return yield { type: "data-status", data: update.status, transient: true };
    case "end":
      return yield* endChunks(update.end);
  }
}

function toolChunk(toolCallId: string): ToolChunk {
  return { toolCallId, dynamic: true, providerExecuted: true };
}

/** The metadata comes first: a page stops reading at an error. */
function* endChunks({ status, usage, error }: EndData): Generator<CodexUIMessageChunk> {
  yield { type: "finish-step" };
  const errorCode = error === null ? {} : { errorCode: error.code };
  yield { type: "message-metadata", messageMetadata: { status, usage, ...errorCode } };
  if (status === "interrupted") return yield { type: "abort", reason: "interrupted" };
  if (error !== null) yield { type: "error", errorText: error.message };
  yield { type: "finish", finishReason: error === null ? "stop" : "error" };
}
