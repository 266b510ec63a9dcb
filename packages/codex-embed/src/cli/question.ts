/** Questions to the person at the terminal: one at a time, each shown whole before it can be answered. */

import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setImmediate as nextPoll, setTimeout as sleep } from "node:timers/promises";
import type { HeldOutput } from "./heldOutput.js";
import { number, type Paint, type Style } from "./render/text.js";

/** The stdin of a person. */
export interface TypedInput extends Readable {
  readonly setRawMode?: (mode: boolean) => unknown;
}

/** The stderr of a person; a size of 0 is unknown. */
export interface Screen extends Writable {
  readonly columns?: number;
  readonly rows?: number;
}

/** A text that a question shows, escaped for display. Line feeds begin a line of it; none of it is cut. */
export interface QuestionRow {
  readonly text: string;
  readonly style?: Style;
}

/** What is asked. */
export interface Question {
  readonly title: string;
  readonly rows: readonly QuestionRow[];
  /** What stands before the answer. */
  readonly prompt: string;
  /** Called right before the question is shown, to end an open line of other output. */
  readonly before: () => void;
}

/**
 * Asks the person. Resolves with the line typed after the end of the question was shown; null when nobody answers: the
 * question cannot be shown whole, the person has left it before its end, or the input has ended. Rejects when the
 * answer is not wanted any more.
 */
export type Ask = (question: Question, signal: AbortSignal) => Promise<string | null>;

/** Where questions are asked. */
export interface AskerOptions {
  readonly stdin: TypedInput;
  readonly stderr: Screen;
  readonly held: HeldOutput;
  readonly paint: Paint;
  /** Aborts when the program has to stop. */
  readonly signal: AbortSignal;
  /** Called for a Ctrl-C that came as a character. */
  readonly interrupt: () => void;
}

/** The longest question, in lines of the screen. */
const MAX_LINES = 2_000;
/** The smallest screen that a question is shown on. */
const [MIN_COLUMNS, MIN_HEIGHT] = [20, 6];
const [USUAL_COLUMNS, USUAL_ROWS] = [80, 24];
/** Stands before what goes on from the line above. */
const WRAPPED = "↳ ";

/** How long it takes to read what lies in the terminal's buffer. */
const TYPED_AHEAD_MS = 30;
/** How long a reader of stdout may take to pass on what came before the question. */
const FLUSH_MS = 1_000;

const CTRL_C = 3;

/** Makes what asks one question after the other; nothing else is written while one is open. */
export function asker(options: AskerOptions): Ask {
  const { stdin, held, signal: stopped } = options;
  let last: Promise<unknown> = Promise.resolve();
  // A terminal that is gone fails the read; the question ends with the stream.
  stdin.on("error", () => {});
  const put = async (question: Question, signal: AbortSignal): Promise<string | null> => {
    signal.throwIfAborted();
    // What came before the request stands above it.
    await nextPoll();
    signal.throwIfAborted();
    question.before();
    const { write, flushed } = held.hold();
    try {
      await Promise.race([flushed, sleep(FLUSH_MS, undefined, { signal, ref: false })]);
      return await converse(question, { ...options, signal }, write);
    } finally {
      held.release();
    }
  };
  return (question, wanted) => {
    const signal = AbortSignal.any([wanted, stopped]);
    const answer = last.then(() => put(question, signal));
    last = answer.catch(() => {});
    return answer;
  };
}

