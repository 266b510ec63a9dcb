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
import type { ToolResult } from "./result.js";

/** The context of one call of a tool. */
export interface ToolContext {
  /** Aborts when nobody waits for the answer any more: the turn was interrupted or ended, or the call timed out. */
  readonly signal: AbortSignal;
  readonly threadId: string;
  readonly turnId: string;
  readonly callId: string;
  /** Writes to the client's logger, at level `info`. */
  readonly log: (message: string) => void;
}

/** The definition of a tool. `args` has the type that the schema in `parameters` gives to validated arguments. */
export interface ToolOptions<S extends Schema> {
  /**
   * 1 to 64 letters, digits, `_` and `-`; unique in its group, or among the tools without a group. Outside a group it
   * cannot be the name of one of the runtime's own tools: `startThread` refuses `view_image`, `exec_command`, ….
   */
  readonly name: string;
  /** What the tool does and when to use it. The model decides by it whether to call the tool. */
  readonly description: string;
  /** A Standard Schema (zod, valibot, arktype, …) or a JSON Schema. Its root has to be an object. */
  readonly parameters: S;
  /** Runs the call with validated arguments. The model reads the message of an error that it throws or rejects with. */
  execute(args: InferOutput<S>, context: ToolContext): ToolResult | Promise<ToolResult>;
  /** The time limit of a call, validation included, in milliseconds. Default: the call may last as long as the turn. */
  readonly timeoutMs?: number | undefined;
}

type Execute = (args: unknown, context: ToolContext) => Promise<SchemaResult<unknown>>;

/** A function that the agent may call. Create one with {@link tool}. */
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

  /** @internal The definition that is sent to the runtime. */
  get spec(): { type: "function" } & DynamicToolFunctionSpec {
    return { type: "function", name: this.name, description: this.description, inputSchema: this.#inputSchema };
  }

  /** @internal Validates the arguments and executes. Resolves with what `execute` returned, or with the issues. */
  run(args: unknown, context: ToolContext): Promise<SchemaResult<unknown>> {
    return this.#execute(args, context);
  }
}

/** Tools in a namespace of their own. Create one with {@link toolGroup}. */
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
 * Makes a function callable by the agent: `codex.startThread({ tools: [tool({ … })] })`. Arguments that do not conform to
 * `parameters` never reach the function; the model reads what is wrong with them and can call again. With a plain JSON
 * Schema, `args` is `unknown`.
 *
 * @throws UsageError for an invalid name, description, schema or time limit, and for a schema that is nested deeper than
 * the runtime reads: 61 objects within each other, 60 in a group.
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
 * Puts tools into a namespace with a name and a description. Two groups may have tools of the same name.
 *
 * @param name - 1 to 64 letters, digits, `_` and `-`.
 * @param description - what the tools have in common, for the model.
 * @throws UsageError for an invalid name or description, two tools of the same name, a name that the runtime reserves
 * (`web`, `python`, `mcp__…`, …), or an empty list.
 */
export function toolGroup(name: string, description: string, tools: readonly Tool[]): ToolGroup {
  checkName("tool group", name, description);
  list(tools, { call: "toolGroup", path: "tools" });
  if (RUNTIME_GROUPS.has(name) || name.startsWith(MCP_PREFIX)) {
    throw new UsageError(`A tool group cannot be named "${name}": the runtime reserves this name. Rename the group.`);
  }
  if (tools.length === 0) throw new UsageError(`The tool group ${name} has no tools. Give it at least one.`);
  checkUnique(tools, `The tool group ${name}`);
  checkReadable(`The tool group ${name}`, {
    description,
    tools: tools.map((each) => ({ parameters: each.spec.inputSchema })),
  });
  return new ToolGroup(name, description, [...tools]);
}

/** What the session of a call provides. */
export interface ToolCallContext {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  /** Reports a result that cannot be sent to the developer: otherwise only the model reads about it. */
  readonly warn?: (tool: string, problem: string) => void;
}

/** The tools that a thread offers to its agent (`dynamicTools` of `thread/start`). */
export class ToolSet {
  /** The definitions that are sent to the runtime. */
  readonly specs: DynamicToolSpec[];
  readonly #tools = new Map<string, Tool>();

