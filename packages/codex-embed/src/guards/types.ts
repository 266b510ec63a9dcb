import type { FileUpdateChange, JsonValue } from "../protocol/generated/protocol.js";

/** A shell command that the agent wants to run. */
export interface CommandCall {
  readonly kind: "command";
  /** The script as the model wrote it: what the shell runs. */
  readonly script: string;
  /** The arguments, when the script is one plain command without anything that a shell expands. Null otherwise. */
  readonly argv: readonly string[] | null;
  /** The working directory of the thread. The command itself may run in another one. */
  readonly cwd: string;
  /** The input of the tool as the runtime sends it. */
  readonly input: JsonValue;
}

/** A patch that the agent wants to apply. */
export interface PatchCall {
  readonly kind: "patch";
  /**
   * The files that the patch changes, at least one: absolute paths, the kind of each change (a move names its target in
   * `move_path`, absolute too) and the text of the change in the patch.
   */
  readonly files: readonly FileUpdateChange[];
  /** The whole patch as the model wrote it. */
  readonly patch: string;
  readonly cwd: string;
  /** The input of the tool as the runtime sends it. */
  readonly input: JsonValue;
}

/** A call of a tool of an MCP server. */
export interface McpCall {
  readonly kind: "mcp";
  /** The name of the server in the configuration of the runtime. */
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonValue;
  /** The input of the tool as the runtime sends it: the arguments. */
  readonly input: JsonValue;
}

/** A call of a tool of this program (`tools`). */
export interface ToolCall {
  readonly kind: "tool";
  readonly name: string;
  /** The namespace of a tool in a group. */
  readonly namespace?: string | undefined;
  readonly arguments: JsonValue;
  /** The input of the tool as the runtime sends it: the arguments. */
  readonly input: JsonValue;
}

/** A call of any other tool of the runtime, such as the ones for sub-agents. */
export interface OtherCall {
  readonly kind: "other";
  /** The name of the tool for the runtime's hooks. */
  readonly name: string;
  readonly input: JsonValue;
}

/** A call of a tool, by kind. */
export type GuardedCall = CommandCall | PatchCall | McpCall | ToolCall | OtherCall;

/** Whose event it is. */
export type GuardedAgent =
  | { readonly kind: "main" }
  | {
      readonly kind: "subagent";
      /** The thread of the sub-agent. */
      readonly threadId: string;
      /** The type of the agent, such as `explorer`. Null when the runtime does not say it. */
      readonly type: string | null;
    };

/** What every guard gets besides its event. */
export interface GuardContext {
  /** The thread that has the guards. For an event of a sub-agent: the thread whose agent began it. */
  readonly threadId: string;
  /** The turn; null outside of one. */
  readonly turnId: string | null;
  /** The id that the model gave the call; null for events that are no call. */
  readonly callId: string | null;
  readonly agent: GuardedAgent;
  /** The working directory of the agent. */
  readonly cwd: string;
  /** Aborts when the decision is no longer needed or comes too late: the turn ended, `guardTimeoutMs`, a closed client. */
  readonly signal: AbortSignal;
}

/**
 * A decision on a call. `undefined` and `"allow"` let it continue, to the sandbox and to the approvals as without a guard;
 * `deny` refuses it, and the model reads the reason; `input` replaces the input of the tool, in the form of `call.input`.
 */
export type BeforeToolDecision =
  | undefined
  | "allow"
  | { readonly deny: string; readonly input?: undefined }
  | { readonly input: JsonValue; readonly deny?: undefined };

/**
 * What the model reads after a call. `replace`: this text in place of the output. `context`: the output, and this text
 * beside it as a developer message.
 */
export type AfterToolDecision =
  | undefined
  | { readonly replace: string; readonly context?: undefined }
  | { readonly context: string; readonly replace?: undefined };

/** The result of a call for `afterTool`. */
export interface GuardedResult {
  /** The output as the runtime sends it: a string for commands and patches, the result of an MCP tool as an object. */
  readonly output: JsonValue;
}

