import { UsageError } from "../errors/base.js";
import type { ReviewTarget } from "../protocol/generated/protocol.js";
import { isPlainObject } from "../util/json.js";
import {
  at,
  type Check,
  didYouMean,
  filled,
  isObject,
  nullable,
  oneOf,
  type Place,
  required,
  shownKey,
  text,
  wrongKind,
} from "./kinds.js";

/** A check for every option of a type. The compiler refuses a table with a missing or an additional option. */
export type OptionTable<T> = { readonly [K in keyof T]-?: Check };

/** The tables of a union of options, by the value that each member has in `K`. */
export type VariantTables<T extends Readonly<Record<K, string>>, K extends string> = {
  readonly [V in T as V[K]]: OptionTable<V>;
};

/** How many known options a message lists when none is close to an unknown one. */
const MAX_LISTED = 12;

/**
 * Checks the options of a call. Refuses keys that are not in the table, and values of the wrong kind.
 *
 * Own enumerable string keys count as given. A known option that an instance inherits from its class counts too, and
 * becomes an own one of the result. `undefined` counts as absent.
 *
 * @throws UsageError naming the option, the kind of its value, and what to do.
 */
export function checkOptions<T extends object>(
  options: T,
  call: string,
  table: OptionTable<NoInfer<T>>,
  elsewhere: Advice = ELSEWHERE,
): T {
  return checkTable(options, { call, path: "" }, table, elsewhere);
}

/** A check of nested options. */
export function nested<T extends object>(table: OptionTable<T>): Check {
  return (value, place) => {
    checkTable(value, place, table);
  };
}

/** Like {@link nested}, but an instance of a class may have members that the table does not know, such as its state. */
export function members<T extends object>(table: OptionTable<T>): Check {
  return (value, place) => {
    if (isPlainObject(value)) checkTable(value, place, table);
    else checkKnown(value, place, table);
  };
}

/** A check of a union of options: the value of `tag` selects the table. */
export function variants(tag: string, tables: Readonly<Record<string, Readonly<Record<string, Check>>>>): Check {
  return (value, place) => {
    if (!isObject(value)) throw wrongKind(value, place, `Give an object with a ${tag}.`);
    const name: unknown = Reflect.get(value, tag);
    oneOf(Object.keys(tables))(name, at(place, `.${tag}`));
    const table = typeof name === "string" ? tables[name] : undefined;
    if (table !== undefined) checkTable(value, place, table);
  };
}

const REVIEW_TARGETS: VariantTables<ReviewTarget, "type"> = {
  uncommittedChanges: { type: text },
  baseBranch: { type: text, branch: required(filled) },
  commit: { type: text, sha: required(filled), title: nullable(text) },
  custom: { type: text, instructions: required(filled) },
};

/** Throws `UsageError` for an invalid target of a review. */
export function checkReviewTarget(value: unknown, call: string): void {
  variants("type", REVIEW_TARGETS)(value, { call, path: "target" });
}

function checkTable<T>(options: T, place: Place, table: Readonly<Record<string, Check>>, elsewhere: Advice = {}): T {
  // Before the values: a misspelled name of a required option is reported as misspelled, not as missing.
  const unknown = isObject(options) ? Object.keys(options).find((key) => !Object.hasOwn(table, key)) : undefined;
  if (unknown !== undefined) throw unknownKey(unknown, place, Object.keys(table), elsewhere);
  return checkKnown(options, place, table);
}

function checkKnown<T>(options: T, place: Place, table: Readonly<Record<string, Check>>): T {
  if (!isObject(options)) {
    const whole = place.path === "" ? at(place, "options") : place;
    throw wrongKind(options, whole, "Give an object of options, or leave it out.");
  }
  const inherited: Record<string, unknown> = {};
  for (const [key, check] of Object.entries(table)) {
    const isOwn = Object.hasOwn(options, key);
    const isInherited = !isOwn && key in options && !(key in Object.prototype);
    const value: unknown = isOwn || isInherited ? Reflect.get(options, key) : undefined;
    if (value === undefined && check.isRequired !== true) continue;
    check(value, at(place, `.${key}`));
    if (isInherited) inherited[key] = value;
  }
  return Object.keys(inherited).length === 0 ? options : Object.assign({}, options, inherited);
}

function unknownKey(key: string, place: Place, known: readonly string[], elsewhere: Advice): UsageError {
  const { call, path } = at(place, `.${shownKey(key)}`);
  const near = didYouMean(key, known);
  const advice =
    adviceFor(key, known, elsewhere) ??
    (near !== null
      ? `Did you mean ${near}?`
      : known.length <= MAX_LISTED
        ? `Known options: ${known.join(", ")}.`
        : "Leave it out; docs/configuration.md lists the options.");
  return new UsageError(`${call}: unknown option ${path}. ${advice}`);
}

