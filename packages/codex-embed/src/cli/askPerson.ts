import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setImmediate as nextPoll, setTimeout as sleep } from "node:timers/promises";
import type { Handlers } from "../index.js";
import type { ToolRequestUserInputQuestion } from "../protocol/index.js";
import { escapeForDisplay } from "../util/display.js";
import { changeRows } from "./render/items.js";
import { commandText, displayText, number, type Paint, type Style, shortPath } from "./render/text.js";

/** Options of {@link askPerson}. */
export interface AskPersonOptions {
  readonly ask: Ask;
  /** Writes notes about requests that are declined without a question. */
  readonly note: (text: string) => void;
  /** Paths inside this folder are shown relative to it. */
  readonly cwd: string;
  /** Called before each question, to end an open line of other output. */
  readonly before: () => void;
}

/**
 * Creates handlers that put each request of the agent before the person at the terminal, one at a time. Only `y` and
 * `yes` approve, and only after the whole request was shown.
 */
export function askPerson({ ask, note, cwd, before }: AskPersonOptions): Handlers {
  const put = (title: string, rows: readonly QuestionRow[], prompt: string, signal: AbortSignal) =>
    ask({ title, rows, prompt, before }, signal);
  const approves = async (title: string, rows: readonly QuestionRow[], signal: AbortSignal): Promise<boolean> => {
    const answer = await put(title, rows, "  Allow it? [y/N] ", signal);
    return answer !== null && /^y(?:es)?$/i.test(answer.trim());
  };
  const decide = async (
    title: string,
    rows: readonly QuestionRow[],
    signal: AbortSignal,
  ): Promise<"accept" | "decline"> => ((await approves(title, rows, signal)) ? "accept" : "decline");
  const skip = (title: string, why: string): void => {
    before();
    note(`\n? ${title}\n  Declined without asking you: ${why}.\n`);
  };
  return {
    approveCommand(request, { signal }) {
      const host = request.networkApprovalContext;
      const title =
        request.kind === "writeStdin"
          ? "The agent asks to write to the stdin of a running command."
          : "The agent asks to run a command outside its sandbox.";
      if (!request.command && !host) {
        skip(title, "the request does not say what it would run");
        return "decline";
      }
      const rows = [
        ...field("$", request.command && commandText(request.command)),
        ...field("Network:", host && `${host.protocol} ${host.host}`),
        ...placeRows(request),
        ...jsonRows("Permissions:", request.additionalPermissions),
        ...field("Reason:", request.reason),
      ];
      return decide(title, rows, signal);
    },
    approveFileChange(request, { signal }) {
      const title = "The agent asks to change files outside its sandbox.";
      const rows = [
        ...request.changes.flatMap((change) => changeRows(change, cwd)),
        ...(request.grantRoot
          ? [{ text: `And to write anywhere in ${shortPath(request.grantRoot)} from now on` }]
          : []),
        ...field("Reason:", request.reason),
      ];
      return decide(title, rows, signal);
    },
    async approvePermissions(request, { signal }) {
      const { network, fileSystem } = request.permissions;
      const rows = [
        ...jsonRows("Network:", network),
        ...jsonRows("Files:", fileSystem),
        ...placeRows(request),
        ...field("Reason:", request.reason),
      ];
      if (!(await approves("The agent asks for more permissions, for this turn.", rows, signal))) return "decline";
      const permissions = { ...(network === null ? {} : { network }), ...(fileSystem === null ? {} : { fileSystem }) };
      return { permissions };
    },
    approveMcpTool(request, { signal }) {
      const rows = [
        { text: displayText(`${request.serverName}.${request.toolName ?? "?"}`) },
        ...placeRows(request),
        ...jsonRows("Arguments:", request.toolArguments),
        ...field("Question:", request.message),
        ...field("Description:", request.toolDescription),
      ];
      return decide("The agent asks to call a tool of an MCP server.", rows, signal);
    },
    async answerQuestions({ questions }, { signal }) {
      const answers: Record<string, string> = {};
      for (const question of questions) {
        if (question.isSecret) {
          skip(
            `The agent asks you: ${escapeForDisplay(question.question, { singleLine: true })}`,
            "the answer is a secret, and this terminal would show it",
          );
          continue;
        }
        const answer = await put("The agent asks you.", questionRows(question), "  > ", signal);
        if (answer !== null && answer.trim() !== "") answers[question.id] = chosen(question, answer.trim());
      }
      return answers;
    },
    answerElicitation({ serverName }) {
      skip(
        `The MCP server ${escapeForDisplay(serverName, { singleLine: true })} asks you to fill in a form.`,
        "forms cannot be shown here",
      );
      return "decline";
    },
  };
}