/** A prompt for `onPrompt`. */
export interface GuardedPrompt {
  readonly text: string;
}

/** `deny`: the model is not asked, and the turn ends without an answer. `context`: a developer message beside the prompt. */
export type PromptDecision =
  | undefined
  | { readonly deny: string; readonly context?: undefined }
  | { readonly context: string; readonly deny?: undefined };

/** The end of a turn for `onStop`, and of a sub-agent for `onSubagentStop`. */
export interface GuardedStop {
  /** The last answer of the agent; null when it gave none. */
  readonly answer: string | null;
  /** How many times a guard has continued this turn already. */
  readonly rounds: number;
}

/** `continueWith`: the agent reads this text and continues its turn. */
export type StopDecision = undefined | { readonly continueWith: string };

/** The start of a session for `onSessionStart`. */
export interface GuardedSession {
  /** Why it starts: `startup`, `resume`, `clear` or `compact`. */
  readonly source: string;
}

/** `context`: a developer message at the start. */
export type ContextDecision = undefined | { readonly context: string };

/** A compaction for `beforeCompact` and `afterCompact`. */
export interface GuardedCompaction {
  /** Who asked for it: `manual` or `auto`. */
  readonly trigger: string;
}

/** A sub-agent for `onSubagentStart`. `context.agent` names it. */
export interface GuardedSubagent {
  /** The type of the agent, such as `explorer`. Null when the runtime does not say it. */
  readonly type: string | null;
}

/** A decision, now or later. */
export type Eventually<T> = T | Promise<T>;

/**
 * Functions of this program that the runtime asks before and after every call of a tool, inside the sandbox too, and at
 * the ends of prompts, turns and compactions. All are optional. They run in the async context of the turn, and several at
 * a time where the agent makes several calls at a time.
 *
 * A guard that throws, answers something else or takes longer than `guardTimeoutMs` denies, and a `handlerError` reports it.
 */
export interface Guards {
  /** Decides on a call before it runs (hook `PreToolUse`). */
  readonly beforeTool?:
    | ((call: GuardedCall, context: GuardContext) => Eventually<BeforeToolDecision | void>)
    | undefined;
  /** Sees a call that ran, before the model reads its output (hook `PostToolUse`). */
  readonly afterTool?:
    | ((call: GuardedCall, result: GuardedResult, context: GuardContext) => Eventually<AfterToolDecision | void>)
    | undefined;
  /** Decides on a prompt before the model reads it (hook `UserPromptSubmit`). */
  readonly onPrompt?: ((prompt: GuardedPrompt, context: GuardContext) => Eventually<PromptDecision | void>) | undefined;
  /** Decides whether the agent may end its turn (hook `Stop`). */
  readonly onStop?: ((turn: GuardedStop, context: GuardContext) => Eventually<StopDecision | void>) | undefined;
  /** Adds context when a session starts (hook `SessionStart`). */
  readonly onSessionStart?:
    | ((session: GuardedSession, context: GuardContext) => Eventually<ContextDecision | void>)
    | undefined;
  /** Called before the history is compacted (hook `PreCompact`). */
  readonly beforeCompact?: ((compaction: GuardedCompaction, context: GuardContext) => Eventually<void>) | undefined;
  /** Called after the history was compacted (hook `PostCompact`). */
  readonly afterCompact?: ((compaction: GuardedCompaction, context: GuardContext) => Eventually<void>) | undefined;
  /** Adds context for a sub-agent that starts (hook `SubagentStart`). */
  readonly onSubagentStart?:
    | ((agent: GuardedSubagent, context: GuardContext) => Eventually<ContextDecision | void>)
    | undefined;
  /** Decides whether a sub-agent may end (hook `SubagentStop`). */
  readonly onSubagentStop?: ((stop: GuardedStop, context: GuardContext) => Eventually<StopDecision | void>) | undefined;
}

/** Guards that have these functions. */
export type GuardsWith<K extends keyof Guards> = { readonly [P in K]: NonNullable<Guards[P]> };
