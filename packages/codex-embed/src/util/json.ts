/**
 * How deep a message to the runtime may be nested. The runtime never answers a deeper one, and reports it on stderr only
 * (measured).
 */
export const MAX_MESSAGE_LEVELS = 127;

/** How deep JSON from a model may be nested: whatever reads, copies or checks it calls itself for each level. */
export const MAX_READ_LEVELS = 1_000;

/** Tells whether a value is an object and not an array. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells whether a value is an object literal of any realm, or an object without a prototype. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A value that JSON, or the runtime's JSON parser, cannot carry. */
export interface JsonFault {
  /** Where it is: property names and array indices. */
  readonly path: readonly (string | number)[];
  /** What is wrong with it, as a predicate: "is a function". Never holds its content. */
  readonly problem: string;
  /** The value itself, unless it is nested too deep. */
  readonly value?: unknown;
}

/** What a value may contain. */
export interface JsonRules {
  /** How deep objects and arrays may be nested. A value that contains itself is refused as well. */
  readonly maxLevels: number;
  /** Accepts text with an unpaired surrogate. Default false. */
  readonly unpairedSurrogates?: boolean;
  /** Accepts names that the runtime's parser reserves, for JSON that is sent as a string. Default false. */
  readonly reservedNames?: boolean;
  /** Accepts class instances. JSON carries their own properties only. Default false. */
  readonly instances?: boolean;
}

/** What `JSON.stringify` unwraps, and what it writes as an object. */
const CARRIED_TAGS: ReadonlySet<string> = new Set(["Object", "Array", "String", "Number", "Boolean", "Module"]);

/** serde_json reads an object with such a key as a number or text of its own, and refuses the message (measured). */
const RESERVED_KEY = "$serde_json::private::";

/** How many parts of a path a message shows. */
const SHOWN_PARTS = 8;

const TOO_DEEP = "is nested too deep or contains itself";
const UNPAIRED = "contains an unpaired surrogate: the text was cut inside a character";

/**
 * Finds the first value that JSON would refuse, drop or change: functions, symbols, BigInt, NaN, undefined in an array,
 * bytes, maps, errors and other instances of classes without `toJSON`, text that is not well-formed, and nesting over the
 * limit. Undefined members of objects are fine: JSON leaves them out. Linear in the size of the value. Never throws.
 */
export function findJsonFault(value: unknown, rules: JsonRules): JsonFault | undefined {
  return faultIn(value, "", rules, rules.maxLevels);
}

function faultIn(value: unknown, key: string | number, rules: JsonRules, levels: number): JsonFault | undefined {
  switch (typeof value) {
    case "string":
      return rules.unpairedSurrogates || value.isWellFormed() ? undefined : fault(UNPAIRED, value);
    case "number":
      return Number.isFinite(value) ? undefined : fault(`is ${value}`, value);
    case "object":
      return value === null ? undefined : faultInObject(value, key, rules, levels);
    case "function":
    case "symbol":
    case "bigint":
      return fault(`is a ${typeof value}`, value);
    default:
      return undefined;
  }
}

function faultInObject(value: object, key: string | number, rules: JsonRules, levels: number): JsonFault | undefined {
  if (levels === 0) return { path: [], problem: TOO_DEEP };
  try {
    // The toJSON of a Buffer would make it an array of numbers.
    if (ArrayBuffer.isView(value)) return fault(`is ${named(kindOf(value))}`, value);
    if ("toJSON" in value && typeof value.toJSON === "function") {
      const own: unknown = Reflect.apply(value.toJSON, value, [String(key)]);
      if (typeof own !== "object" || own === null) return faultIn(own, key, rules, levels);
      return faultInMembers(own, rules, levels);
    }
    return faultInMembers(value, rules, levels);
  } catch {
    return fault("cannot be read: a getter or its toJSON() throws", value);
  }
}

function faultInMembers(value: object, rules: JsonRules, levels: number): JsonFault | undefined {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const member: unknown = value[index];
      const found = member === undefined ? fault("is undefined", member) : faultIn(member, index, rules, levels - 1);
      if (found !== undefined) return within(index, found);
    }
    return undefined;
  }
  if (!isPlainObject(value) && !(rules.instances && CARRIED_TAGS.has(tagOf(value))))
    return fault(`is ${named(kindOf(value))}`, value);
  for (const name of Object.keys(value)) {
    if (!rules.unpairedSurrogates && !name.isWellFormed()) return fault(`has a property whose name ${UNPAIRED}`, value);
    if (!rules.reservedNames && name.startsWith(RESERVED_KEY))
      return fault(`has a property whose name begins with ${RESERVED_KEY}`, value);
    const found = faultIn(Reflect.get(value, name), name, rules, levels - 1);
    if (found !== undefined) return within(name, found);
  }
  return undefined;
}

/** Describes a fault and where it is. `root` names the value itself. */
export function describeFault({ path, problem }: JsonFault, root: string): string {
  return `${path.length === 0 ? root : formatPath(path)} ${problem}`;
}

/**
 * Replaces every unpaired surrogate in the output of `JSON.stringify` by U+FFFD. `JSON.stringify` escapes unpaired
 * surrogates, and no other character from U+D000 on. Behind an odd number of backslashes, it is text that looks like one.
 */
export function replaceUnpairedSurrogates(json: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let at = json.indexOf("\\ud"); at !== -1; at = json.indexOf("\\ud", at + 1)) {
    let start = at;
    while (json[start - 1] === "\\") start -= 1;
    if ((at - start) % 2 === 1) continue;
    parts.push(json.slice(from, at));
    from = at + "\\ud800".length;
  }
  if (from === 0) return json;
  parts.push(json.slice(from));
  return parts.join("\ufffd");
}

function fault(problem: string, value: unknown): JsonFault {
  return { path: [], problem, value };
}

function within(part: string | number, inner: JsonFault): JsonFault {
  return { ...inner, path: [part, ...inner.path] };
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/** The name of the object's class. */
function kindOf(value: object): string {
  const { constructor } = value;
  return typeof constructor === "function" && constructor.name !== "" ? constructor.name : tagOf(value);
}

function named(kind: string): string {
  return `${/^[AEIO]/.test(kind) ? "an" : "a"} ${kind}`;
}

function formatPath(path: JsonFault["path"]): string {
  const shown = path.slice(0, SHOWN_PARTS).map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`));
  const text = shown.join("").replace(/^\./, "");
  return path.length > SHOWN_PARTS ? `${text}…` : text;
}
