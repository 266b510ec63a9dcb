/** Owns the check of an error's words: they must say what failed, why, and what to do. */

/** The verbs with which the SDK begins a piece of advice. */
const ADVICE =
  /(?:^|\n|[.;:,] |\bor )(?:Await|Call|Check|Choose|Close|Correct|Create|End|Free|Give|Go|Install|Leave|Log|Look|Make|Move|Pass|Put|Raise|Read|Remove|Request|Resume|Run|Send|Set|Start|Try|Use|check|look|make|read|raise|pass)\b/;

/** What an error fails to say; empty when it says all of it. */
export function unsaid(error: unknown): string[] {
  if (!(error instanceof Error)) return [`${String(error)} is no error`];
  const [said = ""] = error.message.split(" Last stderr output:");
  const why =
    error.cause !== undefined || /[:(]|\b(?:died|killed|exited|within|longer|silent|closed|behind)\b/.test(said);
  return [
    ...(said.length > 10 ? [] : ["what failed"]),
    ...(why ? [] : ["why"]),
    ...(ADVICE.test(said) ? [] : ["what to do"]),
  ].map((missing) => `${error.name} does not say ${missing}: ${said}`);
}
