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
  ServerRequests,
  ToolRequestUserInputParams,
} from "../protocol/index.js";
import type { Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";

/** The second argument of a handler. */
export interface HandlerContext {
  /** Aborts when the answer is no longer needed: resolved elsewhere, end of the turn, close, death of the runtime. */
  readonly signal: AbortSignal;
  /** Null for a request that belongs to no thread. */
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
  /**
   * The working directory of the thread, which this client opened it in or gave to a later turn. For a sub-agent, that of
   * the thread which started it. Null when unknown. Decide by this one: the model chooses a request's own `cwd`.
   */
  readonly threadCwd: string | null;
}

const DECIDED_BY_RULE = Symbol.for("codex-embed.decidedByRule");

/** Notes that a declarative rule decides the request, and no person or program. */
export function noteRule(context: HandlerContext): void {
  Reflect.set(context, DECIDED_BY_RULE, true);
}

/** Whether a declarative rule has decided. */
export function decidesByRule(context: HandlerContext): boolean {
  return Reflect.has(context, DECIDED_BY_RULE);
}

/** A command that needs approval, with its parsed actions, proposed rule and available decisions. */
export type CommandApprovalRequest = CommandExecutionRequestApprovalParams;

/** A file change that needs approval. */
export interface FileChangeApprovalRequest extends FileChangeRequestApprovalParams {
  /**
   * Path, kind and diff of each file, at least one. The SDK takes them from the item that the request is about. If they are
   * unknown, for example after a lost connection, it declines without asking.
   */
  readonly changes: readonly [FileUpdateChange, ...FileUpdateChange[]];
}

/** A call of an MCP tool that needs approval. */
export interface McpToolApprovalRequest {
  readonly threadId: string;
  readonly turnId: string | null;
  readonly serverName: string;
  /**
   * The environment that registered the server, which is not necessarily where it runs. Null for a server of the whole
   * thread, such as those of the configuration; undefined when the runtime does not say (before 0.171).
   */
  readonly environmentId?: string | null | undefined;
  readonly toolName: string | null;
  readonly toolDescription: string | null;
  readonly toolArguments: JsonValue;
  /** The runtime's question to the user. */
  readonly message: string;
  /** How long the runtime can remember an acceptance: `session`, `always`. */
  readonly persist: readonly string[];
}

/** A form or a link that an MCP server presents to the user. */
export type ElicitationRequest = McpServerElicitationRequestParams;

/** The decision on a command. `cancel` also ends the turn. */
export type CommandDecision = CommandExecutionApprovalDecision;
/** The decision on a file change. `cancel` also ends the turn. */
export type FileChangeDecision = FileChangeApprovalDecision;
/** The decision on a call of an MCP tool. */
export type McpToolDecision = "accept" | "acceptForSession" | "acceptAlways" | "decline" | "cancel";

/** The requested permissions that are granted. An empty object grants nothing. */
export interface PermissionsGrant {
  readonly permissions: GrantedPermissionProfile;
  /** Default `turn`. */
  readonly scope?: PermissionGrantScope | undefined;
}

/** The answers, by the ids of the questions. */
export type QuestionAnswers = Readonly<Record<string, string | readonly string[]>>;

/** The user's answer to an MCP server. */
export type ElicitationAnswer = "decline" | "cancel" | { readonly action: "accept"; readonly content?: JsonValue };

/** Fresh tokens for a ChatGPT login that this program manages. */
export interface ChatgptTokens {
  readonly accessToken: string;
  readonly chatgptAccountId: string;
  readonly chatgptPlanType?: string | null | undefined;
}

/** Decides one request. */
export type Handler<Request, Answer> = (request: Request, context: HandlerContext) => Answer | Promise<Answer>;

/**
 * Answers to the runtime's requests. All handlers are optional: unanswered requests are declined. So are invalid answers and
 * handlers that throw or reject; these are reported as `handlerError`. A handler runs in the async context of the call that
 * asked for the turn. An async function whose only result is one literal needs `"decline" as const`, because TypeScript
 * widens it to `string`.
 */
export interface Handlers {
  /** Approves a command (`item/commandExecution/requestApproval`). */
  readonly approveCommand?: Handler<CommandApprovalRequest, CommandDecision> | undefined;
  /** Approves a file change (`item/fileChange/requestApproval`). */
  readonly approveFileChange?: Handler<FileChangeApprovalRequest, FileChangeDecision> | undefined;
  /** Grants permissions beyond the sandbox (`item/permissions/requestApproval`). */
  readonly approvePermissions?: Handler<PermissionsRequestApprovalParams, PermissionsGrant | "decline"> | undefined;
  /** Approves a call of an MCP tool (`mcpServer/elicitation/request` with an approval in `_meta`). */
  readonly approveMcpTool?: Handler<McpToolApprovalRequest, McpToolDecision> | undefined;
  /** Answers the agent's questions to the user (`item/tool/requestUserInput`). */
  readonly answerQuestions?: Handler<ToolRequestUserInputParams, QuestionAnswers> | undefined;
  /** Answers a form or a link of an MCP server (`mcpServer/elicitation/request`). */
  readonly answerElicitation?: Handler<ElicitationRequest, ElicitationAnswer> | undefined;
  /** Refreshes the tokens of a ChatGPT login that this program manages (`account/chatgptAuthTokens/refresh`). */
  readonly refreshChatgptTokens?:
    | Handler<ServerRequests["account/chatgptAuthTokens/refresh"]["params"], ChatgptTokens>
    | undefined;
  /** Runs a tool that is not in the `tools` of the thread (`item/tool/call`). Prefer `tools`. */
  readonly callTool?: Handler<DynamicToolCallParams, DynamicToolCallResponse> | undefined;
  /** Makes an attestation token (`attestation/generate`). */
  readonly generateAttestation?: Handler<AttestationGenerateParams, string> | undefined;
  /** Tells the runtime the time (`currentTime/read`, sent by the runtimes 0.145 to 0.169). Default: this machine's clock. */
  readonly readCurrentTime?: Handler<CurrentTimeReadParams, Date> | undefined;
  /** Approves a patch in the first protocol (`applyPatchApproval`), which the pinned runtime does not send by itself. */
  readonly approveLegacyPatch?: Handler<ServerRequests["applyPatchApproval"]["params"], ReviewDecision> | undefined;
  /** Approves a command in the first protocol (`execCommandApproval`), which the pinned runtime does not send by itself. */
  readonly approveLegacyCommand?: Handler<ServerRequests["execCommandApproval"]["params"], ReviewDecision> | undefined;
}

/** Accepts every approval, for an environment that you can afford to lose. Questions and forms stay unanswered. */
export const approveAll: Handlers = {
  approveCommand: () => "accept",
  approveFileChange: () => "accept",
  approvePermissions: ({ permissions: { network, fileSystem } }) => ({
    permissions: { ...(network === null ? {} : { network }), ...(fileSystem === null ? {} : { fileSystem }) },
  }),
  approveMcpTool: () => "accept",
};

/** Declines every approval, like having no handlers, but without the warning that nobody decides. */
export const declineAll: Handlers = {
  approveCommand: () => "decline",
  approveFileChange: () => "decline",
  approvePermissions: () => "decline",
  approveMcpTool: () => "decline",
  answerQuestions: () => ({}),
  answerElicitation: () => "decline",
};

/** Whether there is an approval handler, so that the runtime has to ask. */
export function decidesApprovals(handlers: Handlers | undefined): boolean {
  return (
    handlers !== undefined &&
    [handlers.approveCommand, handlers.approveFileChange, handlers.approvePermissions, handlers.approveMcpTool].some(
      (handler) => handler !== undefined,
    )
  );
}

/** The tools of a thread. */
export interface ToolRunner {
  has(params: DynamicToolCallParams): boolean;
  call(params: DynamicToolCallParams, context: HandlerContext): Promise<DynamicToolCallResponse>;
}

/** The handlers and tools of a thread, and the working directory that this client has set for it. */
export interface ThreadHandlers {
  readonly handlers?: Handlers | undefined;
  readonly tools?: ToolRunner | undefined;
  readonly cwd?: string | undefined;
}

/** What decides for a thread or a sub-agent. */
export interface FoundHandlers extends ThreadHandlers {
  /** The thread itself, or its nearest ancestor, that this client has opened; null when none is known. */
  readonly ownerId: string | null;
}

/** The handlers and tools of threads. A sub-agent has those of the thread that began it. */
export class HandlerRegistry {
  readonly #parentOf: (threadId: string) => Promise<string | null>;
  readonly #threads = new Map<string, ThreadHandlers>();
  readonly #parents = new NewestMap<Promise<string | null>>();

  constructor(parentOf: (threadId: string) => Promise<string | null>) {
    this.#parentOf = parentOf;
  }

  /** Sets what is given. What is left out stays as it is. */
  attach(threadId: string, { handlers, tools, cwd }: ThreadHandlers): void {
    const before = this.#threads.get(threadId);
    this.#threads.set(threadId, {
      handlers: handlers ?? before?.handlers,
      tools: tools ?? before?.tools,
      cwd: cwd ?? before?.cwd,
    });
  }

  /** A fork gets what its source has. */
  inherit(threadId: string, fromThreadId: string): void {
    const own = this.#threads.get(fromThreadId);
    if (own !== undefined) this.attach(threadId, own);
  }

  detach(threadId: string): void {
    this.#threads.delete(threadId);
    this.#parents.delete(threadId);
  }

  /** Follows changes of the working directory. */
  observe(notification: Notification): void {
    if (notification.method !== "thread/settings/updated") return;
    const { threadId, threadSettings } = notification.params;
    if (this.#threads.has(threadId)) this.attach(threadId, { cwd: threadSettings.cwd });
  }

  /** A sub-agent asks on a thread of its own: its nearest ancestor with handlers or tools decides. */
  async of(threadId: string): Promise<FoundHandlers> {
    const someDecide = [...this.#threads.values()].some((each) => decides(each));
    const asked = new Set<string>();
    let cwd: string | undefined;
    let ownerId: string | null = null;
    for (let id: string | null = threadId; id !== null && this.#threads.size > 0; ) {
      const own = this.#threads.get(id);
      cwd ??= own?.cwd;
      if (own !== undefined) ownerId ??= id;
      if (own !== undefined && decides(own)) return { ...own, cwd, ownerId };
      // Parents come from outside: a circle of them would block the event loop forever.
      if (asked.has(id) || (cwd !== undefined && !someDecide)) break;
      asked.add(id);
      const parent: Promise<string | null> = this.#parentIdOf(id);
      // Without the parent the working directory is unknown, which is fine. Who decides must be known.
      id = await (someDecide ? parent : parent.catch(() => null));
    }
    return { cwd, ownerId };
  }

  #parentIdOf(threadId: string): Promise<string | null> {
    let parent = this.#parents.get(threadId);
    if (parent === undefined) {
      parent = this.#parentOf(threadId);
      this.#parents.set(threadId, parent);
      parent.catch(() => this.#parents.delete(threadId));
    }
    return parent;
  }
}

function decides({ handlers, tools }: ThreadHandlers): boolean {
  return handlers !== undefined || tools !== undefined;
}
