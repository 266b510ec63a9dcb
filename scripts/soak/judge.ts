import { CodexError, TransportClosedError, TurnDeadlineError, type TurnEvent, type TurnResult } from "codex-embed";
import { answerOf, type EndedTurn, Enough, type ReadTurn, type Settled, type TurnScript } from "./turn.js";

/** What is known besides the turn itself. */
export interface Circumstances {
  /** Whether incidents kill the process. A cut connection must lose no turn of a stored thread that has begun. */
  readonly isCrash: boolean;
  readonly isEphemeral: boolean;
  /** Whether an earlier turn of the thread has completed, so that a crash cannot lose the thread. */
  readonly isOnRecord: boolean;
  /** Whether the process was killed or the connection cut since the thread was opened, and since the turn was begun. */
  readonly hadIncident: boolean;
  readonly hasIncident: boolean;
  /** How often the turn's handler or tool was asked, and how often the model made the call. */
  readonly asked: number;
  readonly called: number;
}

/** Names the outcome of a turn, and all that its script and the circumstances do not allow. */
export function judge(
  script: TurnScript,
  turn: Settled<EndedTurn>,
  circumstances: Circumstances,
): { outcome: string; problems: string[] } {
  const { asked, called } = circumstances;
  const problems = asked > called ? [`its handler or tool was asked ${asked} times for ${called} calls`] : [];
  if ("error" in turn) {
    const outcome = failureOf(script, turn.error, circumstances, false);
    if (outcome === null) problems.push(`startTurn() rejected: ${shown(turn)}`);
    return { outcome: outcome === null ? "wrong" : `not begun: ${outcome}`, problems };
  }
  const { results, readers, textEnd, text } = turn.value;
  const [result, second] = results;
  if (!isSameEnd(result, second)) problems.push("two calls of result() got different ends");
  const outcome =
    "error" in result ? failureOf(script, result.error, circumstances, true) : successOf(script, result.value);
  if (outcome === null) problems.push(`its script does not allow: ${shown(result)}`);
  for (const reader of readers) problems.push(...readerProblems(reader, turn.value, result));
  if (!isSameEnd(textEnd, result)) problems.push(`textStream() ended differently: ${shown(textEnd)}`);
  if (outcome === "completed" && text !== answerOf(script)) problems.push(`textStream() gave ${JSON.stringify(text)}`);
  return { outcome: outcome ?? "wrong", problems };
}

function successOf({ ending, ...script }: TurnScript, { status, finalResponse }: TurnResult): string | null {
  if (status === "interrupted") return ending.kind === "interrupt" ? status : null;
  return finalResponse === answerOf({ ending, ...script }) ? "completed" : null;
}

/** The name of a failure that is allowed, or null. */
function failureOf(
  { ending }: TurnScript,
  error: unknown,
  { isCrash, isEphemeral, isOnRecord, hadIncident, hasIncident }: Circumstances,
  hasBegun: boolean,
): string | null {
  if (error instanceof Enough) return ending.kind === "abort" ? "aborted" : null;
  if (TurnDeadlineError.isInstance(error)) return ending.kind === "deadline" ? "deadline" : null;
  if (TransportClosedError.isInstance(error)) {
    return hasIncident && (isCrash || isEphemeral || !hasBegun) ? "connection lost" : null;
  }
  const mayBeLost = hadIncident && (isEphemeral || !isOnRecord);
  return mayBeLost && CodexError.isInstance(error) ? "thread lost" : null;
}

function readerProblems({ reading, events, end }: ReadTurn, turn: EndedTurn, result: Settled<TurnResult>): string[] {
  const problems: string[] = [];
  const methods = events.map(({ method }) => method);
  const hasLeft = reading === "leaves" && events.length > 0;
  if (!hasLeft && !isSameEnd(end, result)) problems.push(`ended differently: ${shown(end)}`);
  if (!hasLeft && "value" in result && methods.at(-1) !== "turn/completed") problems.push("did not see the end");
  // An interrupt right after the reply to turn/start can end a turn that the runtime has not started.
  const [first] = events;
  const neverStarted = first?.method === "turn/completed" && first.params.turn.status === "interrupted";
  if (first !== undefined && first.method !== "turn/started" && !neverStarted) problems.push("did not see the start");
  if (methods.slice(0, -1).includes("turn/completed")) problems.push("saw events after the end");
  if (events.some((event) => event.params.threadId !== turn.threadId || turnIdOf(event) !== turn.id)) {
    problems.push("saw an event of another turn");
  }
  const ids = events.flatMap((event) => (event.method === "item/completed" ? event.params.item.id : []));
  if (new Set(ids).size !== ids.length) problems.push("saw an item complete twice");
  if ("value" in result && !hasLeft && ids.join() !== result.value.items.map(({ id }) => id).join()) {
    problems.push("saw other items than the result has");
  }
  return problems.map((problem) => `a reader (${reading}) ${problem}; it saw ${methods.join(" ")}`);
}

/** A turn that ended well and a reader without an error agree; so do two with the same error. */
function isSameEnd(end: Settled<unknown>, result: Settled<unknown>): boolean {
  return "error" in end ? "error" in result && result.error === end.error : "value" in result;
}

function turnIdOf(event: TurnEvent): string {
  return event.method === "turn/started" || event.method === "turn/completed"
    ? event.params.turn.id
    : (event.params.turnId ?? "");
}

function shown(end: Settled<unknown>): string {
  if ("value" in end) return JSON.stringify(end.value) ?? "no error";
  return end.error instanceof Error ? (end.error.stack ?? String(end.error)) : String(end.error);
}