/** A text of the request after its label; no row if there is none. */
function field(name: string, text: string | null | undefined): QuestionRow[] {
  return text ? [{ text: `${name} ${displayText(text)}` }] : [];
}

function jsonRows(name: string, value: unknown): QuestionRow[] {
  return value === null || value === undefined ? [] : field(name, JSON.stringify(value));
}

/** Where it would happen: the folder, and the environment unless it is this machine. */
function placeRows(request: {
  readonly cwd?: string | null;
  readonly environmentId?: string | null | undefined;
}): QuestionRow[] {
  const { cwd, environmentId } = request;
  return [
    ...(cwd ? [{ text: `In ${shortPath(cwd)}` }] : []),
    ...field("Environment:", environmentId === "local" ? null : environmentId),
  ];
}

function questionRows({ question, options }: ToolRequestUserInputQuestion): QuestionRow[] {
  const choices = (options ?? []).map(({ label, description }, index) => `${index + 1}. ${label}: ${description}`);
  return [question, ...choices].map((text) => ({ text: displayText(text) }));
}

/** Resolves a typed number to the label of that option. */
function chosen({ options }: ToolRequestUserInputQuestion, typed: string): string {
  return /^\d+$/.test(typed) ? (options?.[Number(typed) - 1]?.label ?? typed) : typed;
}

/** The stdin that a person types into. */
export interface TypedInput extends Readable {
  readonly setRawMode?: (mode: boolean) => unknown;
}

/** The stderr that a person looks at. A size of 0 means unknown. */
export interface Screen extends Writable {
  readonly columns?: number;
  readonly rows?: number;
}

/**
 * A text of a question, already escaped for display. It is wrapped at line feeds and at the screen width, never cut.
 */
export interface QuestionRow {
  readonly text: string;
  readonly style?: Style;
}

/** One question to the person at the terminal. */
export interface Question {
  readonly title: string;
  readonly rows: readonly QuestionRow[];
  /** The text before the cursor, on the last line. */
  readonly prompt: string;
  /** Called right before the question is shown, to end an open line of other output. */
  readonly before: () => void;
}

/**
 * Asks the person. Resolves with the line typed after the whole question was shown, or with null if there is no answer:
 * the question does not fit, the person declined before its end, or the input ended. Rejects with the reason of
 * `signal` if it aborts first.
 */
export type Ask = (question: Question, signal: AbortSignal) => Promise<string | null>;

/** Other output, while a question is open. */
export interface Hold {
  /** Writes to stderr, past the hold. */
  readonly write: (text: string) => void;
  /** Resolves when stdout has passed on everything written before the hold. */
  readonly flushed: Promise<void>;
}

/** Options of {@link createAsk}. */
export interface AskOptions {
  readonly stdin: TypedInput;
  readonly stderr: Screen;
  /** Holds back all other output while a question is open. */
  readonly output: { readonly hold: () => Hold; readonly release: () => void };
  readonly paint: Paint;
  /** Aborts when the program has to stop. */
  readonly signal: AbortSignal;
  /** Called for a Ctrl-C that arrives as a character. */
  readonly interrupt: () => void;
}

