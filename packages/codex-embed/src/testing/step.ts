/** Owns the step: one answer of the model, made of parts, and the rules for their order. */

import { flag, recordOf, text } from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";
import type { FailurePart } from "./failures.js";
import {
  type MessagePart,
  type Pause,
  type RawEventPart,
  type RawItemPart,
  type ReasoningPart,
  ScriptError,
  TOKEN_COUNTS,
  type TokenCounts,
  type UsagePart,
} from "./parts.js";
import type { CustomToolCallPart, FunctionCallPart } from "./toolParts.js";

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

/** What holds for a whole step. */
export interface StepOptions {
  /** HTTP response headers, for example `x-codex-primary-used-percent`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** False makes the runtime ask the model again in the same turn, even without a tool call. */
  readonly endTurn?: boolean;
  /** The token counts of the response. */
  readonly usage?: TokenCounts;
}

const STEP: OptionTable<StepOptions> = { headers: recordOf(text), endTurn: flag, usage: nested(TOKEN_COUNTS) };

/** One answer of the model: what one request of the runtime gets. */
export interface Step {
  readonly kind: "step";
  readonly parts: readonly Part[];
  readonly options: StepOptions;
}

/**
 * Puts parts together to one answer of the model; options, if any, come first. Throws `ScriptError` when a part stands
 * behind one that ends the response, or an HTTP failure behind output.
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

/** @internal Whether the answer is no SSE stream at all. */
export function replacesStream(part: Part): boolean {
  return part.kind === "fail" || (part.kind === "malformed" && part.what === "body");
}

/** @internal A step's name in an error: the kinds of its parts, without their contents. */
export function describeStep({ parts }: Step): string {
  const names = parts.map((part) =>
    part.kind === "functionCall" || part.kind === "customToolCall" ? `call of ${part.name}` : part.kind,
  );
  return names.length === 1 ? `${names[0]}` : `step(${names.join(", ")})`;
}

function checkOrder(parts: readonly Part[]): void {
  for (const [index, part] of parts.entries()) {
    if (endsResponse(part) && index < parts.length - 1) {
      throw new ScriptError(`${part.kind}() ends the response: no part can stand behind it in a step.`);
    }
    if (replacesStream(part) && !parts.slice(0, index).every(isPause)) {
      throw new ScriptError(`${part.kind}() answers in place of a stream: only pauses can stand before it in a step.`);
    }
  }
}

function isPause(part: Part): boolean {
  return part.kind === "gate" || part.kind === "delay";
}

/** @internal Whether the response ends with this part, instead of being completed. */
export function endsResponse(part: Part): boolean {
  return ENDINGS.has(part.kind);
}