async function converse(
  { title, rows, prompt }: Question,
  { stdin, stderr, paint, signal, interrupt }: AskerOptions,
  write: (text: string) => void,
): Promise<string | null> {
  const columns = stderr.columns || USUAL_COLUMNS;
  const height = stderr.rows || USUAL_ROWS;
  const head = wrap(title, columns - 3).map(
    (line, index) => `${index === 0 ? paint("yellow", "?") : " "} ${paint("bold", line)}`,
  );
  const isTooSmall = columns < MIN_COLUMNS || height < MIN_HEIGHT;
  const lines = isTooSmall ? null : screenLines(rows, columns, paint);
  if (lines === null) {
    const why = isTooSmall ? "the terminal is too small for it" : `it is longer than ${number(MAX_LINES)} lines`;
    write(["", ...head, `  Declined without asking you: ${why}.`, ""].join("\n"));
    return null;
  }
  const room = (below: string): number => Math.max(1, height - Math.ceil((below.length + 1) / columns));
  for (let left = ["", ...head, ...lines]; ; ) {
    const isLast = left.length <= room(prompt);
    const page = left.slice(0, isLast ? left.length : room(morePrompt(left.length)));
    left = left.slice(page.length);
    await discardTyped(stdin, interrupt, signal);
    write(`${page.join("\n")}\n${isLast ? prompt : morePrompt(left.length)}`);
    let typed: string | null = null;
    try {
      typed = await nextLine(stdin, signal);
    } finally {
      if (typed === null) write("\n");
    }
    if (isLast || typed === null) return typed;
    if (/^(?:no?|q)$/i.test(typed.trim())) return null;
  }
}

function morePrompt(lines: number): string {
  return `  -- ${number(lines)} more: Enter shows them, n declines -- `;
}

/** The rows as lines of the screen, each set in, so that none can look like a question; null when they are too many. */
function screenLines(rows: readonly QuestionRow[], columns: number, paint: Paint): string[] | null {
  const size = rows.reduce((sum, { text }) => sum + text.length, 0);
  if (size > MAX_LINES * columns * 2) return null;
  const lines = rows.flatMap(({ text, style }) =>
    text.split("\n").flatMap((line, at) => {
      const indent = at === 0 ? "    " : "      ";
      return wrap(line, columns - indent.length - WRAPPED.length - 2).map((piece, index) => {
        const painted = style === undefined ? piece : paint(style, piece);
        return indent + (index === 0 ? "" : WRAPPED) + painted;
      });
    }),
  );
  return lines.length > MAX_LINES ? null : lines;
}

/** Cuts a line into pieces of a width. What is not ASCII counts as two columns, which is the most that it takes. */
function wrap(line: string, width: number): string[] {
  const pieces: string[] = [];
  let [start, end, used] = [0, 0, 0];
  for (const character of line) {
    const columns = character <= "~" ? 1 : 2;
    if (used + columns > width && end > start) {
      pieces.push(line.slice(start, end));
      [start, used] = [end, 0];
    }
    end += character.length;
    used += columns;
  }
  return [...pieces, line.slice(start)];
}

/** Drops what was typed before the question could be read, also a line that was not ended. */
async function discardTyped(stdin: TypedInput, interrupt: () => void, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (hasEnded(stdin)) return;
  const discard = (typed: Buffer): void => {
    if (typed.includes(CTRL_C)) interrupt();
  };
  // Raw: a terminal that reads lines keeps back what has no end yet, and a Ctrl-C is a character then.
  stdin.setRawMode?.(true);
  stdin.on("data", discard).resume();
  try {
    await sleep(TYPED_AHEAD_MS);
    // On a busy machine the time may be over before anything was read.
    await nextPoll();
  } finally {
    stdin.setRawMode?.(false);
    // What was typed just then comes as a line.
    await nextPoll();
    stdin.off("data", discard).pause();
  }
  signal.throwIfAborted();
}

/** The next line; null at the end of the input. */
function nextLine(stdin: Readable, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (hasEnded(stdin)) {
      resolve(null);
      return;
    }
    // Not as a terminal, so that a Ctrl-C stays a signal.
    const lines = createInterface({ input: stdin, terminal: false });
    const finish = (settle: () => void): void => {
      signal.removeEventListener("abort", giveUp);
      stdin.off("close", end);
      settle();
      lines.close();
    };
    const giveUp = (): void => finish(() => reject(signal.reason));
    const end = (): void => finish(() => resolve(null));
    signal.addEventListener("abort", giveUp, { once: true });
    lines.once("line", (line) => finish(() => resolve(line)));
    lines.once("close", end);
    stdin.once("close", end);
  });
}

function hasEnded(stdin: Readable): boolean {
  return stdin.readableEnded || stdin.destroyed;
}
