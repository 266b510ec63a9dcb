import type { CheckpointLimits } from "../checkpoints/checkpoint.js";
import { UsageError } from "../errors/base.js";
import type { TurnBudget } from "../errors/turn.js";
import type { Spawn } from "../process/agentProcess.js";
import type { ConfigObject } from "../process/config.js";
import type { LaunchOptions } from "../process/launch.js";
import type {
  ThreadForkParams,
  ThreadListParams,
  ThreadSearchParams,
  ThreadSearchResult,
  ThreadResumeParams,
  ThreadSettingsUpdateParams,
  ThreadStartParams,
  TurnStartParams,
} from "../protocol/generated/protocol.js";
import type { Guards } from "../guards/types.js";
import type { Handlers } from "../requests/handlers.js";
import type { Schema } from "../schema/types.js";
import type { Tool, ToolGroup } from "../tools/tool.js";
import type { TraceFileOptions } from "../trace/traceFileOptions.js";
import type { NotificationMethod } from "../stream/events.js";
import type { Logger } from "./activityLog.js";

/** Where the agent may write: nowhere, in its workspace, or anywhere. */
export const Sandbox = {
  readOnly: "read-only",
  workspaceWrite: "workspace-write",
  fullAccess: "full-access",
} as const;
/** Where the agent may write. */
export type Sandbox = (typeof Sandbox)[keyof typeof Sandbox];

/** Who decides when the agent asks to leave its sandbox: a reviewing agent, no one (it is denied), or a handler. */
export const ApprovalMode = {
  autoReview: "auto_review",
  denyAll: "deny_all",
  ask: "ask",
} as const;
/** Who decides when the agent asks to leave its sandbox. */
export type ApprovalMode = (typeof ApprovalMode)[keyof typeof ApprovalMode];

/** Functions of this program that decide on every call of a tool. */
export interface GuardOptions {
  /**
   * Asked by the runtime before and after every call of a tool, inside the sandbox too, and at the ends of prompts, turns
   * and compactions. Those of a thread go before the client's of the same name. A fork and a loaded thread keep theirs.
   * The runtime must be able to reach this program on the loopback interface.
   */
  readonly guards?: Guards | undefined;
  /** Milliseconds until a guard that has not answered denies. Infinity sets no limit. Default 60 000. */
  readonly guardTimeoutMs?: number | undefined;
}

/** Options of every client, for local and remote runtimes. */
export interface ClientOptions extends GuardOptions {
  /**
   * Accept a runtime that is older than `SUPPORTED_RUNTIMES.oldest` or does not say its version, with one warning. Default
   * false.
   */
  readonly allowVersionMismatch?: boolean | undefined;
  /** The name of this program for the runtime and the model provider. Default `codex-embed`. */
  readonly clientName?: string | undefined;
  readonly clientTitle?: string | undefined;
  readonly clientVersion?: string | undefined;
  /** Use the experimental part of the protocol; tools need it. Default true. */
  readonly experimentalApi?: boolean | undefined;
  /**
   * Notifications that the runtime must not send, by exact name, to save work. Default `rawResponseItem/completed`. Without
   * that name in the list, `experimentalRawEvents` of a thread is usable, and the `usage` of reviews is null.
   */
  readonly optOutNotifications?: readonly string[] | undefined;
  /**
   * Milliseconds from the start of the process or the connection to the end of the handshake, in total. Infinity sets no
   * limit. Default 30 000.
   */
  readonly startupTimeoutMs?: number | undefined;
  /** Milliseconds until a request rejects. Default 60 000, and no limit for requests that last as long as their work. */
  readonly requestTimeoutMs?: number | undefined;
  /** The largest message to accept from the runtime, in bytes. Default 128 MiB. */
  readonly maxFrameBytes?: number | undefined;
  /** How many bytes of a turn to keep for readers that fall behind. Default 64 MiB. */
  readonly streamBufferBytes?: number | undefined;
  readonly logger?: Logger | undefined;
  /**
   * Write a trace: one JSON line for each message on the wire, and for each turn that has ended, with credentials redacted.
   * A path, or options. The file has prompts, answers and code in it, unless `content` is false.
   */
  readonly traceFile?: string | TraceFileOptions | undefined;
  /** Answer requests of the runtime (approvals, questions), for all threads. */
  readonly handlers?: Handlers | undefined;
}

/** Notifications the SDK depends on. */
export const REQUIRED_NOTIFICATIONS: ReadonlySet<string> = new Set<NotificationMethod>([
  "turn/started",
  "turn/completed",
  "item/completed",
  "account/login/completed",
]);

