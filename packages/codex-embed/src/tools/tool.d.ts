import type {
  DynamicToolCallParams,
  DynamicToolCallResponse,
  DynamicToolSpec,
} from "../protocol/generated/protocol.js";
import type { InferOutput, Schema } from "../schema/types.js";
import { type ToolResult } from "./result.js";
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
/** A function that the agent may call. Made by `tool()`. */
export declare class Tool {
  #private;
  readonly name: string;
  readonly description: string;
  readonly timeoutMs: number | undefined;
}
/** Tools under one name, which the model sees together. Made by `toolGroup()`. */
export declare class ToolGroup {
  readonly name: string;
  readonly description: string;
  readonly tools: readonly Tool[];
}
/**
 * Makes a tool of a function. Arguments that do not conform to `parameters` never reach it; the model is told what is
 * wrong with them. A plain JSON Schema is checked when the optional peer `ajv` is installed; `args` is then `unknown`.
 *
 * @throws UsageError for a name, description, schema or time limit that cannot be, and for a schema that is nested
 * deeper than the runtime reads: 61 objects within each other, 60 in a group.
 */
export declare function tool<S extends Schema>(options: ToolOptions<S>): Tool;
/**
 * Gathers tools under a name and a description of their own (a namespace).
 *
 * @throws UsageError for a name or description that cannot be, two tools of one name, a name that the runtime keeps
 * for itself (`web`, `python`, `mcp__…`, …), or no tools.
 */
export declare function toolGroup(name: string, description: string, tools: readonly Tool[]): ToolGroup;
/** Refuses tools that the runtime would never call, because it has one of the name itself. In a group they are called. */
export declare function checkCallable(entries: readonly (Tool | ToolGroup)[]): void;
/** Refuses what `tool` and `toolGroup` did not make, and two of one name. */
export declare function checkUnique(entries: readonly (Tool | ToolGroup)[], where: string): void;
/** What a call of a tool takes from the session that it is made in. */
export interface ToolCallContext {
  /** Fires when the answer is of no use any more. */
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  /** Tells the developer of a result that cannot be sent: the model alone would read of it. */
  readonly warn?: (tool: string, problem: string) => void;
}
/** The tools that a thread offers to its agent. */
export declare class ToolSet {
  #private;
  /** How the runtime advertises them to the model. */
  readonly specs: DynamicToolSpec[];
  /** @throws UsageError when two of the tools or groups have one name, and for a name of the runtime's own tools. */
  constructor(tools: readonly (Tool | ToolGroup)[]);
  /** Whether a call is for a tool of this set. */
  has(call: Pick<DynamicToolCallParams, "namespace" | "tool">): boolean;
  /**
   * Answers a call: validates the arguments, executes, and brings the result to the wire's form. What goes wrong is an
   * answer too, which the model can read. Never rejects; settles at once when the context's signal fires or the tool's
   * time is over, whether or not the tool heeds its own signal.
   */
  call(params: DynamicToolCallParams, context: ToolCallContext): Promise<DynamicToolCallResponse>;
}
