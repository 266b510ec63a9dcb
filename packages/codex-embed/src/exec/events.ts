import { isRecord } from "../util/json.js";

/** The first event of a turn: its thread. */
export type ThreadStartedEvent = {
  type: "thread.started";
  /** The id for `resumeThread`. */
  thread_id: string;
};

/** The turn started. */
export type TurnStartedEvent = {
  type: "turn.started";
};

/**
 * Token counts of the whole thread, including its earlier turns. For the usage of one turn, subtract the counts of the
 * turn before.
 */
export type Usage = {
  input_tokens: number;
  /** Part of `input_tokens`. */
  cached_input_tokens: number;
  cache_write_input_tokens: number;
  output_tokens: number;
  /** Part of `output_tokens`. */
  reasoning_output_tokens: number;
};

/** The turn completed. */
export type TurnCompletedEvent = {
  type: "turn.completed";
  usage: Usage;
};

/** Why a turn failed. */
export type ThreadError = {
  message: string;
};

/** The turn failed. The runtime then exits with code 1. */
export type TurnFailedEvent = {
  type: "turn.failed";
  error: ThreadError;
};

/** An item started. */
export type ItemStartedEvent = {
  type: "item.started";
  item: ThreadItem;
};

/** An item changed: the steps of a to-do list. */
export type ItemUpdatedEvent = {
  type: "item.updated";
  item: ThreadItem;
};

/** An item ended. Its `status` says whether it succeeded. */
export type ItemCompletedEvent = {
  type: "item.completed";
  item: ThreadItem;
};

/**
 * An error. It ends the turn only if no other event does: the runtime also reports lost connections to the model that
 * it retries in this way.
 */
export type ThreadErrorEvent = {
  type: "error";
  message: string;
};

/** All events of the pinned runtime. A newer runtime may print others: see {@link unknownEvent}. */
export type ThreadEvent =
  | ThreadStartedEvent
  | TurnStartedEvent
  | TurnCompletedEvent
  | TurnFailedEvent
  | ItemStartedEvent
  | ItemUpdatedEvent
  | ItemCompletedEvent
  | ThreadErrorEvent;

/** An event of an unknown type, as it was printed. */
export type UnknownThreadEvent = {
  readonly type: string;
  readonly [key: string]: unknown;
};

type Shape = (event: Readonly<Record<string, unknown>>) => boolean;

/** Items of other runtimes may lack any property. `@openai/codex-sdk` passes them on, so they are not checked. */
const withItem: Shape = ({ item }) => isRecord(item);

/** The known types of events, with a check of the properties that the SDK itself reads. */
const SHAPES: Readonly<Record<ThreadEvent["type"], Shape>> = {
  "thread.started": (event) => isText(event["thread_id"]),
  "turn.started": () => true,
  "turn.completed": ({ usage }) => isRecord(usage),
  "turn.failed": ({ error }) => isRecord(error) && isText(error["message"]),
  "item.started": withItem,
  "item.updated": withItem,
  "item.completed": withItem,
  error: ({ message }) => isText(message),
};

/**
 * Returns the event with readable properties if its type is not part of {@link ThreadEvent}, or undefined if it is. The
 * union omits unknown types, so that a `switch` over it narrows.
 */
export function unknownEvent(event: ThreadEvent): UnknownThreadEvent | undefined {
  return Object.hasOwn(SHAPES, event.type) ? undefined : event;
}

/** Parses one line of the runtime's output. Returns undefined unless it is an event, of a known or an unknown type. */
export function parseEvent(line: string): ThreadEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isEvent(value)) return undefined;
  // Older runtimes do not report cache writes. As in `@openai/codex-sdk`, the key then comes last, and null becomes 0.
  if (value.type === "turn.completed") value.usage.cache_write_input_tokens ??= 0;
  return value;
}

/** Also true for unknown types, which the union omits on purpose. */
function isEvent(value: unknown): value is ThreadEvent {
  if (!isRecord(value)) return false;
  const { type } = value;
  return isText(type) && (!isKnown(type) || SHAPES[type](value));
}