/** The default of `optOutNotifications`: whole items of the model's input and output, which are many in a turn. */
export const DEFAULT_OPT_OUT_NOTIFICATIONS: readonly string[] = ["rawResponseItem/completed"];

const DEFAULT_STARTUP_TIMEOUT_MS = 30_000;

/** The limit of a start, with its default. Throws `UsageError` for one that is not a positive number. */
export function startupLimitMs({
  startupTimeoutMs = DEFAULT_STARTUP_TIMEOUT_MS,
}: Pick<ClientOptions, "startupTimeoutMs">): number {
  if (startupTimeoutMs > 0) return startupTimeoutMs;
  throw new UsageError(`startupTimeoutMs is ${startupTimeoutMs}; it must be more than 0. Infinity sets no limit.`);
}

/** Options of a client that starts its runtime. */
export interface CodexOptions extends LaunchOptions, ClientOptions {
  /** The executable: a path, or a bare name to look up on PATH. Default: `CODEX_BIN`, then the package `@openai/codex`. */
  readonly codexBin?: string | undefined;
  /** Called with stderr output of the process as it arrives. The SDK never prints it. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** Starts the process in a custom way: in a container, in a remote shell. */
  readonly spawn?: Spawn | undefined;
  /**
   * What a crash of the process does to the client. With `on-crash`, its turns reject with the cause, and the next call starts
   * another process, which resumes each thread at its next use. Default `never`: the client closes.
   */
  readonly restart?: "on-crash" | "never" | undefined;
}

/** How to reconnect after a lost connection. */
export interface ReconnectOptions {
  /** Milliseconds before the first attempt. They double with each further one; up to half of each is random. Default 100. */
  readonly initialDelayMs?: number | undefined;
  /** The longest wait between two attempts, in milliseconds. Default 5000. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Milliseconds from the loss until the client gives up, even during an attempt. Pending calls then reject. Infinity never
   * gives up. Default 300 000.
   */
  readonly giveUpAfterMs?: number | undefined;
}

/** Options of a client that connects to a remote runtime. */
export interface ConnectOptions extends ClientOptions {
  /**
   * The token that the runtime expects (`--ws-auth`): a capability token or a signed bearer token. Sent to this runtime only,
   * and never unencrypted to another machine.
   */
  readonly token?: string | undefined;
  /** Returns the token for each connection, for tokens that expire. */
  readonly tokenProvider?: (() => string | Promise<string>) | undefined;
  /** Additional headers of the upgrade request, for a proxy in between. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The certificates to trust for `wss://`, as PEM, in place of the system's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Send the token over `ws://` to another machine, although others may read it. Default false. */
  readonly allowInsecureToken?: boolean | undefined;
  /**
   * Milliseconds between two pings. When nothing arrives for as long after a ping, the connection is lost. Default 20 000.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * Whether and how to reconnect after a lost connection, with its threads and turns. Default true. With false, the loss
   * closes the client.
   */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
}

/** The SDK's own fields of a thread, in place of the wire's policy fields. */
export interface ThreadModes {
  /**
   * Default on start: the configuration's. For a turn: what the thread has. On resume and fork: what the thread has or
   * had, with its writable roots and its network access, as the thread's own record tells; where that cannot be read, it
   * must be given.
   */
  readonly sandbox?: Sandbox | undefined;
  /**
   * Default on start: `ask` when there are approval handlers, else `auto_review`. On resume and fork, and for a turn:
   * what the thread has.
   */
  readonly approvalMode?: ApprovalMode | undefined;
  /**
   * The working directory: a path, or a `file:` URL. It must be an existing folder, except for a runtime that was reached
   * by `Codex.connect` or started by a `spawn` hook, whose files this program may not see. Default on start: the runtime's.
   */
  readonly cwd?: string | URL | null | undefined;
}

/** What a thread brings along besides its settings. */
export interface ThreadExtras extends GuardOptions {
  /** Decide what the runtime asks in this thread; each goes before the client's handler of the same name. */
  readonly handlers?: Handlers | undefined;
  /**
   * Functions that the agent may call. The runtime keeps their descriptions with the thread, so that a resumed thread
   * needs the same ones again.
   */
  readonly tools?: readonly (Tool | ToolGroup)[] | undefined;
}

/** The thread's own configuration. */
export interface ThreadConfig {
  /** Configuration for this thread alone, nested as in `config.toml`, over that of the client. */
  readonly config?: ConfigObject | null | undefined;
}

type PolicyFields = "cwd" | "sandbox" | "sandboxPolicy" | "approvalPolicy" | "approvalsReviewer";
type InternalFields = "mockExperimentalField" | "dynamicTools";

