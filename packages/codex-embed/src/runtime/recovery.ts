/** Owns taking up the threads of a client again, on a connection that has been made anew. */

import { setTimeout as sleep } from "node:timers/promises";
import {
  type CloseReason,
  FrameTooLargeError,
  JsonRpcError,
  ServerBusyError,
  TransportClosedError,
} from "../errors/connection.js";
import type { Turn, TurnsPage } from "../protocol/generated/protocol.js";
import type { ClientRequests } from "../protocol/generated/tables.js";
import type { RequestBroker } from "../requests/broker.js";
import type { Router } from "../stream/router.js";
import type { ThreadSandboxes } from "../stream/threadMemory.js";
import type { AsyncContext } from "../util/async.js";

/** The turns of a thread that are asked for at once; more when the one in flight is not among them. */
const PAGE = { limit: 5, itemsView: "full" } as const;
/** How often the record of a turn that may be ending just now is looked at again, and how much longer each wait is. */
const MOST_LOOKS = 5;
const LOOK_AGAIN_MS = 10;
/** How often a thread that has just begun its first turn is tried to be resumed: over two seconds. */
const MOST_TRIES = 20;

type RecoveryMethod = "thread/resume" | "thread/loaded/list" | "thread/turns/list" | "thread/read";

/** Sends a request on the new connection, and on no other. */
export type RecoveryRequest = <M extends RecoveryMethod>(
  method: M,
  params: ClientRequests[M]["params"],
  /** Called with the result before anything after it is read. */
  onResult?: (result: ClientRequests[M]["result"]) => void,
) => Promise<ClientRequests[M]["result"]>;

/** The threads that a client has opened, and how they are taken up again. */
export class Recovery {
  readonly #router: Router;
  readonly #broker: RequestBroker;
  readonly #sandboxes: ThreadSandboxes;
  readonly #experimentalApi: boolean;
  readonly #threads = new Map<string, { readonly isStored: boolean }>();
  /** Threads without a turn: the runtime has nothing to resume them by until they have one. */
  readonly #unheard = new Set<string>();
  /** Idle threads that are not resumed on this connection yet, with why the one before ended. */
  readonly #dormant = new Map<string, CloseReason>();
  /** Those among them that are being resumed. */
  readonly #waking = new Map<string, Promise<void>>();

  /** @param experimentalApi - whether `thread/resume` takes `initialTurnsPage`. Default true. */
  constructor(router: Router, broker: RequestBroker, sandboxes: ThreadSandboxes, experimentalApi = true) {
    this.#router = router;
    this.#broker = broker;
    this.#sandboxes = sandboxes;
    this.#experimentalApi = experimentalApi;
  }

  /** From now on the thread is taken up again after a loss. */
  keep(threadId: string, isStored: boolean, context?: AsyncContext): void {
    this.#threads.set(threadId, { isStored });
    this.#unheard.delete(threadId);
    this.#dormant.delete(threadId);
    this.#router.fates.opened(threadId, isStored);
    this.#router.attach(threadId, context);
  }

  /** The thread is not this client's business any more. */
  release(threadId: string): void {
    this.#threads.delete(threadId);
    this.#unheard.delete(threadId);
    this.#dormant.delete(threadId);
    this.#sandboxes.forget(threadId);
    this.#router.release(threadId);
  }

  /** Whether this client has the thread loaded. */
  holds(threadId: string): boolean {
    return this.#threads.has(threadId);
  }

  /** Whether the thread is not resumed on this connection yet, because nothing went on in it when the last one ended. */
  isDormant(threadId: string): boolean {
    return this.#dormant.has(threadId) || this.#waking.has(threadId);
  }

  /** Whether the thread is loaded, but nothing is heard of it, because it had no turn when the connection was lost. */
  isUnheard(threadId: string): boolean {
    return this.#unheard.has(threadId);
  }

  /** Holds back what comes of all threads until they have been taken up. */
  suspend(): void {
    this.#router.forgetStrangers();
    this.#router.suspend(this.#all());
    this.#broker.suspend();
  }

