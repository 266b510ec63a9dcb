/** Owns the options that users pass, their defaults, and how sandbox and approval modes become wire fields. */
import type { Spawn } from "../process/agentProcess.js";
import type { ConfigObject } from "../process/config.js";
import type { LaunchOptions } from "../process/launch.js";
import type {
  ActivePermissionProfile,
  ApprovalsReviewer,
  AskForApproval,
  SandboxMode,
  SandboxPolicy,
  ThreadForkParams,
  ThreadListParams,
  ThreadResumeParams,
  ThreadStartParams,
  TurnStartParams,
} from "../protocol/generated/protocol.js";
import type { Handlers } from "../requests/handlers.js";
import type { Schema } from "../schema/types.js";
import type { Tool, ToolGroup } from "../tools/tool.js";
import type { Logger } from "../util/logger.js";
/** Where the agent may write: nowhere, in its workspace, or anywhere. */
export declare const Sandbox: {
  readonly readOnly: "read-only";
  readonly workspaceWrite: "workspace-write";
  readonly fullAccess: "full-access";
};
/** Where the agent may write. */
export type Sandbox = (typeof Sandbox)[keyof typeof Sandbox];
/** Who decides when the agent asks to go beyond its sandbox: a reviewing agent, nobody (it is denied), or a handler. */
export declare const ApprovalMode: {
  readonly autoReview: "auto_review";
  readonly denyAll: "deny_all";
  readonly ask: "ask";
};
/** Who decides when the agent asks to go beyond its sandbox. */
export type ApprovalMode = (typeof ApprovalMode)[keyof typeof ApprovalMode];
/** How a runtime is spoken to, wherever it is. Every field is optional. */
export interface ClientOptions {
  /** Accept a runtime of another minor version, with one warning. Default false. */
  readonly allowVersionMismatch?: boolean | undefined;
  /** How this program names itself to the runtime and the model provider. Default `codex-embed`. */
  readonly clientName?: string | undefined;
  readonly clientTitle?: string | undefined;
  readonly clientVersion?: string | undefined;
  /** Ask for the experimental part of the protocol. Default true. */
  readonly experimentalApi?: boolean | undefined;
  /**
   * Notifications that the runtime must not send, by exact name, to save work. Default `rawResponseItem/completed`. A list
   * without that name makes `experimentalRawEvents` of a thread usable, and `usage` of reviews null.
   */
  readonly optOutNotifications?: readonly string[] | undefined;
  /**
   * Milliseconds from the start of the process, or of the connection, to the end of the handshake. One timer limits all of
   * it, however slowly the other side answers. Infinity sets no limit. Default 30 000.
   */
  readonly startupTimeoutMs?: number | undefined;
  /** Milliseconds until a request fails. Default 60 000; none for requests that run as long as their work does. */
  readonly requestTimeoutMs?: number | undefined;
  /** The largest message taken from the runtime, in bytes. Default 128 MiB. */
  readonly maxFrameBytes?: number | undefined;
  /** How much of a turn is kept for readers that are behind, in bytes. Default 64 MiB. */
  readonly streamBufferBytes?: number | undefined;
  readonly logger?: Logger | undefined;
  /** Decide what the runtime asks, for all threads. */
  readonly handlers?: Handlers | undefined;
}
/** The default of `optOutNotifications`: whole items of the model's input and output, of which a turn has many. */
export declare const DEFAULT_OPT_OUT_NOTIFICATIONS: readonly string[];
/** The limit of a start, with its default. Throws `UsageError` for one that is not a positive number. */
export declare function startupLimitMs({ startupTimeoutMs }: Pick<ClientOptions, "startupTimeoutMs">): number;
/** How a runtime is found, started and spoken to. Every field is optional. */
export interface CodexOptions extends LaunchOptions, ClientOptions {
  /** The runtime: a path, or a bare name to look up on PATH. Default: `CODEX_BIN`, then the package `@openai/codex`. */
  readonly codexBin?: string | undefined;
  /** Called with what the process writes to stderr, as it comes. It is never printed. */
  readonly onStderr?: ((text: string) => void) | undefined;
  /** Starts the process in another way (a container, a remote shell). */
  readonly spawn?: Spawn | undefined;
  /**
   * With `on-crash`, a process that ends by itself is the end of its turns, which reject with the cause, but not of the
   * client: the next call starts another, which resumes each thread at its next use. Default `never`: the client is closed.
   */
  readonly restart?: "on-crash" | "never" | undefined;
}
/** How a connection that was lost is made anew. */
export interface ReconnectOptions {
  /** Milliseconds before the first attempt; they double with each further one, and up to half of each is random. Default 100. */
  readonly initialDelayMs?: number | undefined;
  /** The longest wait between two attempts, in milliseconds. Default 5000. */
  readonly maxDelayMs?: number | undefined;
  /**
   * Milliseconds from the loss until the client gives up, an attempt under way included; then all that is pending
   * rejects. Infinity never gives up. Default 300 000.
   */
  readonly giveUpAfterMs?: number | undefined;
}
/** How a runtime elsewhere is reached and spoken to. Every field is optional. */
export interface ConnectOptions extends ClientOptions {
  /**
   * What the runtime was told to ask for (`--ws-auth`): a capability token, or a signed bearer token. It is sent to this
   * runtime alone, and never unencrypted to another machine.
   */
  readonly token?: string | undefined;
  /** Gives the token at each connection, for tokens that expire. */
  readonly tokenProvider?: (() => string | Promise<string>) | undefined;
  /** Further headers of the upgrade request, for a proxy in between. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The certificates to trust for `wss://`, in PEM, in place of the system's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Send the token over `ws://` to another machine, where others may read it. Default false. */
  readonly allowInsecureToken?: boolean | undefined;
  /**
   * Milliseconds between two questions whether the runtime is still there; silent for as long again, the connection is
   * given up. Default 20 000.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * Whether and how a connection that was lost is made anew, with the threads and turns that were on it. Default true.
   * With false, the loss closes the client.
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
export interface ThreadExtras {
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
   * Leave the thread's commands running when the turn is ended in one of these ways, or by leaving `thread.stream()`.
   * Default false: they are stopped.
   */
  readonly keepCommands?: boolean | undefined;
}
/**
 * Options of a turn: every field of `turn/start`, with modes in place of policies. A sandbox, a mode, a model or any
 * other override applies to this turn and to the following ones; `outputSchema` to this turn alone.
 */
