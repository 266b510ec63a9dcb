/** Owns finding commands in a shell's script the wide way: whatever could be one, in one shell or another. */

import { CommandsDraft, type Redirect, type ScriptCommand, UNKNOWN_COMMAND, type WordDraft } from "./scriptDraft.js";

/** What one reading of a script found. */
export interface ScriptReading {
  readonly commands: readonly ScriptCommand[];
  /** Text that is a script of its own, or could be: within backticks, behind a quote that does not end. */
  readonly scripts: readonly string[];
}

/** How shells, and readings of one script, differ. */
export interface Dialect {
  /** Whether `$'` starts a quotation with escapes. */
  readonly escapes: boolean;
  /** Whether `case` is a keyword, the patterns of which end in a parenthesis. */
  readonly cases: boolean;
}

const MAX_DEPTH = 100;

const REDIRECTS: ReadonlyMap<string, Redirect> = new Map([
  ["<<", "document"],
  ["<<<", "text"],
]);

/** Reads a script in one dialect. It never fails, and takes time in proportion to the script's length. */
export function readScript(script: string, dialect: Dialect): ScriptReading {
  return new ScriptReader(script, dialect);
}

class ScriptReader implements ScriptReading {
  readonly commands: ScriptCommand[] = [];
  readonly scripts: string[] = [];
  readonly #script: string;
  readonly #dialect: Dialect;
  #at = 0;

