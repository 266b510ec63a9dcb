import { addAbortSignal, type Readable, type Writable } from "node:stream";
import { AuthRequiredError, CodexError, JsonRpcError, LaunchError, TurnFailedError, UsageError } from "../index.js";
import { type Ask, createAsk, type Hold, type Screen, type TypedInput } from "./askPerson.js";
import { clean, painter, wantsColor } from "./render/text.js";

/** The streams and the environment of a program. */
export interface Streams {
  readonly stdin: TypedInput & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Screen & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What a command gets to talk to its user. */
export interface Terminal {
  readonly write: (text: string) => void;
  /** Writes to stderr. */
  readonly note: (text: string) => void;
  /** Resolves when no question is open. Output that is written while one is open is held back until the answer. */
  readonly answered: () => Promise<void>;
  /** Resolves when no question is open and stdout has drained. Rejects with the reason of `signal` if it aborts. */
  readonly drained: () => Promise<void>;
  /** Whether to write ANSI colours. */
  readonly color: boolean;
  /** Aborts on SIGINT, SIGTERM and SIGHUP, and when the reader of stdout is gone. */
  readonly signal: AbortSignal;
  /** Null if nobody can be asked, because stdin or stderr is not a terminal. */
  readonly ask: Ask | null;
  /** Whether stdin is a pipe or a file, not a terminal. */
  readonly isPiped: boolean;
  /** Reads stdin to its end, as UTF-8. */
  readonly readInput: () => Promise<string>;
}

/** The exit code of a program that died by SIGPIPE, as shells report it. */
const SIGPIPE_EXIT_CODE = 141;

/** A wrapper such as npx may forward a Ctrl-C that the terminal already sent to both. */
const SAME_SIGNAL_MS = 400;

/**
 * Runs `use` on the terminal of this process and resolves with the exit code. Failures are printed to stderr and never
 * reject. The first SIGINT, SIGTERM or SIGHUP aborts the signal; a later one ends the process and everything it started
 * at once.
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
    abort.abort(new Interruption("", SIGPIPE_EXIT_CODE));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", terminate).on("SIGHUP", terminate);
  stdout.on("error", hangUp);
  stderr.on("error", () => {});
  const output = new HeldOutput(stdout, stderr);
  const color = wantsColor(stdout, env);
  const askOptions = { stdin, stderr, output, paint: painter(color), signal: abort.signal, interrupt };
  try {
    const exitCode = await use({
      write: (text) => void stdout.write(text),
      note: (text) => void stderr.write(text),
      answered: () => output.released,
      drained: async () => {
        await output.released;
        await drained(stdout, abort.signal);
      },
      color,
      signal: abort.signal,
      ask: stdin.isTTY === true && stderr.isTTY === true ? createAsk(askOptions) : null,
      isPiped: stdin.isTTY !== true,
      readInput: () => readToEnd(stdin, abort.signal),
    });
    return hungUp ? SIGPIPE_EXIT_CODE : exitCode;
  } catch (error) {
    output.release();
    // A run that is stopped can fail in many ways. The reason for stopping is the one to report.
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error;
    const { text, exitCode } = failureOf(reason);
    const gap = reason instanceof BadUsage ? "" : "\n";
    // Messages may quote the runtime and the model provider, so escape sequences are removed.
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

type Done = (error?: Error | null) => void;

/** How much output of one stream is kept. No turn is read meanwhile, so only a flood of warnings reaches the limit. */
const MAX_HELD_CHARACTERS = 1024 * 1024;

/**
 * Holds back everything that this process writes to stdout and stderr while a question is open, so that nothing covers
 * the question: output of the program, of a logger, of `console`, and Node's own warnings. `release` writes it in
 * order.
 */
export class HeldOutput {
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  /** The writes to replay on release. */
  readonly #held: (() => void)[] = [];
  #dropped = 0;
  #released = Promise.resolve();
  #release = (): void => {};

  constructor(stdout: Writable, stderr: Writable) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** Resolves when no output is held back. */
  get released(): Promise<void> {
    return this.#released;
  }

  /** Holds all output back until `release` is called. */
  hold(): Hold {
    this.release();
    const flushed = new Promise<void>((resolve) => void this.#stdout.write("", () => resolve()));
    const [stdout, stderr] = [this.#intercept(this.#stdout), this.#intercept(this.#stderr)];
    this.#released = new Promise((resolve) => {
      this.#release = () => {
        this.#release = () => {};
        stdout.restore();
        stderr.restore();
        for (const write of this.#held.splice(0)) write();
        if (this.#dropped > 0) stderr.write(`warning: ${this.#dropped} writes were dropped here.\n`);
        this.#dropped = 0;
        resolve();
      };
    });
    return { write: stderr.write, flushed };
  }

  /** Writes everything that was held back. Does nothing if nothing is. */
  release(): void {
    this.#release();
  }

  /** Replaces the stream's `write` with one that queues. */
  #intercept(stream: Writable): { readonly write: (text: string) => void; readonly restore: () => void } {
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
      restore: () => {
        if (own === undefined) Reflect.deleteProperty(stream, "write");
        else Object.defineProperty(stream, "write", own);
      },
    };
  }
}

/** Ends the program with this message and this exit code. */
export class ProgramExit extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A signal asked the program to stop. */
export class Interruption extends ProgramExit {}

/** The command line is invalid. Exit code 2. */
export class BadUsage extends Error {}

/** A failure whose message is printed without the name of a class. Exit code 1. */
export class Failure extends Error {}

/** Whether the message of an error is the SDK's own and so names options, not text of the runtime or a provider. */
export function namesOptions(error: unknown): boolean {
  return CodexError.isInstance(error) && !TurnFailedError.isInstance(error) && !JsonRpcError.isInstance(error);
}

/** The message to print for an error, empty if there is none, and the exit code. */
export function failureOf(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof ProgramExit) return { text: error.message, exitCode: error.exitCode };
  if (error instanceof BadUsage) return { text: error.message, exitCode: 2 };
  return { text: describe(error), exitCode: UsageError.isInstance(error) ? 2 : 1 };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `Failed: ${String(error)}`;
  if (error instanceof Failure) return error.message;
  if ("syscall" in error && error.syscall === "uv_cwd") {
    return "The working directory was deleted. Change to an existing folder, or pass --cwd FOLDER.";
  }
  if (!CodexError.isInstance(error)) return `${error.name}: ${error.message}`;
  return `${error.name} (${error.code}): ${error.message}${adviceFor(error)}`;
}

const LOGIN = "Run: npx codex login";

function adviceFor(error: CodexError): string {
  if (AuthRequiredError.isInstance(error)) return `\n${LOGIN}`;
  if (LaunchError.isInstance(error)) return "\nFor a full diagnosis, run: npx codex-embed doctor";
  if (!TurnFailedError.isInstance(error)) return "";
  if (error.httpStatus === 401) return `\nThe model provider rejected the login. ${LOGIN}`;
  switch (error.info) {
    case "contextWindowExceeded":
      return "\nThe thread exceeds the context window of the model. Start a new thread, or ask for less at once.";
    case "usageLimitExceeded":
      return "\nThe usage limit of the account is reached. Wait until it resets, or log in with another account.";
    default:
      return error.retryable ? "\nThis error may be temporary. Try again later." : "";
  }
}
