/** The sentinels: requests, turns and questions with known right answers, in flight while the damage comes in. */

import { isDeepStrictEqual } from "node:util";
import { type Codex, JsonRpcError, type TurnEvent, TurnFailedError, type TurnHandle } from "codex-embed";
import type { Json } from "./corpus.js";
import { stackOf } from "./faults.js";
import type { Peer } from "./peer.js";
import type { Random } from "./random.js";
import { agentMessage, type TurnName, turnCompleted, turnRecord, turnStarted } from "./wire.js";

/** One thing with a known right answer. */
export interface Sentinel {
  /** The lines that bring about the answer; their order is kept. */
  readonly lines: readonly Json[];
  readonly turn: TurnName | null;
  /** The id of the request that it waits for, or null. */
  readonly requestId: number | null;
  isSettled(): boolean;
  /** What is wrong with how it settled, or null. */
  problem(): string | null;
}

/** Follows a promise without waiting for it. */
export class Watched {
  settled = 0;
  value: unknown;
  error: unknown;

  constructor(promise: Promise<unknown>) {
    promise.then(
      (value) => {
        this.settled += 1;
        this.value = value;
      },
      (error: unknown) => {
        this.settled += 1;
        this.error = error;
      },
    );
  }
}

/** Begins sentinels on one client. Their names hold a counter and a word that occur in no damaged line. */
export class SentinelMaker {
  readonly #codex: Codex;
  readonly #peer: Peer;
  readonly #random: Random;
  #count = 0;

  constructor(codex: Codex, peer: Peer, random: Random) {
    this.#codex = codex;
    this.#peer = peer;
    this.#random = random;
  }

