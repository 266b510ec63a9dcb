/** What must not happen: what was found, and watching for errors that escape. */

/** Something that must not happen. */
export interface Finding {
  readonly what: string;
  /** The line that brought it about, or the lines that may have. */
  readonly lines: readonly Buffer[];
}

/** Catches what nobody else does. Node tells of a rejection at the end of a turn of the event loop. */
export class EscapeWatch implements Disposable {
  readonly #seen: string[] = [];
  readonly #onException = (error: unknown) => void this.#seen.push(`an uncaught exception: ${stackOf(error)}`);
  readonly #onRejection = (error: unknown) => void this.#seen.push(`an unhandled rejection: ${stackOf(error)}`);

  constructor() {
    process.on("uncaughtException", this.#onException);
    process.on("unhandledRejection", this.#onRejection);
  }

  /** What has escaped since the last time. */
  take(): string[] {
    return this.#seen.splice(0);
  }

  [Symbol.dispose](): void {
    process.off("uncaughtException", this.#onException);
    process.off("unhandledRejection", this.#onRejection);
  }
}

/** An error with the place that it comes from. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