/** Options of `startThread`: every field of `thread/start`, with modes in place of policies. */
export type StartThreadOptions = Omit<ThreadStartParams, PolicyFields | InternalFields | "config"> &
  ThreadModes &
  ThreadExtras &
  ThreadConfig;

/** Options of `resumeThread`: every field of `thread/resume`, with modes in place of policies. */
export type ResumeThreadOptions = Omit<ThreadResumeParams, PolicyFields | "threadId" | "config"> &
  ThreadModes &
  ThreadExtras &
  ThreadConfig;

/** Options of `forkThread`: every field of `thread/fork`, with modes in place of policies. */
export type ForkThreadOptions = Omit<ThreadForkParams, PolicyFields | "threadId" | "config"> &
  ThreadModes &
  ThreadExtras &
  ThreadConfig;

/** Options of `listThreads` and `threads`. All providers by default. */
export type ListThreadsOptions = ThreadListParams;

/** Options of `searchThreads`: filters, order and page, and what belongs to the call. */
export interface SearchThreadsOptions extends Omit<ThreadSearchParams, "searchTerm"> {
  /** When it aborts, the call rejects with its reason, and the runtime stops searching. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with rows while the search runs (`thread/search/partial`): in the order of discovery, each thread once, in the
   * async context of the call. They are provisional: the runtime sends some of the rows, and a row can be missing from
   * the result when it belongs to another page. Runtimes before 0.171 send none. An error of the callback goes to the
   * logger.
   */
  readonly onPartial?: ((rows: readonly ThreadSearchResult[]) => unknown) | undefined;
}

/**
 * What ends a turn early. All limits count from the call, also while the runtime is started, is connected again, or does
 * not answer: the call then rejects at once, and a turn that starts later is interrupted.
 */
export interface TurnLimits {
  /** Interrupts the turn when it aborts; what waits for the turn rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds that the turn may take, never extended; then it is interrupted and rejects with `TurnDeadlineError`. For
   * `run` with `repairAttempts`: that all its turns may take together.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * Milliseconds without a sign of life of the thread. The clock stands while a handler or a tool is awaited. When it
   * fires, the runtime is asked how the turn stands; one that runs is interrupted and rejects with `TurnStalledError`.
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * What the turn may spend, its sub-agents included; then it is interrupted and rejects with `BudgetExceededError`. For
   * `run` with `repairAttempts`: what all its turns may spend together.
   */
  readonly budget?: TurnBudget | undefined;
  /**
   * Leave the thread's commands running when the turn is ended in one of these ways, or by leaving `thread.stream()`.
   * Default false: they are stopped.
   */
  readonly keepCommands?: boolean | undefined;
}

/** Whether the agent plans or works. */
export interface PlanMode {
  /**
   * True puts the agent into plan mode: it explores, may ask `answerQuestions`, and proposes a plan, an item of the type
   * `plan`, instead of carrying it out. False takes it out again. Like other overrides it also applies to the following
   * turns. It is an instruction to the model, not a sandbox. Needs the experimental part of the protocol.
   */
  readonly planMode?: boolean | undefined;
}

/** Options of `thread.update`: every field of `thread/settings/update`, with modes in place of policies. */
export type ThreadUpdateOptions = Omit<ThreadSettingsUpdateParams, PolicyFields | "threadId"> & ThreadModes & PlanMode;

/**
 * Options of a turn: every field of `turn/start`, with modes in place of policies. A sandbox, a mode, a model or any
 * other override applies to this turn and to the following ones; `outputSchema` to this turn alone.
 */
export type TurnOptions<S extends Schema | undefined = undefined> = Omit<
  TurnStartParams,
  PolicyFields | "threadId" | "input" | "outputSchema"
> &
  ThreadModes &
  PlanMode &
  TurnLimits & {
    /**
     * What the final answer must be, as a Standard Schema (zod, arktype, …) or a JSON Schema: `result.output` is then the
     * validated value. Holds for this turn alone.
     */
    readonly outputSchema?: S | undefined;
    /**
     * Record the files of `cwd` before the turn and after it, for `result.changes` and `result.undo()`; with limits on how
     * large the folder may be. Needs `git` on PATH and a runtime that shares this program's files. A folder that cannot be
     * recorded fails the call before anything is sent (`CheckpointError`). Holds for this turn alone. Default false.
     */
    readonly checkpoint?: boolean | CheckpointLimits | undefined;
  };

/** Options of `run`: those of a turn, and how often an answer that does not conform is asked for again. */
export type RunOptions<S extends Schema | undefined = undefined> = TurnOptions<S> & {
  /** How many further turns may ask the model to correct an answer that does not conform to `outputSchema`. Default 0. */
  readonly repairAttempts?: number | undefined;
};
