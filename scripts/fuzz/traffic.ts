/** What a line is about before it is damaged: a stranger, a bystander, or a sentinel that it must not reach. */

import { isJson, type Json } from "./corpus.js";
import { damage } from "./mutate.js";
import type { Random } from "./random.js";
import type { TurnName } from "./wire.js";

/** What the damaged lines of the moment may name. */
export interface Targets {
  readonly strangers: readonly string[];
  readonly bystanders: readonly { readonly turn: TurnName; readonly requestId: number }[];
  /** The turns of sentinels that are in flight. */
  readonly sentinels: readonly TurnName[];
  /** The ids of the sentinels' requests. */
  readonly requests: readonly number[];
  /** The ids that a damaged answer may bear: those of bystanders, and those that are answered already. */
  readonly answerable: ReadonlySet<unknown>;
  /** Lines that sentinels have been settled by. */
  readonly past: readonly Json[];
}

const THREAD_KEYS: ReadonlySet<string> = new Set([
  "threadId",
  "conversationId",
  "parentThreadId",
  "agentThreadId",
  "sessionId",
  "senderThreadId",
]);

/** Makes damaged lines out of the corpus. */
export class Traffic {
  readonly #corpus: readonly string[];
  readonly #random: Random;
  /** Lines that were thrown away, because they would have been right answers to a sentinel's request. */
  rejected = 0;

  constructor(corpus: readonly string[], random: Random) {
    this.#corpus = corpus;
    this.#random = random;
  }

  /** The next damaged line. */
  next(targets: Targets): Buffer {
    for (;;) {
      const line = this.#line(targets);
      if (!answersOther(line, targets.answerable)) return Buffer.concat([line, LINE_FEED]);
      this.rejected += 1;
    }
  }

  #line(targets: Targets): Buffer {
    const random = this.#random;
    const kind = random.below(20);
    if (kind === 0 && targets.past.length > 0) return Buffer.from(JSON.stringify(random.pick(targets.past)));
    if (kind === 1 && targets.requests.length > 0 && random.oneIn(3)) return this.#almostAnswer(targets.requests);
    if (kind === 1 && targets.sentinels.length > 0) return this.#misdirected(targets);
    const { turn, requestId } = this.#target(targets);
    const message = parse(random.pick(this.#corpus));
    this.#rename(message, turn, targets);
    if ("id" in message && !("method" in message)) message["id"] = requestId;
    else if ("id" in message) message["id"] = random.oneIn(2) ? random.below(1_000) : `q${random.below(1_000)}`;
    const line = damage(message, random);
    return random.oneIn(50) ? Buffer.concat([line, LINE_FEED, line]) : line;
  }

  #target({ strangers, bystanders }: Targets): { turn: TurnName; requestId: number } {
    const random = this.#random;
    if (bystanders.length > 0 && !random.oneIn(3)) return random.pick(bystanders);
    const threadId = random.pick(strangers);
    return { turn: { threadId, turnId: `${threadId}-turn` }, requestId: random.pick([-1, 2 ** 40, 1e300]) };
  }

  /** An answer whose id looks like that of a sentinel's request, and is none. */
  #almostAnswer(requests: readonly number[]): Buffer {
    const random = this.#random;
    const id = random.pick(requests);
    const almost = random.pick([String(id), ` ${id}`, [id], { id }, id + 0.5, -id - 1, true]);
    return Buffer.from(JSON.stringify({ id: almost, result: { turn: { id: "none" } } }));
  }

  /** Undamaged, and about a turn that is a sentinel's by half its name only: nobody may take it for the sentinel's. */
  #misdirected(targets: Targets): Buffer {
    const random = this.#random;
    const sentinel = random.pick(targets.sentinels);
    const stranger = random.pick(targets.strangers);
    const message = parse(random.pick(this.#corpus));
    // A turn that another client has started on the thread would rightly keep the sentinel's own from starting.
    const ofSentinelThread = message["method"] !== "turn/started" && random.oneIn(2);
    const turn = ofSentinelThread
      ? { threadId: sentinel.threadId, turnId: `${stranger}-turn` }
      : { threadId: stranger, turnId: sentinel.turnId };
    this.#rename(message, turn, targets);
    if ("id" in message) message["id"] = `m${random.below(1_000)}`;
    return Buffer.from(JSON.stringify(message));
  }

  /** Gives every id in a message another value, from a small number of them, so that lines have to do with each other. */
  #rename(holder: object, turn: TurnName, targets: Targets): void {
    for (const [key, value] of Object.entries(holder)) {
      const id = typeof value === "string" ? this.#idFor(key, holder, turn, targets) : undefined;
      if (id !== undefined) Reflect.set(holder, key, id);
      else if (key === "receiverThreadIds") Reflect.set(holder, key, [this.#random.pick(targets.strangers)]);
      else if (typeof value === "object" && value !== null) this.#rename(value, turn, targets);
    }
  }

  #idFor(key: string, holder: object, turn: TurnName, { strangers }: Targets): string | undefined {
    if (key === "threadId" || key === "conversationId") return turn.threadId;
    if (THREAD_KEYS.has(key)) return this.#random.pick(strangers);
    if (key === "turnId" || key === "rootTurnId" || (key === "id" && "itemsView" in holder)) return turn.turnId;
    if (key === "itemId" || (key === "id" && "type" in holder)) return `item-${this.#random.below(8)}`;
    if (key === "requestId") return `q${this.#random.below(1_000)}`;
    return key === "id" && "sessionId" in holder ? turn.threadId : undefined;
  }
}

const LINE_FEED = Buffer.from("\n");

function parse(line: string): Json {
  const message: unknown = JSON.parse(line);
  return isJson(message) ? message : {};
}

/** The client numbers its requests from 0 on; no run comes this far. */
const NO_REQUEST = 2 ** 31;

/**
 * Whether a line is an answer to another request than these, such as one of a sentinel or of the client itself. It would
 * be a right one, however it came about, so it is all that damage has to keep away from.
 */
function answersOther(bytes: Buffer, answerable: ReadonlySet<unknown>): boolean {
  return bytes
    .toString("utf8")
    .split("\n")
    .some((line) => {
      try {
        const message: unknown = JSON.parse(line);
        if (!isJson(message) || typeof message["method"] === "string") return false;
        const { id } = message;
        return typeof id === "number" && id >= 0 && id < NO_REQUEST && !answerable.has(id);
      } catch {
        return false;
      }
    });
}
