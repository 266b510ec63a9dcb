/** Owns the look of a changed file: its name, its counts, and its lines with their numbers. */

import type { FileUpdateChange } from "../../protocol.js";
import type { Paint } from "./style.js";
import { shorten, shortPath, spelledOut } from "./text.js";

const MAX_ROWS = 40;

interface Row {
  readonly kind: "context" | "added" | "removed" | "skipped";
  readonly number: number;
  readonly text: string;
}

/** The lines that show one changed file, without indentation. */
export function changeLines(change: FileUpdateChange, paint: Paint, cwd?: string): string[] {
  const rows = rowsOf(change);
  const added = rows.filter(({ kind }) => kind === "added").length;
  const removed = rows.filter(({ kind }) => kind === "removed").length;
  const counts = `${paint("green", `+${added}`)} ${paint("red", `-${removed}`)}`;
  const width = Math.max(3, ...rows.map(({ number }) => String(number).length));
  const hidden = rows.length - MAX_ROWS;
  return [
    `${titleOf(change, paint, cwd)}  ${counts}`,
    ...rows.slice(0, MAX_ROWS).map((row) => rowLine(row, width, paint)),
    ...(hidden > 0 ? [paint("dim", `${" ".repeat(width)}  … ${hidden} more`)] : []),
  ];
}

function titleOf({ path, kind }: FileUpdateChange, paint: Paint, cwd?: string): string {
  const name = paint("bold", shortPath(path, cwd));
  switch (kind.type) {
    case "add":
      return `${paint("cyan", "add")}   ${name}`;
    case "delete":
      return `${paint("cyan", "del")}   ${name}`;
    case "update":
      return kind.move_path === null
        ? `${paint("cyan", "edit")}  ${name}`
        : `${paint("cyan", "move")}  ${name} -> ${paint("bold", shortPath(kind.move_path, cwd))}`;
  }
}

function rowLine({ kind, number, text }: Row, width: number, paint: Paint): string {
  if (kind === "skipped") return paint("dim", `${" ".repeat(width)}  …`);
  const gutter = paint("dim", String(number).padStart(width));
  const line = shorten(text);
  switch (kind) {
    case "added":
      return `${gutter} ${paint("green", `+ ${line}`)}`;
    case "removed":
      return `${gutter} ${paint("red", `- ${line}`)}`;
    case "context":
      return `${gutter}   ${line}`.trimEnd();
  }
}

/** For a new or a deleted file the runtime gives the bare content in place of a diff. */
function rowsOf({ kind, diff }: FileUpdateChange): Row[] {
  const lines = spelledOut(diff).replace(/\n$/, "").split("\n");
  if (kind.type === "update") return hunkRows(lines);
  if (diff === "") return [];
  return lines.map((text, index) => ({ kind: kind.type === "add" ? "added" : "removed", number: index + 1, text }));
}

/** Reads exactly as many lines as each header announces: the runtime may write a remark behind the last hunk. */
function hunkRows(lines: readonly string[]): Row[] {
  const rows: Row[] = [];
  let [before, after, beforeEnd, afterEnd] = [0, 0, 0, 0];
  for (const line of lines) {
    const header = /^@@ -(?<from>\d+)(?:,(?<old>\d+))? \+(?<to>\d+)(?:,(?<new>\d+))? @@/.exec(line)?.groups;
    if (before >= beforeEnd && after >= afterEnd) {
      if (header === undefined) continue;
      if (rows.length > 0) rows.push({ kind: "skipped", number: 0, text: "" });
      before = Number(header["from"]);
      after = Number(header["to"]);
      beforeEnd = before + Number(header["old"] ?? 1);
      afterEnd = after + Number(header["new"] ?? 1);
    } else if (line.startsWith("+")) {
      rows.push({ kind: "added", number: after++, text: line.slice(1) });
    } else if (line.startsWith("-")) {
      rows.push({ kind: "removed", number: before++, text: line.slice(1) });
    } else if (!line.startsWith("\\")) {
      rows.push({ kind: "context", number: after++, text: line.slice(1) });
      before++;
    }
  }
  return rows;
}
