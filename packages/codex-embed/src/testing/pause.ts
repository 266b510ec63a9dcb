/** Owns the two ways for a script to wait: until a test opens a gate, or for a time. */

import { ScriptError } from "./scriptError.js";

/**
 * A place in a script where the model waits until the test lets it go on. It can stand between the parts of a step and
 * between the deltas of a part. A gate that was opened stays open.
 */
export class Gate {
  readonly kind = "gate";
  /** Settles when the model has sent everything before the gate. Rejects when that can no longer happen. */
  readonly reached: Promise<void>;
  /** Settles when the gate is opened. */
  readonly opened: Promise<void>;
  readonly #arrive: () => void;
  readonly #abandon: (error: Error) => void;
  readonly #open: () => void;

  constructor() {
    const reached = deferred();
    const opened = deferred();
    this.reached = reached.promise;
    this.opened = opened.promise;
    this.#arrive = reached.resolve;
    this.#abandon = reached.reject;
    this.#open = opened.resolve;
  }

  /** Lets the model go on. It may be called before the gate is reached, and more than once. */
  open(): void {
    this.#open();
  }

  /** @internal The model has sent everything before the gate. */
  arrive(): void {
    this.#arrive();
  }

  /** @internal The gate can no longer be reached. */
  abandon(): void {
    this.#abandon(
      new ScriptError("This gate was never reached: the model was closed, or the runtime hung up, before that."),
    );
  }
}

/** A pause of fixed length in a script. */
export interface Delay {
  readonly kind: "delay";
  readonly delayMs: number;
}

/** Anything a script can wait for. */
export type Pause = Gate | Delay;

/** Makes a gate. Prefer gates to delays: they make a test both exact and fast. */
export function gate(): Gate {
  return new Gate();
}

/** Makes the model wait for `delayMs` milliseconds. Throws `ScriptError` for a negative or endless delay. */
export function delay(delayMs: number): Delay {
  if (!Number.isFinite(delayMs) || delayMs < 0)
    throw new ScriptError(`delay(${delayMs}): give a time of 0 ms or more.`);
  return { kind: "delay", delayMs };
}

function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => {};
  let reject = (_error: Error): void => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Nobody has to watch a gate: an abandoned one must not end the process as an unhandled rejection.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
