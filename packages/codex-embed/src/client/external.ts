import { UsageError } from "../errors/base.js";
import type { FunctionCallOutputContentItem, TurnToolOutput, UserInput } from "../protocol/generated/protocol.js";
import { filled, isObject, required, wrongKind } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { type ImageInput, type Input, type TextInput, toUserInput } from "./turn.js";

/** A part of an external message: text or an image. */
export type ExternalPart = string | TextInput | ImageInput;

/** A message from outside: a result of CI, a mail, a page. The model reads it as the output of a tool. */
export interface ExternalMessage {
  /** Where it comes from, as the model sees it: a short name such as `ci`, at most 64 characters. */
  readonly source: string;
  /** What it says. */
  readonly content: string | readonly ExternalPart[];
}

/** An external message as the whole input of a turn. The runtime does not mix it with other input. */
export interface ExternalInput extends ExternalMessage {
  readonly type: "external";
}

/** The input of a turn: input of the user, or a message from outside. */
export type TurnInput = Input | ExternalInput;

/** The fields of `turn/start` that carry an input. */
export interface TurnInputFields {
  readonly input: UserInput[];
  readonly toolOutput?: TurnToolOutput;
}

const MAX_SOURCE_CHARS = 64;

const source: typeof filled = (value, place) => {
  filled(value, place);
  const given = String(value);
  if (given.length <= MAX_SOURCE_CHARS && !/[\p{Cc}\p{Cs}]/u.test(given)) return;
  throw new UsageError(
    `${place.call}: ${place.path} must have at most ${MAX_SOURCE_CHARS} characters and no control characters. ` +
      'Give a short name such as "ci", and put details into the content.',
  );
};

const content: typeof filled = (value, place) => {
  if (!Array.isArray(value)) filled(value, place);
  else if (value.length === 0) throw new UsageError(`${place.call}: ${place.path} is empty. Give at least one part.`);
};

const MESSAGE: OptionTable<ExternalMessage> = { source: required(source), content: required(content) };

/**
 * Converts the input of a turn to the protocol's form, as `toUserInput` does.
 *
 * @throws UsageError for an external message without a source or content.
 */
export async function toTurnInput(input: TurnInput, cwd: string | undefined): Promise<TurnInputFields> {
  if (!isExternal(input)) return { input: await toUserInput(input, cwd) };
  const { type: _, ...message } = input;
  return { input: [], toolOutput: await toToolOutput(message, "input") };
}

function isExternal(input: TurnInput): input is ExternalInput {
  return isObject(input) && "type" in input && input.type === "external";
}

/**
 * Converts an external message to the protocol's form.
 *
 * @param call - names the call in errors.
 */
export async function toToolOutput(message: ExternalMessage, call: string): Promise<TurnToolOutput> {
  if (!isObject(message)) throw wrongKind(message, { call, path: "message" }, "Give { source, content }.");
  const checked = checkOptions(message, call, MESSAGE);
  const output = typeof checked.content === "string" ? checked.content : await outputParts(checked.content, call);
  return { name: checked.source, namespace: null, output };
}

async function outputParts(parts: readonly ExternalPart[], call: string): Promise<FunctionCallOutputContentItem[]> {
  const converted = await toUserInput(parts, undefined);
  return converted.map((part) => {
    if (part.type === "text") return { type: "input_text", text: part.text };
    if (part.type !== "image" || !("url" in part)) {
      throw new UsageError(
        `${call}: content has a part of type "${part.type}". An external message takes text and images.`,
      );
    }
    const { url, detail } = part;
    return { type: "input_image", image_url: url, ...(detail === undefined ? {} : { detail }) };
  });
}
