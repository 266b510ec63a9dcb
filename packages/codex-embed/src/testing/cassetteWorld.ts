import { isRecord } from "../util/json.js";
import type { JsonObject } from "./recordedRequest.js";

/** Values that a request teaches, and that an answer may name: they are numbered in order of appearance. */
const NUMBERED: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["id", /(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])/g],
  ["session", /(?<=session ID |session_id\W{1,4})\d+/g],
];

/** What differs from run to run, or with the version of the runtime, and is named by no answer. */
const VOLATILE: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["environment", /<environment_context>[^]*?<\/environment_context>/g],
  ["chunk", /(?<=Chunk ID: )[0-9a-f]+/g],
  ["seconds", /(?<=Wall time: )[\d.]+(?= seconds)/g],
  // It counts the characters of paths too.
  ["count", /(?<=Original token count: )\d+/g],
  ["process", /(?<=\bpid[ :=]{1,2})\d+/gi],
  ["time", /\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?/g],
];

/** Values that stand anywhere once the conversation has told them: working directories, and the names of sub-agents. */
const TOLD: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ["cwd", /(?<=<cwd>)[^<]{2,}(?=<\/cwd>)/g],
  ["name", /(?<="nickname":")[^"\\]{2,}(?=")/g],
];
const PLACEHOLDER = /‹([A-Za-z]+(?:\.json)?(?: \d+)?)›/g;

/** Members of an item that are the provider's or the runtime's own, and no part of the conversation. */
const OWN_MEMBER = /^(?:id|status|encrypted_content|internal_.*)$/;

/** Members of a part of a message that some runtimes send back to the provider, and others do not. */
const PART_MEMBER = /^(?:annotations|logprobs)$/;

/** A request as a cassette compares it. */
export interface Reading {
  /** The conversation with placeholders such as `‹workspace›` and `‹id 1›`. */
  readonly conversation: readonly unknown[];
  /** The values behind the placeholders, by placeholder. */
  readonly values: ReadonlyMap<string, string>;
}

/** Puts placeholders in the place of what differs between two runs of a session, and back. */
export class World {
  readonly #redact: readonly RegExp[];
  readonly #ignore: readonly RegExp[];
  #folders: readonly (readonly [name: string, path: string])[] = [];

  constructor(redact: readonly RegExp[] = [], ignore: readonly RegExp[] = []) {
    this.#redact = redact.map(everywhere);
    this.#ignore = ignore.map(everywhere);
  }

  /** Names the folders of this run. A folder inside of another one is recognised by its own name. */
  setFolders(folders: Readonly<Record<string, string>>): void {
    this.#folders = longestFirst(Object.entries(folders));
  }

  /**
   * Reads the conversation of a request. Developer messages, tool lists and the description of the environment change
   * with the runtime and the machine, and a notice that a sub-agent has ended comes at any time: they are no part of it.
   */
  read(input: readonly JsonObject[]): Reading {
    const items = input.filter(isOfConversation);
    const words = this.#wordsIn(items);
    const values = new Map<string, string>();
    for (const [name, word] of words) for (const [form, text] of formsOf(name, word)) values.set(form, text);
    const names = new Map<string, string>();
    const counts = new Map<string, number>();
    const nameOf = (kind: string, value: string): string => {
      const key = `${kind} ${value}`;
      const known = names.get(key);
      if (known !== undefined) return known;
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      const name = `‹${kind} ${count}›`;
      names.set(key, name);
      values.set(name, value);
      return name;
    };
    const conversation = items.map((item) =>
      mapTexts(withoutOwn(item), (text) => {
        let result = withoutWords(this.#redacted(text), words);
        for (const [kind, pattern] of VOLATILE) result = result.replace(pattern, `‹${kind}›`);
        for (const [kind, pattern] of NUMBERED) result = result.replace(pattern, (value) => nameOf(kind, value));
        for (const pattern of this.#ignore) result = result.replace(pattern, "‹ignored›");
        return result;
      }),
    );
    return { conversation, values };
  }

  /** Makes the function that puts placeholders in the place of what a request has taught. */
  hider({ values }: Reading): (answer: string) => string {
    const names = new Map([...values].map(([name, value]) => [value, name]));
    const words = longestFirst([...values].filter(([name]) => !isNumbered(name)));
    return (answer) => {
      let result = this.#redacted(answer);
      for (const [name, word] of words) result = replaceWord(result, word, name);
      for (const [, pattern] of NUMBERED) result = result.replace(pattern, (value) => names.get(value) ?? value);
      return result;
    };
  }

  #redacted(text: string): string {
    return this.#redact.reduce((result, pattern) => result.replace(pattern, "‹redacted›"), text);
  }

  /** The folders of this run, and what the runtime tells in this conversation, numbered in order of appearance. */
  #wordsIn(items: readonly JsonObject[]): readonly (readonly [name: string, text: string])[] {
    const seen = new Set(this.#folders.map(([, path]) => path));
    const words = [...this.#folders];
    for (const [kind, pattern] of TOLD) {
      let count = 0;
      mapTexts(items, (text) => {
        for (const [word] of text.matchAll(pattern)) {
          if (seen.has(word)) continue;
          seen.add(word);
          count += 1;
          words.push([`${kind} ${count}`, word]);
        }
        return text;
      });
    }
    return longestFirst(words);
  }
}

/** Puts the values of this run in the place of the placeholders. */
export function show(answer: string, { values }: Reading): string {
  return answer.replace(PLACEHOLDER, (name) => values.get(name) ?? name);
}

/** Applies `change` to every text inside of a value. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((part) => mapTexts(part, change));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, mapTexts(part, change)]));
}

/** The first place where two conversations differ, with what is there in each; null if they are equal. */
export interface Difference {
  readonly path: string;
  readonly recorded: string;
  readonly now: string;
}

export function firstDifference(recorded: unknown, now: unknown, path = "input"): Difference | null {
  if (recorded === now) return null;
  if (typeof recorded === "string" && typeof now === "string") {
    let at = 0;
    while (recorded[at] === now[at]) at += 1;
    return { path, recorded: around(recorded, at), now: around(now, at) };
  }
  if ((isRecord(recorded) && isRecord(now)) || (Array.isArray(recorded) && Array.isArray(now))) {
    const [before, after] = [new Map(Object.entries(recorded)), new Map(Object.entries(now))];
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      const found = firstDifference(before.get(key), after.get(key), `${path}.${key}`);
      if (found !== null) return found;
    }
    return null;
  }
  return { path, recorded: shown(recorded), now: shown(now) };
}

const SHOWN_CHARS = 120;
const SHOWN_BEFORE = 40;

/** The part of a text around the place where it differs. */
function around(text: string, at: number): string {
  const from = text.length <= SHOWN_CHARS ? 0 : Math.max(0, at - SHOWN_BEFORE);
  const part = text.slice(from, from + SHOWN_CHARS);
  return JSON.stringify(`${from > 0 ? "…" : ""}${part}${from + SHOWN_CHARS < text.length ? "…" : ""}`);
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return json.length <= SHOWN_CHARS ? json : `${json.slice(0, SHOWN_CHARS)}…`;
}

function isOfConversation({ role, type, content }: JsonObject): boolean {
  if (role === "developer" || type === "additional_tools") return false;
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  const text = isRecord(first) ? first["text"] : content;
  return !(role === "user" && typeof text === "string" && text.startsWith("<subagent_notification>"));
}

function withoutOwn(item: JsonObject): JsonObject {
  const { content, ...kept } = without(item, OWN_MEMBER);
  if (!Array.isArray(content)) return content === undefined ? kept : { ...kept, content };
  return { ...kept, content: content.map((part) => (isRecord(part) ? without(part, PART_MEMBER) : part)) };
}

/** The object without the members of these names, and without those that are null. */
function without(source: JsonObject, names: RegExp): JsonObject {
  return Object.fromEntries(Object.entries(source).filter(([key, value]) => value !== null && !names.test(key)));
}

/** A path as it is, and as it stands in JSON inside of a text: on Windows, these differ. */
function formsOf(name: string, path: string): readonly (readonly [placeholder: string, text: string])[] {
  const escaped = JSON.stringify(path).slice(1, -1);
  const plain = [`‹${name}›`, path] as const;
  return escaped === path ? [plain] : [[`‹${name.replace(/ \d+$/, "")}.json›`, escaped], plain];
}

function withoutWords(text: string, words: readonly (readonly [name: string, word: string])[]): string {
  let result = text;
  for (const [name, word] of words) {
    for (const [form, value] of formsOf(name, word)) result = replaceWord(result, value, form);
  }
  return result;
}

/** Replaces a path or a name where it stands as a whole or begins another one: `/a/b` is in `/a/b/c` and not in `/a/bc`. */
function replaceWord(text: string, word: string, name: string): string {
  const parts = text.split(word);
  return parts.reduce((result, part) => `${result}${/^[\w-]/.test(part) ? word : name}${part}`);
}

function isNumbered(placeholder: string): boolean {
  return NUMBERED.some(([kind]) => placeholder.startsWith(`‹${kind} `));
}

function longestFirst<T extends readonly [string, string]>(entries: readonly T[]): readonly T[] {
  return [...entries].sort(([, left], [, right]) => right.length - left.length);
}

function everywhere(pattern: RegExp): RegExp {
  return pattern.global ? pattern : new RegExp(pattern.source, `${pattern.flags}g`);
}
