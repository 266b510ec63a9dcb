/** A lane: one thread after another, persisted and ephemeral ones, and one turn after another on each. */

import { type Codex, type Thread, TransportClosedError } from "codex-embed";
import type { Random } from "./random.js";
import type { Deciders } from "./deciders.js";
import type { Incidents } from "./incidents.js";
import type { ThreadFacts } from "./judge.js";
import type { TurnScript } from "./script.js";
import { type Observed, runTurn } from "./turn.js";

const MOST_TURNS = 25;
/** One ephemeral thread among so many. */
const THREADS_PER_EPHEMERAL = 3;
/** How often a thread is asked for when the runtime goes away over it. */
const MOST_ATTEMPTS = 20;

/** What all lanes share. */
export interface Surroundings {
  readonly codex: Codex;
  readonly workspace: string;
  readonly incidents: Incidents;
  readonly deciders: Deciders;
}

interface OpenThread {
  readonly thread: Thread;
  readonly isEphemeral: boolean;
  readonly openedAtMs: number;
  before: TurnScript | null;
  turnsLeft: number;
  isOnRecord: boolean;
}

/** A turn and the thread it ran on. */
export interface LaneTurn {
  readonly observed: Observed;
  readonly facts: ThreadFacts;
}

/** Runs turns one after another. */
export class Lane {
  readonly #surroundings: Surroundings;
  readonly #random: Random;
  #open: OpenThread | null = null;

  constructor(surroundings: Surroundings, random: Random) {
    this.#surroundings = surroundings;
    this.#random = random;
  }

  /** Runs a turn on the thread of the lane, or on a new one. */
  async run(script: TurnScript): Promise<LaneTurn> {
    const { workspace, incidents } = this.#surroundings;
    this.#open ??= await this.#openThread();
    const open = this.#open;
    const { isEphemeral, isOnRecord, openedAtMs, thread } = open;
    const hadIncident = incidents.since(openedAtMs).length > 0;
    // The caller of a turn with a limit is let go after some seconds, whether or not the runtime can be told.
    const mayBeBusy = hadIncident && (open.before?.ending.kind === "deadline" || open.before?.ending.kind === "abort");
    const observed = await runTurn(thread, script, workspace, incidents, mayBeBusy);
    const { turn } = observed;
    const facts = {
      isEphemeral,
      isOnRecord,
      hadIncident: incidents.since(openedAtMs).length > 0,
      before: open.before,
    };
    const result = "error" in turn ? undefined : turn.value.results[0];
    if (result !== undefined && "value" in result) open.isOnRecord = true;
    open.before = script;
    open.turnsLeft -= 1;
    // One that was lost, or that may have a turn nobody follows, is of no use any more.
    const isDoubtful = "error" in turn || (result !== undefined && "error" in result && isLoss(result.error));
    if (isDoubtful || open.turnsLeft === 0) await this.leave();
    return { observed, facts };
  }

  /** Unsubscribes from the thread. */
  async leave(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    try {
      await open.thread.unsubscribe();
    } catch (error) {
      // The request may have been cut off, and a lost thread is not there to unsubscribe from.
      if (this.#surroundings.incidents.since(open.openedAtMs).length === 0) throw error;
    }
  }

  async #openThread(): Promise<OpenThread> {
    const { codex, workspace: cwd, incidents, deciders } = this.#surroundings;
    const { handlers, tools } = deciders;
    const isEphemeral = this.#random.oneIn(THREADS_PER_EPHEMERAL);
    const turnsLeft = 1 + this.#random.below(MOST_TURNS);
    for (let attempt = 1; ; attempt++) {
      const openedAtMs = performance.now();
      try {
        const thread = await codex.startThread({ cwd, ephemeral: isEphemeral, approvalMode: "ask", handlers, tools });
        return { thread, isEphemeral, openedAtMs, before: null, turnsLeft, isOnRecord: false };
      } catch (error) {
        if (!isLoss(error) || incidents.since(openedAtMs).length === 0 || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }
}

function isLoss(error: unknown): boolean {
  return TransportClosedError.isInstance(error);
}
