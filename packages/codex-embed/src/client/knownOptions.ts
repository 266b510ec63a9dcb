import type { CheckpointLimits } from "../checkpoints/checkpoint.js";
import { UsageError } from "../errors/base.js";
import type { TurnBudget } from "../errors/turn.js";
import type { LaunchOptions } from "../process/launch.js";
import type {
  AdditionalContextEntry,
  CollaborationMode,
  SelectedCapabilityRoot,
  ThreadResumeInitialTurnsPageParams,
  TurnEnvironmentParams,
  TurnToolOutput,
} from "../protocol/generated/protocol.js";
import type { Handlers } from "../requests/handlers.js";
import type { Logger } from "../runtime/activityLog.js";
import {
  ApprovalMode,
  type ClientOptions,
  type CodexOptions,
  type ConnectOptions,
  type ForkThreadOptions,
  type ListThreadsOptions,
  type ReconnectOptions,
  type ResumeThreadOptions,
  type RunOptions,
  Sandbox,
  type SearchThreadsOptions,
  type StartThreadOptions,
  type ThreadExtras,
  type ThreadModes,
  type ThreadUpdateOptions,
  type TurnLimits,
  type TurnOptions,
} from "../runtime/options.js";
import type { Schema } from "../schema/types.js";
import type { TraceFileOptions } from "../trace/traceFileOptions.js";
import {
  anything,
  at,
  type Check,
  callback,
  either,
  filled,
  flag,
  folder,
  integer,
  isObject,
  list,
  listOf,
  milliseconds,
  nullable,
  numberFrom,
  oneOf,
  record,
  recordOf,
  required,
  signal,
  text,
  timeout,
  wrongKind,
} from "../validate/kinds.js";
import { GUARD_OPTIONS } from "./guarding.js";
import { members, nested, type OptionTable } from "../validate/options.js";

const texts = listOf(text);
const maybeText = nullable(text);
const maybeTexts = nullable(texts);
const maybeFlag = nullable(flag);
const maybeCount = nullable(integer(0));
const maybeRecord = nullable(record);

const handler: Check = callback;

/** Every handler. The object may be an instance of a class, with state of its own. */
export const HANDLERS: OptionTable<Handlers> = {
  approveCommand: handler,
  approveFileChange: handler,
  approvePermissions: handler,
  approveMcpTool: handler,
  answerQuestions: handler,
  answerElicitation: handler,
  refreshChatgptTokens: handler,
  callTool: handler,
  generateAttestation: handler,
  readCurrentTime: handler,
  approveLegacyPatch: handler,
  approveLegacyCommand: handler,
};

const LOGGER_METHODS = ["debug", "info", "warn", "error"] as const satisfies readonly (keyof Logger)[];

/** An object with these four methods; others are ignored. */
const logger: Check = (value, place) => {
  if (!isObject(value)) throw wrongKind(value, place, "Pass console, or a logger with the methods of pino.");
  for (const method of LOGGER_METHODS) {
    const given: unknown = Reflect.get(value, method);
    if (typeof given !== "function") {
      throw wrongKind(given, at(place, `.${method}`), `A logger has the methods ${LOGGER_METHODS.join(", ")}.`);
    }
  }
};

const bytes = integer(1);

const TRACE_FILE: OptionTable<TraceFileOptions> = {
  path: required(filled),
  maxBytes: bytes,
  files: integer(1),
  content: flag,
};

const CLIENT: OptionTable<ClientOptions> = {
  allowVersionMismatch: flag,
  clientName: text,
  clientTitle: text,
  clientVersion: text,
  experimentalApi: flag,
  optOutNotifications: texts,
  startupTimeoutMs: timeout,
  requestTimeoutMs: timeout,
  maxFrameBytes: bytes,
  streamBufferBytes: bytes,
  logger,
  traceFile: either([(value) => typeof value === "string", filled], [() => true, nested(TRACE_FILE)]),
  handlers: members(HANDLERS),
  ...GUARD_OPTIONS,
};

const LAUNCH: OptionTable<LaunchOptions> = {
  launchArgs: texts,
  cwd: text,
  codexHome: text,
  env: recordOf(text),
  inheritEnv: flag,
  config: record,
  configOverrides: texts,
  profile: text,
  ignoreUserConfig: flag,
  ignoreRules: flag,
  strictConfig: flag,
  enable: texts,
  disable: texts,
};

/** Options of `new Codex` and `Codex.launch`. */
export const CODEX: OptionTable<CodexOptions> = {
  ...LAUNCH,
  ...CLIENT,
  codexBin: text,
  onStderr: callback,
  spawn: callback,
  restart: oneOf(["on-crash", "never"]),
};

const RECONNECT: OptionTable<ReconnectOptions> = {
  initialDelayMs: milliseconds,
  maxDelayMs: milliseconds,
  giveUpAfterMs: numberFrom(0),
};

