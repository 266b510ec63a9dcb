/** Owns the lines that say what a turn has come to: its time, its items, its tokens. */

import type { TurnSnapshot } from "../../index.js";
import type { ThreadItem, TokenUsageBreakdown } from "../../protocol.js";
import type { Paint } from "./style.js";
import { count, duration, number } from "./text.js";

/** The nouns of the kinds that are counted; what a user wrote is no work of the turn. */
const NOUNS: Partial<Record<ThreadItem["type"], string>> = {
  agentMessage: "message",
  reasoning: "thought",
  commandExecution: "command",
  fileChange: "file change",
  mcpToolCall: "tool call",
  dynamicToolCall: "tool call",
  collabAgentToolCall: "agent call",
  webSearch: "search",
  plan: "plan",
};

/** The lines of a turn's summary, without indentation. */
export function summaryLines(outcome: TurnSnapshot, paint: Paint, modelRequests?: number): string[] {
  const took = outcome.durationMs === null ? "" : ` in ${duration(outcome.durationMs)}`;
  const items = itemsText(outcome.items, paint);
  const { usage } = outcome;
  const row = (name: string, text: string): string => `${paint("cyan", name.padEnd(9))}${text}`;
  return [
    row("turn", headline(outcome, paint) + took),
    ...(items === "" ? [] : [row("items", items)]),
    ...(modelRequests === undefined ? [] : [row("model", count(modelRequests, "request"))]),
    ...(usage === null
      ? []
      : [
          row("tokens", usageText(usage.turn)),
          row("", `${number(usage.turn.totalTokens)} in this turn, ${number(usage.thread.totalTokens)} in this thread`),
        ]),
  ];
}

/** What one model response, a turn or a thread has used. */
export function usageText(usage: TokenUsageBreakdown): string {
  const cached = usage.cachedInputTokens === 0 ? "" : ` (${number(usage.cachedInputTokens)} cached)`;
  const reasoning = usage.reasoningOutputTokens === 0 ? "" : ` (${number(usage.reasoningOutputTokens)} reasoning)`;
  return `${number(usage.inputTokens)} in${cached}, ${number(usage.outputTokens)} out${reasoning}`;
}

function headline({ status }: TurnSnapshot, paint: Paint): string {
  switch (status) {
    case "completed":
      return paint("green", "completed");
    case "interrupted":
      return paint("yellow", "interrupted");
    case "failed":
      return paint("red", "failed");
    case "inProgress":
      return paint("yellow", "in progress");
  }
}

function itemsText(items: readonly ThreadItem[], paint: Paint): string {
  const counts = new Map<string, number>();
  for (const { type } of items) {
    const noun = NOUNS[type];
    if (noun !== undefined) counts.set(noun, (counts.get(noun) ?? 0) + 1);
  }
  const failed = items.filter((item) => item.type === "commandExecution" && item.status === "failed").length;
  return [...counts]
    .map(([noun, value]) => {
      const note = noun === "command" && failed > 0 ? ` (${paint("red", `${failed} failed`)})` : "";
      return count(value, noun) + note;
    })
    .join(", ");
}
