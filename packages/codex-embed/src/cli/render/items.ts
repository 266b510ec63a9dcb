/** How an item of a turn looks: what the agent did, and which lines of a file it changed. */

import type { FileUpdateChange, ThreadItem } from "../../protocol/index.js";
import {
  commandText,
  displayText,
  duration,
  oneLine,
  type Paint,
  painter,
  type Style,
  shorten,
  shortPath,
} from "./text.js";

type ItemOf<T extends ThreadItem["type"]> = Extract<ThreadItem, { type: T }>;

/** An item with an effect, such as a command or a tool call. */
export interface Action {
  /** What it does, on one line. */
  readonly title: string;
  /** How it ended, on the same line. Empty while it runs, and for kinds without an outcome. */
  readonly outcome: string;
  /** Its output. */
  readonly output: string;
}

/** Describes an item with an effect. Returns null for text, for file changes and for items that are not shown. */
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

const MAX_ROWS = 40;

interface Row {
  readonly kind: "context" | "added" | "removed" | "skipped" | "remark";
  readonly number: number;
  readonly text: string;
}

/** Formats one changed file, without indentation. Shortens long lines, and shows at most {@link MAX_ROWS} of them. */
export function changeLines(change: FileUpdateChange, paint: Paint, cwd?: string): string[] {
  const rows = rowsOf(change).rows.filter(({ kind }) => kind !== "remark");
  const width = numberWidth(rows);
  const hidden = rows.length - MAX_ROWS;
  return [
    titleOf(change, rows, paint, cwd),
    ...rows.slice(0, MAX_ROWS).map((row) => rowLine({ ...row, text: shorten(row.text) }, width, paint)),
    ...(hidden > 0 ? [paint("dim", `${" ".repeat(width)}  … ${hidden} more`)] : []),
  ];
}

/** Formats a change for approval: complete, with a style per line instead of colour. */
export function changeRows(change: FileUpdateChange, cwd: string): { readonly text: string; readonly style?: Style }[] {
  const plain = painter(false);
  const { rows, endsInReturns } = rowsOf(change);
  const width = numberWidth(rows);
  const styles = { added: "green", removed: "red", skipped: "dim", remark: "dim" } as const;
  return [
    { text: titleOf(change, rows, plain, cwd) },
    ...rows.map((row) => ({
      text: rowLine(row, width, plain),
      ...(row.kind !== "context" && { style: styles[row.kind] }),
    })),
    ...(endsInReturns
      ? [{ text: "Each of these lines ends in a carriage return (\\u{d}).", style: "dim" as const }]
      : []),
  ];
}

function numberWidth(rows: readonly Row[]): number {
  return rows.reduce((width, { number }) => Math.max(width, String(number).length), 3);
}

function titleOf({ path, kind }: FileUpdateChange, rows: readonly Row[], paint: Paint, cwd?: string): string {
  const count = (wanted: Row["kind"]): number => rows.filter(({ kind: actual }) => actual === wanted).length;
  const counts = `${paint("green", `+${count("added")}`)} ${paint("red", `-${count("removed")}`)}`;
  const name = paint("bold", shortPath(path, cwd));
  switch (kind.type) {
    case "add":
      return `${paint("cyan", "add")}   ${name}  ${counts}`;
    case "delete":
      return `${paint("cyan", "del")}   ${name}  ${counts}`;
    case "update":
      return kind.move_path === null
        ? `${paint("cyan", "edit")}  ${name}  ${counts}`
        : `${paint("cyan", "move")}  ${name} -> ${paint("bold", shortPath(kind.move_path, cwd))}  ${counts}`;
  }
}

function rowLine({ kind, number, text }: Row, width: number, paint: Paint): string {
  const gutter = paint("dim", String(number).padStart(width));
  switch (kind) {
    case "skipped":
      return paint("dim", `${" ".repeat(width)}  …`);
    case "remark":
      return paint("dim", `${" ".repeat(width)}   ${text}`);
    case "added":
      return `${gutter} ${paint("green", `+ ${text}`)}`;
    case "removed":
      return `${gutter} ${paint("red", `- ${text}`)}`;
    case "context":
      return `${gutter}   ${text}`.trimEnd();
  }
}

/** The rows of a change, escaped for display. If every line ends in a carriage return, the rows omit it. */
function rowsOf({ kind, diff }: FileUpdateChange): { readonly rows: readonly Row[]; readonly endsInReturns: boolean } {
  const lines = (diff.endsWith("\n") ? diff.slice(0, -1) : diff).split("\n");
  const rows = kind.type === "update" ? hunkRows(lines) : bareRows(kind.type, diff === "" ? [] : lines);
  const isLine = ({ kind: rowKind }: Row): boolean => rowKind !== "skipped" && rowKind !== "remark";
  const endsInReturns = rows.some(isLine) && rows.every((row) => !isLine(row) || row.text.endsWith("\r"));
  return {
    endsInReturns,
    rows: rows.map((row) => ({
      ...row,
      text: displayText(endsInReturns && isLine(row) ? row.text.slice(0, -1) : row.text),
    })),
  };
}

/** For an added or deleted file, the runtime sends the content instead of a diff. */
function bareRows(kind: "add" | "delete", lines: readonly string[]): Row[] {
  return lines.map((text, index) => ({ kind: kind === "add" ? "added" : "removed", number: index + 1, text }));
}

/** Reads as many lines as each header announces: the runtime may append a remark to the last hunk. */
function hunkRows(lines: readonly string[]): Row[] {
  const rows: Row[] = [];
  let [before, after, beforeEnd, afterEnd] = [0, 0, 0, 0];
  for (const line of lines) {
    const header = /^@@ -(?<from>\d+)(?:,(?<old>\d+))? \+(?<to>\d+)(?:,(?<new>\d+))? @@/.exec(line)?.groups;
    if (line.startsWith("\\")) {
      rows.push({ kind: "remark", number: 0, text: line });
    } else if (before >= beforeEnd && after >= afterEnd) {
      if (header === undefined) {
        if (line !== "") rows.push({ kind: "remark", number: 0, text: line });
        continue;
      }
      if (beforeEnd + afterEnd > 0) rows.push({ kind: "skipped", number: 0, text: "" });
      before = Number(header["from"]);
      after = Number(header["to"]);
      beforeEnd = before + Number(header["old"] ?? 1);
      afterEnd = after + Number(header["new"] ?? 1);
    } else if (line.startsWith("+")) {
      rows.push({ kind: "added", number: after++, text: line.slice(1) });
    } else if (line.startsWith("-")) {
      rows.push({ kind: "removed", number: before++, text: line.slice(1) });
    } else {
      rows.push({ kind: "context", number: after++, text: line.startsWith(" ") ? line.slice(1) : line });
      before++;
    }
  }
  return rows;
}