  /** @throws UsageError when two tools or groups have the same name, and for a name of the runtime's own tools. */
  constructor(tools: readonly (Tool | ToolGroup)[]) {
    checkUnique(tools, "The list of tools");
    checkCallable(tools);
    this.specs = tools.map((entry) => this.#add(entry));
  }

  /** Tells whether a call is for a tool of this set. */
  has(call: Pick<DynamicToolCallParams, "namespace" | "tool">): boolean {
    return this.#tools.has(qualify(call.namespace, call.tool));
  }

  /** The tool that hooks of the runtime call by this name: the namespace and the name in one word (measured). */
  byHookName(hookName: string): { readonly name: string; readonly namespace?: string | undefined } | undefined {
    for (const spec of this.specs) {
      if (spec.type === "function") {
        if (spec.name === hookName) return { name: spec.name };
        continue;
      }
      const found = spec.tools.find(({ name }) => spec.name + name === hookName);
      if (found !== undefined) return { name: found.name, namespace: spec.name };
    }
    return undefined;
  }

  /**
   * Answers a call (`item/tool/call`): validates the arguments, executes, and converts the result. Every failure is an
   * answer that the model can read: never rejects. Settles at once when the context's signal aborts or the call times
   * out, whether or not the tool listens to its own signal.
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
    const { toToolResponse } = await import("./result.js");
    return await toToolResponse(returned);
  } catch (error) {
    if (returned !== undefined) context.warn?.(name, messageOf(error));
    // Only the message: a stack would not help the model.
    return failure(`${name} failed: ${messageOf(error)}`);
  }
}

/** Names contain no dot, so a qualified name belongs to one tool. */
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

/** An answer that the model reads as a failure: only its text says so. */
function failure(text: string): DynamicToolCallResponse {
  return { success: false, contentItems: [{ type: "inputText", text }] };
}

/** `tool` checks name, description and parameters itself. */
const TOOL: OptionTable<ToolOptions<Schema>> = {
  name: anything,
  description: anything,
  parameters: anything,
  execute: required(callback),
  timeoutMs: milliseconds,
};

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** An entry is nested in the message, its parameters and the list of tools. */
const MAX_ENTRY_LEVELS = MAX_MESSAGE_LEVELS - 3;

/**
 * The runtime's own tools: it answers a call with such a name itself, and offers its own tool instead (measured). Some of
 * them exist only with a feature or an MCP server, which this program need not know about. In code mode, which is off by
 * default, `exec` and `wait` are the runtime's as well; otherwise both are ordinary names.
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

/** The namespaces of the runtime, and those that the Responses API reserves. */
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

/** Refuses tools with the name of a runtime's own tool, which would never be called. In a group they are. */
function checkCallable(entries: readonly (Tool | ToolGroup)[]): void {
  for (const { name } of entries.filter((entry) => entry instanceof Tool)) {
    if (!RUNTIME_TOOLS.has(name) && !name.startsWith(MCP_PREFIX)) continue;
    throw new UsageError(
      `The tool "${name}" would never be called: the runtime reserves this name. Rename it, or put it into a toolGroup.`,
    );
  }
}

/** Refuses entries that `tool` and `toolGroup` did not make, and two entries of the same name. */
function checkUnique(entries: readonly (Tool | ToolGroup)[], where: string): void {
  const names = new Set<string>();
  for (const entry of entries) {
    if (!(entry instanceof Tool || entry instanceof ToolGroup)) {
      throw new UsageError(`${where} must contain what tool() and toolGroup() return.`);
    }
    if (names.has(entry.name)) {
      throw new UsageError(`${where} contains "${entry.name}" twice. Rename one of them, or put it into a toolGroup.`);
    }
    names.add(entry.name);
  }
}

/** Refuses a definition that the runtime could not read in a thread's list of tools. */
function checkReadable(what: string, entry: object): void {
  const fault = findJsonFault(entry, { maxLevels: MAX_ENTRY_LEVELS });
  if (fault === undefined) return;
  throw new UsageError(
    `${what} cannot be sent to the runtime: ${describeFault(fault, "it")}. Nest the schema less deeply, and use well-formed text.`,
  );
}

function checkName(kind: string, name: string, description: string): void {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new UsageError(
      `A ${kind} cannot be named ${JSON.stringify(name)}: a name is 1 to 64 letters, digits, "_" and "-".`,
    );
  }
  if (typeof description !== "string" || description.trim() === "") {
    throw new UsageError(
      `The ${kind} ${name} needs a description: the model reads it to decide when to use the ${kind}.`,
    );
  }
}
