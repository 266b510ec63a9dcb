import { constants } from "node:buffer";
import type { Spawn } from "../process/agentProcess.js";
import {
  anything,
  callback,
  flag,
  listOf,
  nullable,
  numberFrom,
  record,
  required,
  signal,
  text,
} from "../validate/kinds.js";
import { type Advice, checkOptions, nested, type OptionTable } from "../validate/options.js";

/** A value of the configuration. */
export type CodexConfigValue = string | number | bigint | boolean | CodexConfigValue[] | CodexConfigObject;

/** A table of the configuration. A key may be a dotted path: `{ "a.b": 1 }` is `{ a: { b: 1 } }`. */
export type CodexConfigObject = { [key: string]: CodexConfigValue | undefined };

/**
 * When the agent requests an approval. `codex exec` has nobody to ask, so it declines every request. The pinned runtime
 * no longer accepts `untrusted`: the turn rejects with `ExecExitError`.
 */
export type ApprovalMode = "never" | "on-request" | "on-failure" | "untrusted";

/** What commands may write: nothing, the workspace, or anything. */
export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";

/** How much the model reasons. The supported efforts depend on the model. */
export type ModelReasoningEffort = "minimal" | "low" | "medium" | "high" | "xhigh" | "max" | "ultra" | "persistent";

/** Whether the agent may search the web, and whether the results are cached or live. */
export type WebSearchMode = "disabled" | "cached" | "live";

/** An experimental access program of the OpenAI provider. */
export type CyberAccessProgram = "standard" | "daybreak_blue" | "daybreak_red";

/** An app server that runs the agent (`codex app-server --listen`). */
export type RemoteOptions = {
  /** `ws://host:port`, `wss://host:port` or `unix:///path`. */
  url: string;
  /** The bearer token. It needs `wss://`, or `ws://` to this machine. Passed to `codex exec` by its environment. */
  token?: string | undefined;
};

/** Options of `new Codex`: how to find and start the runtime, for all threads of the client. */
export type CodexOptions = {
  /** The runtime: a path, or a name to look up on PATH. Default: `CODEX_BIN`, then the package `@openai/codex`. */
  codexPathOverride?: string | undefined;
  /** The base URL of the OpenAI provider; passed as the override `openai_base_url`. */
  baseUrl?: string | undefined;
  /** Passed to the runtime as the environment variable `CODEX_API_KEY`. Default: the runtime's own login. */
  apiKey?: string | undefined;
  /**
   * Configuration as in `config.toml`, passed as `--config` overrides. Put no secrets here: the process list shows it.
   */
  config?: CodexConfigObject | undefined;
  /** More overrides, each `key=value` with a TOML value. They override `config`. */
  configOverrides?: string[] | undefined;
  /** The complete environment of the runtime, which then inherits nothing. Default: the environment of this program. */
  env?: Record<string, string | undefined> | undefined;
  /**
   * Runs the turns on an app server instead of this machine. Needs a runtime ≥ 0.171.0 here. The server configures the
   * agent: options of the agent are refused, and so are images, output schemas, forks and reviews.
   */
  remote?: RemoteOptions | undefined;
  /** Applies `$CODEX_HOME/<profile>.config.toml` over the user's configuration. */
  profile?: string | undefined;
  /** Ignores `$CODEX_HOME/config.toml`, but not the login there. Default false. */
  ignoreUserConfig?: boolean | undefined;
  /** Ignores the `.rules` files of the user and the project. Default false. */
  ignoreRules?: boolean | undefined;
  /** Fails if the configuration has unknown fields. Default false. */
  strictConfig?: boolean | undefined;
  /** Features to enable. */
  enable?: string[] | undefined;
  /** Features to disable. */
  disable?: string[] | undefined;
  /** The largest accepted event of the runtime, in bytes: at most about 512 MiB. Default 128 MiB. */
  maxFrameBytes?: number | undefined;
  /** Called with each piece of the runtime's stderr, unredacted. It is never printed. */
  onStderr?: ((text: string) => void) | undefined;
  /** Called with each line of output that is not an event, and is skipped. Errors that it throws are ignored. */
  onUnreadableLine?: ((line: string) => void) | undefined;
  /**
   * Starts the process in another way, for example in a container or on another machine. Its arguments name files of
   * this machine: images, and the file of `--output-schema`, which is deleted when the turn ends.
   */
  spawn?: Spawn | undefined;
};