function isKnown(type: string): type is ThreadEvent["type"] {
  return Object.hasOwn(SHAPES, type);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** The status of a command. `declined`: it was not allowed to run. */
export type CommandExecutionStatus = "in_progress" | "completed" | "failed" | "declined";

/** A command of the agent. */
export type CommandExecutionItem = {
  id: string;
  type: "command_execution";
  /** The whole command line, including the shell. */
  command: string;
  /** The output so far: stdout and stderr as one text. */
  aggregated_output: string;
  /** Null or absent until the command has exited by itself. */
  exit_code?: number | null;
  status: CommandExecutionStatus;
};

/** The kind of change of a file. */
export type PatchChangeKind = "add" | "delete" | "update";

/** One changed file. */
export type FileUpdateChange = {
  path: string;
  kind: PatchChangeKind;
};

/** The status of a file change. */
export type PatchApplyStatus = "in_progress" | "completed" | "failed";

/** A change of one or more files. */
export type FileChangeItem = {
  id: string;
  type: "file_change";
  changes: FileUpdateChange[];
  status: PatchApplyStatus;
};

/** The status of an MCP tool call. */
export type McpToolCallStatus = "in_progress" | "completed" | "failed";

/** One block of an MCP tool's result. `type` says what it is: text, an image, a resource, … */
export type McpContentBlock = {
  type: string;
  [key: string]: unknown;
};

/** A call of an MCP tool. */
export type McpToolCallItem = {
  id: string;
  type: "mcp_tool_call";
  server: string;
  tool: string;
  arguments: unknown;
  /** The result. Null or absent while the tool runs, and if it failed. */
  result?: {
    content: McpContentBlock[];
    _meta?: unknown;
    structured_content: unknown;
  } | null;
  /** Why the call failed. */
  error?: { message: string } | null;
  status: McpToolCallStatus;
};

/** What one agent asked another to do. */
export type CollabTool = "spawn_agent" | "send_input" | "wait" | "close_agent";

/** The status of a call between agents. */
export type CollabToolCallStatus = "in_progress" | "completed" | "failed";

/** The last known state of an agent that was called. */
export type CollabAgentState = {
  status: "pending_init" | "running" | "interrupted" | "completed" | "errored" | "shutdown" | "not_found";
  message: string | null;
};

/** A call from one agent to other agents. */
export type CollabToolCallItem = {
  id: string;
  type: "collab_tool_call";
  tool: CollabTool;
  sender_thread_id: string;
  receiver_thread_ids: string[];
  prompt: string | null;
  /** The states, by the thread id of the agent. */
  agents_states: Record<string, CollabAgentState>;
  status: CollabToolCallStatus;
};

/** A message of the agent: an answer or commentary. `codex exec` does not distinguish them. */
export type AgentMessageItem = {
  id: string;
  type: "agent_message";
  /** Text, or JSON if the turn has an `outputSchema`. */
  text: string;
};

/** A summary of the agent's reasoning. */
export type ReasoningItem = {
  id: string;
  type: "reasoning";
  text: string;
};

/** The action of a web search. */
export type WebSearchAction =
  | { type: "search"; query?: string | null; queries?: string[] | null }
  | { type: "open_page"; url?: string | null }
  | { type: "find_in_page"; url?: string | null; pattern?: string | null }
  | { type: "other" };

/** A web search. */
export type WebSearchItem = {
  /** The id that the model gave. The runtime prints two ids. */
  id: string;
  type: "web_search";
  query: string;
  action?: WebSearchAction;
};

/** An error that did not end the turn. */
export type ErrorItem = {
  id: string;
  type: "error";
  message: string;
};

/** One entry of a to-do list. */
export type TodoItem = {
  text: string;
  completed: boolean;
};

/** The agent's to-do list. It starts with the plan, is updated at each step, and completes at the end of the turn. */
export type TodoListItem = {
  id: string;
  type: "todo_list";
  items: TodoItem[];
};

/** All items of the pinned runtime. A newer runtime may print others: see {@link unknownItem}. */
export type ThreadItem =
  | AgentMessageItem
  | ReasoningItem
  | CommandExecutionItem
  | FileChangeItem
  | McpToolCallItem
  | CollabToolCallItem
  | WebSearchItem
  | TodoListItem
  | ErrorItem;

/** An item of an unknown type, as it was printed. */
export type UnknownThreadItem = {
  readonly id: string;
  readonly type: string;
  readonly [key: string]: unknown;
};

const KINDS: Readonly<Record<ThreadItem["type"], true>> = {
  agent_message: true,
  reasoning: true,
  command_execution: true,
  file_change: true,
  mcp_tool_call: true,
  collab_tool_call: true,
  web_search: true,
  todo_list: true,
  error: true,
};

/**
 * Returns the item with readable properties if its type is not part of {@link ThreadItem}, or undefined if it is. The
 * union omits unknown types, so that a `switch` over it narrows.
 */
export function unknownItem(item: ThreadItem): UnknownThreadItem | undefined {
  return Object.hasOwn(KINDS, item.type) ? undefined : item;
}
