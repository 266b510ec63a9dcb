import type { ThreadItem } from "../protocol/generated/protocol.js";
import type { Included } from "./options.js";

/** A tool call as a page sees it. Everything in it may leave the server. */
export interface Call {
  readonly name: string;
  /** An object, except for the arguments of a tool that takes something else. */
  readonly input: unknown;
}

/** How a tool call ended. `error` is null when it succeeded. */
export interface Answer {
  readonly output: Readonly<Record<string, unknown>>;
  readonly error: string | null;
}

/** The items of a turn that are tool calls on a page. */
type CallItem = Extract<
  ThreadItem,
  {
    type:
      | "commandExecution"
      | "fileChange"
      | "mcpToolCall"
      | "dynamicToolCall"
      | "collabAgentToolCall"
      | "webSearch"
      | "imageView"
      | "imageGeneration"
      | "sleep";
  }
>;

const CALLS: ReadonlySet<string> = new Set<CallItem["type"]>([
  "commandExecution",
  "fileChange",
  "mcpToolCall",
  "dynamicToolCall",
  "collabAgentToolCall",
  "webSearch",
  "imageView",
  "imageGeneration",
  "sleep",
]);

/** Whether an item is a tool call on a page. */
export function isCall(item: ThreadItem): item is CallItem {
  return CALLS.has(item.type);
}

/** The name of a tool call, and as much of its input as may leave the server. */
export function callOf(item: CallItem, include: Included): Call {
  switch (item.type) {
    case "commandExecution":
      return {
        name: "shell",
        input: {
          actions: item.commandActions.map(({ type }) => type),
          ...(include.commands && { command: item.command }),
          ...(include.paths && { cwd: item.cwd }),
        },
      };
    case "fileChange":
      return {
        name: "apply_patch",
        input: {
          changes: item.changes.map(({ kind, path, diff }) => ({
            kind: kind.type,
            ...(include.paths && { path }),
            ...(include.paths && kind.type === "update" && kind.move_path !== null && { movePath: kind.move_path }),
            ...(include.diffs && { diff }),
          })),
        },
      };
    case "mcpToolCall":
      return { name: `${item.server}.${item.tool}`, input: include.toolInput ? item.arguments : {} };
    case "dynamicToolCall":
      return {
        name: item.namespace === null ? item.tool : `${item.namespace}.${item.tool}`,
        input: include.toolInput ? item.arguments : {},
      };
    case "collabAgentToolCall":
      return { name: `agents.${item.tool}`, input: include.toolInput ? { prompt: item.prompt } : {} };
    case "webSearch":
      return { name: "web_search", input: include.toolInput ? { query: item.query } : {} };
    case "imageView":
      return { name: "view_image", input: include.paths ? { path: item.path } : {} };
    case "imageGeneration":
      return { name: "image_generation", input: include.toolInput ? { prompt: item.revisedPrompt } : {} };
    case "sleep":
      return { name: "sleep", input: { durationMs: item.durationMs } };
  }
}

/** How a completed tool call ended, as much of it as may leave the server. */
export function answerOf(item: CallItem, include: Included): Answer {
  switch (item.type) {
    case "commandExecution": {
      const { status, exitCode, durationMs } = item;
      const output = include.output ? (item.aggregatedOutput ?? "") : null;
      return {
        output: { status, exitCode, durationMs, ...(output !== null && { output }) },
        error: failure("command", status, exitCode === null ? null : `exit code ${exitCode}`, output),
      };
    }
    case "fileChange":
      return { output: { status: item.status }, error: failure("patch", item.status) };
    case "mcpToolCall": {
      const { status, durationMs, result, error } = item;
      const content = result === null ? {} : { content: result.content, structuredContent: result.structuredContent };
      return {
        output: { status, durationMs, ...(include.toolOutput && content) },
        error: failure("tool call", status, null, include.toolOutput ? (error?.message ?? null) : null),
      };
    }
    case "dynamicToolCall": {
      const { durationMs, success, contentItems } = item;
      const status = success === false ? "failed" : item.status;
      const content = contentItems ?? [];
      const words = content.flatMap((part) => (part.type === "inputText" ? part.text : []));
      return {
        output: { status, durationMs, ...(include.toolOutput && { content }) },
        error: failure("tool call", status, null, include.toolOutput ? words.join("\n") : null),
      };
    }
    case "collabAgentToolCall":
      return { output: { status: item.status }, error: failure("call", item.status) };
    case "imageGeneration":
      return {
        output: { status: item.status, ...(include.paths && item.savedPath && { path: item.savedPath }) },
        error: item.failure === null ? null : failure("image generation", "failed"),
      };
    case "webSearch":
    case "imageView":
    case "sleep":
      return { output: { status: "completed" }, error: null };
  }
}

/** The sentence on a page for a call that did not complete; null for one that did. */
function failure(
  what: string,
  status: string,
  reason: string | null = null,
  detail: string | null = null,
): string | null {
  if (status === "completed") return null;
  const how = status === "declined" ? "was declined" : status === "interrupted" ? "was interrupted" : "failed";
  const sentence = `The ${what} ${how}${how === "failed" && reason !== null ? `: ${reason}` : ""}.`;
  return detail === null || detail === "" ? sentence : `${sentence}\n${detail}`;
}
