import { messageOf, UsageError } from "../errors/base.js";
import type {
  DynamicToolCallParams,
  DynamicToolCallResponse,
  DynamicToolFunctionSpec,
  DynamicToolSpec,
} from "../protocol/generated/protocol.js";
import { prepareArguments } from "../schema/prepare.js";
import type { InferOutput, Schema, SchemaIssue, SchemaResult } from "../schema/types.js";
import { withLimits } from "../util/async.js";
import { describeFault, findJsonFault, MAX_MESSAGE_LEVELS } from "../util/json.js";
import { anything, callback, list, milliseconds, required } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { failure, type ToolResult, toToolResponse } from "./result.js";

/** What a tool is told about the call, besides its arguments. */
export interface ToolContext {
  /** Fires when the answer is of no use any more: the turn was interrupted or ended, or the tool's time is over. */
  readonly signal: AbortSignal;
  readonly threadId: string;
  readonly turnId: string;
  readonly callId: string;
  /** Writes to the client's logger. */
  readonly log: (message: string) => void;
}

/** A tool's definition; the type of `args` is that of the schema in `parameters`, after validation. */
export interface ToolOptions<S extends Schema> {
  /**
   * 1 to 64 letters, digits, `_` and `-`; unique in its group, or among the ungrouped tools. Outside of a group it cannot
   * be the name of a tool that the runtime has itself: `startThread` refuses `view_image`, `exec_command`, ….
   */
  readonly name: string;
  /** What the tool does and when to use it, for the model. */
  readonly description: string;
  /** A Standard Schema (zod, valibot, arktype, …) or a JSON Schema, of an object. */
  readonly parameters: S;
  /** A throw becomes a failed result with the error's message, which the model reads. */
  execute(args: InferOutput<S>, context: ToolContext): ToolResult | Promise<ToolResult>;
  /** How long a call may take, validation included. Default: no limit but the turn's end. */
  readonly timeoutMs?: number | undefined;
}

/** Name, description and parameters are checked where they are read. */
const TOOL: OptionTable<ToolOptions<Schema>> = {
  name: anything,
  description: anything,
  parameters: anything,
  execute: required(callback),
  timeoutMs: milliseconds,
};

/** The message, its parameters and the list of tools are around an entry. */
const MAX_ENTRY_LEVELS = MAX_MESSAGE_LEVELS - 3;

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * The runtime's own tools: it answers a call of such a name itself, and offers its own tool instead (measured). Some are
 * there only with a feature or an MCP server, which this program need not know of. In code mode, which is off by default,
 * `exec` and `wait` are the runtime's as well; both are ordinary names otherwise.
 */
const RUNTIME_TOOLS: ReadonlySet<string> = new Set([
  "apply_patch",
  "create_goal",
  "exec_command",
  "get_context_remaining",
  "get_goal",
  "list_mcp_resource_templates",
  "list_mcp_resources",
  "new_context",
  "read_mcp_resource",
  "request_permissions",
  "request_user_input",
  "shell_command",
  "update_goal",
  "update_plan",
  "view_image",
  "web_search",
  "write_stdin",
]);

/** Namespaces of the runtime, and those that the Responses API keeps for itself. */
const RUNTIME_GROUPS: ReadonlySet<string> = new Set([
  "api_tool",
  "browser",
  "collaboration",
  "computer",
  "container",
  "functions",
  "image_gen",
  "multi_agent_v1",
  "multi_tool_use",
  "python",
  "web",
]);

const MCP_PREFIX = "mcp__";

type Execute = (args: unknown, context: ToolContext) => Promise<SchemaResult<unknown>>;

/** A function that the agent may call. Made by `tool()`. */
export class Tool {
  readonly name: string;
  readonly description: string;
  readonly timeoutMs: number | undefined;
  readonly #inputSchema: DynamicToolFunctionSpec["inputSchema"];
  readonly #execute: Execute;

  /** @internal */
  constructor(spec: DynamicToolFunctionSpec, timeoutMs: number | undefined, execute: Execute) {
    this.name = spec.name;
    this.description = spec.description;
    this.timeoutMs = timeoutMs;
    this.#inputSchema = spec.inputSchema;
    this.#execute = execute;
  }

