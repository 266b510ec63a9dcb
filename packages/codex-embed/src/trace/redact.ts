import { redactSecrets } from "../process/stderr.js";
import { isRecord } from "../util/json.js";

const REDACTED = "[redacted]";
/** Deeper values are left out: nothing that the runtime sends by itself is as deep (measured: 11). */
const MAX_DEPTH = 64;

/** Members whose text is a credential, whatever it looks like. */
const SECRET_NAME =
  /(?:token|secret|passw(?:or)?d|passphrase|credentials?|authorization|cookie|attestation|(?:api|access|private|secret|session|auth)[_-]?key)$/i;
/** Members whose values are credentials, or may be: the user code of a login, variables, headers. */
const SECRET_MEMBERS = new Set(["usercode", "env", "headers", "http_headers", "httpheaders", "env_http_headers"]);

/** Members whose text says what something is, not what is in it. */
const KINDS = new Set(
  "method type kind status state phase role source reason decision action model modelProvider effort code".split(" "),
);
/** Identifiers, and methods and words of the protocol. */
const WORD = /^[\w./:@-]{1,128}$/;

/**
 * A copy of a message of the protocol without credentials: text that looks like one, and members whose names say so. With
 * `content` false also without all text but ids and kinds. Linear in the size of the message.
 */
export function redactMessage(message: unknown, content: boolean): unknown {
  return redact(message, "", { content, isSecret: false }, 0);
}

interface Rules {
  readonly content: boolean;
  /** Whether all text is a credential. */
  readonly isSecret: boolean;
}

function redact(value: unknown, name: string, rules: Rules, depth: number): unknown {
  if (typeof value === "string") return redactText(value, name, rules);
  if (typeof value !== "object" || value === null) return rules.isSecret && value !== null ? REDACTED : value;
  if (depth === MAX_DEPTH) return "[too deep]";
  if (Array.isArray(value)) {
    return value.map((entry: unknown, index) => {
      const isSecret = rules.isSecret || isSecretFlag(value[index - 1]);
      return redact(entry, name, { ...rules, isSecret }, depth + 1);
    });
  }
  if (!isRecord(value)) return null;
  const isSecret = rules.isSecret || SECRET_MEMBERS.has(name.toLowerCase());
  const members = Object.entries(value).map(([key, member]) => [
    rules.content || /^[A-Za-z]\w{0,63}$/.test(key) ? key : "[key]",
    redact(member, key, { ...rules, isSecret }, depth + 1),
  ]);
  return Object.fromEntries(members);
}

/** Whether an argument of a command line says that the next one is a credential: `--token`. */
function isSecretFlag(argument: unknown): boolean {
  return typeof argument === "string" && argument.startsWith("-") && SECRET_NAME.test(argument);
}

function redactText(text: string, name: string, { content, isSecret }: Rules): string {
  if (text === "") return text;
  if (isSecret || SECRET_NAME.test(name) || SECRET_MEMBERS.has(name.toLowerCase())) return REDACTED;
  if (content) return redactSecrets(text);
  const isKind = KINDS.has(name) || /(?:^i|I)d$/.test(name);
  return isKind && WORD.test(text) ? redactSecrets(text) : `[${text.length} characters]`;
}
