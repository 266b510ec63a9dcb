/** The judgement of a turn: whether what came of it is something that its script allows, and is told once and whole. */

import {
  JsonRpcError,
  NoActiveTurnError,
  ThreadNotFoundError,
  TransportClosedError,
  TurnDeadlineError,
  type TurnEvent,
  type TurnResult,
} from "codex-embed";
import { answerOf, type TurnScript } from "./script.js";
import { type EndedTurn, Enough, type Observed, type ReadTurn, type Settled } from "./turn.js";

/** What is known of the thread that a turn ran on. */
export interface ThreadFacts {
  readonly isEphemeral: boolean;
  /** Whether a turn of it has ended well before this one. */
  readonly isOnRecord: boolean;
  /** Whether something befell the runtime since the thread was opened. */
  readonly hadIncident: boolean;
  /** The turn before this one. */
  readonly before: TurnScript | null;
}

/** How often handlers and tools ran for a turn, and how often the model had made the call. */
export interface CallCount {
  readonly asked: number;
  readonly called: number;
}

/** A turn's outcome by its kind, and what is wrong with it. */
export interface Verdict {
  readonly outcome: string;
  readonly problems: readonly string[];
}

/** Judges a turn. */
export function judge(observed: Observed, facts: ThreadFacts, calls: CallCount): Verdict {
  const problems: string[] = [];
  if (calls.asked > calls.called) {
    problems.push(`its handler or tool was asked ${calls.asked} times for ${calls.called} calls of the model`);
  }
  const { turn } = observed;
  if ("error" in turn) {
    const outcome = refusal(turn.error, observed, facts);
    if (outcome === null) problems.push(`startTurn rejected: ${told(turn.error)} (${JSON.stringify(facts)})`);
    return { outcome: outcome ?? "wrong", problems };
  }
  const ended = turn.value;
  const [first, second] = ended.results;
  if (first === undefined || second === undefined || !isSame(first, second)) {
    problems.push("two who awaited the result got different ones");
  }
  const outcome = first === undefined ? null : outcomeOf(first, ended, observed, facts);
  if (outcome === null)
    problems.push(`the outcome is not one of its script: ${first === undefined ? "none" : said(first)}`);
  if (first !== undefined) {
    for (const reader of ended.readers) problems.push(...readerProblems(reader, ended, first, observed.script));
    problems.push(...textProblems(ended, first, observed.script));
  }
  problems.push(...deedProblems(ended, observed));
  return { outcome: outcome ?? "wrong", problems };
}

/** Why a turn was not begun, when that is allowed. */
function refusal(error: unknown, { script, incidents }: Observed, facts: ThreadFacts): string | null {
  if (error instanceof Enough) return "aborted";
  if (TurnDeadlineError.isInstance(error)) return script.ending.kind === "deadline" ? "deadline" : null;
  if (TransportClosedError.isInstance(error) && incidents.length > 0) return "not begun: connection lost";
  if (!facts.hadIncident) return null;
  const isGone = error instanceof Error && error.message.includes("could not be taken up again");
  if (isGone && (facts.isEphemeral || !facts.isOnRecord)) return "not begun: thread lost";
  // The first call after a crash finds out that the thread is gone.
  if (ThreadNotFoundError.isInstance(error) && (facts.isEphemeral || !facts.isOnRecord))
    return "not begun: thread lost";
  return null;
}

/** The kind of an outcome that the script allows, or null. */
function outcomeOf(
  end: Settled<TurnResult>,
  turn: EndedTurn,
  { script, incidents, ms }: Observed,
  facts: ThreadFacts,
): string | null {
  if ("value" in end) {
    const { status, finalResponse } = end.value;
    if (status === "interrupted") {
      return turn.wasInterrupted
        ? "interrupted"
        : incidents.includes("replacement")
          ? "interrupted by a new server"
          : null;
    }
    // A steer whose answer never came may have been heard or not.
    const isUnsure = turn.steer !== null && "error" in turn.steer && TransportClosedError.isInstance(turn.steer.error);
    const isSteered = turn.steer !== null && "value" in turn.steer;
    const allowed = (isUnsure ? [true, false] : [isSteered]).map((steered) => answerOf(script, steered));
    if (finalResponse === null || !allowed.includes(finalResponse)) return null;
    return isSteered ? "completed, steered" : "completed";
  }
  const { error } = end;
  if (error instanceof Enough) return turn.wasAborted ? "aborted" : null;
  if (TurnDeadlineError.isInstance(error)) {
    return script.ending.kind === "deadline" && ms >= script.ending.deadlineMs - 1 ? "deadline" : null;
  }
  if (!TransportClosedError.isInstance(error)) return null;
  if (incidents.includes("crash")) return "ended by a crash";
  if (incidents.length === 0) return null;
  if (facts.isEphemeral) return "lost with its ephemeral thread";
  return incidents.includes("replacement") && !facts.isOnRecord ? "lost with its server" : null;
}

