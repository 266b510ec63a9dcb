/** Advice begins with one of these verbs. */
const ADVICE =
  /(?:^|\n|[.;:,] |\bor )(?:Add|Allow|Await|Call|Check|Choose|Close|Correct|Create|End|Free|Give|Go|Increase|Install|Leave|Log|Look|Make|Move|Pass|Put|Raise|Read|Reconnect|Remove|Request|Resume|Retry|Run|Send|Set|Start|Try|Update|Use|Wait|check|look|make|read|raise|pass|run)\b/;

/** What an error does not say of what failed, why, and what to do; empty when it says all three. */
export function unsaid(error: unknown): string[] {
  if (!(error instanceof Error)) return [`${String(error)} is not an error`];
  const [said = ""] = error.message.split(" Last stderr output:");
  const why =
    error.cause !== undefined || /[:(]|\b(?:died|killed|exited|within|longer|silent|closed|behind)\b/.test(said);
  return [
    ...(said.length > 10 ? [] : ["what failed"]),
    ...(why ? [] : ["why"]),
    ...(ADVICE.test(said) ? [] : ["what to do"]),
  ].map((missing) => `${error.name} does not say ${missing}: ${said}`);
}
