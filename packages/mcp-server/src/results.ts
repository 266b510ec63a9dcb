/** Owns what a tool gives back: the outcome of a turn as the result of a tool call. */

import type { CallToolResult } from "@modelcontextprotocol/server";
import { TurnFailedError, type TurnSnapshot } from "codex-embed";
import { tellFailure } from "./refusal.js";

/** The result of a turn that came to an end without failing. An interrupted one is an error: its work is not done. */
export function endedResult({ threadId, status, finalResponse, usage }: TurnSnapshot): CallToolResult {
  const isDone = status === "completed";
  const said = finalResponse ?? "";
  const content = isDone ? said : `The turn was interrupted before it was done.${said === "" ? "" : `\n\n${said}`}`;
  return {
    content: [
      { type: "text", text: content === "" ? "(The agent ended without a message.)" : content },
      // For clients that pass the text alone to their model.
      { type: "text", text: `threadId: ${threadId}` },
    ],
    structuredContent: { threadId, content, status, ...usageOf(usage) },
    ...(isDone ? {} : { isError: true }),
  };
}

/** The result of a call that failed; with the thread, when there is one, so that the caller can go on with it. */
export function failedResult(error: unknown, threadId: string | null): CallToolResult {
  const content = tellFailure(error);
  const text = { type: "text" as const, text: content };
  if (threadId === null) return { content: [text], isError: true };
  const usage = TurnFailedError.isInstance(error) ? usageOf(error.result.usage) : {};
  return {
    content: [text, { type: "text", text: `threadId: ${threadId}` }],
    structuredContent: { threadId, content, status: "failed", ...usage },
    isError: true,
  };
}

function usageOf(usage: TurnSnapshot["usage"]): { usage?: Record<string, number> } {
  if (usage === null) return {};
  const { inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens, totalTokens } = usage.turn;
  return { usage: { inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens, totalTokens } };
}
