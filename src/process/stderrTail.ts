/** Owns the bounded, readable and redacted end of what a process wrote to stderr. */

import { stripVTControlCharacters } from "node:util";

const LIMIT_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;

/** Keeps the last whole lines of a byte stream, at most 16 KiB of them. */
export class StderrTail {
  #kept: Buffer = Buffer.alloc(0);
  #truncated = false;

  /** Takes the next bytes. The cost does not depend on how much came before. */
  push(chunk: Uint8Array): void {
    const recent = chunk.subarray(Math.max(0, chunk.length - LIMIT_BYTES));
    const joined = Buffer.concat([this.#kept, recent]);
    if (recent.length < chunk.length || joined.length > LIMIT_BYTES) this.#truncated = true;
    this.#kept = Buffer.from(joined.subarray(Math.max(0, joined.length - LIMIT_BYTES)));
  }

  /** The kept lines as text: without terminal colours and control characters, with secrets replaced. */
  text(): string {
    return redactSecrets(withoutControls(this.#wholeLines().toString("utf8")));
  }

  #wholeLines(): Buffer {
    if (!this.#truncated) return this.#kept;
    // What is left of the first line may be the end of a secret whose name was cut off: it is never shown.
    const end = this.#kept.indexOf(LINE_FEED);
    if (end !== -1 && end < this.#kept.length - 1) return this.#kept.subarray(end + 1);
    return Buffer.from(`[a line of more than ${LIMIT_BYTES} bytes]\n`);
  }
}

function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}

const REDACTED = "[redacted]";

const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${REDACTED}`],
  [/\bsk-[A-Za-z0-9_-]{6,}/g, `sk-${REDACTED}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})/g, REDACTED],
  [/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, `$1${REDACTED}@`],
  [/((?:api|access|secret|private|signing)[_-]?key["']?\s*[=:]\s*["']?)(?!\[redacted)[^\s"',;&]+/gi, `$1${REDACTED}`],
  [/((?:secret|password|passwd|_token|-token|\btoken)["']?\s*=\s*["']?)(?!\[redacted)[^\s"',;&]+/gi, `$1${REDACTED}`],
  [/((?:secret|password|passwd|[_-]token|\btoken)["']\s*:\s*["'])[^"'\n]+/gi, `$1${REDACTED}`],
];

/** Replaces what looks like a credential: bearer tokens, API keys, JSON web tokens, passwords in URLs. */
export function redactSecrets(text: string): string {
  return SECRETS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}
