/**
 * How things are measured: the contestants take turns, so that what slows the machine down slows all of them. A figure is
 * the median of the rounds.
 */

/** What one run came to. */
export interface Sample {
  /** In the unit of the race. */
  readonly value: number;
  /** Milliseconds of CPU that the client used, where that is known. */
  readonly cpuMs?: number;
}

/** What a run says when it has ended; nothing when its time on the clock of this process is all there is to say. */
export interface Outcome {
  /** What is raced, when that is not the time on this process's clock. The CPU time is that of this process. */
  readonly value?: number;
  /** What was measured elsewhere, such as in a child process. */
  readonly sample?: Sample;
  /** Puts things in order again; not measured. */
  tidy?(): Promise<unknown>;
}

/** What a comparison shall come to. */
export interface Goal {
  /** What is compared with the first contestant. Default `ratio`. */
  readonly of?: "ratio" | "difference";
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** One way to do what is measured. */
export interface Contestant {
  readonly name: string;
  readonly goals?: readonly Goal[];
  /** Does it once. */
  run(): Promise<Outcome | void>;
}

/** The middle of many numbers, the middle half, and the ends. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly min: number;
  readonly max: number;
}

/** How one contestant compares with another: the spread of the rounds' own ratios, which share the machine's moods. */
export interface Ratio extends Goal {
  readonly against: string;
  readonly spread: Spread;
  /** Whether the median is what it shall be; null without a goal. */
  readonly isMet: boolean | null;
}

/** What was measured of one contestant. */
export interface Row {
  readonly name: string;
  readonly value: Spread;
  readonly cpuMs: Spread | null;
  readonly ratios: readonly Ratio[];
}

/** One race. */
export interface Race {
  /** What is raced, such as `one 50 MB line`. */
  readonly title: string;
  /** The unit of the values, such as `ms`. */
  readonly unit: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
}

/** What a measurement gives: its races, and what a reader has to know of them. */
export interface Measured {
  readonly races: readonly Race[];
  readonly notes?: readonly string[];
}

/** How a race is run. */
export interface RaceOptions {
  readonly title: string;
  /** Default `ms`, which is what is measured when a run tells no sample of its own. */
  readonly unit?: string;
  /** How many rounds count, beside a first one that does not. Default 7. */
  readonly rounds?: number;
  /** False leaves out the first round, where each run is a process of its own. Default true. */
  readonly warmUp?: boolean;
  /** What is compared: the value, or the CPU time. Default `value`. */
  readonly by?: "value" | "cpuMs";
}

/** Runs each contestant once a round. */
export async function race(contestants: readonly Contestant[], options: RaceOptions): Promise<Race> {
  const { title, unit = "ms", rounds = 7, warmUp = true, by = "value" } = options;
  const samples = contestants.map((): Sample[] => []);
  for (let round = warmUp ? 0 : 1; round <= rounds; round += 1) {
    for (const [index, contestant] of contestants.entries()) {
      const sample = await measured(contestant);
      if (round > 0) samples[index]?.push(sample);
    }
  }
  const compared = samples.map((each) => each.map((sample) => sample[by] ?? Number.NaN));
  const rows = contestants.map(({ name, goals }, index): Row => {
    const own = samples[index] ?? [];
    const cpu = own.flatMap(({ cpuMs }) => cpuMs ?? []);
    const isBase = index === 0;
    const ratios = (goals ?? (isBase ? [] : [{}])).map((goal: Goal): Ratio => {
      const ofRound = (value: number, round: number): number => {
        const base = compared[0]?.[round] ?? Number.NaN;
        return goal.of === "difference" ? value - base : value / base;
      };
      const spread = spreadOf((compared[index] ?? []).map(ofRound));
      return { ...goal, against: contestants[0]?.name ?? "", spread, isMet: isMet(goal, spread.median) };
    });
    const value = spreadOf(own.map((sample) => sample.value));
    return { name, value, cpuMs: cpu.length === 0 ? null : spreadOf(cpu), ratios };
  });
  return { title, unit, rounds, rows };
}

/** The same contestants for runs of a few milliseconds: a round runs each so many times, in both orders, and takes the median. */
export function alternating(contestants: readonly Contestant[], times: number): Contestant[] {
  let medians: readonly Sample[] = [];
  return contestants.map((contestant, index) => ({
    ...contestant,
    async run() {
      if (index === 0) medians = await alternate(contestants, times);
      return { sample: medians[index] ?? { value: Number.NaN } };
    },
  }));
}

/** The CPU time is that of one run, averaged: its clock is coarser than most runs. */
async function alternate(contestants: readonly Contestant[], times: number): Promise<Sample[]> {
  const sides = contestants.map((contestant) => ({ contestant, values: [] as number[], cpuMs: 0 }));
  for (let time = 0; time < times; time += 1) {
    for (const side of time % 2 === 0 ? sides : sides.toReversed()) {
      const { value, cpuMs = 0 } = await measured(side.contestant);
      side.values.push(value);
      side.cpuMs += cpuMs / times;
    }
  }
  return sides.map(({ values, cpuMs }) => ({ value: spreadOf(values).median, cpuMs }));
}

/** Runs a contestant once. */
async function measured(contestant: Contestant): Promise<Sample> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const outcome = (await contestant.run()) ?? {};
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  await outcome.tidy?.();
  return outcome.sample ?? { value: outcome.value ?? wallMs, cpuMs: (user + system) / 1000 };
}

function spreadOf(numbers: readonly number[]): Spread {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = (sorted.length - 1) * part;
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    const above = sorted[Math.ceil(place)] ?? Number.NaN;
    return below + (above - below) * (place - Math.floor(place));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75), min: at(0), max: at(1) };
}

function isMet({ atMost, atLeast }: Goal, median: number): boolean | null {
  if (atMost === undefined && atLeast === undefined) return null;
  return median <= (atMost ?? Number.POSITIVE_INFINITY) && median >= (atLeast ?? 0);
}
