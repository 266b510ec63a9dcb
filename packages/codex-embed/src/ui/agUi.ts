import { checkStream, type Included, type UiStreamOptions, type UiTurn } from "./options.js";
import { streamOf } from "./stream.js";
import { type EndData, type PlanData, type Update, updatesOf } from "./updates.js";

/** What the model used, as AG-UI counts it. */
export interface AgUiUsage {
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  reasoningTokens: number;
  cachedInputTokens: number;
}

/** The `metadata` of text messages. */
export interface AgUiTextMetadata {
  codex: {
    /** `commentary` or `final_answer`, if the model says so. */
    phase?: string;
    /** The model dropped this text, by a retry or a steer: do not show it any longer. */
    withdrawn?: true;
  };
}

/** An event of AG-UI: those that a turn makes. */
export type AgUiEvent =
  | { type: "RUN_STARTED"; threadId: string; runId: string }
  | { type: "TEXT_MESSAGE_START"; messageId: string; role: "assistant"; metadata?: AgUiTextMetadata }
  | { type: "REASONING_START" | "REASONING_END"; messageId: string }
  | { type: "REASONING_MESSAGE_START"; messageId: string; role: "reasoning" }
  | { type: "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT"; messageId: string; delta: string }
  | { type: "TEXT_MESSAGE_END" | "REASONING_MESSAGE_END"; messageId: string; metadata?: AgUiTextMetadata }
  | { type: "TOOL_CALL_START"; toolCallId: string; toolCallName: string }
  | { type: "TOOL_CALL_ARGS"; toolCallId: string; delta: string }
  | { type: "TOOL_CALL_END"; toolCallId: string }
  | { type: "TOOL_CALL_RESULT"; messageId: string; toolCallId: string; content: string; role: "tool" }
  | { type: "ACTIVITY_SNAPSHOT"; messageId: string; activityType: "PLAN"; content: PlanData; replace: true }
  | { type: "CUSTOM"; name: "codex.diff" | "codex.status"; value: unknown }
  | {
      type: "RUN_FINISHED";
      threadId: string;
      runId: string;
      result: { status: "completed" | "interrupted" };
      usage?: AgUiUsage[];
    }
  | { type: "RUN_ERROR"; message: string; code: string; usage?: AgUiUsage[] };

/**
 * A turn as the events of AG-UI 1.0, in the subset that 0.0.59 reads too, for CopilotKit and other clients. Starts with the
 * first event of the turn, whenever it is called and however often. The stream reads the turn only as fast as it is read
 * itself, and cancelling it leaves the turn running.
 *
 * Messages of the agent are text messages, its reasoning summaries reasoning messages, its commands, patches and tool
 * calls tool calls with a result in JSON. The plan is an activity of the type `PLAN`. A turn that fails ends with
 * `RUN_ERROR`, any other with `RUN_FINISHED`; the stream itself never errors. Events of sub-agents are left out.
 *
 * @throws UsageError for a value that is not a turn, and for unknown options.
 */
export function toAgUi(turn: UiTurn, options: UiStreamOptions = {}): ReadableStream<AgUiEvent> {
  const include = checkStream(turn, options, "toAgUi");
  return streamOf((gone) => agUiEvents(turn, include, gone));
}

/** The events of {@link toAgUi}. */
export async function* agUiEvents(turn: UiTurn, include: Included, gone: AbortSignal): AsyncGenerator<AgUiEvent> {
  const run = { threadId: turn.threadId, runId: turn.id };
  yield { type: "RUN_STARTED", ...run };
  for await (const update of updatesOf(turn, include, gone)) yield* eventsOf(update, run);
}

type Run = { readonly threadId: string; readonly runId: string };

function* eventsOf(update: Update, run: Run): Generator<AgUiEvent> {
  switch (update.type) {
    case "open": {
      const { id: messageId, kind, phase } = update;
      if (kind === "text") {
        const metadata = phase === null ? {} : { metadata: { codex: { phase } } };
        return yield { type: "TEXT_MESSAGE_START", messageId, role: "assistant", ...metadata };
      }
      yield { type: "REASONING_START", messageId };
      return yield { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" };
    }
    case "delta": {
      const type = update.kind === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT";
      return yield { type, messageId: update.id, delta: update.delta };
    }
    case "close": {
      const { id: messageId, kind, withdrawn } = update;
      const metadata = withdrawn ? { metadata: { codex: { withdrawn } } } : {};
      if (kind === "text") return yield { type: "TEXT_MESSAGE_END", messageId, ...metadata };
      yield { type: "REASONING_MESSAGE_END", messageId, ...metadata };
      return yield { type: "REASONING_END", messageId };
    }
    case "call": {
      const { id: toolCallId, call } = update;
      yield { type: "TOOL_CALL_START", toolCallId, toolCallName: call.name };
      yield { type: "TOOL_CALL_ARGS", toolCallId, delta: JSON.stringify(call.input) };
      return yield { type: "TOOL_CALL_END", toolCallId };
    }
    case "answer": {
      const { id: toolCallId, answer } = update;
      const { output, error } = answer;
      const content = JSON.stringify(error === null ? output : { ...output, error });
      return yield { type: "TOOL_CALL_RESULT", messageId: `${toolCallId}-result`, toolCallId, content, role: "tool" };
    }
    case "plan": {
      const messageId = `${run.runId}-plan`;
      return yield { type: "ACTIVITY_SNAPSHOT", messageId, activityType: "PLAN", content: update.plan, replace: true };
    }
    case "diff":
      return yield { type: "CUSTOM", name: "codex.diff", value: update.diff };
    case "status":
      return yield { type: "CUSTOM", name: "codex.status", value: update.status };
    case "end":
      return yield endEvent(update.end, run);
  }
}

/** AG-UI 1.0 has an outcome `cancelled`, which 0.0.59 refuses: the result says it to both. */
function endEvent({ status, usage, error }: EndData, run: Run): AgUiEvent {
  const counted = usage === null ? {} : { usage: [toUsage(usage)] };
  if (error !== null) return { type: "RUN_ERROR", ...error, ...counted };
  const result = { status: status === "interrupted" ? status : "completed" } as const;
  return { type: "RUN_FINISHED", ...run, result, ...counted };
}

function toUsage(usage: NonNullable<EndData["usage"]>): AgUiUsage {
  const { inputTokens, outputTokens, totalTokens, reasoningOutputTokens, cachedInputTokens } = usage;
  return { inputTokens, outputTokens, totalTokens, reasoningTokens: reasoningOutputTokens, cachedInputTokens };
}