export type TurnOptions<S extends Schema | undefined = undefined> = Omit<
  TurnStartParams,
  PolicyFields | "threadId" | "input" | "outputSchema"
> &
  ThreadModes &
  TurnLimits & {
    /**
     * What the final answer must be, as a Standard Schema (zod, arktype, …) or a JSON Schema: `result.output` is then the
     * validated value. Holds for this turn alone.
     */
    readonly outputSchema?: S | undefined;
  };
/** Options of `run`: those of a turn, and how often an answer that does not conform is asked for again. */
export type RunOptions<S extends Schema | undefined = undefined> = TurnOptions<S> & {
  /** How many further turns may ask the model to correct an answer that does not conform to `outputSchema`. Default 0. */
  readonly repairAttempts?: number | undefined;
};
/** The wire's two fields for who decides. */
export interface ApprovalFields {
  approvalPolicy: AskForApproval;
  approvalsReviewer?: ApprovalsReviewer;
}
/** The wire's fields for a thread's modes; what is omitted is not sent. Throws `UsageError` for an unknown mode. */
export declare function threadModeFields(modes: ThreadModes): Partial<ApprovalFields> & {
  sandbox?: SandboxMode;
};
/** The wire's fields for a turn's modes; what is omitted is not sent. Throws `UsageError` for an unknown mode. */
export declare function turnModeFields(modes: ThreadModes): Partial<ApprovalFields> & {
  sandboxPolicy?: SandboxPolicy;
};
/** The settings in force, as the runtime reports them with a thread. */
export interface EffectiveSettings {
  readonly model: string;
  readonly modelProvider: string;
  readonly serviceTier: string | null;
  readonly activePermissionProfile: ActivePermissionProfile | null;
  readonly cwd: string;
  readonly sandbox: SandboxPolicy;
  readonly approvalPolicy: AskForApproval;
  readonly approvalsReviewer: ApprovalsReviewer;
}
/** What a thread is opened with, and the runtime reports back. */
export type RequestedSettings = ThreadModes &
  Pick<ResumeThreadOptions, "model" | "modelProvider" | "serviceTier" | "permissions" | "cwd">;
/** The requested settings that are not in force, as pairs of what was asked for and what there is; null when all are. */
export declare function settingsMismatch(
  modes: RequestedSettings,
  effective: EffectiveSettings,
): {
  requested: Record<string, unknown>;
  effective: Record<string, unknown>;
} | null;
export {};
