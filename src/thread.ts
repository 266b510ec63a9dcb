/** Owns the handle of a thread: its turns, and what can be done with it as a whole. */

import { type CallSite, captureCallSite } from "./errors/callSite.js";
import { SettingsMismatchError, TransportClosedError } from "./errors/index.js";
import type { TurnEvent } from "./events.js";
import type { Thread as ThreadRecord } from "./generated/protocol.js";
import { type Input, toUserInput } from "./input.js";
import {
  type EffectiveSettings,
  type ForkThreadOptions,
  settingsMismatch,
  type ResumeThreadOptions,
  type StartThreadOptions,
  threadModeFields,
  type TurnOptions,
  turnModeFields,
} from "./options.js";
import type { Runtime } from "./runtime.js";
import type { Reservation } from "./stream/router.js";
import { TurnStream } from "./stream/turnStream.js";
import { TurnHandle } from "./turn.js";
import type { TurnResult } from "./turnResult.js";

const DEFAULT_STREAM_BUFFER_BYTES = 64 * 1024 * 1024;

/** A conversation with the agent. Its turns run one after another; different threads run side by side. */
export class Thread implements AsyncDisposable {
  readonly id: string;
  /** The model in force when the thread was opened. */
  readonly model: string;
  readonly #runtime: Runtime;
  #cwd: string;

  /** @internal */
  constructor(runtime: Runtime, opened: { thread: { id: string }; cwd: string; model: string }) {
    this.id = opened.thread.id;
    this.#cwd = opened.cwd;
    this.model = opened.model;
    this.#runtime = runtime;
  }

  /** The working directory in force: as the thread was opened, or as the last turn has set it. */
  get cwd(): string {
    return this.#cwd;
  }

  /**
   * Runs one turn and resolves with its result: `startTurn` and `result()` in one.
   *
   * Rejects as both of them do; above all with `TurnFailedError`, which carries the partial result.
   */
  async run(input: Input, options: TurnOptions = {}): Promise<TurnResult> {
    const turn = await this.#start(input, options, captureCallSite());
    return turn.result();
  }

  /**
   * Starts a turn (`turn/start`) and resolves with its handle as soon as the runtime has accepted it.
   *
   * @throws TurnInProgressError when the thread has a turn in flight; UsageError for a bad input or mode.
   */
  startTurn(input: Input, options: TurnOptions = {}): Promise<TurnHandle> {
    return this.#start(input, options, captureCallSite());
  }

  /**
   * Runs one turn and yields its events. Leaving the loop early leaves the turn running; a turn that fails throws
   * `TurnFailedError` after its last event.
   */
  async *stream(input: Input, options: TurnOptions = {}): AsyncGenerator<TurnEvent, void, undefined> {
    yield* await this.#start(input, options, captureCallSite());
  }

