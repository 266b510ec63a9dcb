import type { CodexError } from "../errors/base.js";
import type { Turn } from "../protocol/generated/protocol.js";
import type { AsyncContext } from "../util/async.js";
import type { Notification, TurnEvent, TurnNotification } from "./events.js";
import { Reservation, type TurnSink } from "./reservation.js";
import { RecentMap } from "./threadMemory.js";

/**
 * The state of a thread, as docs/architecture.md draws it:
 *
 * - `idle`: no turn runs, and the next one is free to be claimed.
 * - `reserved`: somebody here has claimed the next turn, or all turns of a goal, and none runs yet.
 * - `running`: a turn is in flight, started here or by another client.
 * - `suspended`: the connection is lost. What arrives on the next one is withheld until the thread is restored.
 * - `replaying`: the events that were missed are being made from the runtime's record.
 * - `lost`: the client no longer receives the thread's events, and starts no turn in it.
 */
export type ThreadState = "idle" | "reserved" | "running" | "suspended" | "replaying" | "lost";

/** The turn in flight. The id is null if another client started it and the runtime has not named it here. */
export interface ActiveTurn {
  readonly id: string | null;
  /** The turn around it, as a review has one, or itself. Null if the runtime does not say: before 0.162 none does. */
  readonly rootId: string | null;
}

/** What decides the state of a thread. The turn and the reservation outlast a gap of the connection. */
interface Facts {
  readonly turn: ActiveTurn | null;
  readonly reservation: Reservation | null;
  readonly gap: "suspended" | "replaying" | "lost" | null;
}

/** A notification that is delivered later. */
export interface Held<N extends Notification = TurnNotification> {
  readonly notification: N;
  readonly bytes: number;
}

/** What has arrived of one turn. */
export class SeenTurn {
  isStarted = false;
  /** Whether the start came from the record: the runtime may still send it, just after. */
  isStartReplayed = false;
  /** The items that have started and not completed, each with its start in Unix milliseconds. */
  readonly open = new Map<string, number>();
  /** The ids of the items that have completed. */
  readonly completed = new Set<string>();
  /** Those among them that came from the record, each with its end: events about them that still arrive are repeats. */
  replayed: Map<string, number> | null = null;
}

/** A sub-agent may start its turn just before an item names it: its first events are kept, within these bounds. */
const MAX_UNCLAIMED = 64;
const MAX_UNCLAIMED_BYTES = 4 * 1024 * 1024;
/** About what an id takes besides its characters. */
const ID_BYTES = 50;

/** One thread: its state, who gets its events, and what has arrived. */
export class ThreadRoute {
  #state: ThreadState = "idle";
  #facts: Facts = { turn: null, reservation: null, gap: null };
  /** The last turn that has started, if known. */
  lastTurnId: string | null;
  readonly sinks = new RecentMap<TurnSink>();
  /** The async contexts of those who asked for the turns of the sinks. */
  readonly #contexts = new Map<string, AsyncContext>();
  /** The turns in flight. */
  readonly seen = new RecentMap<SeenTurn>();
  /** Events of turns that nobody has claimed, for a follower that comes late. */
  readonly unclaimed: Held[] = [];
  /** What has arrived since the thread was suspended. */
  #withheld: Held[] = [];
  /** About how much is kept here of what came in. */
  bytes = 0;

  constructor(lastTurnId: string | null) {
    this.lastTurnId = lastTurnId;
  }

  get state(): ThreadState {
    return this.#state;
  }

