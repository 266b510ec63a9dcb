import { constants } from "node:buffer";
import type { Spawn } from "../process/agentProcess.js";
import { anything, callback, flag, listOf, nullable, numberFrom, record, signal, text } from "../validate/kinds.js";
import { type Advice, checkOptions, type OptionTable } from "../validate/options.js";

/** A value of the configuration. */
export type CodexConfigValue = string | number | bigint | boolean | CodexConfigValue[] | CodexConfigObject;

/** A table of the configuration. A key may be a dotted path: `{ "a.b": 1 }` is `{ a: { b: 1 } }`. */
export type CodexConfigObject = { [key: string]: CodexConfigValue | undefined };

/**
 * When the agent asks before it acts. `codex exec` has nobody to ask: what would be asked is refused. The pinned runtime
 * no longer takes `untrusted`: the turn rejects with `ExecExitError`.
 */
export type ApprovalMode = "never" | "on-request" | "on-failure" | "untrusted";

/** What commands may write: nothing, the workspace, anything. */
export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";

/** How long the model thinks. Which efforts there are depends on the model. */
export type ModelReasoningEffort = "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | "ultra" | "persistent";

/** Whether the agent may search the web, and how fresh the results are. */
export type WebSearchMode = "disabled" | "cached" | "live";

/** An experimental access program of the OpenAI provider. */
export type CyberAccessProgram = "standard" | "daybreak_blue" | "daybreak_red";

/** How the runtime is found and started, for all threads of a client. */
export type CodexOptions = {
  /** The runtime: a path, or a name to look up on PATH. Default: `CODEX_BIN`, then the package `@openai/codex`. */
  codexPathOverride?: string | undefined;
  /** The base URL of the OpenAI provider; passed as the override `openai_base_url`. */
  baseUrl?: string | undefined;
  /** Passed to the runtime as the variable `CODEX_API_KEY`. Default: the runtime's own login. */
  apiKey?: string | undefined;
  /** Configuration, as in `config.toml`; passed as `--config` overrides. Visible in the process list: no secrets. */
  config?: CodexConfigObject | undefined;
  /** Further overrides, each `key=value` with a TOML value. They win over `config`. */
  configOverrides?: string[] | undefined;
  /** The whole environment of the runtime, without that of this program. Default: this program's. */
  env?: Record<string, string | undefined> | undefined;
  /** Lays `$CODEX_HOME/<profile>.config.toml` over the user's configuration. */
  profile?: string | undefined;
  /** Do not read `$CODEX_HOME/config.toml`. The login there still counts. Default false. */
  ignoreUserConfig?: boolean | undefined;
  /** Do not read the `.rules` files of the user and the project. Default false. */
  ignoreRules?: boolean | undefined;
  /** Refuse to run when the configuration has unknown fields. Default false. */
  strictConfig?: boolean | undefined;
  /** Features to switch on. */
  enable?: string[] | undefined;
  /** Features to switch off. */
  disable?: string[] | undefined;
  /** The largest event taken from the runtime, in bytes; at most about 512 MiB. Default 128 MiB. */
  maxFrameBytes?: number | undefined;
  /** Called with what the runtime writes to stderr, as it comes, unredacted. It is never printed. */
  onStderr?: ((text: string) => void) | undefined;
  /** Called with each line of the runtime's output that is no event. Such lines are skipped. What it throws is ignored. */
  onUnreadableLine?: ((line: string) => void) | undefined;
  /**
   * Starts the process in another way: in a container, on another machine. The files that its arguments name, images and
   * the one after `--output-schema`, are on this machine; the latter is removed when the turn ends.
   */
  spawn?: Spawn | undefined;
};

/** How the turns of a thread are run. What is left out is left to the runtime's configuration. */
export type ThreadOptions = {
  model?: string | undefined;
  /** How the thread is classified; counts when it is created. */
  threadSource?: string | undefined;
  sandboxMode?: SandboxMode | undefined;
  /** The folder that the agent works in. Default: this program's. */
  workingDirectory?: string | undefined;
  /** Run outside a Git repository too. Default false. */
  skipGitRepoCheck?: boolean | undefined;
  modelReasoningEffort?: ModelReasoningEffort | undefined;
  /** Whether commands in the sandbox `workspace-write` reach the network. */
  networkAccessEnabled?: boolean | undefined;
  webSearchMode?: WebSearchMode | undefined;
  /** `live` or `disabled`, when `webSearchMode` is left out. */
  webSearchEnabled?: boolean | undefined;
  approvalPolicy?: ApprovalMode | undefined;
  /** Folders, besides the working directory, that commands may write in (`--add-dir`). */
  additionalDirectories?: string[] | undefined;
  /** Further ones, by the name of the flag. */
  addDirs?: string[] | undefined;
  /**
   * Keep nothing of a new or forked thread on disk. It has one turn then, since a second one would have to resume it. A
   * thread that is resumed cannot be ephemeral: the runtime writes its turns to disk all the same. Default false.
   */
  ephemeral?: boolean | undefined;
  /**
   * Let the first turn of a new or forked thread work in a new Git worktree that the runtime manages. Further turns are
   * run on a thread that is resumed by its id with that worktree as the `workingDirectory`. Default false.
   */
  worktree?: boolean | undefined;
  /** Trust this project, now and later: the runtime writes that down. Default false. */
  trust?: boolean | undefined;
  /** Use a provider of open-source models on this machine. Default false. */
  oss?: boolean | undefined;
  /** Which one. Default: the configuration's. */
  localProvider?: "lmstudio" | "ollama" | undefined;
  /** Let a reviewing agent decide on approvals, in the sandbox `workspace-write`. Default false. */
  approveForMe?: boolean | undefined;
  /** DANGEROUS: no approvals and no sandbox. Only where you are ready to lose everything. Default false. */
  dangerouslyBypassApprovalsAndSandbox?: boolean | undefined;
  /** DANGEROUS: run hooks that nobody has trusted. Default false. */
  dangerouslyBypassHookTrust?: boolean | undefined;
};

/** Options of `resumeLast`. */
export type ResumeLastOptions = ThreadOptions & {
  /** Also look at threads of other working directories. Default false. */
  all?: boolean | undefined;
};

/** Options of one turn. */
export type TurnOptions<S = unknown> = {
  /** Experimental, for the OpenAI provider. Default: the server's. */
  cyberAccessProgram?: CyberAccessProgram | undefined;
  /**
   * What the final answer looks like. A JSON Schema is passed on as it is. A schema of a Standard Schema library (zod,
   * valibot, arktype, …) is passed on in its strict form, and the answer is checked and typed as `parsed`.
   */
  outputSchema?: S | undefined;
  /** Ends the turn, its process and everything that it started. */
  signal?: AbortSignal | undefined;
  /** A file that the runtime writes the last message to. */
  outputLastMessage?: string | undefined;
};

/** Options of `codex.review`: those of the new thread that the review is run on, and of its turn. */
export type ReviewOptions = ThreadOptions & Pick<TurnOptions, "signal" | "outputLastMessage">;

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
