/** Owns what is said of an item that does something: what it is, how it ended, and what came out of it. */

import type { ThreadItem } from "../../protocol/index.js";
import { commandText, duration, oneLine, type Paint, shortPath } from "./text.js";

type ItemOf<T extends ThreadItem["type"]> = Extract<ThreadItem, { type: T }>;

/** An item that does something. */
export interface Action {
  /** What it does, on one line. */
  readonly title: string;
  /** How it ended, on the same line; empty while it runs, and when there is nothing to say. */
  readonly outcome: string;
  /** What came out of it. */
  readonly output: string;
}

/** Describes an item that does something; null for one that is text, a change of files, or nothing to show. */
export function actionOf(item: ThreadItem, paint: Paint, cwd?: string): Action | null {
  const label = (name: string, detail: string): string => `${paint("cyan", name)} ${oneLine(detail)}`.trimEnd();
  const plain = (name: string, detail: string): Action => ({ title: label(name, detail), outcome: "", output: "" });
  switch (item.type) {
    case "commandExecution": {
      const title = `${paint("cyan", "$")} ${paint("bold", oneLine(commandText(item.command)))}`;
      return { title, outcome: commandOutcome(item, paint), output: item.aggregatedOutput ?? "" };
    }
    case "mcpToolCall": {
      const title = label("call", `${item.server}.${item.tool} ${JSON.stringify(item.arguments)}`);
      const output = item.error?.message ?? (item.status === "failed" ? contentText(item.result?.content ?? []) : "");
      return { title, outcome: toolOutcome(item, paint), output };
    }
    case "dynamicToolCall": {
      const name = item.namespace === null ? item.tool : `${item.namespace}.${item.tool}`;
      const output = item.status === "failed" ? contentText(item.contentItems ?? []) : "";
      return {
        title: label("call", `${name} ${JSON.stringify(item.arguments)}`),
        outcome: toolOutcome(item, paint),
        output,
      };
    }
    case "collabAgentToolCall":
      return { ...plain("agent", `${item.tool} ${item.prompt ?? ""}`), outcome: stateOutcome(item.status, paint) };
    case "subAgentActivity":
      return plain("agent", `${item.agentPath} ${item.kind}`);
    case "webSearch":
      return plain("search", searchText(item));
    case "imageView":
      return plain("view", shortPath(item.path, cwd));
    case "imageGeneration":
      return plain("image", item.savedPath === undefined ? item.status : shortPath(item.savedPath, cwd));
    case "sleep":
      return plain("wait", duration(item.durationMs));
    case "enteredReviewMode":
      return plain("review", item.review);
    case "contextCompaction":
      return plain("compact", "the history is summarised to free the context window");
    case "userMessage":
    case "agentMessage":
    case "reasoning":
    case "plan":
    case "exitedReviewMode":
    case "fileChange":
    case "hookPrompt":
    case "functionCallOutput":
      return null;
  }
}

function commandOutcome(item: ItemOf<"commandExecution">, paint: Paint): string {
  if (item.status === "inProgress") return "";
  if (item.status === "declined") return paint("yellow", "declined");
  const took = item.durationMs === null ? "" : paint("dim", ` · ${duration(item.durationMs)}`);
  if (item.exitCode === null) return stateOutcome(item.status, paint) + took;
  return (item.exitCode === 0 ? paint("green", "exit 0") : paint("red", `exit ${item.exitCode}`)) + took;
}

function toolOutcome(item: ItemOf<"mcpToolCall" | "dynamicToolCall">, paint: Paint): string {
  const took = item.durationMs === null ? "" : paint("dim", ` · ${duration(item.durationMs)}`);
  return item.status === "inProgress" ? "" : stateOutcome(item.status, paint) + took;
}

function stateOutcome(status: "inProgress" | "completed" | "failed" | "interrupted", paint: Paint): string {
  switch (status) {
    case "inProgress":
      return "";
    case "completed":
      return paint("green", "ok");
    case "failed":
      return paint("red", "failed");
    case "interrupted":
      return paint("yellow", "interrupted");
  }
}

function searchText({ query, action }: ItemOf<"webSearch">): string {
  switch (action?.type) {
    case "openPage":
      return `open ${action.url ?? query}`;
    case "findInPage":
      return `find ${action.pattern ?? query} in ${action.url ?? "the page"}`;
    case "search":
      return action.query ?? action.queries?.join(", ") ?? query;
    case "other":
    case undefined:
      return query;
  }
}

function contentText(content: readonly unknown[]): string {
  return content
    .flatMap((part) => {
      const isText = typeof part === "object" && part !== null && "text" in part && typeof part.text === "string";
      return isText ? [part.text] : [];
    })
    .join("\n");
}
