import { isRecord } from "../util/json.js";

/** The thread of the turn; the first event. */
export type ThreadStartedEvent = {
  type: "thread.started";
  /** What `resumeThread` takes. */
  thread_id: string;
};

/** The turn has begun. */
export type TurnStartedEvent = {
  type: "turn.started";
};

/**
 * Token counts. The runtime counts over the whole thread, all its earlier turns included: the usage of one turn is the
 * difference to that of the turn before.
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

/** The turn is complete. */
export type TurnCompletedEvent = {
  type: "turn.completed";
  usage: Usage;
};

/** Why a turn failed. */
export type ThreadError = {
  message: string;
};

/** The turn has failed. The runtime exits with code 1 after it. */
export type TurnFailedEvent = {
  type: "turn.failed";
  error: ThreadError;
};

/** An item has begun. */
export type ItemStartedEvent = {
  type: "item.started";
  item: ThreadItem;
};

/** An item has changed: the steps of a to-do list. */
export type ItemUpdatedEvent = {
  type: "item.updated";
  item: ThreadItem;
};

/** An item has ended, well or not: its `status` tells. */
export type ItemCompletedEvent = {
  type: "item.completed";
  item: ThreadItem;
};

/**
 * Something went wrong. The end of the turn only when nothing else ends it: the runtime also says in this way that it
 * lost the connection to the model and tries again.
 */
export type ThreadErrorEvent = {
  type: "error";
  message: string;
};

/** Every kind of event that the pinned runtime prints. A newer one may print others: see {@link unknownEvent}. */
export type ThreadEvent =
  | ThreadStartedEvent
  | TurnStartedEvent
  | TurnCompletedEvent
  | TurnFailedEvent
  | ItemStartedEvent
  | ItemUpdatedEvent
  | ItemCompletedEvent
  | ThreadErrorEvent;

/** An event of a kind that this version does not know, as it was printed. */
export type UnknownThreadEvent = {
  readonly type: string;
  readonly [key: string]: unknown;
};

type Shape = (event: object) => boolean;

/** An item of another runtime may lack anything; a reader of `@openai/codex-sdk` got it all the same. */
const withItem: Shape = (event) => isRecord(memberOf(event, "item"));

/** The kinds of events, and what of each the SDK itself relies on. */
const SHAPES: Readonly<Record<ThreadEvent["type"], Shape>> = {
  "thread.started": (event) => isText(memberOf(event, "thread_id")),
  "turn.started": () => true,
  "turn.completed": (event) => isRecord(memberOf(event, "usage")),
  "turn.failed": (event) => {
    const error = memberOf(event, "error");
    return isRecord(error) && isText(memberOf(error, "message"));
  },
  "item.started": withItem,
  "item.updated": withItem,
  "item.completed": withItem,
  error: (event) => isText(memberOf(event, "message")),
};

/**
 * Gives the event back, as one that can be read, when its kind is none of {@link ThreadEvent}. The union does not name
 * such events, so that a `switch` over it narrows.
 */
export function unknownEvent(event: ThreadEvent): UnknownThreadEvent | undefined {
  return Object.hasOwn(SHAPES, event.type) ? undefined : event;
}

/** Reads one line of the runtime's output; undefined when it holds no event. An event of an unknown kind is one. */
export function parseEvent(line: string): ThreadEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isEvent(value)) return undefined;
  // Older runtimes do not report writes to the cache. As in `@openai/codex-sdk`, the key comes last then, and null is 0.
  if (value.type === "turn.completed") value.usage.cache_write_input_tokens ??= 0;
  return value;
}

/** Holds for unknown kinds as well, which the union leaves out on purpose. */
function isEvent(value: unknown): value is ThreadEvent {
  const type = isRecord(value) ? value["type"] : undefined;
  return isRecord(value) && isText(type) && (!isKnown(type) || SHAPES[type](value));
}

