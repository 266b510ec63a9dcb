import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atCallSite, type CallSite, CodexError, captureCallSite, UsageError } from "../errors/base.js";
import { OutputValidationError } from "../errors/turn.js";
import { isStandardSchema, prepareOutput, toJsonSchema } from "../schema/prepare.js";
import type { Schema } from "../schema/types.js";
import { atExit } from "../util/async.js";
import { isRecord } from "../util/json.js";
import { checkReviewTarget } from "../validate/options.js";
import { type ReviewContent, readFindings, readReviewJson } from "../validate/review.js";
import { type Input, planExec, type ThreadTarget, toPrompt, type UserInput } from "./commandLine.js";
import type { ThreadEvent } from "./events.js";
import {
  CODEX,
  type CodexOptions,
  checkExecOptions,
  RESUME_LAST,
  REVIEW,
  type ResumeLastOptions,
  type ReviewOptions,
  THREAD,
  type ThreadOptions,
  TURN,
  type TurnOptions,
} from "./options.js";
import { planRemote } from "./remote.js";
import { runExec } from "./run.js";
import { type ParsedOf, type Turn, TurnRecord } from "./turn.js";

/**
 * Runs the agent with `codex exec`, one process per turn. A drop-in replacement for the `Codex` of `@openai/codex-sdk`.
 * The constructor starts no process and does not look for the runtime.
 */
export class Codex {
  readonly #options: CodexOptions;