  /** @internal How the runtime advertises it. */
  get spec(): { type: "function" } & DynamicToolFunctionSpec {
    return { type: "function", name: this.name, description: this.description, inputSchema: this.#inputSchema };
  }

  /** @internal Validates and executes: gives what `execute` returned, or what is wrong with the arguments. */
  run(args: unknown, context: ToolContext): Promise<SchemaResult<unknown>> {
    return this.#execute(args, context);
  }
}

/** Tools under one name, which the model sees together. Made by `toolGroup()`. */
export class ToolGroup {
  readonly name: string;
  readonly description: string;
  readonly tools: readonly Tool[];

  /** @internal */
  constructor(name: string, description: string, tools: readonly Tool[]) {
    this.name = name;
    this.description = description;
    this.tools = tools;
  }
}

/**
 * Makes a tool of a function. Arguments that do not conform to `parameters` never reach it; the model is told what is
 * wrong with them. A plain JSON Schema is checked when the optional peer `ajv` is installed; `args` is then `unknown`.
 *
 * @throws UsageError for a name, description, schema or time limit that cannot be, and for a schema that is nested
 * deeper than the runtime reads: 61 objects within each other, 60 in a group.
 */
export function tool<S extends Schema>(options: ToolOptions<S>): Tool {
  const { name, description, parameters, timeoutMs } = checkOptions(options, "tool", TOOL);
  checkName("tool", name, description);
  const prepared = prepareArguments(parameters, `The parameters of the tool ${name}`);
  checkReadable(`The tool ${name}`, { description, parameters: prepared.inputSchema });
  const spec = { name, description, inputSchema: prepared.inputSchema };
  return new Tool(spec, timeoutMs, async (args, context) => {
    const checked = await prepared.validate(args);
    if (!checked.ok) return checked;
    context.signal.throwIfAborted();
    return { ok: true, value: await options.execute(checked.value, context) };
  });
}

/**
 * Gathers tools under a name and a description of their own (a namespace).
 *
 * @throws UsageError for a name or description that cannot be, two tools of one name, a name that the runtime keeps
 * for itself (`web`, `python`, `mcp__…`, …), or no tools.
 */
export function toolGroup(name: string, description: string, tools: readonly Tool[]): ToolGroup {
  checkName("tool group", name, description);
  list(tools, { call: "toolGroup", path: "tools" });
  if (RUNTIME_GROUPS.has(name) || name.startsWith(MCP_PREFIX)) {
    throw new UsageError(`A tool group cannot be named "${name}": the runtime keeps this name for itself. Rename it.`);
  }
  if (tools.length === 0) throw new UsageError(`The tool group ${name} has no tools.`);
  checkUnique(tools, `The tool group ${name}`);
  checkReadable(`The tool group ${name}`, {
    description,
    tools: tools.map((each) => ({ parameters: each.spec.inputSchema })),
  });
  return new ToolGroup(name, description, [...tools]);
}

/** Refuses tools that the runtime would never call, because it has one of the name itself. In a group they are called. */
export function checkCallable(entries: readonly (Tool | ToolGroup)[]): void {
  for (const { name } of entries.filter((entry) => entry instanceof Tool)) {
    if (!RUNTIME_TOOLS.has(name) && !name.startsWith(MCP_PREFIX)) continue;
    throw new UsageError(
      `The tool "${name}" would never be called: the runtime keeps this name for itself. Rename it, or put it into a toolGroup.`,
    );
  }
}

/** Refuses what `tool` and `toolGroup` did not make, and two of one name. */
export function checkUnique(entries: readonly (Tool | ToolGroup)[], where: string): void {
  const names = new Set<string>();
  for (const entry of entries) {
    if (!(entry instanceof Tool || entry instanceof ToolGroup)) {
      throw new UsageError(`${where} must hold what tool() and toolGroup() make.`);
    }
    if (names.has(entry.name)) {
      throw new UsageError(`${where} holds "${entry.name}" twice. Rename one, or put it into a toolGroup.`);
    }
    names.add(entry.name);
  }
}

/** Refuses a definition that the runtime could not read as an entry of a thread's list of tools. */
function checkReadable(what: string, entry: object): void {
  const fault = findJsonFault(entry, { maxLevels: MAX_ENTRY_LEVELS });
  if (fault === undefined) return;
  throw new UsageError(
    `${what} cannot be offered: ${describeFault(fault, "it")}. Make the schema flatter, and its text well-formed.`,
  );
}

function checkName(kind: string, name: string, description: string): void {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new UsageError(
      `A ${kind} cannot be named ${JSON.stringify(name)}: a name is 1 to 64 letters, digits, "_" and "-".`,
    );
  }
  if (typeof description !== "string" || description.trim() === "") {
    throw new UsageError(`The ${kind} ${name} needs a description: the model decides by it.`);
  }
}

