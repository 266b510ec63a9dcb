import type { TurnEvent } from "../stream/events.js";
import type { TurnHandle } from "./turn.js";

/**
 * The events of a turn without a handle (`thread.stream`). The turn starts with the first read. Leaving before its end,
 * by `break`, `return`, `throw` or an error of the reader, ends it and waits until the thread is free.
 */
export class OwnedTurn implements AsyncGenerator<TurnEvent, void, undefined> {
  readonly #start: () => Promise<TurnHandle<unknown>>;
  readonly #keepCommands: boolean;
  #started: Promise<{ readonly turn: TurnHandle<unknown>; readonly reader: AsyncIterator<TurnEvent, void> }> | null =
    null;
  #hasLeft = false;

  constructor(start: () => Promise<TurnHandle<unknown>>, keepCommands: boolean) {
    this.#start = start;
    this.#keepCommands = keepCommands;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<TurnEvent, void>> {
    if (this.#hasLeft) return { done: true, value: undefined };
    this.#started ??= this.#start().then((turn) => ({ turn, reader: turn[Symbol.asyncIterator]() }));
    try {
      const { reader } = await this.#started;
      return await reader.next();
    } catch (error) {
      await this.#leave();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<TurnEvent, void>> {
    await this.#leave();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<TurnEvent, void>> {
    await this.#leave();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  /** Does not queue behind a pending `next()`, as a generator's `return()` would. */
  async #leave(): Promise<void> {
    this.#hasLeft = true;
    const started = await this.#started?.catch(() => null);
    if (started === null || started === undefined) return;
    await started.reader.return?.();
    await started.turn.leave(this.#keepCommands);
  }
}