/** Options of a thread. The runtime's configuration decides on options that are omitted. */
export type ThreadOptions = {
  /** The name of the model. */
  model?: string | undefined;
  /** How the thread is classified when it is created. */
  threadSource?: string | undefined;
  /** What commands may write. */
  sandboxMode?: SandboxMode | undefined;
  /** The folder that the agent works in. Default: the working directory of this program. */
  workingDirectory?: string | undefined;
  /** Allows folders outside a Git repository. Default false. */
  skipGitRepoCheck?: boolean | undefined;
  /** How much the model reasons. */
  modelReasoningEffort?: ModelReasoningEffort | undefined;
  /** Whether commands in the sandbox `workspace-write` can access the network. */
  networkAccessEnabled?: boolean | undefined;
  /** Whether the agent may search the web. */
  webSearchMode?: WebSearchMode | undefined;
  /** Stands for `live` (true) or `disabled` (false) if `webSearchMode` is omitted. */
  webSearchEnabled?: boolean | undefined;
  /** When the agent requests an approval. */
  approvalPolicy?: ApprovalMode | undefined;
  /** Folders besides the working directory that commands may write to (`--add-dir`). */
  additionalDirectories?: string[] | undefined;
  /** More such folders, under the name of the flag. */
  addDirs?: string[] | undefined;
  /**
   * Stores nothing of a new or forked thread on disk. Such a thread has one turn, because a second one would have to
   * resume it. A resumed thread cannot be ephemeral: the runtime would write its turns to disk. Default false.
   */
  ephemeral?: boolean | undefined;
  /**
   * Runs the first turn of a new or forked thread in a new Git worktree that the runtime manages. For more turns,
   * resume the thread by its id with that worktree as the `workingDirectory`. Default false.
   */
  worktree?: boolean | undefined;
  /** Trusts this project permanently: the runtime stores the decision. Default false. */
  trust?: boolean | undefined;
  /** Uses a local provider of open-source models. Default false. */
  oss?: boolean | undefined;
  /** The local provider. Default: from the configuration. */
  localProvider?: "lmstudio" | "ollama" | undefined;
  /** Lets a reviewing agent decide on approvals, in the sandbox `workspace-write`. Default false. */
  approveForMe?: boolean | undefined;
  /**
   * DANGEROUS: disables approvals and the sandbox. Only for environments that you can afford to lose. Default false.
   */
  dangerouslyBypassApprovalsAndSandbox?: boolean | undefined;
  /** DANGEROUS: runs hooks that are not trusted. Default false. */
  dangerouslyBypassHookTrust?: boolean | undefined;
};

/** Options of `resumeLast`. */
export type ResumeLastOptions = ThreadOptions & {
  /** Includes threads of other working directories. Default false. */
  all?: boolean | undefined;
};

/** Options of `thread.run` and `thread.runStreamed`. */
export type TurnOptions<S = unknown> = {
  /** Experimental, for the OpenAI provider. Default: decided by the server. */
  cyberAccessProgram?: CyberAccessProgram | undefined;
  /**
   * The schema of the final answer. A JSON Schema is passed on verbatim. A schema of a Standard Schema library (zod,
   * valibot, arktype, …) is passed on in its strict form; `run` then validates the answer and returns it as `parsed`.
   */
  outputSchema?: S | undefined;
  /** Aborts the turn and kills its process and everything that it started. */
  signal?: AbortSignal | undefined;
  /** The file that the runtime writes the last message to. */
  outputLastMessage?: string | undefined;
};

/** Options of `codex.review`: those of the new thread, and of its turn. */
export type ReviewOptions = ThreadOptions & Pick<TurnOptions, "signal" | "outputLastMessage">;

