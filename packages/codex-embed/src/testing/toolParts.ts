/** Owns the parts of a script that are tool calls. */

import { flag, integer, listOf, required, text } from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";
import { DELTAS, type Piece, splitText } from "./parts.js";

/** A call of a function tool. */
export interface FunctionCallPart {
  readonly kind: "functionCall";
  readonly name: string;
  readonly namespace?: string;
  /** The arguments as the model writes them: JSON, unless the script wants otherwise. */
  readonly argumentsText: string;
  readonly callId?: string;
}

/** A call of a tool that takes free text. */
export interface CustomToolCallPart {
  readonly kind: "customToolCall";
  readonly name: string;
  readonly input: string;
  readonly pieces: readonly Piece[];
  readonly callId?: string;
}

/** Options of every tool call. */
export interface ToolCallOptions {
  /** The namespace of the tool, for example `mcp__files` for the tools of an MCP server named `files`. */
  readonly namespace?: string;
  /** The id that the result comes back under. Default: the next `call_N` of the model. */
  readonly callId?: string;
}

const TOOL_CALL: OptionTable<ToolCallOptions> = { namespace: text, callId: text };

/** Calls a function tool with arguments that are sent as JSON. */
export function toolCall(name: string, args: unknown = {}, options: ToolCallOptions = {}): FunctionCallPart {
  return rawToolCall(name, JSON.stringify(args), options);
}

/** Calls a function tool with an arguments string that is sent as it is: for arguments that are not JSON. */
export function rawToolCall(name: string, argumentsText: string, options: ToolCallOptions = {}): FunctionCallPart {
  checkOptions(options, "toolCall", TOOL_CALL);
  return {
    kind: "functionCall",
    name,
    argumentsText,
    ...(options.namespace !== undefined && { namespace: options.namespace }),
    ...(options.callId !== undefined && { callId: options.callId }),
  };
}

/** Options of `customToolCall` and `applyPatch`. */
export interface CustomToolCallOptions {
  /** The id that the result comes back under. Default: the next `call_N` of the model. */
  readonly callId?: string;
  /** Streams the input in so many pieces, or in exactly these, before the call. Default 0: only the finished call. */
  readonly deltas?: number | readonly Piece[];
}

const CUSTOM_TOOL_CALL: OptionTable<CustomToolCallOptions> = { callId: text, deltas: DELTAS };

/** Calls a tool that takes free text instead of JSON. */
export function customToolCall(name: string, input: string, options: CustomToolCallOptions = {}): CustomToolCallPart {
  checkOptions(options, "customToolCall", CUSTOM_TOOL_CALL);
  return {
    kind: "customToolCall",
    name,
    input,
    pieces: splitText(input, options.deltas ?? 0),
    ...(options.callId !== undefined && { callId: options.callId }),
  };
}

/** Options of `shell`. */
export interface ShellOptions {
  /** The working directory of the command. Default: the thread's. */
  readonly workdir?: string;
  /** Asks to run outside the sandbox: this is what makes the runtime ask for an approval. */
  readonly escalate?: { readonly justification: string; readonly prefixRule?: readonly string[] };
  /** Runs a login shell, whose profile may print on its own. Default false. */
  readonly login?: boolean;
  /** How long the call waits for the command before it answers that it still runs. Default: the runtime's. */
  readonly yieldTimeMs?: number;
  /** Gives the command a terminal, so that `write_stdin` can talk to it. */
  readonly tty?: boolean;
  /** The shell to use. Default: the user's. */
  readonly shell?: string;
  /** How many tokens of output go back to the model. Default: the runtime's. */
  readonly maxOutputTokens?: number;
  /** The id that the result comes back under. Default: the next `call_N` of the model. */
  readonly callId?: string;
}

const SHELL: OptionTable<ShellOptions> = {
  workdir: text,
  escalate: nested({ justification: required(text), prefixRule: listOf(text) }),
  login: flag,
  yieldTimeMs: integer(0),
  tty: flag,
  shell: text,
  maxOutputTokens: integer(0),
  callId: text,
};

/** Runs a shell command (tool `exec_command`). */
export function shell(command: string, options: ShellOptions = {}): FunctionCallPart {
  checkOptions(options, "shell", SHELL);
  // A key whose value is undefined is left out by JSON.stringify.
  const args = {
    cmd: command,
    workdir: options.workdir,
    shell: options.shell,
    login: options.login ?? false,
    tty: options.tty,
    yield_time_ms: options.yieldTimeMs,
    max_output_tokens: options.maxOutputTokens,
    sandbox_permissions: options.escalate && "require_escalated",
    justification: options.escalate?.justification,
    prefix_rule: options.escalate?.prefixRule,
  };
  return toolCall("exec_command", args, options.callId === undefined ? {} : { callId: options.callId });
}

/** Changes files by a patch in the runtime's own format, from `*** Begin Patch` to `*** End Patch`. */
export function applyPatch(patch: string, options: CustomToolCallOptions = {}): CustomToolCallPart {
  return customToolCall("apply_patch", patch, options);
}

/** One line of a plan. */
export interface PlanStep {
  readonly step: string;
  readonly status: "pending" | "in_progress" | "completed";
}

/** Options of `updatePlan`. */
export interface UpdatePlanOptions {
  readonly explanation?: string;
  /** The id that the result comes back under. Default: the next `call_N` of the model. */
  readonly callId?: string;
}

const UPDATE_PLAN: OptionTable<UpdatePlanOptions> = { explanation: text, callId: text };

/** Replaces the plan of the turn. */
export function updatePlan(plan: readonly PlanStep[], options: UpdatePlanOptions = {}): FunctionCallPart {
  const { explanation, callId } = checkOptions(options, "updatePlan", UPDATE_PLAN);
  return toolCall("update_plan", { explanation, plan }, callId === undefined ? {} : { callId });
}