  /** Reads the thread's record (`thread/read`), with its turns on request. A thread without a turn has none to read. */
  async read(options: { readonly includeTurns?: boolean | undefined } = {}): Promise<ThreadRecord> {
    const { thread } = await this.#runtime.request("thread/read", {
      threadId: this.id,
      includeTurns: options.includeTurns ?? false,
    });
    return thread;
  }

  /** Names the thread (`thread/name/set`). The runtime refuses a blank name. */
  async setName(name: string): Promise<void> {
    await this.#runtime.request("thread/name/set", { threadId: this.id, name });
  }

  /**
   * Summarises the history to free the context window (`thread/compact/start`). Resolves when the turn that does it
   * has ended; rejects as a turn does, and with `TurnInProgressError` when the thread is busy.
   */
  async compact(): Promise<TurnResult> {
    const site = captureCallSite();
    const reservation = this.#runtime.router.reserve(this.id);
    try {
      const started = new Promise<TurnStream>((resolve, reject) => {
        reservation.watch({
          started: (turnId) => resolve(this.#claim(reservation, turnId, site)),
          failed: reject,
        });
      });
      started.catch(() => {});
      await this.#runtime.request("thread/compact/start", { threadId: this.id });
      const stream = await this.#runtime.whileOpen(started);
      return await new TurnHandle(this.#runtime, stream).result();
    } finally {
      reservation.release();
    }
  }

  /** Copies the thread's history into a new thread (`thread/fork`). Rejects as `codex.forkThread` does. */
  fork(options: ForkThreadOptions = {}): Promise<Thread> {
    return Thread.fork(this.#runtime, this.id, options);
  }

  /** Archives the thread (`thread/archive`): it is unloaded, and cannot be resumed until it is unarchived. */
  async archive(): Promise<void> {
    await this.#runtime.request("thread/archive", { threadId: this.id });
  }

  /**
   * Ends the subscription (`thread/unsubscribe`): the runtime may unload the thread. It can be resumed later. A turn in
   * flight goes on in the runtime, but is not heard of any more: its handle rejects with `UsageError`.
   */
  async unsubscribe(): Promise<void> {
    await this.#runtime.request("thread/unsubscribe", { threadId: this.id });
    this.#runtime.router.letGo(this.id);
  }

  /** Unsubscribes, so that `await using thread = …` leaves nothing loaded. A runtime that has gone is no failure. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#runtime.isClosed) return;
    try {
      await this.unsubscribe();
    } catch (error) {
      if (!TransportClosedError.isInstance(error)) throw error;
    }
  }

  /** @internal */
  static async start(runtime: Runtime, options: StartThreadOptions): Promise<Thread> {
    const { sandbox, approvalMode = "auto_review", ...fields } = options;
    const response = await runtime.request("thread/start", {
      ...fields,
      ...threadModeFields({ sandbox, approvalMode }),
    });
    return new Thread(runtime, response);
  }

  /** @internal */
  static async resume(runtime: Runtime, threadId: string, options: ResumeThreadOptions): Promise<Thread> {
    const { sandbox, approvalMode, ...fields } = options;
    const modes = { sandbox, approvalMode };
    const response = await runtime.request("thread/resume", {
      // The whole history can be many megabytes, and the runtime deprecates sending it.
      excludeTurns: true,
      ...fields,
      ...threadModeFields(modes),
      threadId,
    });
    return Thread.#opened(runtime, { ...modes, cwd: fields.cwd }, response);
  }

  /** @internal */
  static async fork(runtime: Runtime, threadId: string, options: ForkThreadOptions): Promise<Thread> {
    const { sandbox, approvalMode, ...fields } = options;
    const modes = { sandbox, approvalMode };
    const response = await runtime.request("thread/fork", {
      excludeTurns: true,
      ...fields,
      ...threadModeFields(modes),
      threadId,
    });
    runtime.totals.inherit(response.thread.id, threadId);
    return Thread.#opened(runtime, { ...modes, cwd: fields.cwd }, response);
  }

  /** A loaded thread ignores what a resume asks for, so what is in force is compared with what was asked. */
  static #opened(
    runtime: Runtime,
    asked: Parameters<typeof settingsMismatch>[0],
    response: EffectiveSettings & { thread: { id: string }; model: string },
  ): Thread {
    runtime.router.welcome(response.thread.id);
    const mismatch = settingsMismatch(asked, response);
    if (mismatch !== null) {
      throw new SettingsMismatchError(response.thread.id, mismatch.requested, mismatch.effective);
    }
    return new Thread(runtime, response);
  }

  async #start(input: Input, options: TurnOptions, site: CallSite): Promise<TurnHandle> {
    const { signal, sandbox, approvalMode, ...fields } = options;
    signal?.throwIfAborted();
    const cwd = options.cwd ? this.#runtime.resolvePath(options.cwd) : this.#cwd;
    const params = {
      clientUserMessageId: crypto.randomUUID(),
      ...fields,
      ...turnModeFields({ sandbox, approvalMode }),
      threadId: this.id,
      input: await toUserInput(input, cwd),
    };
    signal?.throwIfAborted();
    const reservation = this.#runtime.router.reserve(this.id);
    try {
      const claimed = await new Promise<TurnStream>((resolve, reject) => {
        this.#runtime
          .request("turn/start", params, {
            // The slot is filled while the reader still stands at the reply: the turn's first event may be next.
            onResult: ({ turn }) => resolve(this.#claim(reservation, turn.id, site)),
          })
          .catch(reject);
      });
      this.#cwd = cwd;
      return new TurnHandle(this.#runtime, claimed, { cwd, signal });
    } finally {
      reservation.release();
    }
  }

  #claim(reservation: Reservation, turnId: string, site: CallSite): TurnStream {
    const bufferBytes = this.#runtime.options.streamBufferBytes ?? DEFAULT_STREAM_BUFFER_BYTES;
    const usedBefore = this.#runtime.totals.of(this.id);
    const stream = new TurnStream({ threadId: this.id, turnId }, { bufferBytes, site, usedBefore });
    reservation.claim(turnId, stream);
    return stream;
  }
}
