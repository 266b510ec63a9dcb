/** Owns the commands of a script while they are read: words that grow, and where one ends. */

import { ANY, type Piece, type Wildcard, wildcardText } from "./wildcard.js";

/** A word as far as it is known without running anything. */
export interface ScriptWord {
  readonly text: Wildcard;
  /** Whether it could turn into several words, or none. */
  readonly splits: boolean;
}

/** Words that follow each other, and where among them a command could start. */
export interface ScriptCommand {
  readonly words: readonly ScriptWord[];
  readonly starts: readonly number[];
}

/** A command of which nothing is known. */
export const UNKNOWN_COMMAND: ScriptCommand = { words: [{ text: [ANY], splits: true }], starts: [0] };

/** Words before a command that are none. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  "if then elif else while until do ! { - time -p coproc".split(" "),
);

/** A word that is being read. */
export class WordDraft implements ScriptWord {
  readonly text: Piece[] = [];
  splits = false;
  /** Whether the rest of the word is of no interest, because anything could take its place. */
  #isOpen = false;

  add(text: string): void {
    if (this.#isOpen) return;
    for (const char of text) this.text.push(char);
  }

  /** Adds what is not known: it could be several words when it `splits`, and with `isOpen` nothing behind it matters. */
  addUnknown(splits: boolean, isOpen = false): void {
    if (!this.#isOpen && this.text.at(-1) !== ANY) this.text.push(ANY);
    this.splits ||= splits;
    this.#isOpen ||= isOpen;
  }
}

/** What a redirection names: a file, text that is read as one, or the line that ends such text. */
export type Redirect = "file" | "text" | "document";

/** The commands between two parentheses, the last of them being read. */
export class CommandsDraft {
  readonly #found: ScriptCommand[];
  readonly #scripts: string[];
  #words: ScriptWord[] = [];
  #starts = [0];
  #word: WordDraft | undefined;
  #redirect: Redirect | undefined;
  /** The lines that end the documents which start behind the next line's end. */
  #documents: string[] = [];
  /** How many `case` wait for their `esac`: a parenthesis closes a pattern of theirs. */
  #cases = 0;

  constructor(found: ScriptCommand[], scripts: string[]) {
    this.#found = found;
    this.#scripts = scripts;
  }

  get isInWord(): boolean {
    return this.#word !== undefined;
  }

  get isInCase(): boolean {
    return this.#cases > 0;
  }

  /** The word that is being read, a new one when there is none. */
  get word(): WordDraft {
    return (this.#word ??= new WordDraft());
  }

  endWord(): void {
    const word = this.#word;
    this.#word = undefined;
    if (word === undefined) return;
    if (this.#redirect === "text") this.#scripts.push(asScript(word));
    if (this.#redirect === "document") this.#documents.push(wildcardText(word.text));
    if (this.#redirect === undefined) this.#push(word);
    this.#redirect = undefined;
  }

  endCommand(): void {
    this.endWord();
    if (this.#words.length > 0) this.#found.push({ words: this.#words, starts: this.#starts });
    this.#words = [];
    this.#starts = [0];
    this.#redirect = undefined;
  }

  /** Takes the next word for what a redirection names. */
  redirect(kind: Redirect): void {
    if (this.#word !== undefined && /^\d+$/.test(wildcardText(this.#word.text))) this.#word = undefined;
    this.endWord();
    this.#redirect = kind;
  }

  /** Takes a redirection back: what looked like one was none. */
  endRedirect(): void {
    this.#redirect = undefined;
  }

  /** Hands over the lines that end the documents which start here, and forgets them. */
  takeDocuments(): readonly string[] {
    const documents = this.#documents;
    this.#documents = [];
    return documents;
  }

  /** Notes that the next word could start a command. */
  startNext(): void {
    this.#starts.push(this.#words.length + (this.isInWord ? 1 : 0));
  }

  #push(word: ScriptWord): void {
    const text = wildcardText(word.text);
    if (text === "case" && this.#words.every((before) => KEYWORDS.has(wildcardText(before.text)))) this.#cases++;
    if (text === "esac" && this.#words.length === 0 && this.#cases > 0) this.#cases--;
    this.#words.push(word);
  }
}

/** What stands for unknown text in a script that is put together here. */
export const UNKNOWN_TEXT = "${_}";

/** A word as the text of a script, for what takes it as one. */
export function asScript({ text }: ScriptWord): string {
  return text.map((piece) => (typeof piece === "string" ? piece : UNKNOWN_TEXT)).join("");
}
