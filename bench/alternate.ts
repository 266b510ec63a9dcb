/** Owns the finer way to take turns: contestants that are done in milliseconds alternate within a round as well. */

import { type Contestant, spreadOf } from "./measure.js";

/** The same contestants; each round runs each of them so many times, in both orders, and takes the middle. */
export function alternating(contestants: readonly Contestant[], times: number): Contestant[] {
  let middles: readonly number[] = [];
  return contestants.map((contestant, index) => ({
    ...contestant,
    async run() {
      if (index === 0) middles = await alternate(contestants, times);
      return { sample: { value: middles[index] ?? Number.NaN } };
    },
  }));
}

async function alternate(contestants: readonly Contestant[], times: number): Promise<number[]> {
  const sides = contestants.map((contestant) => ({ contestant, values: [] as number[] }));
  for (let time = 0; time < times; time += 1) {
    for (const { contestant, values } of time % 2 === 0 ? sides : sides.toReversed()) {
      const begin = performance.now();
      const outcome = (await contestant.run()) ?? {};
      values.push(outcome.sample?.value ?? performance.now() - begin);
      await outcome.tidy?.();
    }
  }
  return sides.map(({ values }) => spreadOf(values).median);
}
