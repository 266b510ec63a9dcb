/** The tables of the options that the exec client takes: all names of `@openai/codex-sdk`, and those that are ours. */

import { constants } from "node:buffer";
import { anything, callback, flag, listOf, nullable, numberFrom, record, signal, text } from "../validate/kinds.js";
import { type Advice, checkOptions, type OptionTable } from "../validate/options.js";
import { checkReviewTarget, type ReviewContent, readFindings, readReviewJson } from "../validate/reviewTarget.js";
import type { CodexOptions, ResumeLastOptions, ThreadOptions, TurnOptions } from "./options.js";
import { Thread } from "./thread.js";
import type { Turn } from "./turn.js";

const maybe = nullable;
const maybeText = maybe(text);
const maybeTexts = maybe(listOf(text));
const maybeFlag = maybe(flag);
const maybeCallback = maybe(callback);

/** Options of `new Codex`. */
export const CODEX: OptionTable<CodexOptions> = {
  codexPathOverride: maybeText,
  baseUrl: maybeText,
  apiKey: maybeText,
  config: maybe(record),
  configOverrides: maybeTexts,
  env: maybe(record),
  profile: maybeText,
  ignoreUserConfig: maybeFlag,
  ignoreRules: maybeFlag,
  strictConfig: maybeFlag,
  enable: maybeTexts,
  disable: maybeTexts,
  // A line that no string can hold would throw where nobody could catch it.
  maxFrameBytes: maybe(numberFrom(1, constants.MAX_STRING_LENGTH)),
  onStderr: maybeCallback,
  onUnreadableLine: maybeCallback,
  spawn: maybeCallback,
};

/** Options of a thread, however it is opened. What values there are is for the runtime to say. */
export const THREAD: OptionTable<ThreadOptions> = {
  model: maybeText,
  threadSource: maybeText,
  sandboxMode: maybeText,
  workingDirectory: maybeText,
  skipGitRepoCheck: maybeFlag,
  modelReasoningEffort: maybeText,
  networkAccessEnabled: maybeFlag,
  webSearchMode: maybeText,
  webSearchEnabled: maybeFlag,
  approvalPolicy: maybeText,
  additionalDirectories: maybeTexts,
  addDirs: maybeTexts,
  ephemeral: maybeFlag,
  worktree: maybeFlag,
  trust: maybeFlag,
  oss: maybeFlag,
  localProvider: maybeText,
  approveForMe: maybeFlag,
  dangerouslyBypassApprovalsAndSandbox: maybeFlag,
  dangerouslyBypassHookTrust: maybeFlag,
};

/** Options of `resumeLast`. */
export const RESUME_LAST: OptionTable<ResumeLastOptions> = { ...THREAD, all: maybeFlag };

/** Options of `run` and `runStreamed`. */
export const TURN: OptionTable<TurnOptions> = {
  cyberAccessProgram: maybeText,
  outputSchema: anything,
  signal: maybe(signal),
  outputLastMessage: maybeText,
};

/** Options of `review`. */
export const REVIEW: OptionTable<ReviewOptions> = {
  ...THREAD,
  signal: TURN.signal,
  outputLastMessage: TURN.outputLastMessage,
};

const ELSEWHERE: Advice = {
  outputSchema: "It belongs to a turn: thread.run(input, { outputSchema }).",
  signal: "It belongs to a turn: thread.run(input, { signal }).",
  deadlineMs: "There is none here: give run a signal, AbortSignal.timeout(ms).",
  codexHome: "Set CODEX_HOME in env of new Codex.",
  codexPathOverride: "It belongs to the client: new Codex({ codexPathOverride }).",
  env: "It belongs to the client: new Codex({ env }).",
  apiKey: "It belongs to the client: new Codex({ apiKey }).",
  baseUrl: "It belongs to the client: new Codex({ baseUrl }).",
  config: "It belongs to the client: new Codex({ config }).",
  sandboxMode: "It belongs to a thread: codex.startThread({ sandboxMode }).",
  approvalPolicy: "It belongs to a thread: codex.startThread({ approvalPolicy }).",
  workingDirectory: "It belongs to a thread: codex.startThread({ workingDirectory }).",
  model: "It belongs to a thread: codex.startThread({ model }).",
  modelReasoningEffort: "It belongs to a thread: codex.startThread({ modelReasoningEffort }).",
  skipGitRepoCheck: "It belongs to a thread: codex.startThread({ skipGitRepoCheck }).",
  handlers: "`codex exec` asks nobody: use the threads of codex-embed.",
  tools: "`codex exec` takes no tools: use the threads of codex-embed.",
};

