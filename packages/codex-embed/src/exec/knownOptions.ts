/** The tables of the options that the exec client takes: all names of `@openai/codex-sdk`, and those that are ours. */

import { constants } from "node:buffer";
import { anything, callback, flag, listOf, nullable, numberFrom, record, signal, text } from "../validate/kinds.js";
import { type Advice, checkOptions, type OptionTable } from "../validate/options.js";
import type { ReviewOptions } from "./client.js";
import type { CodexOptions, ResumeLastOptions, ThreadOptions, TurnOptions } from "./options.js";

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