function readerProblems(reader: ReadTurn, turn: EndedTurn, result: Settled<TurnResult>, script: TurnScript): string[] {
  const { events, reading, end } = reader;
  const problems: string[] = [];
  const hasLeft = reading.kind === "leaves" && events.length === reading.after;
  const last = events.at(-1);
  if (!hasLeft && !isSameEnd(end, result)) problems.push(`ended otherwise than the turn: ${said(end)}`);
  if (!hasLeft && "value" in result && last?.method !== "turn/completed") problems.push("did not see the end");
  if (events.length > 0 && events[0]?.method !== "turn/started") problems.push(`began with ${events[0]?.method}`);
  const over = events.findIndex(({ method }) => method === "turn/completed");
  if (over !== -1 && over !== events.length - 1) problems.push("saw events behind the end");
  if (events.some((event) => event.params.threadId !== turn.threadId || turnIdOf(event) !== turn.id)) {
    problems.push("saw an event of another turn");
  }
  for (const method of ["turn/started", "item/started", "item/completed", "turn/completed"] as const) {
    const ids = events.flatMap((event) => (event.method === method ? idOf(event) : []));
    const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
    if (twice.length > 0) problems.push(`saw ${method} twice: ${twice.join(", ")}`);
  }
  if ("value" in result && !hasLeft) problems.push(...itemProblems(events, result.value, script));
  const methods = events.map(({ method }) => method).join(" ");
  return problems.map((problem) => `a reader (${reading.kind}) ${problem}; it saw ${methods}`);
}

function itemProblems(events: readonly TurnEvent[], { items, status }: TurnResult, { work }: TurnScript): string[] {
  const problems: string[] = [];
  const completed = events.flatMap((event) => (event.method === "item/completed" ? event.params.item.id : []));
  if (completed.join() !== items.map(({ id }) => id).join()) problems.push("saw other items than the result has");
  const isGapped = events.some(({ method }) => method === "reconnected");
  for (const item of items) {
    if (item.type !== "agentMessage" || isGapped) continue;
    const deltas = events.flatMap((event) =>
      event.method === "item/agentMessage/delta" && event.params.itemId === item.id ? event.params.delta : [],
    );
    if (deltas.join("") === item.text) continue;
    problems.push(`saw the pieces ${JSON.stringify(deltas)} of ${item.id}, whose text is ${JSON.stringify(item.text)}`);
  }
  const calls = items.filter(({ type }) => type === "commandExecution" || type === "dynamicToolCall").length;
  if (work === "plain" && calls > 0) problems.push("saw a call that nobody made");
  if (work !== "plain" && calls === 0 && status === "completed" && !isGapped) problems.push("saw no call");
  return problems;
}

function textProblems({ text, textEnd, steer }: EndedTurn, result: Settled<TurnResult>, script: TurnScript): string[] {
  if (!isSameEnd(textEnd, result)) return [`textStream ended otherwise than the turn: ${said(textEnd)}`];
  if (!("value" in result) || result.value.status !== "completed") return [];
  const messages = result.value.items.flatMap((item) => (item.type === "agentMessage" ? item.text : []));
  const isWhole = steer === null ? text === answerOf(script, false) : text.endsWith(messages.at(-1) ?? "");
  return isWhole ? [] : [`textStream gave ${JSON.stringify(text)}, the messages are ${JSON.stringify(messages)}`];
}

function deedProblems({ interruption, steer }: EndedTurn, { incidents }: Observed): string[] {
  const wasCutOff = (error: unknown) => TransportClosedError.isInstance(error) && incidents.length > 0;
  const isFine = (deed: Settled<void> | null) =>
    deed === null || "value" in deed || NoActiveTurnError.isInstance(deed.error) || wasCutOff(deed.error);
  // A thread that is lost with its runtime cannot be steered any more.
  const isLost = (deed: Settled<void> | null) =>
    incidents.length > 0 && deed !== null && "error" in deed && JsonRpcError.isInstance(deed.error);
  return [
    ...(isFine(interruption) || isLost(interruption)
      ? []
      : [`interrupt rejected: ${interruption && said(interruption)}`]),
    ...(isFine(steer) || isLost(steer) ? [] : [`steer rejected: ${steer && said(steer)}`]),
  ];
}

/** A turn that ended well and a reader without an error agree; so do two with the same error. */
function isSameEnd(end: Settled<void>, result: Settled<unknown>): boolean {
  return "error" in end ? "error" in result && result.error === end.error : "value" in result;
}

function isSame(one: Settled<unknown>, other: Settled<unknown>): boolean {
  return "error" in one ? "error" in other && one.error === other.error : "value" in other && one.value === other.value;
}

function turnIdOf(event: TurnEvent): string {
  return event.method === "turn/started" || event.method === "turn/completed"
    ? event.params.turn.id
    : (event.params.turnId ?? "");
}

function idOf(event: TurnEvent): string {
  if (event.method === "item/started" || event.method === "item/completed") return event.params.item.id;
  return turnIdOf(event);
}

function said(settled: Settled<unknown>): string {
  return "error" in settled ? told(settled.error) : (JSON.stringify(settled.value) ?? "nothing");
}

/** An error in one line. */
function told(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
