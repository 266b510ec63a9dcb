/** Owns this process's side of a run: where it writes, when it has to stop, and how an ending becomes an exit code. */

import { CodexError, type Input, type Thread, TurnFailedError } from "codex-embed";
import type { TurnRenderer } from "./render.js";
import { wantsColor } from "./style.js";

/** What a run is given. */
export interface Terminal {
  readonly write: (text: string) => void;
  readonly color: boolean;
  /** Aborts when the user wants out, or when nobody reads the output any more. */
  readonly signal: AbortSignal;
}

/** The user wants out. */
export class Interruption extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Gives `use` the terminal of this process. It resolves with an exit code, in the case of a failure too. */
export async function withTerminal(use: (terminal: Terminal) => Promise<number>): Promise<number> {
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new Interruption("Interrupted.", 130));
  const terminate = (): void => abort.abort(new Interruption("Terminated.", 143));
  const hangUp = (): void => abort.abort(new Interruption("", 1));
  process.on("SIGINT", interrupt).on("SIGTERM", terminate).on("SIGHUP", terminate);
  process.stdout.on("error", hangUp);
  try {
    return await use({
      write: (text) => void process.stdout.write(text),
      color: wantsColor(process.stdout, process.env),
      signal: abort.signal,
    });
  } catch (error) {
    // A run that is stopped fails in many ways; why it was stopped is what counts.
    const reason: unknown = abort.signal.aborted ? abort.signal.reason : error;
    const text = describe(reason);
    if (text !== "") process.stderr.write(`\n${text}\n`);
    return reason instanceof Interruption ? reason.exitCode : 1;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", terminate).off("SIGHUP", terminate);
  }
}

/** Runs a turn and shows it, also one that fails. Rejects as the turn does. */
export async function showTurn(
  thread: Thread,
  input: Input,
  options: {
    readonly renderer: TurnRenderer;
    readonly signal: AbortSignal;
    readonly modelRequests?: () => number;
  },
): Promise<void> {
  const { renderer, signal } = options;
  const more = (): { modelRequests?: number } =>
    options.modelRequests === undefined ? {} : { modelRequests: options.modelRequests() };
  const turn = await thread.startTurn(input, { signal });
  try {
    for await (const event of turn) renderer.render(event);
    renderer.summary(await turn.result(), more());
  } catch (error) {
    if (TurnFailedError.isInstance(error)) renderer.summary(error.result, more());
    throw error;
  }
}

function describe(error: unknown): string {
  if (error instanceof Interruption) return error.message;
  if (!(error instanceof Error)) return `Failed: ${String(error)}`;
  if (!CodexError.isInstance(error)) return `${error.name}: ${error.message}`;
  return `${error.name} (${error.code}): ${error.message}${hintFor(error)}`;
}

function hintFor(error: CodexError): string {
  if (!TurnFailedError.isInstance(error)) return "";
  if (error.httpStatus === 401) return "\nThe login was not accepted. Log in with: npx codex login";
  return error.retryable ? "\nThis may pass: try again later." : "";
}