const certificate: Check = (value, place) => {
  if (typeof value === "string" || value instanceof Uint8Array) return;
  throw wrongKind(value, place, "Pass a PEM certificate, as a string or bytes.");
};

/** Options of `Codex.connect`. */
export const CONNECT: OptionTable<ConnectOptions> = {
  ...CLIENT,
  token: text,
  tokenProvider: callback,
  headers: recordOf(text),
  ca: either([Array.isArray, listOf(certificate)], [() => true, certificate]),
  allowInsecureToken: flag,
  pingIntervalMs: milliseconds,
  reconnect: either([(value) => typeof value === "boolean", anything], [() => true, nested(RECONNECT)]),
};

const MODES: OptionTable<ThreadModes> = {
  sandbox: oneOf(Object.values(Sandbox)),
  approvalMode: oneOf(Object.values(ApprovalMode)),
  cwd: nullable(folder),
};

const EXTRAS: OptionTable<ThreadExtras> = { handlers: members(HANDLERS), tools: list, ...GUARD_OPTIONS };

const ENVIRONMENT: OptionTable<TurnEnvironmentParams> = {
  environmentId: text,
  cwd: text,
  runtimeWorkspaceRoots: maybeTexts,
};
const environments = nullable(listOf(nested(ENVIRONMENT)));

/** Options of a thread, however it is opened. */
const THREAD = {
  ...MODES,
  ...EXTRAS,
  model: maybeText,
  modelProvider: maybeText,
  serviceTier: maybeText,
  runtimeWorkspaceRoots: maybeTexts,
  permissions: maybeText,
  config: maybeRecord,
  baseInstructions: maybeText,
  developerInstructions: maybeText,
} as const;

const CAPABILITY_ROOT: OptionTable<SelectedCapabilityRoot> = { id: text, location: record };
const multiAgentMode = nullable(either([isObject, record], [() => true, text]));

/** Options of `startThread`. */
export const START_THREAD: OptionTable<StartThreadOptions> = {
  ...THREAD,
  allowProviderModelFallback: flag,
  serviceName: maybeText,
  personality: maybeText,
  multiAgentMode,
  ephemeral: maybeFlag,
  historyMode: maybeText,
  sessionStartSource: maybeText,
  threadSource: maybeText,
  projectId: maybeText,
  daybreakEnabled: maybeFlag,
  environments,
  selectedCapabilityRoots: nullable(listOf(nested(CAPABILITY_ROOT))),
  experimentalRawEvents: flag,
};

const TURNS_PAGE: OptionTable<ThreadResumeInitialTurnsPageParams> = {
  limit: maybeCount,
  sortDirection: maybeText,
  itemsView: maybeText,
};

/** Options of `resumeThread`. */
export const RESUME_THREAD: OptionTable<ResumeThreadOptions> = {
  ...THREAD,
  history: nullable(list),
  path: maybeText,
  personality: maybeText,
  excludeTurns: flag,
  initialTurnsPage: nullable(nested(TURNS_PAGE)),
};

/** Options of `forkThread` and `thread.fork`. */
export const FORK_THREAD: OptionTable<ForkThreadOptions> = {
  ...THREAD,
  experimentalPredictionMode: flag,
  experimentalDisablePredictionMcp: flag,
  lastTurnId: maybeText,
  beforeTurnId: maybeText,
  path: maybeText,
  ephemeral: flag,
  attachToSource: flag,
  threadSource: maybeText,
  excludeTurns: flag,
  deferGoalContinuation: flag,
};

/** The runtime's limit, in ids (measured). */
const MAX_THREAD_IDS = 100;

const threadIds: Check = (value, place) => {
  texts(value, place);
  if (!Array.isArray(value) || value.length <= MAX_THREAD_IDS) return;
  const { call, path } = place;
  throw new UsageError(`${call}: ${path} has ${value.length} ids; the limit is ${MAX_THREAD_IDS}. Make several calls.`);
};

/** Options of `listThreads` and `threads`. */
export const LIST_THREADS: OptionTable<ListThreadsOptions> = {
  includeAttachedThreads: flag,
  currentAccountOnly: flag,
  cursor: maybeText,
  limit: maybeCount,
  includedThreadIds: nullable(threadIds),
  excludedThreadIds: nullable(threadIds),
  sortKey: maybeText,
  sortDirection: maybeText,
  modelProviders: maybeTexts,
  sourceKinds: maybeTexts,
  originators: maybeTexts,
  archived: maybeFlag,
  sectionId: maybeText,
  projectId: maybeText,
  cwd: nullable(either([Array.isArray, texts], [() => true, text])),
  useStateDbOnly: flag,
  searchTerm: maybeText,
  parentThreadId: maybeText,
  ancestorThreadId: maybeText,
  attachedToThreadId: maybeText,
};

/** Options of `searchThreads`. */
export const SEARCH_THREADS: OptionTable<SearchThreadsOptions> = {
  includeAttachedThreads: flag,
  currentAccountOnly: flag,
  cursor: maybeText,
  limit: nullable(integer(1)),
  sortKey: maybeText,
  sortDirection: maybeText,
  sourceKinds: maybeTexts,
  archived: maybeFlag,
  signal,
  onPartial: callback,
};

