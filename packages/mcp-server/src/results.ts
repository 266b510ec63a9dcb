/** What a tool returns: the outcome of a turn, or why the call failed. */

import type { CallToolResult } from "@modelcontextprotocol/server";
import {
  AuthRequiredError,
  CodexError,
  LaunchError,
  ThreadLockedError,
  TransportClosedError,
  TurnDeadlineError,
  TurnFailedError,
  TurnInProgressError,
  type TurnSnapshot,
} from "codex-embed";

/** A call that this server refuses or gives up. The message is written for the caller. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

/** The result of a turn that did not fail. An interrupted turn is an error: its work is not done. */
export function turnResult({ threadId, status, finalResponse, usage }: TurnSnapshot): CallToolResult {
  const isDone = status === "completed";
  const text = finalResponse ?? "";
  const content = isDone ? text : `The turn was interrupted before it was done.${text === "" ? "" : `\n\n${text}`}`;
  return {
    content: [
      { type: "text", text: content === "" ? "(The agent ended without a message.)" : content },
      // For clients that give their model nothing but text.
      { type: "text", text: `threadId: ${threadId}` },
    ],
    structuredContent: { threadId, content, status, ...tokensOf(usage) },
    ...(isDone ? {} : { isError: true }),
  };
}

/** The result of a call that failed. With a thread, the caller can reply to it. */
export function errorResult(error: unknown, threadId: string | null): CallToolResult {
  const content = describeFailure(error);
  const text = { type: "text" as const, text: content };
  if (threadId === null) return { content: [text], isError: true };
  const usage = TurnFailedError.isInstance(error) ? tokensOf(error.result.usage) : {};
  return {
    content: [text, { type: "text", text: `threadId: ${threadId}` }],
    structuredContent: { threadId, content, status: "failed", ...usage },
    isError: true,
  };
}

/** What a caller reads about a failure: why, and what to do. Never a stack, the runtime's stderr, or a path of its files. */
export function describeFailure(error: unknown): string {
  if (error instanceof ToolError) return error.message;
  if (TurnInProgressError.isInstance(error)) {
    return `Thread ${error.threadId} already has a turn in flight. Wait for its result or cancel that call, then try again.`;
  }
  if (TurnDeadlineError.isInstance(error)) {
    return (
      `The turn took longer than this server allows (${error.deadlineMs} ms) and was interrupted. ` +
      "Reply to the thread to continue, or ask for less in one turn."
    );
  }
  if (TransportClosedError.isInstance(error)) {
    const how = error.signal ?? (error.exitCode === null ? "no exit code" : `exit code ${error.exitCode}`);
    return `The agent runtime ended during the call (${how}). Work that it had finished by then stays done. Try again.`;
  }
  if (LaunchError.isInstance(error)) {
    return `The agent runtime could not be started (${error.code}). The operator of this server finds the reason in its log.`;
  }
  if (AuthRequiredError.isInstance(error)) {
    return "The agent runtime is not logged in. The operator of this server must run: npx codex login";
  }
  if (ThreadLockedError.isInstance(error)) return "Another process is writing to this thread. Try again later.";
  if (CodexError.isInstance(error)) return error.message;
  return "Internal error of this server. Its operator finds the reason in its log.";
}

function tokensOf(usage: TurnSnapshot["usage"]): { usage?: Record<string, number> } {
  if (usage === null) return {};
  const { inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens, totalTokens } = usage.turn;
  return { usage: { inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens, totalTokens } };
}
