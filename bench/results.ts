/** Owns what is kept of the measurements: the file of results, and how two of them compare. */

import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { RUNTIME_VERSION } from "codex-embed/protocol";
import type { Race, Spread } from "./measure.js";

/** What one measurement gives. */
export interface Report {
  /** The name that it is run by. */
  readonly name: string;
  readonly date: string;
  readonly races: readonly Race[];
  /** What a reader of the figures has to know: what is measured, and the reason where a goal is missed. */
  readonly notes: readonly string[];
}

/** Where it was measured. */
export interface Place {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly runtime: string;
}

/** The file of results. */
export interface Results {
  readonly place: Place;
  readonly reports: readonly Report[];
}

/** This machine. */
export function place(): Place {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    runtime: RUNTIME_VERSION,
  };
}

/** Reads a file of results; undefined when there is none. */
export function readResults(path: string): Results | undefined {
  try {
    const results: Results = JSON.parse(readFileSync(path, "utf8"));
    return results;
  } catch {
    return undefined;
  }
}

/** Writes a file of results. Reports of this run take the place of those of the same name. */
export function writeResults(path: string, fresh: readonly Report[], order: readonly string[]): Results {
  const kept = readResults(path)?.reports ?? [];
  const reports = order.flatMap((name) => [...fresh, ...kept].find((report) => report.name === name) ?? []);
  const results = { place: place(), reports };
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`);
  return results;
}

/** What has become worse by more than the noise of both runs: a line for each ratio. */
export function regressions(before: Results, now: readonly Report[]): string[] {
  const lines: string[] = [];
  for (const report of now) {
    const old = ratiosOf(before.reports.find(({ name }) => name === report.name));
    for (const [name, ratio] of ratiosOf(report)) {
      const was = old.get(name)?.spread;
      if (was === undefined) continue;
      const isLessBetter = ratio.atLeast === undefined;
      const { spread } = ratio;
      const isWorse = isLessBetter ? spread.low > was.high : spread.high < was.low;
      if (isWorse) lines.push(`${name}: ${shown(was)} before, ${shown(spread)} now`);
    }
  }
  return lines;
}

function ratiosOf(report: Report | undefined): Map<string, Race["rows"][number]["ratios"][number]> {
  const all = (report?.races ?? []).flatMap((race) =>
    race.rows.flatMap((row) =>
      row.ratios.map((ratio) => [`${report?.name} / ${race.title} / ${row.name} : ${ratio.against}`, ratio] as const),
    ),
  );
  return new Map(all);
}

function shown({ median, low, high }: Spread): string {
  return `${median.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`;
}
