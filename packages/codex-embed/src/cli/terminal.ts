/** Owns this process's side of a program: where it writes, whom it can ask, when it has to stop, and with what exit code. */

import { addAbortSignal, type Readable, type Writable } from "node:stream";
import { BadUsage, failureOf, Interruption } from "./failure.js";
import { HeldOutput } from "./heldOutput.js";
import { type Ask, asker, type Screen, type TypedInput } from "./question.js";
import { painter, wantsColor } from "./render/style.js";
import { clean } from "./render/text.js";

/** The streams and the environment of a program. */
export interface Streams {
  readonly stdin: TypedInput & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Screen & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a program is given. */
export interface Terminal {
  readonly write: (text: string) => void;
  /** Writes to stderr. */
  readonly note: (text: string) => void;
  /** Resolves when no question is open. What is written while one is open waits for its answer. */
  readonly answered: () => Promise<void>;
  /** Resolves when no question is open and a slow reader of the output has caught up. Rejects when `signal` aborts. */
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
  const held = new HeldOutput(stdout, stderr);
  const color = wantsColor(stdout, env);
  const asks = { stdin, stderr, held, paint: painter(color), signal: abort.signal, interrupt };
  try {
    const exitCode = await use({
      write: (text) => void stdout.write(text),
      note: (text) => void stderr.write(text),
      answered: () => held.released,
      drained: async () => {
        await held.released;
        await drained(stdout, abort.signal);
      },
      color,
      signal: abort.signal,
      ask: stdin.isTTY === true && stderr.isTTY === true ? asker(asks) : null,
      isPiped: stdin.isTTY !== true,
      readInput: () => readToEnd(stdin, abort.signal),
    });
    return hungUp ? HUNG_UP : exitCode;
  } catch (error) {
    held.release();
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
