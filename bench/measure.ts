/** Owns how things are timed: in turns, so that what slows the machine down slows all of them, with the middle taken. */

/** One way to do what is measured. */
export interface Contestant {
  readonly name: string;
  /** Does it once. What it returns puts things in order again, and is not timed. */
  run(): Promise<(() => Promise<void>) | void>;
}

/** Milliseconds of wall time, over all rounds. */
export interface Timing {
  readonly name: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Runs each contestant once a round, after one round that does not count. */
export async function race(contestants: readonly Contestant[], rounds: number): Promise<Timing[]> {
  const times = contestants.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, contestant] of contestants.entries()) {
      const begin = performance.now();
      const tidy = await contestant.run();
      const time = performance.now() - begin;
      await tidy?.();
      if (round > 0) times[index]?.push(time);
    }
  }
  return contestants.map(({ name }, index) => timing(name, times[index] ?? []));
}

function timing(name: string, times: readonly number[]): Timing {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
  return { name, median: at(0.5), min: at(0), max: at(1) };
}

/** A Markdown table, with each median as a share of the first one's. */
export function table(timings: readonly Timing[]): string {
  const base = timings[0]?.median ?? Number.NaN;
  const rows = timings.map(({ name, median, min, max }) => {
    const span = `${min.toFixed(0)}–${max.toFixed(0)}`;
    return `| ${name} | ${median.toFixed(0)} ms | ${span} | ${(median / base).toFixed(2)} |`;
  });
  return ["| | median | min–max | ratio |", "|---|---|---|---|", ...rows].join("\n");
}