/** What a call of a tool takes from the session that it is made in. */
export interface ToolCallContext {
  /** Fires when the answer is of no use any more. */
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  /** Tells the developer of a result that cannot be sent: the model alone would read of it. */
  readonly warn?: (tool: string, problem: string) => void;
}

/** The tools that a thread offers to its agent. */
export class ToolSet {
  /** How the runtime advertises them to the model. */
  readonly specs: DynamicToolSpec[];
  readonly #tools = new Map<string, Tool>();

  /** @throws UsageError when two of the tools or groups have one name, and for a name of the runtime's own tools. */
  constructor(tools: readonly (Tool | ToolGroup)[]) {
    checkUnique(tools, "The list of tools");
    checkCallable(tools);
    this.specs = tools.map((entry) => this.#add(entry));
  }

  /** Whether a call is for a tool of this set. */
  has(call: Pick<DynamicToolCallParams, "namespace" | "tool">): boolean {
    return this.#tools.has(qualify(call.namespace, call.tool));
  }

  /**
   * Answers a call: validates the arguments, executes, and brings the result to the wire's form. What goes wrong is an
   * answer too, which the model can read. Never rejects; settles at once when the context's signal fires or the tool's
   * time is over, whether or not the tool heeds its own signal.
   */
  async call(params: DynamicToolCallParams, context: ToolCallContext): Promise<DynamicToolCallResponse> {
    const name = qualify(params.namespace, params.tool);
    const tool = this.#tools.get(name);
    if (tool === undefined) return failure(`The tool ${name} is not available in this session.`);
    if (context.signal.aborted) return failure(`The call of ${name} was cancelled.`);

    const { timeoutMs } = tool;
    const controller = new AbortController();
    const onTimeout = () => new DOMException(`${name} timed out after ${timeoutMs} ms.`, "TimeoutError");
    try {
      const answering = answer(tool, name, params, context, controller.signal);
      return await withLimits(answering, { signal: context.signal, timeoutMs, onTimeout });
    } catch (reason) {
      // An answer never rejects, so a limit has ended the call.
      controller.abort(reason);
      return failure(context.signal.aborted ? `The call of ${name} was cancelled.` : messageOf(reason));
    }
  }

  #add(entry: Tool | ToolGroup): DynamicToolSpec {
    if (!(entry instanceof ToolGroup)) {
      this.#tools.set(qualify(null, entry.name), entry);
      return entry.spec;
    }
    for (const tool of entry.tools) this.#tools.set(qualify(entry.name, tool.name), tool);
    return {
      type: "namespace",
      name: entry.name,
      description: entry.description,
      tools: entry.tools.map((tool) => tool.spec),
    };
  }
}

async function answer(
  tool: Tool,
  name: string,
  params: DynamicToolCallParams,
  context: ToolCallContext,
  signal: AbortSignal,
): Promise<DynamicToolCallResponse> {
  const { threadId, turnId, callId } = params;
  const log = (message: string) => context.log(message);
  let returned: unknown;
  try {
    const outcome = await tool.run(params.arguments, { signal, threadId, turnId, callId, log });
    if (!outcome.ok) return failure(describeIssues(name, outcome.issues));
    returned = outcome.value;
    return await toToolResponse(returned);
  } catch (error) {
    if (returned !== undefined) context.warn?.(name, messageOf(error));
    // The message alone: a stack is nothing for the model.
    return failure(`${name} failed: ${messageOf(error)}`);
  }
}

/** Names cannot hold a dot, so a qualified name is of one tool only. */
function qualify(namespace: string | null, tool: string): string {
  return namespace === null ? tool : `${namespace}.${tool}`;
}

function describeIssues(name: string, issues: readonly SchemaIssue[]): string {
  const lines = issues.map(({ path, message }) => `- ${path.length === 0 ? "(root)" : path.join(".")}: ${message}`);
  return [
    `The arguments of ${name} do not conform to its parameters:`,
    ...lines,
    `Correct them and call ${name} again.`,
  ].join("\n");
}