/**
 * Checks the options of a call, and takes null for absent.
 *
 * @throws UsageError for names that are neither that package's nor ours.
 */
export function checkExecOptions<T extends object>(options: T, call: string, table: OptionTable<NoInfer<T>>): T {
  const given = checkOptions(options, call, table, ELSEWHERE);
  const absent = Object.entries(given).filter(([, value]) => value === null);
  if (absent.length === 0) return given;
  return Object.assign({}, given, Object.fromEntries(absent.map(([key]) => [key, undefined])));
}

/**
 * Runs the agent by `codex exec`, one process for each turn. It takes the programs that were written for
 * `@openai/codex-sdk` as they are. Making one starts nothing and looks for nothing.
 */
export class Codex {
  readonly #options: CodexOptions;

  /** @throws UsageError for options that are not known. */
  constructor(options: CodexOptions = {}) {
    this.#options = checkExecOptions(options, "new Codex", CODEX);
  }

  /** Makes a new thread. The runtime creates it with the first turn. */
  startThread(options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "startThread", THREAD), { kind: "new" });
  }

  /**
   * Takes a thread up again, from `$CODEX_HOME/sessions`.
   *
   * @param id - the id of the thread, or its name. The first turn rejects when there is none such.
   */
  resumeThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "resumeThread", THREAD), { kind: "resume", id });
  }

  /** Takes the most recent thread up again, of this working directory or of `all`; a new one when there is none. */
  resumeLast(options: ResumeLastOptions = {}): Thread {
    const { all = false, ...threadOptions } = checkExecOptions(options, "resumeLast", RESUME_LAST);
    return new Thread(this.#options, threadOptions, { kind: "resumeLast", all });
  }

  /**
   * Makes a thread that begins with all that another one has had. The other one stays as it is.
   *
   * @param id - the id of the other thread, or its name. The first turn rejects when there is none such.
   */
  forkThread(id: string, options: ThreadOptions = {}): Thread {
    return new Thread(this.#options, checkExecOptions(options, "forkThread", THREAD), { kind: "fork", id });
  }

  /**
   * Reviews code, on a thread of its own.
   *
   * @returns what the reviewer found, when its process is gone.
   * @throws UsageError for a target that is none; else as `thread.run`.
   */
  async review(target: ReviewTarget, options: ReviewOptions = {}): Promise<ReviewResult> {
    const { signal, outputLastMessage, ...threadOptions } = checkExecOptions(options, "review", REVIEW);
    const { args, prompt } = reviewRequest(target);
    const thread = new Thread(this.#options, threadOptions, { kind: "review", args });
    const turn = await thread.run(prompt, { signal, outputLastMessage });
    return readReview(turn, thread.id);
  }
}

/** What is reviewed: the working tree, the difference to a branch, one commit, or what instructions say. */
export type ReviewTarget =
  | { type: "uncommittedChanges" }
  | { type: "baseBranch"; branch: string }
  | {
      type: "commit";
      sha: string;
      /** Told to the reviewer, for example the subject of the commit. */
      title?: string | null | undefined;
    }
  | { type: "custom"; instructions: string };

/** Options of `codex.review`: those of the new thread that the review is run on, and of its turn. */
export type ReviewOptions = ThreadOptions & Pick<TurnOptions, "signal" | "outputLastMessage">;

/**
 * What a review has come to. The findings are read from the runtime's rendering for people, which leaves confidence and
 * correctness out: they are null, but for a reviewer whose answer the runtime could not read.
 */
export type ReviewResult = ReviewContent & {
  turn: Turn;
  /** What `resumeThread` takes, to have the findings mended for example. Null when the runtime named none. */
  threadId: string | null;
  /** The review as the runtime renders it. */
  text: string;
};

/** How a review is asked for: the arguments of the runtime, and the prompt. */
export interface ReviewRequest {
  readonly args: readonly string[];
  readonly prompt: string;
}

/**
 * Brings a target to the form that the runtime takes.
 *
 * @throws UsageError for one that is none, or has nothing in it.
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

/** Reads what a review has come to from its turn. */
export function readReview(turn: Turn, threadId: string | null): ReviewResult {
  const text = turn.finalResponse;
  return { turn, threadId, text, ...(readReviewJson(text) ?? readFindings(text)) };
}
