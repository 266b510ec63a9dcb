/** What two runtimes do differently: the order of their messages, and the fields of those that both send. */

import type { Fact } from "./normalize.js";

/** The difference of two sequences of messages, one line each. Empty when there is none. */
export function compareRuns(left: readonly Fact[], right: readonly Fact[]): string[] {
  const fields = new Set<string>();
  const order: string[] = [];
  for (const { label, one, other } of align(left, right)) {
    if (one === undefined) order.push(`+ ${label}`);
    else if (other === undefined) order.push(`- ${label}`);
    else for (const line of compareFields(one, other)) fields.add(line);
  }
  return [...order, ...fields];
}

function compareFields({ label, values: left }: Fact, { values: right }: Fact): string[] {
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].flatMap((path) => {
    const [one = "absent", other = "absent"] = [left.get(path), right.get(path)];
    return one === other ? [] : [`~ ${label}: ${path} is ${one}, then ${other}`];
  });
}

interface Pair {
  readonly label: string;
  readonly one?: Fact | undefined;
  readonly other?: Fact | undefined;
}

/** Pairs what has the same label, in the order of both, as many as possible. */
function align(left: readonly Fact[], right: readonly Fact[]): Pair[] {
  // lengths[at][to]: the most pairs from there on.
  const lengths = Array.from({ length: left.length + 1 }, () => new Uint32Array(right.length + 1));
  const most = (at: number, to: number): number => lengths[at]?.[to] ?? 0;
  for (let at = left.length - 1; at >= 0; at--) {
    const row = lengths[at];
    for (let to = right.length - 1; to >= 0 && row !== undefined; to--) {
      const isPair = left[at]?.label === right[to]?.label;
      row[to] = isPair ? most(at + 1, to + 1) + 1 : Math.max(most(at + 1, to), most(at, to + 1));
    }
  }
  const pairs: Pair[] = [];
  for (let [at, to] = [0, 0]; at < left.length || to < right.length; ) {
    const [one, other] = [left[at], right[to]];
    if (one !== undefined && one.label === other?.label) {
      pairs.push({ label: one.label, one, other });
      at += 1;
      to += 1;
    } else if (one !== undefined && (other === undefined || most(at + 1, to) >= most(at, to + 1))) {
      pairs.push({ label: one.label, one });
      at += 1;
    } else if (other !== undefined) {
      pairs.push({ label: other.label, other });
      to += 1;
    }
  }
  return pairs;
}

/**
 * Of several runs of each side, the pair that differs least: what comes in another order from run to run is no difference
 * of the runtimes.
 */
export function leastDifference(left: readonly (readonly Fact[])[], right: readonly (readonly Fact[])[]): string[] {
  const all = left.flatMap((one) => right.map((other) => compareRuns(one, other)));
  return all.toSorted((one, other) => one.length - other.length)[0] ?? [];
}

/** The lines that several of the differences have, each once. */
export function sharedLines(differences: readonly (readonly string[])[]): Set<string> {
  const counts = new Map<string, number>();
  for (const line of differences.flatMap((lines) => [...new Set(lines)])) counts.set(line, (counts.get(line) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count > 1).map(([line]) => line));
}
