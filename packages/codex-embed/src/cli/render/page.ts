/** Owns the terminal as a page that only grows: which line is open, and the empty lines between blocks. */

/** Something that is only ever appended to; no line that was finished is touched again. */
export class Page {
  readonly #write: (text: string) => void;
  #open: string | null = null;
  #midLine = false;
  /** The page's beginning counts as an empty line. */
  #afterEmptyLine = true;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** The block that the next text may be appended to, or null. */
  get open(): string | null {
    return this.#open;
  }

  /** Ends the open block and leaves one empty line, unless there is one. */
  gap(): void {
    this.end();
    if (!this.#afterEmptyLine) this.#newline();
  }

  /** Ends the open block and writes a line. */
  line(text = ""): void {
    this.end();
    this.append(text);
    this.#newline();
  }

  /** Ends the open block and opens another. */
  begin(key: string): void {
    this.end();
    this.#open = key;
  }

  /** Writes on in the open block. Each line is dressed on its own, and `indent` stands before it. */
  append(text: string, dress: (line: string) => string = (line) => line, indent = ""): void {
    for (const [index, line] of text.split("\n").entries()) {
      if (index > 0) this.#newline();
      if (line === "") continue;
      this.#write((this.#midLine ? "" : indent) + dress(line));
      this.#midLine = true;
    }
  }

  /** Ends the open block, and its line. */
  end(): void {
    this.#open = null;
    if (this.#midLine) this.#newline();
  }

  #newline(): void {
    this.#write("\n");
    this.#afterEmptyLine = !this.#midLine;
    this.#midLine = false;
  }
}