  /**
   * Takes up again the threads that something goes on in: a turn, a follower, a request of the runtime. The others are
   * dormant until their next use; those that the runtime still has loaded are taken up one by one in the background, so
   * that it does not unload them. Rejects when the connection is lost over it; then it can be done again.
   */
  async takeUpAll(request: RecoveryRequest, reason: CloseReason): Promise<void> {
    const followed = new Set(this.#router.followed);
    const active: string[] = [];
    for (const threadId of this.#all()) {
      if (followed.has(threadId) || this.#isActive(threadId)) active.push(threadId);
      else this.#rest(threadId, reason);
    }
    await Promise.all(active.map((threadId) => this.#takeUp(threadId, request, reason, this.#router.isBusy(threadId))));
    if (this.#dormant.size > 0) void this.#wakeLoaded(request).catch(() => {});
  }

  /**
   * Takes up a dormant thread before it is used. Rejects when the connection is lost over it, or the runtime does not
   * answer; then the thread is as dormant as before.
   */
  wake(threadId: string, request: RecoveryRequest): Promise<void> {
    const reason = this.#dormant.get(threadId);
    if (reason === undefined) return this.#waking.get(threadId) ?? Promise.resolve();
    this.#dormant.delete(threadId);
    this.#router.suspend([threadId]);
    const waking = this.#takeUp(threadId, request, reason, this.#router.awaited(threadId).length > 0)
      .catch((error: unknown) => {
        if (this.#threads.has(threadId)) this.#rest(threadId, reason);
        throw error;
      })
      .finally(() => this.#waking.delete(threadId));
    this.#waking.set(threadId, waking);
    return waking;
  }

  /** Takes up a thread that has had no turn so far, now that it has one. */
  async takeUpUnheard(threadId: string, request: RecoveryRequest): Promise<void> {
    this.#unheard.delete(threadId);
    this.#router.suspend([threadId]);
    await this.#takeUp(threadId, request, UNHEARD, this.#router.isBusy(threadId));
  }

  /** Whether something goes on in the thread that must not be missed. One that is not stored cannot be resumed later. */
  #isActive(threadId: string): boolean {
    const isStored = this.#threads.get(threadId)?.isStored === true;
    return (
      !isStored ||
      this.#router.isBusy(threadId) ||
      this.#router.awaited(threadId).length > 0 ||
      this.#broker.hasStale(threadId)
    );
  }

  /** Leaves the thread as it is until it is used. */
  #rest(threadId: string, reason: CloseReason): void {
    this.#dormant.set(threadId, reason);
    this.#router.restore(threadId, [], () => new TransportClosedError(reason, { maybeAccepted: true }));
  }

  /** One by one, so that what the user asks for goes first. A thread that the runtime has not loaded costs it memory. */
  async #wakeLoaded(request: RecoveryRequest): Promise<void> {
    const { data } = await request("thread/loaded/list", {});
    for (const threadId of data) await this.wake(threadId, request);
  }

  #all(): string[] {
    return [...new Set([...this.#threads.keys(), ...this.#router.followed])];
  }

  /** @param isInFlight - whether the runtime has a turn of ours, so that a refusal is the end of it. */
  async #takeUp(threadId: string, request: RecoveryRequest, reason: CloseReason, isInFlight: boolean): Promise<void> {
    if (this.#threads.get(threadId)?.isStored === false) return this.#lose(threadId, reason);
    try {
      const awaited = this.#router.awaited(threadId);
      const ask = isInFlight ? patiently(request) : request;
      const turns = await endsOf(threadId, awaited, await this.#resume(threadId, awaited, ask), request);
      // What is still to be decided is sent again right behind the reply: with another answer, it has come.
      if (this.#broker.hasStale(threadId)) {
        await request("thread/read", { threadId, includeTurns: false });
        this.#broker.voidStale(threadId);
      }
      this.#router.restore(threadId, turns, (turnId) => {
        return new TransportClosedError(reason, { during: `turn ${turnId}`, maybeAccepted: true });
      });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (isInFlight || !this.#threads.has(threadId)) {
        return this.#lose(threadId, { ...reason, error });
      }
      this.#unheard.add(threadId);
      this.#router.restore(threadId, [], () => new TransportClosedError(reason, { maybeAccepted: true }));
    }
  }

  /** The last turns of a thread, the oldest first, back to the first that is awaited; subscribes to the thread. */
  async #resume(threadId: string, awaited: readonly string[], request: RecoveryRequest): Promise<Turn[]> {
    const isAwaited = awaited.length > 0 || this.#broker.hasStale(threadId);
    const first = await this.#firstPage(threadId, isAwaited, request);
    const turns = [...(first?.data ?? [])];
    const isMissing = (id: string) => turns.every((turn) => turn.id !== id && turn.rootTurnId !== id);
    let cursor = first?.nextCursor ?? null;
    while (cursor !== null && awaited.some(isMissing)) {
      const next = await request("thread/turns/list", { threadId, cursor, ...PAGE });
      turns.push(...next.data);
      cursor = next.nextCursor;
    }
    return turns.toReversed();
  }

  /**
   * Subscribes to a thread by resuming it. A sub-agent's is the runtime's to load: when it does not, its record is read and
   * nothing else, for what sandbox it belongs into is not known here, and the configuration's may be none.
   *
   * `initialTurnsPage` belongs to the experimental API. Without it, only the whole history of `thread/resume` holds the
   * items in flight; `thread/turns/list` and `thread/read` leave them out (measured). So an awaited turn takes the whole
   * history, unless that is over `maxFrameBytes`, and every other thread takes the list.
   */
  async #firstPage(threadId: string, isAwaited: boolean, request: RecoveryRequest): Promise<TurnsPage | null> {
    if (!this.#threads.has(threadId)) {
      const loaded = await request("thread/loaded/list", {});
      if (!loaded.data.includes(threadId)) return request("thread/turns/list", { threadId, ...PAGE });
    }
    const params = { threadId, ...this.#sandboxes.fieldsFor(threadId), excludeTurns: true };
    // The runtime sends its pending requests again right behind the reply, so the broker learns before the next message.
    const learn = (turns: readonly Turn[] = []) => this.#broker.learn(threadId, turns);
    if (this.#experimentalApi) {
      const withPage = { ...params, initialTurnsPage: PAGE };
      return (await request("thread/resume", withPage, (reply) => learn(reply.initialTurnsPage?.data)))
        .initialTurnsPage;
    }
    if (isAwaited) {
      try {
        const whole = { ...params, excludeTurns: false };
        const { thread } = await request("thread/resume", whole, (reply) => learn(reply.thread.turns));
        return { data: thread.turns.toReversed(), nextCursor: null, backwardsCursor: null };
      } catch (error) {
        if (!FrameTooLargeError.isInstance(error)) throw error;
      }
    }
    await request("thread/resume", params);
    return request("thread/turns/list", { threadId, ...PAGE });
  }

  #lose(threadId: string, reason: CloseReason): void {
    this.release(threadId);
    this.#broker.voidStale(threadId);
    this.#router.fail(threadId, reason);
  }
}

/** Whether the runtime has an answer for this thread that another attempt would not change. */
function isRefusal(error: unknown): error is Error {
  return FrameTooLargeError.isInstance(error) || (JsonRpcError.isInstance(error) && !ServerBusyError.isInstance(error));
}

/** The record of a thread is there some milliseconds after its first turn has begun: until then it cannot be resumed. */
function patiently(request: RecoveryRequest): RecoveryRequest {
  return async (...call) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(...call);
      } catch (error) {
        if (!isRefusal(error) || FrameTooLargeError.isInstance(error) || attempt === MOST_TRIES) throw error;
      }
      await sleep(LOOK_AGAIN_MS * attempt);
    }
  };
}

const UNHEARD: CloseReason = { initiator: "runtime", exitCode: null, signal: null, stderrTail: "" };

/**
 * The turns, those with their ends that end while they are looked at: between its last item and its end, the record
 * tells of a turn that it was interrupted, but of no end. For good it says so when the runtime that ran the turn is gone.
 */
async function endsOf(
  threadId: string,
  awaited: readonly string[],
  turns: readonly Turn[],
  request: RecoveryRequest,
): Promise<Turn[]> {
  const isUnclear = ({ id, rootTurnId, status, completedAt }: Turn) =>
    status === "interrupted" && completedAt === null && (awaited.includes(id) || awaited.includes(rootTurnId ?? id));
  const ends = new Map(turns.map((turn) => [turn.id, turn]));
  for (let look = 1; look <= MOST_LOOKS && [...ends.values()].some(isUnclear); look++) {
    await sleep(LOOK_AGAIN_MS * look);
    const { data } = await request("thread/turns/list", { threadId, ...PAGE });
    for (const turn of data) if (ends.has(turn.id)) ends.set(turn.id, turn);
  }
  return [...ends.values()];
}