const maybe = nullable;
const maybeText = maybe(text);
const maybeTexts = maybe(listOf(text));
const maybeFlag = maybe(flag);
const maybeCallback = maybe(callback);

const REMOTE: OptionTable<RemoteOptions> = { url: required(text), token: text };

/** The options that `new Codex` accepts: all of `@openai/codex-sdk`, and ours. */
export const CODEX: OptionTable<CodexOptions> = {
  codexPathOverride: maybeText,
  baseUrl: maybeText,
  apiKey: maybeText,
  config: maybe(record),
  configOverrides: maybeTexts,
  env: maybe(record),
  remote: maybe(nested(REMOTE)),
  profile: maybeText,
  ignoreUserConfig: maybeFlag,
  ignoreRules: maybeFlag,
  strictConfig: maybeFlag,
  enable: maybeTexts,
  disable: maybeTexts,
  // A longer line would exceed the largest string and throw where nobody could catch it.
  maxFrameBytes: maybe(numberFrom(1, constants.MAX_STRING_LENGTH)),
  onStderr: maybeCallback,
  onUnreadableLine: maybeCallback,
  spawn: maybeCallback,
};

/** The options of a thread, however it is opened. The runtime checks the values of enumerations. */
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

/** The options that `resumeLast` accepts. */
export const RESUME_LAST: OptionTable<ResumeLastOptions> = { ...THREAD, all: maybeFlag };

/** The options that `run` and `runStreamed` accept. */
export const TURN: OptionTable<TurnOptions> = {
  cyberAccessProgram: maybeText,
  outputSchema: anything,
  signal: maybe(signal),
  outputLastMessage: maybeText,
};

/** The options that `review` accepts. */
export const REVIEW: OptionTable<ReviewOptions> = {
  ...THREAD,
  signal: TURN.signal,
  outputLastMessage: TURN.outputLastMessage,
};

const ELSEWHERE: Advice = {
  outputSchema: "It belongs to a turn: thread.run(input, { outputSchema }).",
  signal: "It belongs to a turn: thread.run(input, { signal }).",
  deadlineMs: "Pass a signal instead: thread.run(input, { signal: AbortSignal.timeout(ms) }).",
  codexHome: "Set the variable: new Codex({ env: { ...process.env, CODEX_HOME: path } }).",
  codexPathOverride: "It belongs to the client: new Codex({ codexPathOverride }).",
  env: "It belongs to the client: new Codex({ env }).",
  remote: "It belongs to the client: new Codex({ remote }).",
  apiKey: "It belongs to the client: new Codex({ apiKey }).",
  baseUrl: "It belongs to the client: new Codex({ baseUrl }).",
  config: "It belongs to the client: new Codex({ config }).",
  sandboxMode: "It belongs to a thread: codex.startThread({ sandboxMode }).",
  approvalPolicy: "It belongs to a thread: codex.startThread({ approvalPolicy }).",
  workingDirectory: "It belongs to a thread: codex.startThread({ workingDirectory }).",
  model: "It belongs to a thread: codex.startThread({ model }).",
  modelReasoningEffort: "It belongs to a thread: codex.startThread({ modelReasoningEffort }).",
  skipGitRepoCheck: "It belongs to a thread: codex.startThread({ skipGitRepoCheck }).",
  handlers: "`codex exec` sends no requests: use the threads of codex-embed.",
  tools: "`codex exec` supports no tools: use the threads of codex-embed.",
};

/**
 * Checks the options of a call. Null counts as absent.
 *
 * @throws UsageError for names that neither `@openai/codex-sdk` nor this client knows, and for values of the wrong
 * kind.
 */
export function checkExecOptions<T extends object>(options: T, call: string, table: OptionTable<NoInfer<T>>): T {
  const given = checkOptions(options, call, table, ELSEWHERE);
  const absent = Object.entries(given).filter(([, value]) => value === null);
  if (absent.length === 0) return given;
  return Object.assign({}, given, Object.fromEntries(absent.map(([key]) => [key, undefined])));
}
