/** Turn events for unit tests, complete and typed. */

import type { ThreadItem, TokenUsageBreakdown, Turn, TurnStatus } from "../../src/protocol/generated/protocol.js";
import type { TurnNotification } from "../../src/stream/events.js";

export const threadId = "thread-1";
export const turnId = "turn-1";
const at = { threadId, turnId };

export function turnRecord(status: TurnStatus, over: Partial<Turn> = {}): Turn {
  return {
    id: turnId,
    rootTurnId: turnId,
    items: [],
    itemsView: "notLoaded",
    status,
    error: null,
    startedAt: 100,
    completedAt: null,
    durationMs: null,
    ...over,
  };
}

export function agentMessage(id: string, text: string, phase: "commentary" | "final_answer" | null = null): ThreadItem {
  return {
    type: "agentMessage",
    id,
    text,
    phase,
    moderation: null,
    memoryCitation: null,
    delivery: null,
    questions: null,
  };
}

export const started = (): TurnNotification => ({
  method: "turn/started",
  params: { threadId, turn: turnRecord("inProgress") },
});

export const completed = (status: TurnStatus = "completed", over: Partial<Turn> = {}): TurnNotification => ({
  method: "turn/completed",
  params: { threadId, turn: turnRecord(status, over) },
});

export const delta = (text: string, itemId = "item-1"): TurnNotification => ({
  method: "item/agentMessage/delta",
  params: { ...at, itemId, delta: text },
});

export const itemStarted = (item: ThreadItem): TurnNotification => ({
  method: "item/started",
  params: { ...at, item, startedAtMs: 1 },
});

export const itemCompleted = (item: ThreadItem): TurnNotification => ({
  method: "item/completed",
  params: { ...at, item, contentTokenCount: null, completedAtMs: 2 },
});

export function tokens(totalTokens: number): TokenUsageBreakdown {
  return {
    totalTokens,
    inputTokens: totalTokens - 1,
    cachedInputTokens: 0,
    cacheWriteInputTokens: 0,
    outputTokens: 1,
    reasoningOutputTokens: 0,
  };
}

export const usageUpdated = (total: number, last: number): TurnNotification => ({
  method: "thread/tokenUsage/updated",
  params: { ...at, tokenUsage: { total: tokens(total), last: tokens(last), modelContextWindow: 1000 } },
});
