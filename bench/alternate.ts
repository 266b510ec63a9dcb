/** Owns the finer way to take turns: contestants that are done in milliseconds alternate within a round as well. */

import { type Contestant, measured, type Sample, spreadOf } from "./measure.js";

/** The same contestants; each round runs each of them so many times, in both orders, and takes the middle. */
export function alternating(contestants: readonly Contestant[], times: number): Contestant[] {
  let middles: readonly Sample[] = [];
  return contestants.map((contestant, index) => ({
    ...contestant,
    async run() {
      if (index === 0) middles = await alternate(contestants, times);
      return { sample: middles[index] ?? { value: Number.NaN } };
    },
  }));
}

/** The CPU time is that of one run, taken over all: the clock of it is coarser than most runs. */
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
