/** Owns the bounded, readable and redacted end of what a process wrote to stderr. */

import { stripVTControlCharacters } from "node:util";
import { redactSecrets } from "./redact.js";

const LIMIT_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;

/** Where a private key begins or ends; what precedes the words of a marker that was cut is at most this long. */
const KEY_MARKER = /-----(BEGIN|END) [^\n-]{0,40}PRIVATE KEY/g;
const MARKER_BYTES = 64;
const KEY_END = /-----END [^\n-]{0,60}-----/;

/** Keeps the last whole lines of a byte stream, at most 16 KiB of them. */
export class StderrTail {
  #kept: Buffer = Buffer.alloc(0);
  #truncated = false;
  /** How many bytes ago a private key began that had not ended where the tail begins; null for none. */
  #keyBeganAgo: number | null = null;

  /** Takes the next bytes. The cost does not depend on how much came before. */
  push(chunk: Uint8Array): void {
    const joined = Buffer.concat([this.#kept, chunk]);
    const cut = joined.length - LIMIT_BYTES;
    if (cut > 0) this.#drop(joined, cut);
    this.#kept = cut > 0 ? Buffer.from(joined.subarray(cut)) : joined;
  }

  /** The kept lines as text: without terminal colours and control characters, with secrets replaced. */
  text(): string {
    return redactSecrets(withoutControls(this.#wholeLines().toString("utf8")));
  }

  #drop(joined: Buffer, cut: number): void {
    this.#truncated = true;
    const markers = [...joined.toString("latin1", 0, cut + MARKER_BYTES).matchAll(KEY_MARKER)];
    const last = markers.findLast(({ index }) => index < cut);
    const ago = last === undefined ? (this.#keyBeganAgo ?? Number.POSITIVE_INFINITY) + cut : cut - last.index;
    // No private key is as long as the tail: an end that has not come by then does not come.
    this.#keyBeganAgo = ago > LIMIT_BYTES || last?.[1] === "END" ? null : ago;
  }

  #wholeLines(): Buffer {
    if (!this.#truncated) return this.#kept;
    // What is left of the first line may be the end of a secret whose name was cut off: it is never shown.
    const end = this.#kept.indexOf(LINE_FEED);
    if (end === -1 || end === this.#kept.length - 1) {
      return Buffer.from(`[a line of more than ${LIMIT_BYTES} bytes]\n`);
    }
    return this.#keyBeganAgo === null ? this.#kept.subarray(end + 1) : this.#afterKey();
  }

  /** What follows a private key whose beginning was cut off: nothing, as long as its end has not come. */
  #afterKey(): Buffer {
    const end = KEY_END.exec(this.#kept.toString("latin1"));
    return end === null ? Buffer.from("[a private key]\n") : this.#kept.subarray(end.index + end[0].length);
  }
}

function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "");
}
