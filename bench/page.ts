/** Owns the tables of the measurements: for the terminal and for the documentation. */

import { readFileSync, writeFileSync } from "node:fs";
import type { Race, Ratio, Row, Spread } from "./measure.js";
import type { Report, Results } from "./results.js";

const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

/** The races of a report as Markdown. */
export function reportTables(report: Report): string {
  const tables = report.races.map((race) => `**${race.title}** (${race.rounds} rounds)\n\n${raceTable(race)}`);
  return [...tables, ...report.notes].join("\n\n");
}

/** Writes the results into the page, between its two marks. */
export function writePage(path: string, { place, reports }: Results): void {
  const page = readFileSync(path, "utf8");
  const before = page.indexOf(BEGIN);
  const after = page.indexOf(END);
  if (before === -1 || after < before) throw new Error(`${path} lacks the marks ${BEGIN} and ${END}.`);
  const dates = [...new Set(reports.map(({ date }) => date))].toSorted().join(", ");
  const { cpu, cores, memoryGb, system, node, runtime } = place;
  const where = `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; Node ${node}, runtime ${runtime}; ${dates}.`;
  const sections = reports.map((report) => `### ${report.name}\n\n${reportTables(report)}`);
  const text = [where, ...sections].join("\n\n");
  writeFileSync(path, `${page.slice(0, before)}${BEGIN}\n${text}\n${page.slice(after)}`);
}

function raceTable({ unit, rows }: Race): string {
  const hasCpu = rows.some(({ cpuMs }) => cpuMs !== null);
  const head = ["", `median ${unit}`, "min–max", ...(hasCpu ? ["CPU ms"] : []), "compared", "goal"];
  const lines = rows.map((row) => cells(row, hasCpu));
  return [head, head.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cells({ name, value, cpuMs, ratios }: Row, hasCpu: boolean): string[] {
  const span = `${figure(value.min)}–${figure(value.max)}`;
  const cpu = cpuMs === null ? "" : figure(cpuMs.median);
  const said = ratios.map(comparison).filter((text) => text !== "");
  const goals = ratios.map(goalText).filter((text) => text !== "");
  return [name, figure(value.median), span, ...(hasCpu ? [cpu] : []), said.join("<br>"), goals.join("<br>")];
}

function comparison({ of = "ratio", against, spread: { median, low, high } }: Ratio): string {
  if (of === "value") return "";
  if (of === "difference") return `${figure(median)} over ${against} (${figure(low)}–${figure(high)})`;
  return `${median.toFixed(2)} × ${against} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function goalText({ atMost, atLeast, isMet }: Ratio): string {
  if (isMet === null) return "";
  const wanted = [
    atMost === undefined ? "" : `≤ ${goal(atMost)}`,
    atLeast === undefined ? "" : `≥ ${goal(atLeast)}`,
  ].join(" ");
  return `${wanted.trim()}: ${isMet ? "met" : "missed"}`;
}

/** A third is shown as what it is. */
function goal(value: number): string {
  return Number.isInteger(1 / value) && value < 1 ? `1/${1 / value}` : String(value);
}

/** A number with about three digits that mean something. */
function figure(value: Spread["median"]): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
