/** Owns this process's side of a program: where it writes, whom it can ask, when it has to stop, and with what exit code. */

import { addAbortSignal, type Readable, type Writable } from "node:stream";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { BadUsage, failureOf, Interruption } from "./failure.js";
import { wantsColor } from "./render/style.js";
import { clean } from "./render/text.js";

/** The streams and the environment of a program. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Puts a question to the person at the terminal. Resolves with the line that was typed, empty at the end of input. */
export type Ask = (question: string, signal: AbortSignal) => Promise<string>;

/** What a program is given. */
export interface Terminal {
  readonly write: (text: string) => void;
  /** Writes to stderr. */
  readonly note: (text: string) => void;
  /** Resolves when a slow reader of the output has caught up. */
  readonly drained: () => Promise<void>;
  /** Whether the output is dressed in colours. */
  readonly color: boolean;
  /** Aborts when the user wants out, or when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Null when there is nobody to ask: stdin or stderr is no terminal. */
  readonly ask: Ask | null;
  /** Whether something else than a person feeds stdin. */
  readonly isPiped: boolean;
  /** Reads stdin to its end, as UTF-8. */
  readonly readInput: () => Promise<string>;
}

/** What a shell shows for a program that ended by SIGPIPE. */
const HUNG_UP = 141;

/** How long it takes to read what lies in the terminal's buffer. */
const TYPED_AHEAD_MS = 30;

/** A wrapper such as npx may pass on a Ctrl-C that the terminal has sent to both. */
const SAME_SIGNAL_MS = 400;

/**
 * Gives `use` the terminal of this process. It resolves with an exit code, in the case of a failure too. The first
 * SIGINT, SIGTERM or SIGHUP aborts the signal, a later one ends the process at once, with everything it has started.
 */
export async function withTerminal(
  use: (terminal: Terminal) => Promise<number>,
  streams: Streams = process,
): Promise<number> {
  const { stdin, stdout, stderr, env } = streams;
  const abort = new AbortController();
  let stopped = Number.POSITIVE_INFINITY;
  const stop = (message: string, exitCode: number) => (): void => {
    if (performance.now() - stopped > SAME_SIGNAL_MS) process.exit(exitCode);
    if (abort.signal.aborted) return;
    stopped = performance.now();
    abort.abort(new Interruption(message, exitCode));
  };
  const interrupt = stop("Interrupted.", 130);
  const terminate = stop("Terminated.", 143);
  let hungUp = false;
  const hangUp = (): void => {
    hungUp = true;
    abort.abort(new Interruption("", HUNG_UP));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", terminate).on("SIGHUP", terminate);
  stdout.on("error", hangUp);
  stderr.on("error", () => {});
  try {
    const exitCode = await use({
      write: (text) => void stdout.write(text),
      note: (text) => void stderr.write(text),
      drained: () => drained(stdout, abort.signal),
      color: wantsColor(stdout, env),
      signal: abort.signal,
      ask: stdin.isTTY === true && stderr.isTTY === true ? asker(stdin, stderr) : null,
      isPiped: stdin.isTTY !== true,
      readInput: () => readToEnd(stdin, abort.signal),
    });
    return hungUp ? HUNG_UP : exitCode;
  } catch (error) {
    // A run that is stopped fails in many ways; why it was stopped is what counts.
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error;
    const { text, exitCode } = failureOf(reason);
    const gap = reason instanceof BadUsage ? "" : "\n";
    // Failures quote what runtimes and model providers say.
    if (text !== "") stderr.write(`${gap}${clean(text)}\n`);
    return exitCode;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", terminate).off("SIGHUP", terminate);
  }
}

async function drained(stdout: Writable, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!stdout.writableNeedDrain) return;
  await new Promise<void>((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    stdout.once("drain", () => {
      signal.removeEventListener("abort", giveUp);
      resolve();
    });
  });
}

async function readToEnd(stdin: Readable, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of addAbortSignal(signal, stdin)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

/** A line that was typed before the question was seen is no answer to it. */
function asker(stdin: Readable, stderr: Writable): Ask {
  return async (question, signal) => {
    await discardTyped(stdin, signal);
    stderr.write(question);
    if (stdin.readableEnded || stdin.destroyed) return "";
    return nextLine(stdin, signal);
  };
}

async function discardTyped(stdin: Readable, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const discard = (): void => {};
  stdin.on("data", discard).resume();
  await sleep(TYPED_AHEAD_MS);
  stdin.off("data", discard).pause();
  signal.throwIfAborted();
}

function nextLine(stdin: Readable, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // Not as a terminal: a Ctrl-C shall stay a signal.
    const lines = createInterface({ input: stdin, terminal: false });
    const finish = (settle: () => void): void => {
      signal.removeEventListener("abort", giveUp);
      settle();
      lines.close();
    };
    const giveUp = (): void => finish(() => reject(signal.reason));
    signal.addEventListener("abort", giveUp, { once: true });
    lines.once("line", (line) => finish(() => resolve(line)));
    lines.once("close", () => finish(() => resolve("")));
  });
}
