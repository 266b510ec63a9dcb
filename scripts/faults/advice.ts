/** The check of an error's words: they must say what failed, why, and what to do. */

/** The verbs with which the SDK begins a piece of advice. */
const ADVICE =
  /(?:^|\n|[.;:,] |\bor )(?:Await|Call|Check|Choose|Correct|End|Free|Give|Go|Install|Leave|Log|Look|Make|Pass|Put|Raise|Read|Resume|Send|Set|Start|Use|look|make|read|raise|pass)\b/;

/** What an error fails to say; empty when it says all of it. */
export function unsaid(error: unknown): string[] {
  if (!(error instanceof Error)) return [`${String(error)} is no error`];
  const [said = ""] = error.message.split(" Its last words on stderr:");
  const why = error.cause !== undefined || /[:(]|\b(?:died|exited|within|longer|silent|closed|behind)\b/.test(said);
  return [
    ...(said.length > 10 ? [] : ["what failed"]),
    ...(why ? [] : ["why"]),
    ...(ADVICE.test(said) ? [] : ["what to do"]),
  ].map((missing) => `${error.name} does not say ${missing}: ${said}`);
}
