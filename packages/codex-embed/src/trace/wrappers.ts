import { messageOf } from "../errors/base.js";
import type { WorkWrapper } from "./messages.js";

/** What subscribers want to run work in. */
export class Wrappers {
  readonly #warn: (message: string) => void;
  readonly #wrappers: WorkWrapper[] = [];
  #isOpen = true;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  add(wrapper: WorkWrapper): void {
    if (this.#isOpen) this.#wrappers.push(wrapper);
  }

  /** Runs the work once, whatever the wrappers do: the first one is the outermost. */
  run<T>(work: () => T): T {
    this.#isOpen = false;
    let done: Done<T> | null = null;
    const once = (): Done<T> => {
      done ??= outcomeOf(work);
      return done;
    };
    const all = this.#wrappers.reduceRight<() => void>(
      (inner, wrapper) => () => {
        const fault = faultOf(() =>
          wrapper(() => {
            if (done === null) inner();
            return valueOf(once());
          }),
        );
        if (done !== null) return;
        this.#warn(`A wrapper that a subscriber gave to around() ${fault ?? "did not call work()"}`);
        inner();
      },
      once,
    );
    all();
    return valueOf(once());
  }
}

type Done<T> = { readonly value: T } | { readonly error: unknown };

function outcomeOf<T>(work: () => T): Done<T> {
  try {
    return { value: work() };
  } catch (error) {
    return { error };
  }
}

function valueOf<T>(done: Done<T>): T {
  if ("error" in done) throw done.error;
  return done.value;
}

/** What went wrong in a wrapper, or null. Errors of the work come back by its outcome. */
function faultOf(wrap: () => unknown): string | null {
  try {
    wrap();
    return null;
  } catch (error) {
    return `threw: ${messageOf(error)}`;
  }
}
