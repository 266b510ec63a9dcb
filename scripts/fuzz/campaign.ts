/** A whole run: round after round, each with a seed of its own, until there is a finding or all lines are through. */

import { readCorpus } from "./corpus.js";
import { EscapeWatch, type Finding } from "./faults.js";
import { Random } from "./random.js";
import { Round, type RoundReport } from "./round.js";

/** What a run has come to. */
export interface CampaignReport {
  readonly figures: Readonly<Record<string, string | number>>;
  readonly findings: readonly Finding[];
  /** The arguments that bring the finding about again, or null. */
  readonly repeat: string | null;
}

const ROUND_LINES = 10_000;
/** Of what a run may still hold at its end, beyond what it held after its first rounds. */
const MOST_GROWTH_BYTES = 64 * 1024 * 1024;
const WARM_UP_ROUNDS = 3;

/** Runs damaged lines through clients. The n-th round has the seed `seed + n`. */
export async function campaign({ lines, seed }: { lines: number; seed: number }): Promise<CampaignReport> {
  using watch = new EscapeWatch();
  const corpus = readCorpus();
  const rssBefore = process.memoryUsage().rss;
  const began = performance.now();
  const rounds: RoundReport[] = [];
  let heapBefore = 0;
  let findings: readonly Finding[] = [];
  let repeat: string | null = null;
  for (let left = lines, round = 0; left > 0 && findings.length === 0; left -= ROUND_LINES, round++) {
    const roundLines = Math.min(left, ROUND_LINES);
    const roundSeed = seed + round;
    const play = (isCareful: boolean) => new Round(corpus, new Random(roundSeed), watch, isCareful).run(roundLines);
    const report = await play(false);
    rounds.push(report);
    if (round < WARM_UP_ROUNDS) heapBefore = heapUsed();
    findings = report.findings;
    if (findings.length === 0) continue;
    repeat = `--seed ${roundSeed} --lines ${roundLines}`;
    // One line after the other, so that what comes late can be told from which it comes.
    if (findings.every((finding) => finding.lines.length !== 1))
      findings = [...findings, ...(await play(true)).findings];
  }
  const seconds = (performance.now() - began) / 1000;
  const growth = heapUsed() - heapBefore;
  if (growth > MOST_GROWTH_BYTES) {
    findings = [...findings, { what: `The heap has grown by ${megabytes(growth)} since the warm-up.`, lines: [] }];
    repeat ??= `--seed ${seed} --lines ${lines}`;
  }
  const sum = (name: Exclude<keyof RoundReport, "findings">) => rounds.reduce((total, each) => total + each[name], 0);
  return {
    figures: {
      seed,
      "damaged lines": sum("lines"),
      written: megabytes(sum("bytes")),
      seconds: seconds.toFixed(1),
      "lines per second": Math.round(sum("lines") / seconds),
      "not JSON objects": sum("unreadable"),
      ignored: sum("ignored"),
      "reported to the program": sum("reported"),
      "replaced (right answers)": sum("replaced"),
      sentinels: sum("sentinels"),
      "clients, each closed": rounds.length,
      "rss before": megabytes(rssBefore),
      "rss after": megabytes(process.memoryUsage().rss),
      "heap growth": megabytes(growth),
      findings: findings.length,
    },
    findings,
    repeat,
  };
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