const BUDGET: OptionTable<TurnBudget> = { tokens: integer(1) };

/** Options of `startReview`, and limits of a turn. */
export const TURN_LIMITS: OptionTable<TurnLimits> = {
  signal,
  deadlineMs: milliseconds,
  idleTimeoutMs: milliseconds,
  budget: nested(BUDGET),
  keepCommands: flag,
};

const TOOL_OUTPUT: OptionTable<TurnToolOutput> = { name: text, namespace: maybeText, output: anything, retain: flag };
const CONTEXT_ENTRY: OptionTable<AdditionalContextEntry> = { value: text, kind: text, name: maybeText };
const COLLABORATION: OptionTable<CollaborationMode> = { mode: text, settings: record };

/** Options of `update`. */
export const UPDATE_THREAD: OptionTable<ThreadUpdateOptions> = {
  ...MODES,
  disabledPluginIds: maybeTexts,
  environments,
  permissions: maybeText,
  model: maybeText,
  serviceTier: maybeText,
  effort: maybeText,
  summary: maybeText,
  collaborationMode: nullable(nested(COLLABORATION)),
  planMode: flag,
  multiAgentMode,
  personality: maybeText,
};

const CHECKPOINT_LIMITS: OptionTable<CheckpointLimits> = { maxFiles: integer(1), maxBytes: integer(1) };

/** Options of `startTurn` and `stream`. */
export const TURN: OptionTable<TurnOptions<Schema | undefined>> = {
  ...MODES,
  ...TURN_LIMITS,
  // An object or a function. `schema/prepare.ts` reads and refuses it.
  outputSchema: either([(value) => typeof value === "function", anything], [() => true, record]),
  checkpoint: either([isObject, nested(CHECKPOINT_LIMITS)], [() => true, flag]),
  disabledPluginIds: maybeTexts,
  clientUserMessageId: maybeText,
  turnTrigger: maybeText,
  parentTurnId: maybeText,
  rootTurnId: maybeText,
  toolOutput: nullable(nested(TOOL_OUTPUT)),
  responsesapiClientMetadata: nullable(recordOf(text)),
  responsesapiClientMetadataPatch: nullable(recordOf(text)),
  additionalContext: nullable(recordOf(nested(CONTEXT_ENTRY))),
  environments,
  runtimeWorkspaceRoots: maybeTexts,
  permissions: maybeText,
  model: maybeText,
  serviceTier: maybeText,
  serviceTierForTurn: maybeText,
  effort: maybeText,
  summary: maybeText,
  personality: maybeText,
  collaborationMode: nullable(nested(COLLABORATION)),
  planMode: flag,
  multiAgentMode,
  cyberAccessProgram: maybeText,
};

/** Options of `run`. */
export const RUN: OptionTable<RunOptions<Schema | undefined>> = { ...TURN, repairAttempts: integer(0) };

/** Options of `thread.resumeGoal`. */
export interface ResumeGoalOptions {
  /**
   * When it aborts: pauses the goal, interrupts its turn and stops its commands. The handle then rejects with the
   * signal's reason. Counts from the call, also while the runtime starts or reconnects.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * What the turns of the goal and their sub-agents may spend from this call on; then the goal is paused, its turn
   * interrupted, and the handle rejects with `BudgetExceededError`.
   */
  readonly budget?: TurnBudget | undefined;
  /** Leave the thread's commands running when the signal aborts or the budget is spent. Default false: they are stopped. */
  readonly keepCommands?: boolean | undefined;
}

/** Options of `thread.startGoal` and `thread.runGoal`. */
export interface GoalOptions extends ResumeGoalOptions {
  /**
   * The runtime ends the goal as `budgetLimited` once its turns have used this many tokens, and lets the agent sum up.
   * Default: no limit. `budget` counts sub-agents too, and interrupts.
   */
  readonly tokenBudget?: number | undefined;
}

export const RESUME_GOAL: OptionTable<ResumeGoalOptions> = { signal, budget: nested(BUDGET), keepCommands: flag };
export const START_GOAL: OptionTable<GoalOptions> = { ...RESUME_GOAL, tokenBudget: integer(1) };

/** The runtime's limit, in characters (measured). */
const MAX_OBJECTIVE_CHARS = 4_000;

/** Throws `UsageError` for an objective that the runtime would refuse. */
export function checkObjective(objective: string, call: string): void {
  text(objective, { call, path: "objective" });
  if (objective.trim() === "") throw new UsageError("The objective is empty: say what the agent should achieve.");
  const length = Array.from(objective).length;
  if (length <= MAX_OBJECTIVE_CHARS) return;
  throw new UsageError(
    `The objective has ${length} characters; the limit is ${MAX_OBJECTIVE_CHARS}. Put details in a file and name it.`,
  );
}