  /** The only place that changes the state. What is left out stays as it is. */
  #set({ turn, reservation, gap }: Partial<Facts>): void {
    const before = this.#facts;
    const facts: Facts = {
      turn: turn === undefined ? before.turn : turn,
      reservation: reservation === undefined ? before.reservation : reservation,
      gap: gap === undefined ? before.gap : gap,
    };
    this.#facts = facts;
    if (facts.gap !== null) this.#state = facts.gap;
    else if (facts.turn !== null) this.#state = "running";
    else this.#state = facts.reservation === null ? "idle" : "reserved";
  }

  get reservation(): Reservation | null {
    return this.#facts.reservation;
  }

  /** The turn in flight, or null. */
  get activeTurn(): ActiveTurn | null {
    return this.#facts.turn;
  }

  /** The id of the turn in flight, or null: none is, or its id is unknown. */
  get activeTurnId(): string | null {
    return this.#facts.turn?.id ?? null;
  }

  /** Whether a turn is in flight that another client started and whose id is unknown. */
  get isTakenElsewhere(): boolean {
    return this.#facts.turn !== null && this.#facts.turn.id === null;
  }

  /** Whether a turn is in flight or claimed, also during a gap. */
  get isBusy(): boolean {
    return this.#facts.turn !== null || this.#facts.reservation !== null;
  }

  /** Whether somebody waits for a turn of the thread. */
  get isAwaited(): boolean {
    return this.#facts.reservation !== null || this.sinks.size > 0;
  }

  /** Whether there is nothing to keep the route for. */
  get isUnused(): boolean {
    return this.#state === "idle" && this.sinks.size === 0;
  }

  /** Claims the next turn. `onDone` is called when the reservation is filled or given up. */
  reserve(onDone: () => void): Reservation {
    const reservation = new Reservation(this, () => {
      this.#set({ reservation: null });
      onDone();
    });
    this.#set({ reservation });
    return reservation;
  }

  /**
   * The root of a turn that starts, or null. When the runtime does not say, it is the turn that is claimed and has not
   * started: a thread runs one turn at a time, so this one is inside.
   */
  rootOf({ id, rootTurnId }: Pick<Turn, "id" | "rootTurnId">): string | null {
    const claimed = this.activeTurnId;
    if (typeof rootTurnId === "string" || claimed === null || !this.sinks.has(claimed)) return rootTurnId ?? null;
    return claimed === id || this.seen.get(claimed)?.isStarted !== true ? claimed : null;
  }

  /** A turn has started, inside of another one or of itself. */
  startTurn(id: string, rootId: string | null): void {
    this.#set({ turn: { id, rootId } });
  }

  /** A turn has ended. The one in flight can only have been that if its id or its root is unknown. */
  endTurn(id: string): void {
    const { turn } = this.#facts;
    if (turn === null) return;
    if (turn.id === null || turn.rootId === null || turn.id === id || turn.rootId === id) this.#set({ turn: null });
  }

  /** Another client has started a turn whose id is unknown. */
  occupy(): void {
    if (this.#facts.turn === null) this.#set({ turn: { id: null, rootId: null } });
  }

  /** The turn whose id was unknown is over, or its id is about to be set. */
  vacate(): void {
    if (this.isTakenElsewhere) this.#set({ turn: null });
  }

  /** The connection is lost. */
  suspend(): void {
    this.#withheld = [];
    this.#set({ gap: "suspended" });
  }

  /** Keeps what arrives before the thread is restored. */
  withhold(held: Held): void {
    this.#withheld.push(held);
  }

  get withheld(): readonly Held[] {
    return this.#withheld;
  }

  /** Runs `work`, which delivers events made from the record: they are new, whatever has arrived. */
  replay(work: () => void): void {
    const { gap } = this.#facts;
    this.#set({ gap: "replaying" });
    try {
      work();
    } finally {
      this.#set({ gap });
    }
  }

  /** The gap is over. Gives what was withheld, to be delivered now. */
  resume(): readonly Held[] {
    this.#set({ gap: null });
    return this.#withheld.splice(0);
  }

  /** The thread's events no longer arrive: everybody who waits for them fails with what `why` makes. */
  lose(why: (turnId: string | null) => CodexError): void {
    this.#set({ gap: "lost" });
    this.reservation?.fail(why(null));
    for (const [turnId, sink] of this.sinks) sink.fail(why(turnId));
  }

  /** Keeps an event that nobody has claimed, within bounds. */
  keepUnclaimed(held: Held): void {
    if (this.unclaimed.length === MAX_UNCLAIMED || this.bytes + held.bytes > MAX_UNCLAIMED_BYTES) return;
    this.unclaimed.push(held);
    this.bytes += held.bytes;
  }

  /** Hands a turn's events to the sink. The turn counts as running, although `turn/started` comes after the reply. */
  addSink(turnId: string, sink: TurnSink, context: AsyncContext): void {
    this.sinks.set(turnId, sink);
    this.#contexts.set(turnId, context);
    this.startTurn(turnId, turnId);
    if (!this.seen.has(turnId)) this.seen.set(turnId, new SeenTurn());
  }

  /** Hands the events of the turn in flight to a sink that has seen none of them. */
  takeUp(turnId: string, sink: TurnSink, context: AsyncContext): void {
    // What has arrived so far, also of the reviewer's turn inside, reached nobody.
    this.seen.delete(this.activeTurnId ?? turnId);
    this.seen.delete(turnId);
    this.addSink(turnId, sink, context);
  }

  removeSink(turnId: string): void {
    this.sinks.delete(turnId);
    this.#contexts.delete(turnId);
  }

  /** Forgets a turn that has ended, or whose events no longer arrive. */
  dropTurn(turnId: string): void {
    this.removeSink(turnId);
    this.seen.delete(turnId);
    if (this.activeTurnId === turnId) this.endTurn(turnId);
  }

  /** The async context in which a turn was asked for; of the one in flight if none is named. Null if nobody here asked. */
  contextOf(turnId: string | null): AsyncContext | null {
    return this.#contexts.get(turnId ?? this.activeTurnId ?? "") ?? this.reservation?.context ?? null;
  }

  /** Records an event of a turn, so that after a gap only what is missing is replayed. */
  note(turnId: string, notification: TurnNotification, seen: SeenTurn | undefined): void {
    const isReplay = this.#state === "replaying";
    if (notification.method === "turn/started") {
      const started = seen ?? new SeenTurn();
      started.isStarted = true;
      started.isStartReplayed = isReplay;
      this.seen.set(turnId, started);
      this.lastTurnId = turnId;
      // A thread runs one turn at a time: the end of any other that nobody waits for was missed.
      for (const id of this.seen.keys()) if (id !== turnId && !this.sinks.has(id)) this.seen.delete(id);
    } else if (seen === undefined) {
      return;
    } else if (notification.method === "item/started") {
      const { item, startedAtMs } = notification.params;
      // A message that was cut off never completes.
      if (item.type !== "agentMessage" && item.type !== "reasoning") seen.open.set(item.id, startedAtMs);
    } else if (notification.method === "item/completed") {
      const { id } = notification.params.item;
      seen.open.delete(id);
      seen.completed.add(id);
      this.bytes += ID_BYTES + id.length;
      if (isReplay) (seen.replayed ??= new Map()).set(id, notification.params.completedAtMs);
    } else if (notification.method === "turn/completed") {
      this.seen.delete(turnId);
    }
  }
}

/** Takes the events of turns. */
export interface EventTap {
  /** Whether anybody wants them now. */
  readonly takesEvents: boolean;
  event(event: TurnEvent, threadId: string, turnId: string | null): void;
}

/** The turn in flight of a thread. */
export interface RunningTurn extends ActiveTurn {
  /** Who gets its events here, or null. */
  readonly sink: TurnSink | null;
}