  /**
   * @param options - how to find and start the runtime. All of them are optional.
   * @throws UsageError for an unknown option, a value of the wrong kind, and an address or token in `remote` that cannot
   * work.
   */
  constructor(options: CodexOptions = {}) {
    this.#options = checkExecOptions(options, "new Codex", CODEX);
    planRemote(this.#options.remote);
  }

  /**
   * Starts a new thread. The runtime creates it in the first turn.
   *
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  startThread(options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "startThread", THREAD), { kind: "new" });
  }

  /**
   * Resumes a thread that is stored in `$CODEX_HOME/sessions` (`codex exec resume`).
   *
   * @param id - the id or the name of the thread. The first turn rejects with `ExecExitError` if there is no such
   * thread.
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  resumeThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "resumeThread", THREAD), { kind: "resume", id });
  }

  /**
   * Resumes the most recent thread of the working directory, or of `all` directories (`codex exec resume --last`). If
   * there is none, the first turn creates a new thread.
   *
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  resumeLast(options: ResumeLastOptions = {}): Thread {
    const { all = false, ...threadOptions } = checkExecOptions(options, "resumeLast", RESUME_LAST);
    return new Thread(this.#options, threadOptions, { kind: "resumeLast", all });
  }

  /**
   * Starts a new thread with a copy of another thread's history (`codex exec fork`). The other thread does not change.
   *
   * @param id - the id or the name of the other thread. The first turn rejects with `ExecExitError` if there is no such
   * thread.
   * @throws UsageError for an unknown option or a value of the wrong kind.
   */
  forkThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "forkThread", THREAD), { kind: "fork", id });
  }

  /**
   * Reviews code on a new thread (`codex exec review`).
   *
   * @returns the findings, once the process has exited.
   * @throws UsageError for an invalid target, an unknown option or a value of the wrong kind; otherwise as
   * `thread.run`.
   */
  async review(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewResult> {
    const { signal, outputLastMessage, ...threadOptions } = checkExecOptions(options, "review", REVIEW);
    const { args, prompt } = reviewRequest(target);
    const thread = new Thread(this.#options, threadOptions, { kind: "review", args });
    const turn = await thread.run(prompt, { signal, outputLastMessage });
    return readReview(turn, thread.id);
  }
}

/** What to review: uncommitted changes, the difference from a branch, one commit, or what the instructions say. */
export type ReviewTarget =
  | { type: "uncommittedChanges" }
  | { type: "baseBranch"; branch: string }
  | {
      type: "commit";
      sha: string;
      /** A title for the reviewer, for example the subject of the commit. */
      title?: string | null | undefined;
    }
  | { type: "custom"; instructions: string };

/**
 * The result of a review. The findings are parsed from the text that the runtime renders for people, which omits
 * confidence and correctness. They are null, except if the runtime could not parse the reviewer's answer and passed its
 * JSON on.
 */
export type ReviewResult = ReviewContent & {
  turn: Turn;
  /** The id for `resumeThread`, for example to have the findings fixed. Null if the runtime reported none. */
  threadId: string | null;
  /** The review as the runtime rendered it. */
  text: string;
};

/** The arguments and the prompt of a review. */
export interface ReviewRequest {
  readonly args: readonly string[];
  readonly prompt: string;
}

/**
 * Converts a target to arguments of `codex exec review`.
 *
 * @throws UsageError for an invalid or empty target.
 */
export function reviewRequest(target: ReviewTarget): ReviewRequest {
  checkReviewTarget(target, "review");
  switch (target.type) {
    case "uncommittedChanges":
      return { args: ["--uncommitted"], prompt: "" };
    case "baseBranch":
      return { args: ["--base", target.branch], prompt: "" };
    case "commit":
      return { args: ["--commit", target.sha, ...(target.title ? ["--title", target.title] : [])], prompt: "" };
    case "custom":
      return { args: ["-"], prompt: target.instructions };
  }
}

/** Reads the result of a review from its turn. */
export function readReview(turn: Turn, threadId: string | null): ReviewResult {
  const text = turn.finalResponse;
  return { turn, threadId, text, ...(readReviewJson(text) ?? readFindings(text)) };
}

/** A turn whose events can be read while it runs. */
export type StreamedTurn = {
  /**
   * The events, readable once. The first `next()` starts the turn; leaving the loop ends it. Throws after the last
   * event of a turn that did not complete.
   */
  events: AsyncGenerator<ThreadEvent, void, undefined>;
};

/** Another name of {@link Turn}. */
export type RunResult<P = never> = Turn<P>;

/** Another name of {@link StreamedTurn}. */
export type RunStreamedResult = StreamedTurn;

/** A conversation with the agent. Each turn is one run of `codex exec` that continues where the last one ended. */
export class Thread {
  readonly #codex: CodexOptions;
  readonly #options: ThreadOptions;
  #target: ThreadTarget;
  /** True if the thread was ephemeral and its process has exited: it exists nowhere else. */
  #isLost = false;

  /** @internal */
  constructor(codex: CodexOptions, options: ThreadOptions, target: ThreadTarget) {
    this.#codex = codex;
    this.#options = options;
    this.#target = target;
  }

  /** The id for `resumeThread`. Null until the runtime has reported it. */
  get id(): string | null {
    return this.#target.kind === "resume" ? this.#target.id : null;
  }

  /**
   * Prepares a turn whose events can be read while it runs. Reading the events starts the turn.
   *
   * @param input - a text, or texts and image files.
   * @returns at once. Reading throws what {@link run} rejects with, except `OutputValidationError`: a stream is not
   * validated against the schema.
   */
  async runStreamed(input: Input | readonly UserInput[], turnOptions: TurnOptions = {}): Promise<StreamedTurn> {
    const site = captureCallSite();
    const left = new AbortController();
    const record = new TurnRecord();
    const events = this.#events({ input, options: turnOptions, record, site, left: left.signal });
    return { events: withPromptReturn(events, () => left.abort()) };
  }

  /**
   * Runs a turn to its end.
   *
   * @param input - a text, or texts and image files.
   * @returns the result of the completed turn, once its process has exited.
   * @throws ExecTurnFailedError if the runtime reports that the turn failed, and ExecExitError if it exits without a
   * completed turn. `result` is the partial turn, beside `exitCode`, `signal` and `stderrTail`.
   * @throws AbortError if the signal aborts, once the process and everything that it started are gone.
   * @throws OutputValidationError if the answer does not conform to an `outputSchema` of a Standard Schema library.
   * @throws LaunchError if the runtime is not found or does not start; UsageError for an invalid input or option;
   * FrameTooLargeError for an event over `maxFrameBytes`.
   */
  run<S = undefined>(input: Input | readonly UserInput[], turnOptions?: TurnOptions<S>): Promise<Turn<ParsedOf<S>>>;
  async run(input: Input | readonly UserInput[], turnOptions: TurnOptions = {}): Promise<Turn & { parsed?: unknown }> {
    const site = captureCallSite();
    const record = new TurnRecord();
    let output: OutputPlan | undefined;
    const events = this.#events({ input, options: turnOptions, record, site, onOutput: (plan) => (output = plan) });
    for await (const _ of events);
    const turn = record.turn();
    if (output?.parse === undefined) return turn;
    return { ...turn, parsed: await output.parse(turn.finalResponse).catch((error: unknown) => rethrow(error, site)) };
  }

  async *#events(turn: {
    readonly input: Input | readonly UserInput[];
    readonly options: TurnOptions;
    readonly record: TurnRecord;
    readonly site: CallSite;
    readonly left?: AbortSignal;
    readonly onOutput?: (output: OutputPlan | undefined) => void;
  }): AsyncGenerator<ThreadEvent, void, undefined> {
    const { record, left } = turn;
    let removeSchema: (() => Promise<void>) | undefined;
    try {
      const options = checkExecOptions(turn.options, "run", TURN);
      if (this.#isLost) {
        throw new UsageError(
          "An ephemeral thread has only one turn: nothing of it is stored that a second turn could resume. Start another " +
            "thread, or omit ephemeral.",
        );
      }
      const { text, images } = toPrompt(turn.input);
      const output = await planOutput(options.outputSchema);
      turn.onOutput?.(output);
      const schemaFile = output === undefined ? undefined : await writeSchemaFile(output.wire);
      removeSchema = schemaFile?.remove;
      const request = planExec({
        codex: this.#codex,
        thread: this.#options,
        turn: options,
        target: this.#target,
        images,
        schemaPath: schemaFile?.path,
      });
      const run = { request, prompt: text, options: this.#codex, signal: options.signal, left, record };
      for await (const event of runExec(run)) {
        this.#onStarted(record.threadId);
        yield event;
      }
    } catch (error) {
      rethrow(error, turn.site);
    } finally {
      this.#onStarted(record.threadId);
      await removeSchema?.();
    }
  }

  #onStarted(id: string | null): void {
    if (id === null) return;
    this.#isLost = this.#options.ephemeral === true;
    this.#target = { kind: "resume", id };
  }
}

