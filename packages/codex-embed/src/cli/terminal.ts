import { addAbortSignal, type Readable, type Writable } from "node:stream";
import { AuthRequiredError, CodexError, JsonRpcError, LaunchError, TurnFailedError, UsageError } from "../index.js";
import { HeldOutput } from "./heldOutput.js";
import { type Ask, asker, type Screen, type TypedInput } from "./question.js";
import { clean, painter, wantsColor } from "./render/text.js";

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

/** The end of the program: what is told, and the exit code. */
export class Ending extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The user wants out. */
export class Interruption extends Ending {}

/** The command line cannot be understood, or asks for something that cannot be. */
export class BadUsage extends Error {}

/** A failure that is told without its class. */
export class Failure extends Error {}

/** Whether the text of an error is the SDK's own, and so names its options. */
export function namesOptions(error: unknown): boolean {
  return CodexError.isInstance(error) && !TurnFailedError.isInstance(error) && !JsonRpcError.isInstance(error);
}

/** The message of a failure and the exit code. The text is empty when there is nothing to say. */
export function failureOf(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof Ending) return { text: error.message, exitCode: error.exitCode };
  if (error instanceof BadUsage) return { text: error.message, exitCode: 2 };
  return { text: describe(error), exitCode: UsageError.isInstance(error) ? 2 : 1 };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `Failed: ${String(error)}`;
  if (error instanceof Failure) return error.message;
  if ("syscall" in error && error.syscall === "uv_cwd") {
    return "The working directory was deleted. Change to a folder that exists, or give one with --cwd.";
  }
  if (!CodexError.isInstance(error)) return `${error.name}: ${error.message}`;
  return `${error.name} (${error.code}): ${error.message}${adviceFor(error)}`;
}

const LOGIN = "Log in with: npx codex login";

function adviceFor(error: CodexError): string {
  if (AuthRequiredError.isInstance(error)) return `\n${LOGIN}`;
  if (LaunchError.isInstance(error)) return "\nWhat is wrong here, in full: codex-embed doctor";
  if (!TurnFailedError.isInstance(error)) return "";
  if (error.httpStatus === 401) return `\nThe login was not accepted. ${LOGIN}`;
  switch (error.info) {
    case "contextWindowExceeded":
      return "\nThe thread is too long for the model: begin a new one, or ask for less at once.";
    case "usageLimitExceeded":
      return "\nThe account's limit is used up: wait until it is renewed, or use another login.";
    default:
      return error.retryable ? "\nThis may pass: try again later." : "";
  }
}