  constructor(script: string, dialect: Dialect) {
    this.#script = script;
    this.#dialect = dialect;
    while (this.#at < this.#script.length) this.#commands(0);
  }

  /** Reads up to the parenthesis that closes this depth, or to the end. */
  #commands(depth: number): void {
    const draft = new CommandsDraft(this.commands, this.scripts);
    while (this.#at < this.#script.length) {
      const plain = this.#skip(/[\w./:,@%+-]+/y);
      if (plain !== "") draft.word.add(plain);
      const char = this.#next();
      if (char === "") break;
      if (char === ")") draft.endWord();
      if (char === ")" && depth > 0 && !(this.#dialect.cases && draft.isInCase)) break;
      if (char === "\\" && this.#peek() === "\n") {
        this.#at++;
      } else if (";&|\n\r)".includes(char)) {
        draft.endCommand();
        if (char === "\n") for (const end of draft.takeDocuments()) this.#document(end);
      } else if (/\s/.test(char)) {
        draft.endWord();
      } else if (char === "(") {
        this.#group(draft, depth);
      } else if (char === "<" || char === ">") {
        const operator = char + this.#skip(/[<>]*[&|]?/y);
        draft.redirect(REDIRECTS.get(operator) ?? "file");
        if (this.#peek() === "(") this.#substitutedFile(draft, depth);
      } else if (char === "#" && !draft.isInWord) {
        this.#skip(/[^\n\r]*/y);
      } else if ((char === "{" || char === "}") && !draft.isInWord && /^(\s|;|$)/.test(this.#peek())) {
        draft.endCommand();
      } else {
        this.#character(char, draft.word, depth);
      }
    }
    draft.endCommand();
  }

  /** Reads a document up to the line that ends it. What it holds could be expanded, or run by a shell. */
  #document(end: string): void {
    const start = this.#at;
    if (start >= this.#script.length) return;
    // The `-` of `<<-` is read as part of the word, and lets tabs stand before the line.
    const ends = new Set([end, end.replace(/^-/, "")]);
    while (this.#at < this.#script.length) {
      const line = this.#skip(/[^\n]*/y);
      this.#at++;
      if (ends.has(line) || ends.has(line.replace(/^\t+/, ""))) break;
    }
    this.scripts.push(this.#script.slice(start, this.#at));
  }

  /** Reads a group of commands, or else a pattern or a function's name: then the command goes on behind it. */
  #group(draft: CommandsDraft, depth: number): void {
    if (!draft.isInWord) {
      draft.endCommand();
      this.#nested(depth);
      return;
    }
    draft.word.addUnknown(true, true);
    this.#nested(depth);
    draft.startNext();
  }

  /** Reads the `(` of `<(`: a word of the command, and no redirection. */
  #substitutedFile(draft: CommandsDraft, depth: number): void {
    draft.endRedirect();
    draft.word.addUnknown(false);
    this.#at++;
    this.#nested(depth);
  }

  #character(char: string, word: WordDraft, depth: number): void {
    if (char === "\\") {
      word.add(this.#next());
    } else if (char === "'") {
      const end = this.#script.indexOf("'", this.#at);
      if (end === -1) this.scripts.push(this.#script.slice(this.#at));
      word.add(this.#script.slice(this.#at, end === -1 ? undefined : end));
      this.#at = end === -1 ? this.#script.length : end + 1;
    } else if (char === '"') {
      this.#doubleQuoted(word, depth);
    } else if (char === "$" || char === "`") {
      this.#expansion(char, word, depth, true);
    } else if (char === "*" || char === "?") {
      word.addUnknown(true);
    } else if (char === "{" && this.#peek() !== "}") {
      word.addUnknown(true, true);
    } else if (char === "[" && (word.text.length > 0 || !this.#isTest())) {
      word.addUnknown(true, true);
    } else if (char === "[" && this.#peek() === "[") {
      word.add(char + this.#next());
    } else {
      word.add(char);
    }
  }

  #doubleQuoted(word: WordDraft, depth: number): void {
    const start = this.#at;
    while (this.#at < this.#script.length) {
      word.add(this.#skip(/[^"$`\\]+/y));
      const char = this.#next();
      if (char === '"') return;
      if (char === "$" || char === "`") {
        this.#expansion(char, word, depth, false);
      } else if (char === "\\" && '$`"\\\n'.includes(this.#peek())) {
        const escaped = this.#next();
        if (escaped !== "\n") word.add(escaped);
      } else {
        word.add(char);
      }
    }
    this.scripts.push(this.#script.slice(start));
  }

  /** Reads what follows a `$` or a backtick. */
  #expansion(char: string, word: WordDraft, depth: number, isBare: boolean): void {
    if (char === "$") this.#skip(/(?:\\\n)*/y);
    const following = this.#peek();
    if (char === "`") {
      const body = this.#skip(/(?:[^`\\]+|\\[^])*/y);
      // In dash, a backtick that nothing ends is text, and the command goes on behind its word.
      if (this.#skip(/`/y) === "") this.scripts.push(body.replace(/^\S*/, ""));
      // Within double quotes, a backslash is taken off a double quote as well.
      this.scripts.push(body.replace(isBare ? /\\([`\\$])/g : /\\([`\\$"])/g, "$1"));
      word.addUnknown(isBare);
    } else if (following === "(") {
      this.#at++;
      word.addUnknown(isBare);
      this.#nested(depth);
    } else if (following === "{") {
      const isName = this.#skip(/\{\w+\}/y) !== "";
      if (!isName) this.#at++;
      word.addUnknown(isBare || !isName, !isName);
    } else if (following === "'" && isBare && this.#dialect.escapes) {
      this.#at++;
      this.#escapes(word);
    } else if (following === '"' && isBare) {
      this.#at++;
      this.#doubleQuoted(word, depth);
    } else {
      const name = this.#skip(/\w+|[@*#?$!-]/y);
      if (name === "") word.add(char);
      else word.addUnknown(isBare || name === "@");
    }
  }

  /** Reads a quotation in which a backslash can spell any character. */
  #escapes(word: WordDraft): void {
    while (this.#at < this.#script.length) {
      const char = this.#next();
      if (char === "'") return;
      if (char !== "\\") word.add(char);
      else if (this.#skip(/x[\da-f]{1,2}|u[\da-f]{1,4}|U[\da-f]{1,8}|[0-7]{1,3}|c[^]|[abefnrtv]/iy) !== "") {
        word.addUnknown(false);
      } else {
        word.add(this.#next());
      }
    }
  }

  /** Whether the bracket just read is one of the commands `[` and `[[`. */
  #isTest(): boolean {
    return /^(\s|$|\[\s|\[$)/.test(this.#script.slice(this.#at, this.#at + 2));
  }

  #nested(depth: number): void {
    if (depth < MAX_DEPTH) this.#commands(depth + 1);
    else this.commands.push(UNKNOWN_COMMAND);
  }

  #peek(): string {
    return this.#script.charAt(this.#at);
  }

  #next(): string {
    const point = this.#script.codePointAt(this.#at);
    const char = point === undefined ? "" : String.fromCodePoint(point);
    this.#at += char.length;
    return char;
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#script)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }
}
