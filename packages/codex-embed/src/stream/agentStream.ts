import { isTurnEvent, type Notification, type TurnEvent } from "../events.js";
import type { CollabAgentStatus } from "../generated/protocol.js";
import type { TurnSnapshot } from "../turnResult.js";
import { TurnAccumulator } from "./accumulate.js";
import { EventLog } from "./eventLog.js";
import type { ThreadFollower } from "./reservation.js";

/** How a sub-agent stands, in the runtime's words. `shutdown`: it was closed, or unloaded. */
export type AgentStatus = CollabAgentStatus;

/** What a sub-agent has come to. */
export interface AgentResult {
  readonly threadId: string;
  readonly status: AgentStatus;
  /** The turns that it has run, in order; one that it was closed in may be missing. */
  readonly turns: readonly TurnSnapshot[];
  /** The final response of the last turn that has one. */
  readonly finalResponse: string | null;
}

/** How following a sub-agent ended. */
export type AgentEnd = { readonly result: AgentResult } | { readonly error: unknown };

/** What is said of an agent where it is named. */
export interface AgentMention {
  readonly threadId: string;
  readonly prompt: string | null;
  readonly model: string | null;
  readonly path: string | null;
  readonly status: AgentStatus | null;
}

/** Takes what is said of a sub-agent's thread, and settles exactly once. */
export class AgentStream implements ThreadFollower {
  readonly threadId: string;
  /** The thread of the agent that began this one. */
  readonly parentThreadId: string;
  /** Resolves when the agent has ended; never rejects. */
  readonly ended: Promise<AgentEnd>;
  /** Resolves when a turn of it has started, or it has ended without. */
  readonly begun: Promise<void>;
  readonly #tell: (event: TurnEvent | null) => void;
  readonly #log: EventLog;
  readonly #turns: TurnSnapshot[] = [];
  #mention: AgentMention;
  #status: AgentStatus | null = null;
  #current: { readonly id: string; readonly accumulator: TurnAccumulator } | null = null;
  #isEnded = false;
  #markEnded: (end: AgentEnd) => void = () => {};
  #markBegun: () => void = () => {};

  /** @param tell - hears every event of the agent, and null when something else has changed. */
  constructor(
    mention: AgentMention,
    parentThreadId: string,
    bufferBytes: number,
    tell: (event: TurnEvent | null) => void,
  ) {
    this.threadId = mention.threadId;
    this.parentThreadId = parentThreadId;
    this.#mention = mention;
    this.#tell = tell;
    this.#log = new EventLog(bufferBytes);
    this.ended = new Promise((resolve) => {
      this.#markEnded = resolve;
    });
    this.begun = new Promise((resolve) => {
      this.#markBegun = resolve;
    });
  }

  get prompt(): string | null {
    return this.#mention.prompt;
  }

  get model(): string | null {
    return this.#mention.model;
  }

  get path(): string | null {
    return this.#mention.path;
  }

  /** By its own events; until one has come, as the agent that named it was told. */
  get status(): AgentStatus {
    return this.#status ?? this.#mention.status ?? "pendingInit";
  }

  get finalResponse(): string | null {
    return this.#turns.findLast(({ finalResponse }) => finalResponse !== null)?.finalResponse ?? null;
  }

  /** The turn in flight, or null. */
  get activeTurnId(): string | null {
    return this.#current?.id ?? null;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** A new reader over all turns, which ends as the agent ends. */
  reader(): AsyncIterableIterator<TurnEvent, void, undefined> {
    return this.#log.reader();
  }

  /** The agent was named again: what was not known is known now, and its state is newer. */
  learn({ prompt, model, path, status }: AgentMention): void {
    const before = this.#mention;
    this.#mention = {
      threadId: this.threadId,
      prompt: before.prompt ?? prompt,
      model: before.model ?? model,
      path: before.path ?? path,
      status: status ?? before.status,
    };
  }

  push(notification: Notification, bytes: number): void {
    if (this.#isEnded) return;
    if (isTurnEvent(notification)) {
      this.#log.append(notification, bytes);
      this.#account(notification);
      this.#tell(notification);
    } else if (isUnloading(notification)) {
      this.#status = "shutdown";
      this.end();
      this.#tell(null);
    }
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  /** Nothing more is expected of the agent. */
  end(): void {
    const { threadId, status, finalResponse } = this;
    this.#end({ result: { threadId, status, turns: [...this.#turns], finalResponse } });
  }

  #account(event: TurnEvent): void {
    if (event.method === "turn/started") {
      const turnId = event.params.turn.id;
      const used = this.#turns.findLast(({ usage }) => usage !== null)?.usage?.thread ?? null;
      this.#current = { id: turnId, accumulator: new TurnAccumulator({ threadId: this.threadId, turnId }, used) };
      this.#status = "running";
      this.#markBegun();
    }
    this.#current?.accumulator.add(event);
    if (event.method === "turn/completed" && this.#current?.id === event.params.turn.id) {
      const snapshot = this.#current.accumulator.snapshot(event.params.turn, this.#log.events());
      this.#turns.push(snapshot);
      this.#current = null;
      this.#status =
        snapshot.status === "failed" ? "errored" : snapshot.status === "interrupted" ? "interrupted" : "completed";
    }
  }

  #end(end: AgentEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#current = null;
    if ("error" in end) this.#log.end(end.error);
    else this.#log.end();
    this.#markBegun();
    this.#markEnded(end);
  }
}

function isUnloading(notification: Notification): boolean {
  return (
    notification.method === "thread/closed" ||
    (notification.method === "thread/status/changed" && notification.params.status.type === "notLoaded")
  );
}
