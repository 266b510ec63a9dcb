/** Owns what rules say of a request, and what several of them say together. */

/** What rules say of a request: `open` when none covers it. */
export interface Verdict {
  readonly outcome: "accept" | "decline" | "open";
  /** Which pattern decided, or why none covers the request: a sentence. */
  readonly reason: string;
  /** The pattern that decided, as it was written. */
  readonly rule?: string;
}

/** An allow pattern covers it. */
export function accepted(reason: string, rule: string): Verdict {
  return { outcome: "accept", reason, rule };
}

/** A deny pattern covers it. */
export function declined(reason: string, rule: string): Verdict {
  return { outcome: "decline", reason, rule };
}

/** No pattern covers it. */
export function open(why: string): Verdict {
  return { outcome: "open", reason: `Not covered: ${why}.` };
}

/** The verdict on several things at once: one that is denied denies them all, one that is open leaves them all open. */
export function together(verdicts: readonly [Verdict, ...Verdict[]]): Verdict {
  const denied = verdicts.find(({ outcome }) => outcome === "decline");
  const uncovered = verdicts.find(({ outcome }) => outcome === "open");
  if (denied !== undefined || uncovered !== undefined) return denied ?? uncovered ?? verdicts[0];
  const rules = verdicts.flatMap(({ rule }) => rule ?? []);
  const reasons = verdicts.map(({ reason }) => reason);
  return accepted([...new Set(reasons)].join(" "), [...new Set(rules)].join(", "));
}
