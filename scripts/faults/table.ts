/** How the matrix is shown: as a table in Markdown, and where it goes in the documentation. */

import type { Measured } from "./measure.js";
import { COLUMNS } from "./stage.js";

/** A close that takes longer is worth telling. */
const SLOW_CLOSE_MS = 1_000;

/** A row that was measured: for each column its cases, or why there are none. */
export interface MeasuredRow {
  readonly fault: string;
  readonly cells: readonly (readonly Measured[] | string)[];
}

/** The table, in Markdown. */
export function table(rows: readonly MeasuredRow[]): string {
  const lines = rows.map(({ fault, cells }) => `| **${fault}** | ${cells.map(cell).join(" | ")} |`);
  return [`| | ${COLUMNS.join(" | ")} |`, `|---|${COLUMNS.map(() => "---|").join("")}`, ...lines].join("\n");
}

function cell(measured: readonly Measured[] | string): string {
  return typeof measured === "string" ? `– (${measured})` : measured.map(line).join("<br>");
}

/** One case in words, such as "`TransportClosedError` (SIGKILL), 4 ms; nothing left". */
export function line({ mode, outcome, ms, closeMs, left }: Measured): string {
  const [first = "", ...rest] = outcome.split("; ");
  const how = mode === "" ? "" : `*${mode}*: `;
  const close = closeMs < SLOW_CLOSE_MS ? [] : [`\`close()\` takes ${duration(closeMs)}`];
  const remains = left.length === 0 ? "nothing left" : `left: ${left.join(", ")}`;
  return `${how}${[`${first}, ${duration(ms)}`, ...rest, ...close, remains].join("; ")}`;
}

function duration(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 1 ? "under 1 ms" : `${Math.round(ms)} ms`;
}
