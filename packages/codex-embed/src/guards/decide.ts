import { CodexError } from "../errors/base.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import { type CallReader, readCall } from "./calls.js";
import { HOOKS } from "./hooks.js";
import type { GuardContext, GuardedCall, Guards } from "./types.js";

/** What a hook sends, as it came. */
export type HookInput = Readonly<Record<string, unknown>>;

/** What is asked of a guard, as its arguments without the context. */
type Question = readonly unknown[];

/** The answer of a guard as the text of its hook; undefined for an answer that is none. */
type Reading = (decision: unknown) => object | null | undefined;

/** What the model reads in place of an output that no guard has seen. */
const WITHHELD = "The output was withheld: a guard of the program failed. Do not rely on this call.";
const REFUSED = "A guard of the program failed, so this was refused. Do not try to work around it.";

/** How one guard is asked and answered. */
interface Procedure {
  readonly question: (input: HookInput, call: () => GuardedCall, rounds: number) => Question;
  readonly read: Reading;
  /** The denial when the guard fails. Null where the runtime offers none: the turn is then ended. */
  readonly denial: object | null;
}

const deny = (reason: string): object => ({
  hookSpecificOutput: {
    hookEventName: HOOKS.beforeTool.event,
    permissionDecision: "deny",
    permissionDecisionReason: reason.toWellFormed(),
  },
});

const block = (reason: string): object => ({ decision: "block", reason: reason.toWellFormed() });

const addContext = (guard: keyof Guards, context: string): object => ({
  hookSpecificOutput: { hookEventName: HOOKS[guard].event, additionalContext: context.toWellFormed() },
});

const PROCEDURES: Readonly<Record<keyof Guards, Procedure>> = {
  beforeTool: {
    question: (_, call) => [call()],
    read: (decision) => {
      if (decision === "allow") return null;
      const reason = textOf(decision, "deny");
      if (reason !== undefined) return deny(reason);
      if (!isOnly(decision, "input") || decision["input"] === undefined) return undefined;
      const updatedInput = decision["input"];
      const hookEventName = HOOKS.beforeTool.event;
      return { hookSpecificOutput: { hookEventName, permissionDecision: "allow", updatedInput } };
    },
    denial: deny(REFUSED),
  },
  afterTool: {
    question: (input, call) => [call(), { output: jsonOf(input["output"]) }],
    read: (decision) => {
      const text = textOf(decision, "replace");
      return text === undefined ? contextOf("afterTool", decision) : block(text);
    },
    denial: block(WITHHELD),
  },
  onPrompt: {
    question: (input) => [{ text: textIn(input, "prompt") ?? "" }],
    read: (decision) => {
      const reason = textOf(decision, "deny");
      return reason === undefined ? contextOf("onPrompt", decision) : block(reason);
    },
    denial: block(REFUSED),
  },
  onStop: { question: stopOf, read: continuation, denial: null },
  onSubagentStop: { question: stopOf, read: continuation, denial: null },
  onSessionStart: {
    question: (input) => [{ source: textIn(input, "source") ?? "" }],
    read: (decision) => contextOf("onSessionStart", decision),
    denial: null,
  },
  onSubagentStart: {
    question: (input) => [{ type: textIn(input, "type") }],
    read: (decision) => contextOf("onSubagentStart", decision),
    denial: null,
  },
  beforeCompact: { question: compactionOf, read: () => undefined, denial: null },
  afterCompact: { question: compactionOf, read: () => undefined, denial: null },
};

/** What a guard is asked, with the call that it is asked about. Throws for a call that cannot be read. */
export function questionOf(name: keyof Guards, input: HookInput, reader: CallReader, rounds: number): Question {
  const call = (): GuardedCall =>
    readCall(textIn(input, "tool") ?? "", jsonOf(input["input"]), textIn(input, "cwd") ?? "", reader);
  return PROCEDURES[name].question(input, call, rounds);
}

/** Calls a guard. `own` is the object that it is a method of. */
export async function ask(
  own: Guards,
  name: keyof Guards,
  question: Question,
  context: GuardContext,
): Promise<unknown> {
  const guard: unknown = own[name];
  if (typeof guard !== "function") return undefined;
  return Reflect.apply(guard, own, [...question, context]);
}

/**
 * The text that gives the runtime a decision; empty for none.
 *
 * @throws CodexError for an answer that is no decision of this guard.
 */
export function hookText(name: keyof Guards, decision: unknown): string {
  if (decision === undefined) return "";
  const answer = PROCEDURES[name].read(decision);
  if (answer === null) return "";
  if (answer !== undefined) return JSON.stringify(answer);
  throw new CodexError("INVALID_DECISION", `${name} returned an invalid decision. ${FORMS[name]}`);
}

/** The text of the denial when a guard fails; null where the runtime offers none. */
export function denialText(name: keyof Guards): string | null {
  const { denial } = PROCEDURES[name];
  return denial === null ? null : JSON.stringify(denial);
}

const CONTEXT_FORM = "Return undefined or { context: text }.";
const STOP_FORM = "Return undefined or { continueWith: text }.";
const NO_FORM = "Return nothing.";
const FORMS: Readonly<Record<keyof Guards, string>> = {
  beforeTool: 'Return undefined, "allow", { deny: reason } with a non-empty reason, or { input }.',
  afterTool: "Return undefined, { replace: text } with a non-empty text, or { context: text }.",
  onPrompt: "Return undefined, { deny: reason } with a non-empty reason, or { context: text }.",
  onStop: STOP_FORM,
  onSubagentStop: STOP_FORM,
  onSessionStart: CONTEXT_FORM,
  onSubagentStart: CONTEXT_FORM,
  beforeCompact: NO_FORM,
  afterCompact: NO_FORM,
};

function stopOf(input: HookInput, _: unknown, rounds: number): Question {
  return [{ answer: textIn(input, "answer"), rounds }];
}

function compactionOf(input: HookInput): Question {
  return [{ trigger: textIn(input, "trigger") ?? "" }];
}

function continuation(decision: unknown): object | undefined {
  const text = textOf(decision, "continueWith");
  return text === undefined ? undefined : block(text);
}

function contextOf(guard: keyof Guards, decision: unknown): object | undefined {
  const text = textOf(decision, "context");
  return text === undefined ? undefined : addContext(guard, text);
}

/** The text of a decision that has this member alone. The runtime ignores a decision without a text. */
function textOf(decision: unknown, key: string): string | undefined {
  const text = isOnly(decision, key) ? decision[key] : undefined;
  return typeof text === "string" && text.trim() !== "" ? text : undefined;
}

function isOnly(decision: unknown, key: string): decision is Readonly<Record<string, unknown>> {
  if (!isRecord(decision)) return false;
  const given = Object.keys(decision).filter((name) => decision[name] !== undefined);
  return given.length === 1 && given[0] === key;
}

function textIn(input: HookInput, key: string): string | null {
  const value = input[key];
  return typeof value === "string" ? value : null;
}

/** What came as JSON is JSON. */
function jsonOf(value: unknown): JsonValue {
  if (isJson(value)) return value;
  return null;
}

function isJson(value: unknown): value is JsonValue {
  return value !== undefined;
}
