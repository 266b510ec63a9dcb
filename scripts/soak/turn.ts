/** One turn of the soak: begins it, reads it, does to it what its script says, and takes down what came of it. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Thread, type TurnEvent, type TurnHandle, TurnInProgressError, type TurnResult } from "codex-embed";
import type { IncidentKind, Incidents } from "./incidents.js";
import { promptOf, type Reading, steerOf, type TurnScript } from "./script.js";

/** How something ended that can fail. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** What one reader saw. */
export interface ReadTurn {
  readonly reading: Reading;
  readonly events: readonly TurnEvent[];
  readonly end: Settled<void>;
}

/** A turn that the runtime has accepted, when all is over. */
export interface EndedTurn {
  readonly id: string;
  readonly threadId: string;
  /** What `result()` came to, for each of two who asked. */
  readonly results: readonly Settled<TurnResult>[];
  /** The first reader sees all of it. */
  readonly readers: readonly ReadTurn[];
  readonly text: string;
  readonly textEnd: Settled<void>;
  readonly wasAborted: boolean;
  readonly wasInterrupted: boolean;
  readonly interruption: Settled<void> | null;
  readonly steer: Settled<void> | null;
}

/** What came of a turn. */
export interface Observed {
  readonly script: TurnScript;
  /** The error is that of `startTurn`. */
  readonly turn: Settled<EndedTurn>;
  /** What befell the runtime meanwhile. */
  readonly incidents: readonly IncidentKind[];
  readonly ms: number;
}

/** The reason of the signal of a turn. */
export class Enough extends Error {}

/** How long a turn may take before it counts as one that never settles. */
const STUCK_MS = 90_000;

/** How often a thread is asked whether it is free. */
const FREE_POLL_MS = 50;

/**
 * Runs a turn until it, all its readers and all that was asked of it have settled. Rejects when one of them does not.
 *
 * @param mayBeBusy - the thread may still have the turn before, whose caller was let go: then it has to become free.
 */
export async function runTurn(
  thread: Thread,
  script: TurnScript,
  workspace: string,
  incidents: Incidents,
  mayBeBusy: boolean,
): Promise<Observed> {
  const began = performance.now();
  const abort = new AbortController();
  const { ending, work } = script;
  const start = () =>
    thread.startTurn(promptOf(script), {
      cwd: workspace,
      sandbox: work === "approval" ? "read-only" : "full-access",
      ...(ending.kind === "abort" && { signal: abort.signal }),
      ...(ending.kind === "deadline" && { deadlineMs: ending.deadlineMs }),
    });
  const turn = await settled(watched(script, "startTurn", mayBeBusy ? whenFree(start) : start()));
  const ended: Settled<EndedTurn> = "error" in turn ? turn : { value: await follow(turn.value, script, abort) };
  return { script, turn: ended, incidents: incidents.since(began), ms: performance.now() - began };
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

async function follow(turn: TurnHandle, script: TurnScript, abort: AbortController): Promise<EndedTurn> {
  const deeds = new Deeds(turn, script, abort);
  const pieces: string[] = [];
  const readText = async (): Promise<void> => {
    for await (const piece of turn.textStream()) pieces.push(piece);
  };
  const results = [turn.result(), turn.result()].map((result) => settled(watched(script, "result", result)));
  const main = read(turn, { kind: "whole" }, script, (seen) => deeds.due(seen));
  const others = script.readers.map((reading) => read(turn, reading, script, () => {}));
  const textEnd = await settled(watched(script, "textStream", readText()));
  const ended = {
    id: turn.id,
    threadId: turn.threadId,
    results: await Promise.all(results),
    readers: await Promise.all([main, ...others]),
    text: pieces.join(""),
    textEnd,
  };
  const [interruption, steer] = await watched(script, "what was asked of it", deeds.done());
  const { wasAborted, wasInterrupted } = deeds;
  return { ...ended, wasAborted, wasInterrupted, interruption, steer };
}

async function read(
  turn: TurnHandle,
  reading: Reading,
  script: TurnScript,
  seen: (count: number) => void,
): Promise<ReadTurn> {
  const events: TurnEvent[] = [];
  const whole = async (): Promise<void> => {
    seen(0);
    for await (const event of turn) {
      events.push(event);
      seen(events.length);
      if (reading.kind === "leaves" && events.length === reading.after) return;
      if (reading.kind === "slow") await sleep(reading.pauseMs);
    }
  };
  return { reading, end: await settled(watched(script, `a reader (${reading.kind})`, whole())), events };
}

/** What is done to a turn while it runs, each thing once. */
class Deeds {
  wasAborted = false;
  wasInterrupted = false;
  readonly #turn: TurnHandle;
  readonly #script: TurnScript;
  readonly #abort: AbortController;
  #interruption: Promise<Settled<void>> | null = null;
  #steer: Promise<Settled<void>> | null = null;

  constructor(turn: TurnHandle, script: TurnScript, abort: AbortController) {
    this.#turn = turn;
    this.#script = script;
    this.#abort = abort;
  }

  /** Does what is due after so many events. */
  due(count: number): void {
    const { ending, steerAfter } = this.#script;
    if (steerAfter === count) this.#steer = settled(this.#turn.steer(steerOf(this.#script)));
    if (ending.kind === "abort" && ending.after === count) {
      this.wasAborted = true;
      this.#abort.abort(new Enough());
    }
    if (ending.kind === "interrupt" && ending.after === count) {
      this.wasInterrupted = true;
      this.#interruption = settled(this.#turn.interrupt());
    }
  }

  done(): Promise<[Settled<void> | null, Settled<void> | null]> {
    return Promise.all([this.#interruption, this.#steer]);
  }
}

function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** Something that had to settle and has not. */
export class StuckError extends Error {
  readonly script: TurnScript;

  constructor(script: TurnScript, what: string) {
    super(`Turn ${script.number}: ${what} has not settled after ${STUCK_MS} ms.`);
    this.script = script;
  }
}

async function watched<T>(script: TurnScript, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StuckError(script, what)), STUCK_MS);
  });
  try {
    return await Promise.race([promise, stuck]);
  } finally {
    clearTimeout(timer);
  }
}
