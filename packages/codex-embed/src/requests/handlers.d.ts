import type {
  AttestationGenerateParams,
  CommandExecutionApprovalDecision,
  CommandExecutionRequestApprovalParams,
  CurrentTimeReadParams,
  DynamicToolCallParams,
  DynamicToolCallResponse,
  FileChangeApprovalDecision,
  FileChangeRequestApprovalParams,
  FileUpdateChange,
  GrantedPermissionProfile,
  JsonValue,
  McpServerElicitationRequestParams,
  PermissionGrantScope,
  PermissionsRequestApprovalParams,
  ReviewDecision,
  ToolRequestUserInputParams,
} from "../protocol/generated/protocol.js";
import type { ServerRequests } from "../protocol/generated/tables.js";
import type { Notification } from "../stream/events.js";
/** What a handler is told besides the request. */
export interface HandlerContext {
  /** Aborts when the answer is no longer wanted: resolved elsewhere, end of the turn, close, death of the runtime. */
  readonly signal: AbortSignal;
  /** Null for requests that belong to no thread. */
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
  /**
   * The working directory of the thread: the one that this client opened it in or gave to a later turn. For a sub-agent,
   * that of the thread which started it. Null when it is not known. A request's own `cwd` is chosen by the model.
   */
  readonly threadCwd: string | null;
}
/** A command that asks to go beyond the sandbox, with its parsed actions, proposed rule and available decisions. */
export type CommandApprovalRequest = CommandExecutionRequestApprovalParams;
/** A file change that asks to go beyond the sandbox, with what it would change. */
export interface FileChangeApprovalRequest extends FileChangeRequestApprovalParams {
  /**
   * Path, kind and diff of each file, from the item that the request is about. At least one: a change that is not known,
   * for example after a lost connection, is declined without asking.
   */
  readonly changes: readonly [FileUpdateChange, ...FileUpdateChange[]];
}
/** An MCP tool that asks to be called. */
export interface McpToolApprovalRequest {
  readonly threadId: string;
  readonly turnId: string | null;
  readonly serverName: string;
  readonly toolName: string | null;
  readonly toolDescription: string | null;
  readonly toolArguments: JsonValue;
  /** The question as the runtime puts it. */
  readonly message: string;
  /** Whether the answer can be kept: for the session, for good. */
  readonly persist: readonly string[];
}
/** A form or a link that an MCP server puts before the user. */
export type ElicitationRequest = McpServerElicitationRequestParams;
/** What may be done with a command. `cancel` also ends the turn. */
export type CommandDecision = CommandExecutionApprovalDecision;
/** What may be done with a file change. `cancel` also ends the turn. */
export type FileChangeDecision = FileChangeApprovalDecision;
/** What may be done with the call of an MCP tool. */
export type McpToolDecision = "accept" | "acceptForSession" | "acceptAlways" | "decline" | "cancel";
/** The part of the requested permissions that is granted; an empty object grants nothing. */
export interface PermissionsGrant {
  readonly permissions: GrantedPermissionProfile;
  /** Default `turn`. */
  readonly scope?: PermissionGrantScope | undefined;
}
/** The answers by the ids of the questions. */
export type QuestionAnswers = Readonly<Record<string, string | readonly string[]>>;
/** The user's answer to an MCP server. */
export type ElicitationAnswer =
  | "decline"
  | "cancel"
  | {
      readonly action: "accept";
      readonly content?: JsonValue;
    };
/** Fresh tokens for a login that this program keeps. */
export interface ChatgptTokens {
  readonly accessToken: string;
  readonly chatgptAccountId: string;
  readonly chatgptPlanType?: string | null | undefined;
}
/** Decides one request. */
export type Handler<Request, Answer> = (request: Request, context: HandlerContext) => Answer | Promise<Answer>;
/**
 * One handler for each request of the runtime. All are optional: what nobody handles is declined. A handler runs in the async
 * context of the call that asked for the turn. One that
 * throws, rejects or returns something else declines as well, and is reported as `handlerError`. An async function whose
 * only result is one literal has to say `"decline" as const`: TypeScript widens it to a string otherwise.
 */
export interface Handlers {
  readonly approveCommand?: Handler<CommandApprovalRequest, CommandDecision> | undefined;
  readonly approveFileChange?: Handler<FileChangeApprovalRequest, FileChangeDecision> | undefined;
  readonly approvePermissions?: Handler<PermissionsRequestApprovalParams, PermissionsGrant | "decline"> | undefined;
  readonly approveMcpTool?: Handler<McpToolApprovalRequest, McpToolDecision> | undefined;
  readonly answerQuestions?: Handler<ToolRequestUserInputParams, QuestionAnswers> | undefined;
  readonly answerElicitation?: Handler<ElicitationRequest, ElicitationAnswer> | undefined;
  readonly refreshChatgptTokens?:
    | Handler<ServerRequests["account/chatgptAuthTokens/refresh"]["params"], ChatgptTokens>
    | undefined;
  /** A call of a tool that no `tools` of the thread hold. Prefer `tools`. */
  readonly callTool?: Handler<DynamicToolCallParams, DynamicToolCallResponse> | undefined;
  readonly generateAttestation?: Handler<AttestationGenerateParams, string> | undefined;
  /** The time to tell the runtime. Default: this machine's. */
  readonly readCurrentTime?: Handler<CurrentTimeReadParams, Date> | undefined;
  /** Requests of the first protocol, which the pinned runtime does not send of itself. */
  readonly approveLegacyPatch?: Handler<ServerRequests["applyPatchApproval"]["params"], ReviewDecision> | undefined;
  readonly approveLegacyCommand?: Handler<ServerRequests["execCommandApproval"]["params"], ReviewDecision> | undefined;
}
/** Accepts every approval: for an environment that you are ready to lose. Questions and forms are not answered. */
export declare const approveAll: Handlers;
/** Declines every approval, as having no handler does, but without the warning that nobody decides. */
export declare const declineAll: Handlers;
/** Whether a program decides approvals itself, so that the runtime has to be told to ask. */
export declare function decidesApprovals(handlers: Handlers | undefined): boolean;
/** Runs the tools of a thread. */
export interface ToolRunner {
  has(params: DynamicToolCallParams): boolean;
  call(params: DynamicToolCallParams, context: HandlerContext): Promise<DynamicToolCallResponse>;
}
/** Who decides for a thread, and the working directory that this client has set for it. */
export interface ThreadDeciders {
  readonly handlers?: Handlers | undefined;
  readonly tools?: ToolRunner | undefined;
  readonly cwd?: string | undefined;
}
/** Who decides for a thread or sub-agent. */
export interface FoundDeciders extends ThreadDeciders {
  /** The nearest thread of this client that it is, or belongs to; null when none is known. */
  readonly ownerId: string | null;
}
/** Keeps the deciders of threads, and finds those of a sub-agent. */
export declare class Deciders {
  #private;
  constructor(parentOf: (threadId: string) => Promise<string | null>);
  /** What is left out stays as it was. */
  attach(threadId: string, { handlers, tools, cwd }: ThreadDeciders): void;
  /** A fork is decided for as its source is. */
  inherit(threadId: string, fromThreadId: string): void;
  detach(threadId: string): void;
  /** Learns of a thread's new working directory. */
  observe(notification: Notification): void;
  /** A sub-agent asks on a thread of its own: who decides for the thread that began it decides for it, in its folder. */
  of(threadId: string): Promise<FoundDeciders>;
}
