/** A whole soak: lap after lap over one client, until there is a finding or all turns are through. */

import { EscapeWatch, stackOf } from "./escapes.js";
import { Random } from "./random.js";
import { Deciders } from "./deciders.js";
import { Incidents } from "./incidents.js";
import { judge } from "./judge.js";
import { Lane, type Surroundings } from "./lane.js";
import { Leftovers, type Memory, memoryInUse } from "./leftovers.js";
import { SoakModel } from "./model.js";
import { type Over, openPlace, type Place } from "./place.js";
import { drawScript, type TurnScript } from "./script.js";
import { StuckError } from "./turn.js";

/** What is to be run. */
export interface SoakOptions {
  readonly turns: number;
  readonly threads: number;
  readonly seed: number;
  readonly over: Over;
  /** After how many turns harm is done, on average. Default: that of the place. */
  readonly turnsPerIncident?: number | undefined;
  /** Is told how far it has come, after each lap. */
  readonly onLap?: (turns: number, heap: string) => void;
}

/** Something that must not happen, and the turn that it happened to. */
export interface Finding {
  readonly what: string;
  readonly script: TurnScript | null;
}

/** What a soak has come to. */
export interface SoakReport {
  readonly figures: Readonly<Record<string, string | number>>;
  readonly findings: readonly Finding[];
}

/** Between two laps nothing is under way. */
const LAP_TURNS = 300;
/** What is measured is compared with what it was after this part of the turns: V8 learns for more than a thousand. */
const WARM_UP = 0.2;
const MOST_GROWTH = 1.1;
/** Enough to look into. */
const MOST_FINDINGS = 10;
/** A turn is harmed at a random moment up to so many milliseconds after its begin. */
const HARM_WITHIN_MS = 400;

/** Runs a soak. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  return new Soak(options).run();
}

class Soak {
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #incidents = new Incidents();
  readonly #outcomes = new Map<string, number>();
  readonly #findings: Finding[] = [];
  #begun = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  async run(): Promise<SoakReport> {
    const { turns, threads, seed, over } = this.#options;
    using watch = new EscapeWatch();
    const leftovers = await Leftovers.since();
    const memory: { before: Memory | null; after: Memory | null } = { before: null, after: null };
    const began = performance.now();
    {
      await using model = await SoakModel.start((number) => drawScript(seed, number));
      await using place = await openPlace(over, model);
      while (this.#begun < turns && this.#findings.length < MOST_FINDINGS) {
        await this.#lap(place, model, Math.min(turns, this.#begun + LAP_TURNS));
        memory.after = await memoryInUse();
        if (this.#begun >= turns * WARM_UP) memory.before ??= memory.after;
        this.#options.onLap?.(this.#begun, megabytes(memory.after?.heap));
      }
    }
    const seconds = (performance.now() - began) / 1000;
    for (const what of [...watch.take(), ...(await leftovers.found()), ...growth(memory)]) this.#find(what, null);
    return {
      figures: {
        seed,
        over,
        turns: this.#begun,
        threads,
        seconds: seconds.toFixed(1),
        "turns per second": (this.#begun / seconds).toFixed(1),
        ...Object.fromEntries([...this.#outcomes].toSorted(([one], [other]) => one.localeCompare(other))),
        ...this.#incidents.figures(),
        "heap after the warm-up": megabytes(memory.before?.heap),
        "heap at the end": megabytes(memory.after?.heap),
        "rss after the warm-up": megabytes(memory.before?.rss),
        "rss at the end": megabytes(memory.after?.rss),
        findings: this.#findings.length,
      },
      findings: this.#findings,
    };
  }

  async #lap(place: Place, model: SoakModel, end: number): Promise<void> {
    const { seed, threads, turnsPerIncident = place.turnsPerIncident } = this.#options;
    const { codex, workspace } = place;
    const deciders = new Deciders((number) => drawScript(seed, number));
    const surroundings: Surroundings = { codex, workspace, incidents: this.#incidents, deciders };
    const harms: Promise<void>[] = [];
    const run = async (lane: Lane): Promise<void> => {
      while (this.#begun < end && this.#findings.length < MOST_FINDINGS) {
        const script = drawScript(seed, this.#begun++);
        if (this.#random.oneIn(turnsPerIncident)) harms.push(this.#harm(place));
        const { observed, facts } = await lane.run(script);
        const { number } = script;
        const calls = { asked: deciders.asked(number), called: model.calls(number) };
        const { outcome, problems } = judge(observed, facts, calls);
        this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
        for (const problem of problems) this.#find(problem, script);
      }
      await lane.leave();
    };
    const lanes = Array.from(
      { length: threads },
      () => new Lane(surroundings, new Random(this.#random.below(2 ** 31))),
    );
    await Promise.all(lanes.map((lane) => run(lane).catch((error: unknown) => this.#blame(error))));
    await Promise.all(harms);
    for (const problem of model.problems()) this.#find(problem, null);
    await model.renew();
  }

  async #harm(place: Place): Promise<void> {
    await new Promise<void>((resolve) => setTimeout(resolve, this.#random.below(HARM_WITHIN_MS)));
    await place.harm(this.#random, this.#incidents).catch((error: unknown) => this.#blame(error));
  }

  #blame(error: unknown): void {
    this.#find(stackOf(error), error instanceof StuckError ? error.script : null);
  }

  #find(what: string, script: TurnScript | null): void {
    this.#findings.push({ what, script });
  }
}

function growth({ before, after }: { before: Memory | null; after: Memory | null }): string[] {
  if (before === null || after === null) return [];
  return (["heap", "rss"] as const).flatMap((name) =>
    after[name] <= before[name] * MOST_GROWTH
      ? []
      : [`the ${name} has grown from ${megabytes(before[name])} to ${megabytes(after[name])} since the warm-up`],
  );
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "not measured" : `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}
