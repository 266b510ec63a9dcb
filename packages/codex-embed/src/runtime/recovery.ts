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
import { itemsIn } from "../stream/events.js";
import type { Router } from "../stream/router.js";
import type { ThreadSandboxes, ThreadUpdates } from "../stream/threadMemory.js";
import type { Guardian } from "../guards/guardian.js";
import type { AsyncContext } from "../util/async.js";

/** One page of turns. Further pages follow when the turn in flight is not on it. */
const PAGE = { limit: 5, itemsView: "full" } as const;
/** How often to poll the record of a turn that may be ending right now; each wait is this much longer than the last. */
const MAX_POLLS = 5;
const POLL_STEP_MS = 10;
/** How often to try to resume a thread that has just begun its first turn: over two seconds. */
const MAX_ATTEMPTS = 20;

type RecoveryMethod =
  | "thread/resume"
  | "thread/settings/update"
  | "thread/loaded/list"
  | "thread/turns/list"
  | "thread/read";

/** Sends a request on the new connection and on no other. */
export type RecoveryRequest = <M extends RecoveryMethod>(
  method: M,
  params: ClientRequests[M]["params"],
  /** Called with the result before anything after it is read. */
  onResult?: (result: ClientRequests[M]["result"]) => void,
) => Promise<ClientRequests[M]["result"]>;

/** The threads that a client opened, and how it subscribes to them again on a new connection. */
export class Recovery {
  readonly #router: Router;
  readonly #broker: RequestBroker;
  readonly #sandboxes: ThreadSandboxes;
  readonly #updates: ThreadUpdates;
  readonly #host: { readonly guards?: Pick<Guardian, "configOf"> | null };
  readonly #experimentalApi: boolean;
  readonly #threads = new Map<string, { readonly isStored: boolean }>();
  /** Threads that the runtime could not resume, because they have no turn yet. */
  readonly #detached = new Set<string>();
  /** Idle threads that are not resumed on this connection yet, with why the last one ended. */
  readonly #dormant = new Map<string, CloseReason>();
  /** Dormant threads that are being resumed. */
  readonly #waking = new Map<string, Promise<void>>();

  /** @param experimentalApi - whether `thread/resume` takes `initialTurnsPage`. Default true. */
  constructor(
    router: Router,
    broker: RequestBroker,
    host: {
      readonly sandboxes: ThreadSandboxes;
      readonly updates: ThreadUpdates;
      readonly guards?: Pick<Guardian, "configOf"> | null;
    },
    experimentalApi = true,
  ) {
    this.#router = router;
    this.#broker = broker;
    this.#host = host;
    this.#sandboxes = host.sandboxes;
    this.#updates = host.updates;
    this.#experimentalApi = experimentalApi;
  }

  /** Keeps the thread subscribed over lost connections from now on. */
  keep(threadId: string, isStored: boolean, context?: AsyncContext): void {
    this.#threads.set(threadId, { isStored });
    this.#detached.delete(threadId);
    this.#dormant.delete(threadId);
    this.#router.fates.opened(threadId, isStored);
    this.#router.attach(threadId, context);
  }

  /** Forgets a thread that this client no longer uses. */
  release(threadId: string): void {
    this.#threads.delete(threadId);
    this.#detached.delete(threadId);
    this.#dormant.delete(threadId);
    this.#sandboxes.forget(threadId);
    this.#updates.forget(threadId);
    this.#router.release(threadId);
  }

  /** Whether this client has the thread loaded. */
  holds(threadId: string): boolean {
    return this.#threads.has(threadId);
  }

  /** Whether the thread is not resumed on this connection yet, because it was idle when the last one ended. */
  isDormant(threadId: string): boolean {
    return this.#dormant.has(threadId) || this.#waking.has(threadId);
  }

  /** Whether the thread is loaded but sends no events, because it had no turn when the connection was lost. */
  isDetached(threadId: string): boolean {
    return this.#detached.has(threadId);
  }

  /** Holds back the events of all threads until they are subscribed to again. */
  suspend(): void {
    this.#router.forgetStrangers();
    this.#router.suspend(this.#all());
    this.#broker.suspend();
  }

