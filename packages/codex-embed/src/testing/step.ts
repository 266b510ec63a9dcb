import { flag, integer, listOf, recordOf, required, text } from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";
import {
  DELTAS,
  type FailurePart,
  type MessagePart,
  type Pause,
  type Piece,
  type RawEventPart,
  type RawItemPart,
  type ReasoningPart,
  ScriptError,
  splitText,
  TOKEN_COUNTS,
  type TokenCounts,
  type UsagePart,
} from "./parts.js";

/** A call of a function tool. */
export interface FunctionCallPart {
  readonly kind: "functionCall";
  readonly name: string;
  readonly namespace?: string;
  /** The arguments as the model writes them: normally JSON. */
  readonly argumentsText: string;
  readonly callId?: string;
}

/** A call of a custom tool, which takes free text. */
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
  /** The id of the call, under which its output comes back. Default: the next `call_N` of the model. */
  readonly callId?: string;
}

const TOOL_CALL: OptionTable<ToolCallOptions> = { namespace: text, callId: text };

/** Calls a function tool with arguments that are sent as JSON. Default: an empty object. */
export function toolCall(name: string, args: unknown = {}, options: ToolCallOptions = {}): FunctionCallPart {
  return rawToolCall(name, JSON.stringify(args), options);
}

/** Calls a function tool with arguments that are sent verbatim: for text that is not JSON. */
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
  /** The id of the call, under which its output comes back. Default: the next `call_N` of the model. */
  readonly callId?: string;
  /** Streams the input before the call: in this many deltas, or in exactly these pieces. Default 0: only the call. */
  readonly deltas?: number | readonly Piece[];
}

const CUSTOM_TOOL_CALL: OptionTable<CustomToolCallOptions> = { callId: text, deltas: DELTAS };

/** Calls a custom tool, which takes free text instead of JSON. */
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
  /** Asks to run outside the sandbox, so that the runtime requests an approval. */
  readonly escalate?: { readonly justification: string; readonly prefixRule?: readonly string[] };
  /** Runs a login shell, whose profile may print something. Default false. */
  readonly login?: boolean;
  /** Milliseconds after which the call returns while the command continues to run. Default: the runtime's. */
  readonly yieldTimeMs?: number;
  /** Gives the command a terminal, so that `write_stdin` can write to it. */
  readonly tty?: boolean;
  /** The shell to use. Default: the user's. */
  readonly shell?: string;
  /** How many tokens of output the model gets back. Default: the runtime's. */
  readonly maxOutputTokens?: number;
  /** The id of the call, under which its output comes back. Default: the next `call_N` of the model. */
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

/** Runs a shell command (the tool `exec_command`). */
export function shell(command: string, options: ShellOptions = {}): FunctionCallPart {
  checkOptions(options, "shell", SHELL);
  // JSON.stringify omits keys whose value is undefined.
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

/** Changes files by a patch in the format of the runtime, from `*** Begin Patch` to `*** End Patch`. */
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
  /** The id of the call, under which its output comes back. Default: the next `call_N` of the model. */
  readonly callId?: string;
}

const UPDATE_PLAN: OptionTable<UpdatePlanOptions> = { explanation: text, callId: text };

/** Replaces the plan of the turn (the tool `update_plan`). */
export function updatePlan(plan: readonly PlanStep[], options: UpdatePlanOptions = {}): FunctionCallPart {
  const { explanation, callId } = checkOptions(options, "updatePlan", UPDATE_PLAN);
  return toolCall("update_plan", { explanation, plan }, callId === undefined ? {} : { callId });
}

const ENDINGS: ReadonlySet<string> = new Set<FailurePart["kind"]>([
  "fail",
  "failResponse",
  "incomplete",
  "disconnect",
  "malformed",
  "silence",
]);

/** Anything that can stand in a step. */
export type Part =
  | MessagePart
  | ReasoningPart
  | FunctionCallPart
  | CustomToolCallPart
  | UsagePart
  | RawItemPart
  | RawEventPart
  | FailurePart
  | Pause;

/** Options of a whole step. */
export interface StepOptions {
  /** HTTP response headers, for example `x-codex-primary-used-percent`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** False makes the runtime send another request in the same turn, even without a tool call. */
  readonly endTurn?: boolean;
  /** The token counts of the response. */
  readonly usage?: TokenCounts;
}

const STEP: OptionTable<StepOptions> = { headers: recordOf(text), endTurn: flag, usage: nested(TOKEN_COUNTS) };

/** One response of the model: the answer to one request of the runtime. */
export interface Step {
  readonly kind: "step";
  readonly parts: readonly Part[];
  readonly options: StepOptions;
}

/**
 * Combines parts to one response of the model. Options, if any, come first.
 *
 * @throws ScriptError if a part follows one that ends the response, or if an HTTP failure follows output.
 */
export function step(options: StepOptions, ...parts: readonly Part[]): Step;
export function step(...parts: readonly Part[]): Step;
export function step(first?: Part | StepOptions, ...rest: readonly Part[]): Step {
  if (first === undefined) return { kind: "step", parts: [], options: {} };
  const made: Step =
    "kind" in first
      ? { kind: "step", parts: [first, ...rest], options: {} }
      : { kind: "step", parts: rest, options: checkOptions(first, "step", STEP) };
  checkOrder(made.parts);
  return made;
}

/** @internal A bare part is a step of one part. */
export function asStep(source: Step | Part): Step {
  return source.kind === "step" ? source : step(source);
}

/** @internal Whether the part replaces the SSE stream. */
export function replacesStream(part: Part): boolean {
  return part.kind === "fail" || (part.kind === "malformed" && part.what === "body");
}

/** @internal The name of a step in errors: the kinds of its parts, without their contents. */
export function describeStep({ parts }: Step): string {
  const names = parts.map((part) =>
    part.kind === "functionCall" || part.kind === "customToolCall" ? `call of ${part.name}` : part.kind,
  );
  return names.length === 1 ? `${names[0]}` : `step(${names.join(", ")})`;
}

function checkOrder(parts: readonly Part[]): void {
  for (const [index, part] of parts.entries()) {
    if (endsResponse(part) && index < parts.length - 1) {
      throw new ScriptError(`${part.kind}() ends the response: no part can follow it in a step.`);
    }
    if (replacesStream(part) && !parts.slice(0, index).every(isPause)) {
      throw new ScriptError(`${part.kind}() replaces the stream: only gates and delays can precede it in a step.`);
    }
  }
}

function isPause(part: Part): boolean {
  return part.kind === "gate" || part.kind === "delay";
}

/** @internal Whether this part ends the response instead of completing it. */
export function endsResponse(part: Part): boolean {
  return ENDINGS.has(part.kind);
}
