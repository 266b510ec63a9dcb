/** The script of a turn: what it does, who reads it, what is done to it, and what the model answers. */

import { delay, message, type Part, type RecordedRequest, type Step, shell, step, toolCall } from "codex-embed/testing";
import { Random } from "./random.js";

/** How somebody reads a turn: all of it, slowly, or only its first events. */
export type Reading =
  | { readonly kind: "whole" }
  | { readonly kind: "slow"; readonly pauseMs: number }
  | { readonly kind: "leaves"; readonly after: number };

/** What ends a turn from the program's side. An `after` counts the events that were read by then. */
export type Ending =
  | { readonly kind: "none" }
  | { readonly kind: "abort"; readonly after: number }
  | { readonly kind: "interrupt"; readonly after: number }
  | { readonly kind: "deadline"; readonly deadlineMs: number };

/** One turn as it was drawn. */
export interface TurnScript {
  readonly number: number;
  readonly work: "plain" | "command" | "approval" | "tool";
  readonly decision: "accept" | "decline";
  /** How long a handler or a tool thinks. */
  readonly thinkMs: number;
  /** How many pieces the answer has, and how long the model waits between two of them. */
  readonly pieces: number;
  readonly pauseMs: number;
  readonly ending: Ending;
  /** After how many events something is added to it; null for never. */
  readonly steerAfter: number | null;
  readonly readers: readonly Reading[];
}

const MOST_EVENTS = 14;
const MOST_READERS = 3;

/** Draws the script of the turn with this number. The same seed and number draw the same. */
export function drawScript(seed: number, number: number): TurnScript {
  const random = new Random(seed + number);
  return {
    number,
    work: random.pick(["plain", "plain", "command", "approval", "tool"]),
    decision: random.oneIn(3) ? "decline" : "accept",
    thinkMs: random.oneIn(2) ? 0 : random.below(40),
    pieces: 1 + random.below(12),
    pauseMs: random.oneIn(3) ? 0 : random.below(20),
    ending: drawEnding(random),
    steerAfter: random.oneIn(8) ? random.below(MOST_EVENTS) : null,
    readers: Array.from({ length: random.below(MOST_READERS + 1) }, () => drawReading(random)),
  };
}

function drawEnding(random: Random): Ending {
  switch (random.below(12)) {
    case 0:
      return { kind: "abort", after: random.below(MOST_EVENTS) };
    case 1:
      return { kind: "interrupt", after: random.below(MOST_EVENTS) };
    case 2:
      return { kind: "deadline", deadlineMs: 1 + random.below(1500) };
    default:
      return { kind: "none" };
  }
}

function drawReading(random: Random): Reading {
  if (random.oneIn(3)) return { kind: "leaves", after: 1 + random.below(MOST_EVENTS) };
  return random.oneIn(2) ? { kind: "slow", pauseMs: random.below(15) } : { kind: "whole" };
}

/** What the program says to begin the turn. */
export function promptOf({ number }: TurnScript): string {
  return `Turn ${number}.`;
}

/** What the program adds to it on the way. */
export function steerOf({ number }: TurnScript): string {
  return `More for turn ${number}.`;
}

/** The answer of a turn. It is long enough to have pieces, and no two turns have the same. */
export function answerOf({ number }: TurnScript, isSteered: boolean): string {
  const words = `The answer of turn ${number} is ${number * 7919}, and it takes a few words to say so.`;
  return isSteered ? `${words} More was wanted.` : words;
}

/** The id of the one call that a turn makes. */
export function callIdOf({ number }: TurnScript): string {
  return `call_of_${number}`;
}

/** The command that a turn runs. */
function commandOf({ number }: TurnScript): string {
  return `true ${number}`;
}

/** The number of the turn that a command belongs to. */
export function numberIn(text: string): number {
  return Number(/\d+/.exec(text)?.[0]);
}

/** The number of the turn that a request of the runtime is about: that of what the user said last. */
export function numberOf(request: RecordedRequest): number {
  return numberIn(request.lastUserText() ?? "");
}

/** What the model says to a request. It needs no memory: all that it has to know is in the conversation. */
export function modelAnswer(request: RecordedRequest, script: TurnScript): Step {
  const { work, pieces, pauseMs } = script;
  const callId = callIdOf(script);
  if (work !== "plain" && request.toolOutput(callId) === undefined) return step(delay(pauseMs), callOf(script));
  const text = answerOf(script, request.userTexts().includes(steerOf(script)));
  const size = Math.ceil(text.length / pieces);
  const deltas = Array.from({ length: pieces }, (_, index) => [
    text.slice(index * size, (index + 1) * size),
    delay(pauseMs),
  ]).flat();
  return step(message({ deltas: deltas.filter((piece) => piece !== "") }));
}

function callOf(script: TurnScript): Part {
  const callId = callIdOf(script);
  const { number, work } = script;
  if (work === "tool") return toolCall("lookup", { number }, { callId });
  const escalate = { justification: "It is part of the soak." };
  return shell(commandOf(script), work === "approval" ? { callId, escalate } : { callId });
}