/** Names of the same option, here and in other SDKs. */
const SYNONYMS: readonly (readonly string[])[] = [
  ["cwd", "workingDirectory", "workingDir", "workdir"],
  ["sandbox", "sandboxMode", "sandboxPolicy"],
  ["approvalMode", "approvalPolicy", "approvalsReviewer", "askForApproval"],
  ["effort", "modelReasoningEffort", "reasoningEffort"],
  ["summary", "modelReasoningSummary", "reasoningSummary"],
  ["codexBin", "codexPathOverride", "codexPath"],
  ["outputSchema", "responseFormat"],
  ["deadlineMs", "timeout", "timeoutMs"],
  ["signal", "abortSignal", "abortController"],
  ["tools", "dynamicTools"],
  ["optOutNotifications", "optOutNotificationMethods"],
  ["launchArgs", "launchArgsOverride"],
  ["initialDelayMs", "initialDelayS"],
  ["maxDelayMs", "maxDelayS"],
  ["jitter", "jitterRatio"],
  ["developerInstructions", "instructions", "systemPrompt"],
  ["parameters", "inputSchema", "schema"],
  ["execute", "handler", "invoke"],
];

/** What to know about the values of an option that has another name here. */
const VALUES: Advice = {
  sandboxMode: '"danger-full-access" is "full-access" here.',
  sandboxPolicy: 'It takes "read-only", "workspace-write" or "full-access".',
  approvalPolicy: '"never" is "deny_all" here; "on-request" is "ask", with handlers, or "auto_review".',
  approvalsReviewer: '"user" is "ask" here.',
  abortController: "Give its .signal.",
  timeout: "In milliseconds.",
  initialDelayS: "In milliseconds.",
  maxDelayS: "In milliseconds.",
};

/** What to do instead of giving an option, by its name. */
export type Advice = Readonly<Record<string, string>>;

/** Options that belong to another call, and options of other SDKs: how to get the same here. */
const ELSEWHERE: Advice = {
  skipGitRepoCheck: "There is no such check here: leave it out.",
  networkAccessEnabled:
    "Use config: { sandbox_workspace_write: { network_access: true } } of the client or the thread.",
  additionalDirectories:
    "Use config: { sandbox_workspace_write: { writable_roots: […] } } of the client or the thread.",
  addDirs: "Use config: { sandbox_workspace_write: { writable_roots: […] } } of the client or the thread.",
  webSearchMode: 'Use config: { web_search: "live" } of the client or the thread.',
  webSearchEnabled: 'Use config: { web_search: "live" } of the client or the thread.',
  baseUrl: "Use config: { openai_base_url: … } of the client.",
  apiKey: "Log in with await codex.loginApiKey(key), or use a provider with env_key.",
  profile: "It belongs to a client that starts its runtime: new Codex({ profile }).",
  ignoreUserConfig: "It belongs to a client that starts its runtime: new Codex({ ignoreUserConfig }).",
  ignoreRules: "It belongs to a client that starts its runtime: new Codex({ ignoreRules }).",
  threadId: "The id is an argument of its own: codex.resumeThread(threadId, options).",
  input: "The input is an argument of its own: thread.run(input, options).",
  outputSchema: "It belongs to a turn: thread.run(input, { outputSchema }).",
  repairAttempts: "It belongs to thread.run(input, { outputSchema, repairAttempts }).",
  deadlineMs: "It belongs to a turn: thread.run(input, { deadlineMs }).",
  idleTimeoutMs: "It belongs to a turn: thread.run(input, { idleTimeoutMs }).",
  budget: "It belongs to a turn: thread.run(input, { budget: { tokens } }).",
  signal: "It belongs to a turn: thread.run(input, { signal }).",
  effort: "It belongs to a turn: thread.run(input, { effort }). For a thread: config: { model_reasoning_effort: … }.",
  summary:
    "It belongs to a turn: thread.run(input, { summary }). For a thread: config: { model_reasoning_summary: … }.",
  sandbox: "It belongs to a thread: codex.startThread({ sandbox }).",
  approvalMode: "It belongs to a thread: codex.startThread({ approvalMode }).",
  developerInstructions: "It belongs to a thread: codex.startThread({ developerInstructions }).",
  baseInstructions: "It belongs to a thread: codex.startThread({ baseInstructions }).",
  tools: "It belongs to a thread: codex.startThread({ tools }).",
  model: "It belongs to a thread: codex.startThread({ model }). For all threads of a client: config: { model: … }.",
  modelProvider: "It belongs to a thread: codex.startThread({ modelProvider }).",
  handlers: "It belongs to the client or to a thread: codex.startThread({ handlers }).",
  config: "It belongs to the client or to a thread: codex.startThread({ config }).",
  codexHome: "It belongs to the client: new Codex({ codexHome }).",
  codexBin: "It belongs to the client: new Codex({ codexBin }).",
  env: "It belongs to the client: new Codex({ env }).",
  logger: "It belongs to the client: new Codex({ logger }).",
  traceFile: "It belongs to the client: new Codex({ traceFile }).",
};

/** Returns what to do about an unknown option; null when the name is not known from anywhere. */
function adviceFor(key: string, known: readonly string[], elsewhere: Advice): string | null {
  const name = camelCase(key);
  if (name !== key && known.includes(name)) return `Use ${name}.`;
  const synonyms = SYNONYMS.find((names) => names.includes(name)) ?? [name];
  const ours = synonyms.find((synonym) => known.includes(synonym));
  if (ours !== undefined) return ["Use", `${ours}.`, own(VALUES, name)].filter((word) => word !== null).join(" ");
  const named = [name, ...synonyms].find((synonym) => own(elsewhere, synonym) !== null);
  return named === undefined ? null : own(elsewhere, named);
}

function own(table: Advice, key: string): string | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

/** `output_schema` and `output-schema` as `outputSchema`. */
function camelCase(key: string): string {
  return key.replace(/[_-]([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