/** Calls `onLeave` as soon as the reader leaves. A generator's own `return` first waits for a pending `next`. */
function withPromptReturn<T>(
  events: AsyncGenerator<T, void, undefined>,
  onLeave: () => void,
): AsyncGenerator<T, void, undefined> {
  const end = events.return.bind(events);
  return Object.assign(events, {
    return(value: void | PromiseLike<void>) {
      onLeave();
      return end(value);
    },
  });
}

/** Throws the error with the stack of the call that it belongs to. */
function rethrow(error: unknown, site: CallSite): never {
  throw CodexError.isInstance(error) ? atCallSite(error, site) : error;
}

/** A prepared `outputSchema`. */
export interface OutputPlan {
  /** The JSON Schema for the runtime. */
  readonly wire: unknown;
  /** Validates the final answer. Rejects with `OutputValidationError`. Undefined for a plain JSON Schema. */
  readonly parse: ((finalResponse: string) => Promise<unknown>) | undefined;
}

/**
 * Prepares an `outputSchema`.
 *
 * @throws UsageError if it is not a schema, or if it has no JSON Schema or no strict form.
 */
export async function planOutput(schema: unknown): Promise<OutputPlan | undefined> {
  if (schema === undefined) return undefined;
  const where = "outputSchema";
  if (!isSchema(schema)) {
    throw new UsageError(
      `${where} is not a schema. Pass one of a Standard Schema library (zod, valibot, arktype, …) or a JSON Schema object.`,
    );
  }
  if (!isStandardSchema(schema)) return { wire: toJsonSchema(schema, { io: "input", where }), parse: undefined };
  const prepared = await prepareOutput(schema, where);
  return {
    wire: prepared.wire,
    async parse(finalResponse) {
      const result = await prepared.parse(finalResponse);
      if (!result.ok) throw new OutputValidationError(result.issues, finalResponse);
      return result.value;
    },
  };
}

function isSchema(value: unknown): value is Schema {
  return isRecord(value) || isStandardSchema(value);
}

/** A schema file. */
export interface SchemaFile {
  readonly path: string;
  /** Deletes the file. Never rejects. */
  readonly remove: () => Promise<void>;
}

/**
 * Writes a schema to a new folder in the system's temporary folder, readable only by this user. The exit of this
 * program deletes it if nothing else did.
 *
 * @throws UsageError if the folder is not writable. Nothing is left behind then.
 */
async function writeSchemaFile(schema: unknown): Promise<SchemaFile> {
  let folder: string | undefined;
  const remove = async (): Promise<void> => {
    // A file left in the temporary folder is no reason to fail a turn.
    if (folder !== undefined) await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
    forget();
  };
  const forget = atExit(() => {
    try {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    } catch {
      // As above. Other exit hooks must still run.
    }
  });
  try {
    folder = await mkdtemp(join(tmpdir(), "codex-output-schema-"));
    const path = join(folder, "schema.json");
    await writeFile(path, JSON.stringify(schema), { mode: 0o600 });
    return { path, remove };
  } catch (cause) {
    await remove();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(
      `outputSchema could not be written to the temporary folder ${tmpdir()}, where the runtime reads it: ${why}. ` +
        "Set TMPDIR to a writable folder.",
      { cause },
    );
  }
}
