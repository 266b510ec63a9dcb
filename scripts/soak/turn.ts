/** One turn of the soak: what it does, drawn from a seed, and what came of it. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Thread, type TurnEvent, type TurnHandle, TurnInProgressError, type TurnResult } from "codex-embed";
import { delay, message, type Part, type RecordedRequest, type Step, shell, step, toolCall } from "codex-embed/testing";
import { Random } from "./random.js";

/** What ends a turn from the program's side. `after` counts the events read by then. */
type Ending =
  | { readonly kind: "none" }
  | { readonly kind: "abort" | "interrupt"; readonly after: number }
  | { readonly kind: "deadline"; readonly deadlineMs: number };

/** How somebody reads a turn. One that leaves reads its first event only. */
export type Reading = "whole" | "slow" | "leaves";

/** One turn as it was drawn. */
export interface TurnScript {
  readonly number: number;
  readonly work: "plain" | "command" | "approval" | "tool";
  readonly decision: "accept" | "decline";
  /** How long a handler or a tool thinks. */
  readonly thinkMs: number;
  /** How many deltas the answer has, and how long the model waits between two of them. */
  readonly deltas: number;
  readonly pauseMs: number;
  readonly ending: Ending;
  /** The readers besides a first one that reads the whole turn. */
  readonly readers: readonly Reading[];
}

/** How a promise settled. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** What one reader saw. */
export interface ReadTurn {
  readonly reading: Reading;
  readonly events: readonly TurnEvent[];
  readonly end: Settled<void>;
}

/** What came of a turn that the runtime accepted. */
export interface EndedTurn {
  readonly id: string;
  readonly threadId: string;
  /** What `result()` came to, for each of two callers. */
  readonly results: readonly [Settled<TurnResult>, Settled<TurnResult>];
  readonly readers: readonly ReadTurn[];
  readonly text: string;
  readonly textEnd: Settled<void>;
}

/** The reason of a turn's signal. */
export class Enough extends Error {}

const MOST_EVENTS = 14;
const SLOW_MS = 10;
/** A turn, a reader or a result that has not settled by then never does. */
const STUCK_MS = 90_000;
const FREE_POLL_MS = 50;

/** Draws the script of a turn. The same seed and number draw the same. */
export function drawScript(seed: number, number: number): TurnScript {
  const random = new Random(seed + number);
  return {
    number,
    work: random.pick(["plain", "plain", "command", "approval", "tool"]),
    decision: random.oneIn(3) ? "decline" : "accept",
    thinkMs: random.oneIn(2) ? 0 : random.below(40),
    deltas: 1 + random.below(12),
    pauseMs: random.oneIn(3) ? 0 : random.below(20),
    ending: drawEnding(random),
    readers: Array.from({ length: random.below(4) }, () => random.pick(["whole", "slow", "leaves"])),
  };
}

function drawEnding(random: Random): Ending {
  if (!random.oneIn(4)) return { kind: "none" };
  if (random.oneIn(3)) return { kind: "deadline", deadlineMs: 1 + random.below(1_500) };
  return { kind: random.oneIn(2) ? "abort" : "interrupt", after: random.below(MOST_EVENTS) };
}

/** The answer of a turn: long enough for deltas, and different for each turn. */
export function answerOf({ number }: TurnScript): string {
  return `The answer of turn ${number} is ${number * 7919}, and it takes a few words to say so.`;
}

/** The number of the turn in a prompt, a command or the id of a call. */
export function numberIn(text: string): number {
  return Number(/\d+/.exec(text)?.[0]);
}

/** What the model replies. It needs no memory: the conversation holds all that it has to know. */
export function modelAnswer(request: RecordedRequest, script: TurnScript): Step {
  const { work, deltas, pauseMs } = script;
  if (work !== "plain" && request.toolOutput(callIdOf(script)) === undefined)
    return step(delay(pauseMs), callOf(script));
  const text = answerOf(script);
  const size = Math.ceil(text.length / deltas);
  const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
    text.slice(at * size, (at + 1) * size),
  );
  return step(message({ deltas: pieces.flatMap((piece) => [piece, delay(pauseMs)]) }));
}

function callIdOf({ number }: TurnScript): string {
  return `call_of_${number}`;
}

function callOf(script: TurnScript): Part {
  const { number, work } = script;
  const callId = callIdOf(script);
  if (work === "tool") return toolCall("lookup", { number }, { callId });
  const escalate = { justification: "It is part of the soak." };
  return shell(`true ${number}`, work === "approval" ? { callId, escalate } : { callId });
}

/**
 * Runs a turn until it and all its readers have settled; throws when one of them never does.
 *
 * @param mayBeBusy - the thread may still run the turn before, whose caller was released: wait until it is free.
 */
export async function runTurn(
  thread: Thread,
  script: TurnScript,
  { workspace, mayBeBusy }: { workspace: string; mayBeBusy: boolean },
): Promise<Settled<EndedTurn>> {
  const controller = new AbortController();
  const { ending, work } = script;
  const start = () =>
    thread.startTurn(`Turn ${script.number}.`, {
      cwd: workspace,
      sandbox: work === "approval" ? "read-only" : "full-access",
      ...(ending.kind === "abort" && { signal: controller.signal }),
      ...(ending.kind === "deadline" && { deadlineMs: ending.deadlineMs }),
    });
  const turn = await settled(script, mayBeBusy ? whenFree(start) : start());
  return "error" in turn ? turn : { value: await follow(turn.value, script, controller) };
}

async function whenFree(start: () => Promise<TurnHandle>): Promise<TurnHandle> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      if (!TurnInProgressError.isInstance(error)) throw error;
    }
    await sleep(FREE_POLL_MS);
  }
}

async function follow(turn: TurnHandle, script: TurnScript, controller: AbortController): Promise<EndedTurn> {
  const { ending } = script;
  const onRead = (count: number): void => {
    if (!("after" in ending) || ending.after !== count) return;
    if (ending.kind === "abort") controller.abort(new Enough());
    // The turn may have ended, or the connection been lost: its result says what came of it.
    else void turn.interrupt().catch(() => {});
  };
  const texts: string[] = [];
  const readText = async (): Promise<void> => {
    for await (const text of turn.textStream()) texts.push(text);
  };
  const results = Promise.all([settled(script, turn.result()), settled(script, turn.result())]);
  const readers = Promise.all([
    read(turn, "whole", script, onRead),
    ...script.readers.map((reading) => read(turn, reading, script)),
  ]);
  const textEnd = await settled(script, readText());
  const { id, threadId } = turn;
  return { id, threadId, results: await results, readers: await readers, text: texts.join(""), textEnd };
}

async function read(
  turn: TurnHandle,
  reading: Reading,
  script: TurnScript,
  onRead: (count: number) => void = () => {},
): Promise<ReadTurn> {
  const events: TurnEvent[] = [];
  const loop = async (): Promise<void> => {
    onRead(0);
    for await (const event of turn) {
      events.push(event);
      onRead(events.length);
      if (reading === "leaves") return;
      if (reading === "slow") await sleep(SLOW_MS);
    }
  };
  return { reading, end: await settled(script, loop()), events };
}

async function settled<T>(script: TurnScript, promise: Promise<T>): Promise<Settled<T>> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<"stuck">((resolve) => {
    timer = setTimeout(resolve, STUCK_MS, "stuck");
  });
  const end = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  const first = await Promise.race([end, stuck]);
  clearTimeout(timer);
  if (first === "stuck") throw new Error(`Turn ${script.number} has not settled after ${STUCK_MS} ms.`);
  return first;
}
