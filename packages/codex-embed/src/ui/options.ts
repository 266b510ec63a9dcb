import type { TurnHandle } from "../client/turn.js";
import { flag, type Place, wrongKind } from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";

/**
 * What leaves the server beside the model's own words (answer, plan), the names and states of tool calls, and token counts.
 * All of it can hold paths and secrets of the machine.
 */
export interface UiInclude {
  /** Summaries of the model's reasoning. Default true. */
  readonly reasoning?: boolean | undefined;
  /** The text of commands. Default false: a page sees only what a command does, such as `read` or `search`. */
  readonly commands?: boolean | undefined;
  /** What commands print. Default false. */
  readonly output?: boolean | undefined;
  /** The paths of changed, viewed and generated files, and the folders of commands. Default false. */
  readonly paths?: boolean | undefined;
  /** The diffs of patches, and the diff of the turn, which names its files. Default false. */
  readonly diffs?: boolean | undefined;
  /** The arguments of tool calls, web searches and messages to sub-agents. Default false. */
  readonly toolInput?: boolean | undefined;
  /** The results of tool calls. Default false. */
  readonly toolOutput?: boolean | undefined;
  /** The messages of errors. Default false: a page sees a general sentence and a code. */
  readonly errors?: boolean | undefined;
}

/** Options of `toUIMessageStream` and `toAgUi`. */
export interface UiStreamOptions {
  /** What leaves the server. By default no commands, output, paths, diffs, tool data and error messages. */
  readonly include?: UiInclude | undefined;
}

/** The turn of a stream: a `TurnHandle` or a `ReviewHandle`. */
export type UiTurn = Pick<
  TurnHandle<unknown>,
  "id" | "threadId" | "interrupt" | "outcome" | typeof Symbol.asyncIterator
>;

/** Every choice made. */
export type Included = { readonly [K in keyof UiInclude]-?: boolean };

const CLOSED: Included = {
  reasoning: true,
  commands: false,
  output: false,
  paths: false,
  diffs: false,
  toolInput: false,
  toolOutput: false,
  errors: false,
};

const INCLUDE: OptionTable<UiInclude> = {
  reasoning: flag,
  commands: flag,
  output: flag,
  paths: flag,
  diffs: flag,
  toolInput: flag,
  toolOutput: flag,
  errors: flag,
};

/** The checks of `UiStreamOptions`. */
export const STREAM: OptionTable<UiStreamOptions> = { include: nested(INCLUDE) };

/** Checks what a stream is made of, and fills in the defaults. Throws `UsageError`. */
export function checkStream(turn: UiTurn, options: UiStreamOptions, call: string): Included {
  checkTurn(turn, { call, path: "turn" });
  return included(checkOptions(options, call, STREAM).include);
}

/** Fills in the defaults. */
export function included(include: UiInclude = {}): Included {
  const given = Object.entries(include).filter(([, value]) => value !== undefined);
  return { ...CLOSED, ...Object.fromEntries(given) };
}

/** Throws `UsageError` for anything but a turn; a common mistake is to leave out an `await`. */
function checkTurn(turn: unknown, place: Place): void {
  if (isTurn(turn)) return;
  throw wrongKind(turn, place, "Give the handle of a turn: await thread.startTurn(…).");
}

/** Whether a value is a turn. Also one of another copy of this package. */
export function isTurn(value: unknown): value is UiTurn {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.asyncIterator in value && "outcome" in value && "interrupt" in value && "threadId" in value;
}
