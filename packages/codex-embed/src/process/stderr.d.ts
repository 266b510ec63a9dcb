/** Keeps the last whole lines of a byte stream, at most 16 KiB of them. */
export declare class StderrTail {
  #private;
  /** Takes the next bytes. The cost does not depend on how much came before. */
  push(chunk: Uint8Array): void;
  /** The kept lines as text: without terminal colours and control characters, with secrets replaced. */
  text(): string;
}
/** Replaces what looks like a credential. Linear in the length of the text; what is kept reads as before. */
export declare function redactSecrets(text: string): string;
