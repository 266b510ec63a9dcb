/** Owns how things are measured: in turns, so that what slows the machine down slows all of them, with the middle taken. */

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
  /** What is compared: the ratio to another contestant, the difference from it, or the value by itself. Default `ratio`. */
  readonly of?: "ratio" | "difference" | "value";
  /** The name of the contestant that this one is compared with. Default the first. */
  readonly against?: string;
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

const COMPARISONS = {
  ratio: (value: number, base: number) => value / base,
  difference: (value: number, base: number) => value - base,
  value: (value: number) => value,
};

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
      const against = goal.against ?? contestants[0]?.name ?? "";
      const base = compared[contestants.findIndex((other) => other.name === against)];
      if (base === undefined) throw new Error(`"${name}" is compared with "${against}", which does not take part.`);
      const compare = COMPARISONS[goal.of ?? "ratio"];
      const spread = spreadOf((compared[index] ?? []).map((value, round) => compare(value, base[round] ?? Number.NaN)));
      return { ...goal, against, spread, isMet: isMet(goal, spread.median) };
    });
    const value = spreadOf(own.map((sample) => sample.value));
    return { name, value, cpuMs: cpu.length === 0 ? null : spreadOf(cpu), ratios };
  });
  return { title, unit, rounds, rows };
}

/** Runs a contestant once. */
export async function measured(contestant: Contestant): Promise<Sample> {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const outcome = (await contestant.run()) ?? {};
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  await outcome.tidy?.();
  return outcome.sample ?? { value: outcome.value ?? wallMs, cpuMs: (user + system) / 1000 };
}

/** The spread of some numbers. */
export function spreadOf(numbers: readonly number[]): Spread {
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
