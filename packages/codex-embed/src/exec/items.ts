/** Owns the types of the items that a turn consists of, as `codex exec` prints them. */

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
