import { CodexError } from "../index.js";
import { type Check, listOf, oneOf, recordOf, required, text, wrongKind } from "../validate/kinds.js";
import { nested, type OptionTable } from "../validate/options.js";

/** A cassette is missing, damaged or not complete, its replay drifted, or it must not be written. Code `CASSETTE`. */
export class CassetteError extends CodexError {
  static override readonly typeName: string = "CassetteError";

  constructor(message: string, options?: ErrorOptions) {
    super("CASSETTE", message, options);
  }
}

/**
 * What a cassette does: `replay` answers from the file, `record` asks the provider and replaces the file, `update` answers
 * from the file and asks the provider where the session differs from it.
 */
export type CassetteMode = "replay" | "record" | "update";

/** A provider of the Responses API. */
export interface CassetteProvider {
  /** The URL before `/responses`, for example `https://api.openai.com/v1`. */
  readonly baseUrl: string;
  /** The environment variable that holds the key, which is sent as a bearer token. Default: no key is sent. */
  readonly apiKeyEnv?: string;
}

/** Options of a cassette. */
export interface CassetteOptions {
  /** The JSON file. Commit it with the tests. */
  readonly file: string;
  /** Default: the variable `CODEX_CASSETTE`, else `replay`. */
  readonly mode?: CassetteMode;
  /**
   * The model to record with. A replay uses the recorded one. `mock-model` is the kit's own, for a provider of yours that
   * is scripted. Default: the runtime's default model.
   */
  readonly model?: string;
  /**
   * The provider to record from. Default: OpenAI with the key in `OPENAI_API_KEY`, else with the login of
   * `npx codex login`.
   */
  readonly provider?: CassetteProvider;
  /** What must not be written: each match is replaced in requests and answers. */
  readonly redact?: readonly RegExp[];
  /** What differs from run to run in ways that the kit does not know: matches are equal to each other. */
  readonly ignore?: readonly RegExp[];
  /** Folders outside the workspace that the session names, by a name of letters. Their paths may differ in a replay. */
  readonly folders?: Readonly<Record<string, string>>;
  /** `recorded` keeps the times between the events of an answer and replays them. Default `fast`. */
  readonly pace?: "fast" | "recorded";
}

const pattern: Check = (value, place) => {
  if (!(value instanceof RegExp)) throw wrongKind(value, place, "Give a regular expression.");
};

const MODES: readonly CassetteMode[] = ["replay", "record", "update"];

/** @internal */
export const CASSETTE: OptionTable<CassetteOptions> = {
  file: required(text),
  mode: oneOf(MODES),
  model: text,
  provider: nested<CassetteProvider>({ baseUrl: required(text), apiKeyEnv: text }),
  redact: listOf(pattern),
  ignore: listOf(pattern),
  folders: recordOf(text),
  pace: oneOf(["fast", "recorded"]),
};

/** @internal The mode that the options or the environment choose. */
export function modeOf(options: CassetteOptions): CassetteMode {
  const chosen = options.mode ?? process.env["CODEX_CASSETTE"];
  if (chosen === undefined || chosen === "") return "replay";
  const mode = MODES.find((known) => known === chosen);
  if (mode !== undefined) return mode;
  throw new CassetteError(`CODEX_CASSETTE has an unknown value. Set it to ${MODES.join(", ")}, or unset it.`);
}