function isKnown(type: string): type is ThreadEvent["type"] {
  return Object.hasOwn(SHAPES, type);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function memberOf(value: object, name: string): unknown {
  return Reflect.get(value, name);
}

/** How a command stands. `declined`: it was not allowed to run. */
export type CommandExecutionStatus = "in_progress" | "completed" | "failed" | "declined";

/** A command that the agent ran or runs. */
export type CommandExecutionItem = {
  id: string;
  type: "command_execution";
  /** The whole command line, with the shell that runs it. */
  command: string;
  /** What the command has written so far, stdout and stderr as one text. */
  aggregated_output: string;
  /** Null or absent until the command has ended by itself. */
  exit_code?: number | null;
  status: CommandExecutionStatus;
};

/** What happens to a file. */
export type PatchChangeKind = "add" | "delete" | "update";

/** One file of a change. */
export type FileUpdateChange = {
  path: string;
  kind: PatchChangeKind;
};

/** How a change of files stands. */
export type PatchApplyStatus = "in_progress" | "completed" | "failed";

/** A change of files. */
export type FileChangeItem = {
  id: string;
  type: "file_change";
  changes: FileUpdateChange[];
  status: PatchApplyStatus;
};

/** How a call of an MCP tool stands. */
export type McpToolCallStatus = "in_progress" | "completed" | "failed";

/** One block of what an MCP tool returned: text, an image, a resource, …, told apart by `type`. */
export type McpContentBlock = {
  type: string;
  [key: string]: unknown;
};

/** A call of a tool of an MCP server. */
export type McpToolCallItem = {
  id: string;
  type: "mcp_tool_call";
  server: string;
  tool: string;
  arguments: unknown;
  /** What the tool returned; null or absent while it runs and when it failed. */
  result?: {
    content: McpContentBlock[];
    _meta?: unknown;
    structured_content: unknown;
  } | null;
  /** Why the call failed. */
  error?: { message: string } | null;
  status: McpToolCallStatus;
};

/** What an agent asked of another agent. */
export type CollabTool = "spawn_agent" | "send_input" | "wait" | "close_agent";

/** How a call between agents stands. */
export type CollabToolCallStatus = "in_progress" | "completed" | "failed";

/** The last that is known of an agent that was called. */
export type CollabAgentState = {
  status: "pending_init" | "running" | "interrupted" | "completed" | "errored" | "shutdown" | "not_found";
  message: string | null;
};

/** A call from one agent to others. */
export type CollabToolCallItem = {
  id: string;
  type: "collab_tool_call";
  tool: CollabTool;
  sender_thread_id: string;
  receiver_thread_ids: string[];
  prompt: string | null;
  /** By the id of the agent's thread. */
  agents_states: Record<string, CollabAgentState>;
  status: CollabToolCallStatus;
};

/** Something that the agent said: an answer, or commentary on the way. `codex exec` does not tell the two apart. */
export type AgentMessageItem = {
  id: string;
  type: "agent_message";
  /** Text; JSON when the turn has an `outputSchema`. */
  text: string;
};

/** A summary of what the agent thought. */
export type ReasoningItem = {
  id: string;
  type: "reasoning";
  text: string;
};

/** What a web search did. */
export type WebSearchAction =
  | { type: "search"; query?: string | null; queries?: string[] | null }
  | { type: "open_page"; url?: string | null }
  | { type: "find_in_page"; url?: string | null; pattern?: string | null }
  | { type: "other" };

/** A search of the web. */
export type WebSearchItem = {
  /** The id that the model gave, since the runtime prints two. */
  id: string;
  type: "web_search";
  query: string;
  action?: WebSearchAction;
};

/** Something that went wrong and did not end the turn. */
export type ErrorItem = {
  id: string;
  type: "error";
  message: string;
};

/** One line of a to-do list. */
export type TodoItem = {
  text: string;
  completed: boolean;
};

/** The agent's to-do list. It starts with the plan, is updated with each step, and completes at the end of the turn. */
export type TodoListItem = {
  id: string;
  type: "todo_list";
  items: TodoItem[];
};

/** Every kind of item that the pinned runtime prints. A newer one may print others: see {@link unknownItem}. */
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

/** An item of a kind that this version does not know, as it was printed. */
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
 * Gives the item back, as one that can be read, when its kind is none of {@link ThreadItem}. The union does not name
 * such items, so that a `switch` over it narrows.
 */
export function unknownItem(item: ThreadItem): UnknownThreadItem | undefined {
  return Object.hasOwn(KINDS, item.type) ? undefined : item;
}