  /**
   * Subscribes again to the active threads: with a turn, a follower, or a pending request of the runtime. The others stay
   * dormant until their next use. Those that the runtime still has loaded are resumed one by one in the background, so
   * that it does not unload them. Rejects when the connection is lost meanwhile; the call can then be repeated.
   */
  async resubscribeAll(request: RecoveryRequest, reason: CloseReason): Promise<void> {
    const followed = new Set(this.#router.followed);
    const active: string[] = [];
    for (const threadId of this.#all()) {
      if (followed.has(threadId) || this.#isActive(threadId)) active.push(threadId);
      else this.#setDormant(threadId, reason);
    }
    await Promise.all(
      active.map((threadId) => this.#resubscribe(threadId, request, reason, this.#router.isBusy(threadId))),
    );
    if (this.#dormant.size > 0) void this.#wakeLoaded(request).catch(() => {});
  }

  /**
   * Resumes a dormant thread before its use. Rejects when the connection is lost or the runtime does not answer; the
   * thread then stays dormant.
   */
  wake(threadId: string, request: RecoveryRequest): Promise<void> {
    const reason = this.#dormant.get(threadId);
    if (reason === undefined) return this.#waking.get(threadId) ?? Promise.resolve();
    this.#dormant.delete(threadId);
    this.#router.suspend([threadId]);
    const waking = this.#resubscribe(threadId, request, reason, this.#router.awaited(threadId).length > 0)
      .catch((error: unknown) => {
        if (this.#threads.has(threadId)) this.#setDormant(threadId, reason);
        throw error;
      })
      .finally(() => this.#waking.delete(threadId));
    this.#waking.set(threadId, waking);
    return waking;
  }

  /** Subscribes to a detached thread, now that it has a turn. */
  async attach(threadId: string, request: RecoveryRequest): Promise<void> {
    this.#detached.delete(threadId);
    this.#router.suspend([threadId]);
    await this.#resubscribe(threadId, request, NO_REASON, this.#router.isBusy(threadId));
  }

  /**
   * Replays the turn in flight to a sink that has just taken it up, and delivers what arrives meanwhile after that. False
   * when there is no record to replay, because the thread is not stored.
   */
  catchUp(threadId: string, request: RecoveryRequest): boolean {
    if (this.#threads.get(threadId)?.isStored !== true) return false;
    this.#router.suspend([threadId]);
    this.#resubscribe(threadId, request, NO_REASON, true).catch((error: unknown) => {
      // After a lost connection the next one replays the turn, or there is none and it fails.
      if (TransportClosedError.isInstance(error)) return;
      this.#fail(threadId, error instanceof Error ? { ...NO_REASON, error } : NO_REASON);
    });
    return true;
  }

  /** Whether the thread has something that must not be missed. A thread that is not stored cannot be resumed later. */
  #isActive(threadId: string): boolean {
    const isStored = this.#threads.get(threadId)?.isStored === true;
    return (
      !isStored ||
      this.#router.isBusy(threadId) ||
      this.#router.awaited(threadId).length > 0 ||
      this.#broker.hasStale(threadId)
    );
  }

  /** Leaves the thread alone until its next use. */
  #setDormant(threadId: string, reason: CloseReason): void {
    this.#dormant.set(threadId, reason);
    this.#router.restore(threadId, [], () => new TransportClosedError(reason, { maybeAccepted: true }));
  }

  /** One by one, so that the user's own requests go first. Skips threads that would cost the runtime memory to load. */
  async #wakeLoaded(request: RecoveryRequest): Promise<void> {
    const { data } = await request("thread/loaded/list", {});
    for (const threadId of data) await this.wake(threadId, request);
  }

  #all(): string[] {
    return [...new Set([...this.#threads.keys(), ...this.#router.followed])];
  }

  /** @param isInFlight - whether the runtime has a turn of this client, which a refusal ends. */
  async #resubscribe(
    threadId: string,
    request: RecoveryRequest,
    reason: CloseReason,
    isInFlight: boolean,
  ): Promise<void> {
    if (this.#threads.get(threadId)?.isStored === false) return this.#fail(threadId, reason);
    try {
      const awaited = this.#router.awaited(threadId);
      const ask = isInFlight ? withRetries(request) : request;
      const turns = await withClearEnds(threadId, awaited, await this.#resume(threadId, awaited, ask), request);
      // The runtime sends pending requests again right behind the reply, so by the next answer they have come.
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
        return this.#fail(threadId, { ...reason, error });
      }
      this.#detached.add(threadId);
      this.#router.restore(threadId, [], () => new TransportClosedError(reason, { maybeAccepted: true }));
    }
  }

  /** Subscribes to a thread. Resolves with its last turns, the oldest first, back to the first awaited one. */
  async #resume(threadId: string, awaited: readonly string[], request: RecoveryRequest): Promise<Turn[]> {
    const isAwaited = awaited.length > 0 || this.#broker.hasStale(threadId);
    const first = await this.#firstPage(threadId, isAwaited, request);
    const update = this.#updates.of(threadId);
    if (update !== undefined) await request("thread/settings/update", update);
    const turns = [...(first?.data ?? [])];
    const isMissing = (id: string) => turns.every((turn) => turn.id !== id && turn.rootTurnId !== id);
    let cursor = first?.nextCursor ?? null;
    while (cursor !== null && awaited.some(isMissing)) {
      const next = await request("thread/turns/list", { threadId, cursor, ...PAGE });
      turns.push(...next.data);
      cursor = next.nextCursor;
    }
    return withoutReviewers(turns.toReversed());
  }

  /**
   * Subscribes to a thread by resuming it. Threads of sub-agents are the runtime's to load. One that is not loaded is only
   * read: this client does not know its sandbox, and the configuration may set none.
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
    const fields = this.#sandboxes.fieldsFor(threadId);
    const guards = this.#host.guards?.configOf(threadId);
    const config = guards === undefined ? {} : { config: { ...("config" in fields ? fields.config : {}), ...guards } };
    const params = { threadId, ...fields, ...config, excludeTurns: true };
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

  #fail(threadId: string, reason: CloseReason): void {
    this.release(threadId);
    this.#broker.voidStale(threadId);
    this.#router.fail(threadId, reason);
  }
}

/** Whether the runtime refused in a way that another attempt does not change. */
function isRefusal(error: unknown): error is Error {
  return FrameTooLargeError.isInstance(error) || (JsonRpcError.isInstance(error) && !ServerBusyError.isInstance(error));
}

/** A thread can be resumed only some milliseconds after its first turn began, when the runtime has stored its record. */
function withRetries(request: RecoveryRequest): RecoveryRequest {
  return async (...call) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(...call);
      } catch (error) {
        if (!isRefusal(error) || FrameTooLargeError.isInstance(error) || attempt === MAX_ATTEMPTS) throw error;
      }
      await sleep(POLL_STEP_MS * attempt);
    }
  };
}

/**
 * The turns without those of reviewers, which runtimes before 0.162 record next to the review: they name no root, and their
 * records never end. A review that has not ended keeps its reviewer.
 */
function withoutReviewers(turns: readonly Turn[]): Turn[] {
  return turns.filter(({ rootTurnId, status }, index) => {
    const before = typeof rootTurnId === "string" || status !== "inProgress" ? undefined : turns[index - 1];
    return before?.status === "inProgress" || !itemsIn(before ?? null).some(({ type }) => type === "enteredReviewMode");
  });
}

const NO_REASON: CloseReason = { initiator: "runtime", exitCode: null, signal: null, stderrTail: "" };

/**
 * The turns, polled until their ends are clear. Between the last item of a turn and its end, its record says `interrupted`
 * with no time of completion. It stays so only when the runtime that ran the turn is gone.
 */
async function withClearEnds(
  threadId: string,
  awaited: readonly string[],
  turns: readonly Turn[],
  request: RecoveryRequest,
): Promise<Turn[]> {
  const isUnclear = ({ id, rootTurnId, status, completedAt }: Turn) =>
    status === "interrupted" && completedAt === null && (awaited.includes(id) || awaited.includes(rootTurnId ?? id));
  const ends = new Map(turns.map((turn) => [turn.id, turn]));
  for (let poll = 1; poll <= MAX_POLLS && [...ends.values()].some(isUnclear); poll++) {
    await sleep(POLL_STEP_MS * poll);
    const { data } = await request("thread/turns/list", { threadId, ...PAGE });
    for (const turn of data) if (ends.has(turn.id)) ends.set(turn.id, turn);
  }
  return [...ends.values()];
}