/** The longest question that is asked, in lines of the screen. */
const MAX_LINES = 2_000;
/** The smallest screen that questions are asked on. */
const [MIN_COLUMNS, MIN_HEIGHT] = [20, 6];
const [USUAL_COLUMNS, USUAL_ROWS] = [80, 24];
/** Marks a line that continues the one above. */
const CONTINUED = "↳ ";

/** How long to read type-ahead from the terminal's buffer. */
const TYPED_AHEAD_MS = 30;
/** How long to wait for stdout to flush what was written before the question. */
const FLUSH_MS = 1_000;

const CTRL_C = 3;

/** Creates a function that asks one question at a time. Nothing else is written while a question is open. */
export function createAsk(options: AskOptions): Ask {
  const { stdin, output, signal: stopped } = options;
  let last: Promise<unknown> = Promise.resolve();
  // Reading from a terminal that is gone fails; the question ends with the stream.
  stdin.on("error", () => {});
  const put = async (question: Question, signal: AbortSignal): Promise<string | null> => {
    signal.throwIfAborted();
    // Output that precedes the request appears above it.
    await nextPoll();
    signal.throwIfAborted();
    question.before();
    const { write, flushed } = output.hold();
    try {
      await Promise.race([flushed, sleep(FLUSH_MS, undefined, { signal, ref: false })]);
      return await showAndRead(question, { ...options, signal }, write);
    } finally {
      output.release();
    }
  };
  return (question, wanted) => {
    const signal = AbortSignal.any([wanted, stopped]);
    const answer = last.then(() => put(question, signal));
    last = answer.catch(() => {});
    return answer;
  };
}

async function showAndRead(
  { title, rows, prompt }: Question,
  { stdin, stderr, paint, signal, interrupt }: AskOptions,
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
    const why = isTooSmall ? "the terminal is too small" : `the question is longer than ${number(MAX_LINES)} lines`;
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

/** Lays the rows out as indented lines, so that none can pass for a question. Returns null if there are too many. */
function screenLines(rows: readonly QuestionRow[], columns: number, paint: Paint): string[] | null {
  const size = rows.reduce((sum, { text }) => sum + text.length, 0);
  if (size > MAX_LINES * columns * 2) return null;
  const lines = rows.flatMap(({ text, style }) =>
    text.split("\n").flatMap((line, at) => {
      const indent = at === 0 ? "    " : "      ";
      return wrap(line, columns - indent.length - CONTINUED.length - 2).map((piece, index) => {
        const painted = style === undefined ? piece : paint(style, piece);
        return indent + (index === 0 ? "" : CONTINUED) + painted;
      });
    }),
  );
  return lines.length > MAX_LINES ? null : lines;
}

/** Splits a line into pieces that fit. Non-ASCII characters count as two columns, the most that any takes. */
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

/** Discards what was typed before the question was shown, including an unfinished line. */
async function discardTyped(stdin: TypedInput, interrupt: () => void, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (hasEnded(stdin)) return;
  const discard = (typed: Buffer): void => {
    if (typed.includes(CTRL_C)) interrupt();
  };
  // In line mode the terminal keeps an unfinished line to itself. In raw mode a Ctrl-C arrives as a character.
  stdin.setRawMode?.(true);
  stdin.on("data", discard).resume();
  try {
    await sleep(TYPED_AHEAD_MS);
    // On a busy machine the timer may fire before anything was read.
    await nextPoll();
  } finally {
    stdin.setRawMode?.(false);
    // What was typed during the switch arrives as a line.
    await nextPoll();
    stdin.off("data", discard).pause();
  }
  signal.throwIfAborted();
}

/** Reads the next line; null at the end of the input. */
function nextLine(stdin: Readable, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (hasEnded(stdin)) {
      resolve(null);
      return;
    }
    // With `terminal: true`, readline would swallow a Ctrl-C.
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
