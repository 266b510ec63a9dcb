/** The tables of the measurements, for the terminal and for docs/performance.md. */

import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { RUNTIME_VERSION } from "codex-embed/protocol";
import { between } from "../scripts/markers.js";
import type { Measured, Race, Ratio, Row, Spread } from "./measure.js";

const PAGE = new URL("../docs/performance.md", import.meta.url);

/** The races of a measurement as Markdown. */
export function tablesOf({ races, notes = [] }: Measured): string {
  const tables = races.map((race) => `**${race.title}** (${race.rounds} rounds)\n\n${raceTable(race)}`);
  return [...tables, ...notes].join("\n\n");
}

/** Replaces the tables of one measurement on the page, with the machine and the date. */
export function writePage(name: string, tables: string): void {
  const [cpu] = cpus();
  const machine = `${cpu?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GB`;
  const versions = `${type()} ${release()}; Node ${process.version}, runtime ${RUNTIME_VERSION}`;
  const text = `${tables}\n\n${machine}, ${versions}; ${new Date().toISOString().slice(0, 10)}.`;
  writeFileSync(PAGE, between(readFileSync(PAGE, "utf8"), `bench:${name}`, text));
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
  const said = ratios.map(comparison);
  const goals = ratios.map(goalText).filter((text) => text !== "");
  return [name, figure(value.median), span, ...(hasCpu ? [cpu] : []), said.join("<br>"), goals.join("<br>")];
}

function comparison({ of = "ratio", against, spread: { median, low, high } }: Ratio): string {
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
