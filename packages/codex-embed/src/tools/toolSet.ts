/** Owns the tools of a thread: how they are advertised, and how the model's calls of them are answered. */

import { messageOf } from "../errors/base.js";
import type {
  DynamicToolCallParams,
  DynamicToolCallResponse,
  DynamicToolSpec,
} from "../protocol/generated/protocol.js";
import type { SchemaIssue } from "../schema/types.js";
import { onAbort } from "../util/async.js";
import { failure, toToolResponse } from "./result.js";
import { checkCallable, checkUnique, type Tool, ToolGroup } from "./tool.js";

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

    const controller = new AbortController();
    let stopListening = () => {};
    let timer: NodeJS.Timeout | undefined;
    const cutShort = new Promise<DynamicToolCallResponse>((resolve) => {
      const end = (text: string, reason: unknown) => {
        resolve(failure(text));
        controller.abort(reason);
      };
      stopListening = onAbort(context.signal, () => end(`The call of ${name} was cancelled.`, context.signal.reason));
      timer = startTimer(tool.timeoutMs, (timeoutMs) => {
        const text = `${name} timed out after ${timeoutMs} ms.`;
        end(text, new DOMException(text, "TimeoutError"));
      });
    });
    try {
      return await Promise.race([cutShort, answer(tool, name, params, context, controller.signal)]);
    } finally {
      clearTimeout(timer);
      stopListening();
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

function startTimer(timeoutMs: number | undefined, fire: (timeoutMs: number) => void): NodeJS.Timeout | undefined {
  return timeoutMs === undefined ? undefined : setTimeout(fire, timeoutMs, timeoutMs);
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
