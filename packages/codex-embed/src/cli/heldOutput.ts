/** Output that waits: while a question is open, nothing else may reach the terminal and cover it. */

import type { Writable } from "node:stream";

type Done = (error?: Error | null) => void;

/** What is left of the output while everything else is held back. */
export interface Hold {
  /** Writes to stderr all the same. */
  readonly write: (text: string) => void;
  /** Resolves when stdout has passed on what was written before. */
  readonly flushed: Promise<void>;
}

/** How much of one stream's output is kept. A turn is not read meanwhile, so only a flood of warnings gets there. */
const MAX_HELD_CHARACTERS = 1024 * 1024;

/**
 * Holds back what this process writes to stdout and stderr, whoever writes it: the program, a logger, `console`, or Node
 * with a warning. What was held is written in its order once it is released.
 */
export class HeldOutput {
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  /** The writes to make once nothing is held any more. */
  readonly #held: (() => void)[] = [];
  #dropped = 0;
  #released = Promise.resolve();
  #release = (): void => {};

  constructor(stdout: Writable, stderr: Writable) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** Resolves when nothing is held back. */
  get released(): Promise<void> {
    return this.#released;
  }

  /** Holds everything back, until `release` is called. */
  hold(): Hold {
    this.release();
    const flushed = new Promise<void>((resolve) => void this.#stdout.write("", () => resolve()));
    const [stdout, stderr] = [this.#take(this.#stdout), this.#take(this.#stderr)];
    this.#released = new Promise((resolve) => {
      this.#release = () => {
        this.#release = () => {};
        stdout.giveBack();
        stderr.giveBack();
        for (const write of this.#held.splice(0)) write();
        if (this.#dropped > 0) stderr.write(`warning: ${this.#dropped} pieces of output were dropped here.\n`);
        this.#dropped = 0;
        resolve();
      };
    });
    return { write: stderr.write, flushed };
  }

  /** Writes what was held back. Does nothing when nothing is held. */
  release(): void {
    this.#release();
  }

  /** Puts a function in the place of the stream's `write`. */
  #take(stream: Writable): { readonly write: (text: string) => void; readonly giveBack: () => void } {
    const own = Object.getOwnPropertyDescriptor(stream, "write");
    const write = stream.write.bind(stream);
    let size = 0;
    stream.write = (chunk: unknown, encoding?: BufferEncoding | Done | null, callback?: Done): boolean => {
      const done = typeof encoding === "function" ? encoding : callback;
      if (size >= MAX_HELD_CHARACTERS) {
        this.#dropped += 1;
        if (done !== undefined) process.nextTick(done);
        return true;
      }
      size += typeof chunk === "string" ? chunk.length : ArrayBuffer.isView(chunk) ? chunk.byteLength : 0;
      this.#held.push(() => {
        if (typeof encoding === "string") write(chunk, encoding, done);
        else write(chunk, done);
      });
      return true;
    };
    return {
      write: (text) => void write(text),
      giveBack: () => {
        if (own === undefined) Reflect.deleteProperty(stream, "write");
        else Object.defineProperty(stream, "write", own);
      },
    };
  }
}