  #name(): string {
    return `sentinel-${this.#count++}`;
  }

  /** A request that is answered with a result, or with an error. */
  async request(): Promise<Sentinel> {
    const threadId = this.#name();
    const seen = new Watched(this.#codex.request("thread/name/set", { threadId, name: "N" }));
    const { id } = await this.#held(threadId);
    const fails = this.#random.oneIn(3);
    const result = { thread: { id: threadId } };
    const error = { code: -32600, message: `No ${threadId} here.` };
    return {
      lines: [fails ? { id, error } : { id, result }],
      turn: null,
      requestId: id,
      isSettled: () => seen.settled > 0,
      problem: () => {
        const isRight = fails
          ? JsonRpcError.isInstance(seen.error) && seen.error.message.includes(error.message)
          : isDeepStrictEqual(seen.value, result);
        return isRight ? null : `The request of ${threadId} settled with ${show(seen)}.`;
      },
    };
  }

  /** A question of the runtime, which is answered once, with yes. */
  ask(): Sentinel {
    const id = `ask-${this.#name()}`;
    const params = { threadId: id, turnId: `${id}-turn`, itemId: id, command: "true", cwd: "/" };
    return {
      lines: [{ id, method: "item/commandExecution/requestApproval", params }],
      turn: null,
      requestId: null,
      isSettled: () => this.#peer.hasAnswer(id),
      problem: () => {
        const answers = this.#peer.takeAnswers(id);
        const isRight = isDeepStrictEqual(answers, [{ id, result: { decision: "accept" } }]);
        return isRight ? null : `The question ${id} was answered with ${JSON.stringify(answers)}.`;
      },
    };
  }

  /** A turn, which tells all it has to tell and then completes or fails. */
  async turn(): Promise<Sentinel> {
    const threadId = this.#name();
    this.#peer.nextThreadId = threadId;
    const started = new Watched(this.#start(threadId));
    const { id } = await this.#held(threadId);
    const turn = { threadId, turnId: `${threadId}-turn` };
    const failure = this.#random.oneIn(4) ? `${threadId} had bad luck` : undefined;
    const messages = Array.from({ length: this.#random.below(3) }, (_, index) => {
      const pieces = Array.from({ length: this.#random.below(4) }, (_none, piece) => `${threadId} ${piece} ü😀 `);
      return {
        id: `${threadId}-item-${index}`,
        text: pieces.join(""),
        lines: agentMessage(turn, `${threadId}-item-${index}`, pieces),
      };
    });
    const events = [turnStarted(turn), ...messages.flatMap(({ lines }) => lines), turnCompleted(turn, failure)];
    const lines = [...events];
    lines.splice(this.#random.below(lines.length + 1), 0, {
      id,
      result: { turn: turnRecord(turn.turnId, "inProgress") },
    });
    return {
      lines,
      turn,
      requestId: id,
      isSettled: () => started.settled > 0,
      problem: () => {
        if (!(started.value instanceof Outcome)) return `The turn of ${threadId} did not start: ${show(started)}.`;
        const { seen, result } = started.value;
        if (!isDeepStrictEqual(joined(seen), joined(events))) {
          return `The reader of ${threadId} saw ${JSON.stringify(seen)} and not ${JSON.stringify(events)}.`;
        }
        if (failure !== undefined) {
          const isRight = TurnFailedError.isInstance(result.error) && result.error.message.includes(failure);
          return isRight ? null : `The turn of ${threadId}, which failed, settled with ${show(result)}.`;
        }
        const outcome = {
          id: turn.turnId,
          threadId,
          status: "completed",
          startedAt: 1,
          completedAt: 2,
          durationMs: null,
          finalResponse: messages.findLast(({ text }) => text !== "")?.text ?? null,
          text: messages
            .map(({ text }) => text)
            .filter((text) => text !== "")
            .join("\n\n"),
          items: events.flatMap((event) => (event["method"] === "item/completed" ? itemOf(event) : [])),
          usage: null,
          output: undefined,
        };
        return isDeepStrictEqual(result.value, outcome)
          ? null
          : `The turn of ${threadId} settled with ${show(result)}.`;
      },
    };
  }

  async #start(threadId: string): Promise<Outcome> {
    const thread = await this.#codex.startThread();
    if (thread.id !== threadId) throw new Error(`The thread ${thread.id} was started.`);
    return Outcome.of(await thread.startTurn("Go"));
  }

  async #held(threadId: string) {
    await this.#peer.settle(() => this.#peer.hasHeld);
    const held = this.#peer.takeHeld().find((request) => request.threadId === threadId);
    if (held === undefined) throw new Error(`The request of ${threadId} was not sent.`);
    return held;
  }
}

/** What a turn gave to its reader and to who awaited it. */
class Outcome {
  readonly seen: TurnEvent[] = [];
  readonly result: Watched;

  private constructor(result: Watched) {
    this.result = result;
  }

  static async of(turn: TurnHandle): Promise<Outcome> {
    const outcome = new Outcome(new Watched(turn.result()));
    try {
      for await (const event of turn) outcome.seen.push(event);
    } catch {
      // The same as the result's.
    }
    await turn.result().catch(() => {});
    return outcome;
  }
}

function itemOf({ params }: Json): unknown {
  return typeof params === "object" && params !== null && "item" in params ? params.item : null;
}

/** The same events with adjacent pieces of one text as one, since a reader that lags sees them so. */
function joined(events: readonly object[]): unknown[] {
  const plain: unknown = JSON.parse(JSON.stringify(events));
  const all: Json[] = Array.isArray(plain) ? plain : [];
  const result: { readonly event: Json; delta: string | null; readonly of: unknown }[] = [];
  for (const event of all) {
    const { delta, ...params }: Json = { ...Object(event["params"]) };
    const last = result.at(-1);
    if (typeof delta === "string" && typeof last?.delta === "string" && isDeepStrictEqual(last.of, params))
      last.delta += delta;
    else
      result.push({ event: { method: event["method"] }, delta: typeof delta === "string" ? delta : null, of: params });
  }
  return result;
}

function show({ settled, value, error }: Watched): string {
  if (settled === 0) return "nothing";
  return error === undefined ? JSON.stringify(value) : stackOf(error);
}
