/**
 * Two readers of shell text that err in opposite directions. {@link simpleCommand} serves allow patterns: it refuses
 * whatever any shell could read as more than plain words. {@link readScript} serves deny patterns: it lists every command
 * that could run, and says so if there is something it cannot read.
 */

import { type Assignment, type Command, forEachChild, parse, type SyntaxNode, type Word, type WordPart } from "unbash";
import { ANY, literal, type Piece, type Wildcard, wildcardText } from "./patterns.js";

/** Shells with a language of their own, which neither reader reads. */
export const FOREIGN_SHELLS: ReadonlySet<string> = new Set(
  "fish csh tcsh nu elvish xonsh powershell pwsh cmd".split(" "),
);

const SHELLS: ReadonlySet<string> = new Set("sh bash zsh dash ksh mksh ash".split(" "));

/** Where a shell must be: the runtime takes the path of a shell from the model, and it could be any program. */
const SHELL_FOLDERS: ReadonlySet<string> = new Set([
  "",
  "/bin/",
  "/usr/bin/",
  "/usr/local/bin/",
  "/opt/homebrew/bin/",
  "/opt/local/bin/",
  "/run/current-system/sw/bin/",
]);

/** The words of one simple command, or why the text is more or less than that. */
export type ShellWords = { readonly words: readonly string[] } | { readonly refused: string };

/**
 * Reads a request's command as one simple command: either as it is, or as the script of one shell, as the runtime sends
 * it: `/bin/bash -lc 'git status'`. Refuses a shell within that.
 */
export function simpleCommand(command: string): ShellWords {
  const outer = shellWords(command);
  if ("refused" in outer || !startsShell(outer.words)) return outer;
  const script = shellScript(outer.words);
  if (script === undefined) return { refused: `it starts ${JSON.stringify(outer.words[0])} in an unsupported way` };
  return scriptWords(script);
}

/** Reads the script of a shell as one simple command. Refuses a shell within it. */
export function scriptWords(script: string): ShellWords {
  const inner = shellWords(script);
  if ("refused" in inner || !startsShell(inner.words)) return inner;
  return { refused: `it starts the shell ${JSON.stringify(inner.words[0])} in a shell` };
}

/** Whether these words make a shell run something other than a file. */
function startsShell([program = "", option = ""]: readonly string[]): boolean {
  const name = baseName(program)
    .toLowerCase()
    .replace(/\.exe$/, "");
  return FOREIGN_SHELLS.has(name) || (SHELLS.has(name) && /^[-+]/.test(option));
}

/** The script, if a shell is started in a way we know. A script that looks like an option would be read as one. */
function shellScript([program = "", ...rest]: readonly string[]): string | undefined {
  const name = baseName(program);
  if (!SHELLS.has(name) || !SHELL_FOLDERS.has(program.slice(0, -name.length))) return undefined;
  const [first, second, third] = rest;
  const isOneOption = rest.length === 2 && (first === "-c" || first === "-lc");
  const isTwoOptions = rest.length === 3 && first === "-l" && second === "-c";
  const script = isOneOption ? second : isTwoOptions ? third : undefined;
  return script === undefined || /^[-+]/.test(script) ? undefined : script;
}

/** The last segment of a path, with the separators of any system. */
function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** What a POSIX shell, bash or zsh gives a meaning to outside quotes: the union of what each of them does. */
const SPECIAL: ReadonlySet<string> = new Set(";&|<>$`(){}*?[~!#^");

/** What keeps its meaning in double quotes, in one shell or another. */
const SPECIAL_IN_DOUBLE_QUOTES: ReadonlySet<string> = new Set("$`!");

/**
 * Splits a simple command into words. Refuses everything that a shell would not merely split and unquote: operators,
 * expansions, redirections, comments, assignments, line ends. Written by hand because a parser for one shell cannot know
 * what another shell makes of the same text.
 */
export function shellWords(text: string): ShellWords {
  const words: string[] = [];
  const characters = Array.from(text);
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let i = 0; i < characters.length; i++) {
    const char = characters[i] ?? "";
    const next = characters[i + 1];
    if (char === "\0") return { refused: "it contains a NUL character" };
    if (char === quote) {
      quote = undefined;
    } else if (quote === "'") {
      word += char;
    } else if (quote === '"') {
      if (SPECIAL_IN_DOUBLE_QUOTES.has(char)) return { refused: `it contains ${char} in double quotes` };
      if (char === "\\" && next === "\n") return { refused: "it continues on the next line" };
      const isEscape = char === "\\" && next !== undefined && '$`"\\'.includes(next);
      word += isEscape ? next : char;
      if (isEscape) i++;
    } else if (char === " " || char === "\t") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\") {
      if (next === undefined || isInvisible(next)) {
        return { refused: "it contains a backslash before a line end or an invisible character" };
      }
      word = (word ?? "") + next;
      i++;
    } else if (char === "=" && (words.length === 0 || word === undefined)) {
      return { refused: "it contains an assignment or a word that starts with =" };
    } else if (SPECIAL.has(char)) {
      return { refused: `it contains ${char} outside quotes` };
    } else if (isInvisible(char)) {
      return { refused: `it contains the character ${codePoint(char)} outside quotes` };
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== undefined) return { refused: `the quote ${quote} is not closed` };
  if (word !== undefined) words.push(word);
  return words.length === 0 ? { refused: "it is empty" } : { words };
}

/** Blanks other than the space, and characters that do not show. */
function isInvisible(char: string): boolean {
  return /[\p{Z}\p{C}]/u.test(char) && char !== " ";
}

function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A word, as far as it is known without running anything. */
export interface ScriptWord {
  readonly text: Wildcard;
  /** Whether it could expand to several words, or to none. */
  readonly splits: boolean;
}

/** An unknown word. It could be any number of words. */
export const UNKNOWN_WORD: ScriptWord = { text: [ANY], splits: true };

/** A simple command. */
export interface ScriptCommand {
  readonly words: readonly ScriptWord[];
  /** The text of its here-documents and here-strings. Undefined if it has none. */
  readonly input: string | undefined;
  /** Whether it is in a substitution. */
  readonly isSubstituted: boolean;
}

/** A variable that a script sets. */
export interface ScriptVariable {
  readonly name: string;
  readonly value: string;
}

/** The contents of a script. */
export interface ScriptReading {
  readonly commands: readonly ScriptCommand[];
  /** The files that outputs are redirected to. */
  readonly outputs: readonly ScriptWord[];
  readonly variables: readonly ScriptVariable[];
  /** Quoted text with a substitution, where bash expands quoted text a second time. */
  readonly evaluated: readonly string[];
  /** Why a part of the script cannot be read. */
  readonly problem: string | undefined;
}

/** How deep expansions may nest: `unbash` scans the text again at each level. */
const MAX_NESTING = 8;

/** How many here-documents a script may have: `unbash` takes quadratic time in the number of open ones. */
const MAX_DOCUMENTS = 100;

/**
 * Reads a script as bash, with the parser `unbash`. Where another shell would read it differently, callers read a second
 * variant. Never throws.
 */
export function readScript(script: string): ScriptReading {
  const reader = new ScriptReader();
  if (script.split("<<").length > MAX_DOCUMENTS) {
    reader.problem = "it contains too many here-documents";
    return reader;
  }
  try {
    reader.read(parse(script));
  } catch {
    // The parser overflows the stack on some scripts that nest too deeply.
    reader.problem = "it nests too deeply";
  }
  return reader;
}

/** Stands for unknown text in a script that is assembled from words. */
export const UNKNOWN_TEXT = "${_}";

/** A word as the text of a script, for programs that run their argument as one. */
export function asScript({ text }: ScriptWord): string {
  return text.map((piece) => (typeof piece === "string" ? piece : UNKNOWN_TEXT)).join("");
}

/** Whether a shell that expands this text could run something. */
export function hasSubstitution(text: string): boolean {
  return text.includes("$(") || text.includes("`") || text.includes("${");
}

interface Visit {
  readonly node: SyntaxNode;
  readonly nesting: number;
  /** Whether bash expands quoted text a second time here: in arithmetic, a subscript or a test. */
  readonly evaluates: boolean;
}

class ScriptReader implements ScriptReading {
  readonly commands: ScriptCommand[] = [];
  readonly outputs: ScriptWord[] = [];
  readonly variables: ScriptVariable[] = [];
  readonly evaluated: string[] = [];
  problem: string | undefined;

  read(script: SyntaxNode): void {
    const open: Visit[] = [{ node: script, nesting: 0, evaluates: false }];
    for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
      const { node } = visit;
      this.#visit(visit);
      if (visit.nesting > MAX_NESTING) {
        this.problem ??= "it nests too deeply";
        continue;
      }
      const nesting = visit.nesting + (NESTING.has(node.type) ? 1 : 0);
      const evaluates = EVALUATING.has(node.type) || (visit.evaluates && node.type !== "Script");
      forEachChild(node, (child) => {
        const isIndex = node.type === "Assignment" && child === node.index;
        open.push({ node: child, nesting, evaluates: evaluates || isIndex });
      });
    }
  }

  #visit({ node, nesting, evaluates }: Visit): void {
    switch (node.type) {
      case "Script":
        if ("errors" in node && node.errors !== undefined) this.problem ??= "it is not valid bash";
        break;
      case "Command":
        this.#command(node, nesting > 0);
        break;
      case "Assignment":
        this.#assignment(node);
        break;
      case "Redirect":
        if (node.operator !== "<" && node.operator !== "<&") {
          this.outputs.push(node.target === undefined ? UNKNOWN_WORD : scriptWord(node.target));
        }
        break;
      case "ParameterExpansion":
        // zsh runs code in flags such as `${(e)name}`.
        if (!/^(\w+|[@*#?$!-])$/.test(node.parameter))
          this.problem ??= "it contains an expansion that is not valid bash";
        break;
      case "ExtendedGlob":
        // zsh runs code in qualifiers such as `*(e:code:)`.
        this.problem ??= "it contains a glob with parentheses";
        break;
      case "Word":
      case "ArithmeticWord":
        if (evaluates && hasSubstitution(node.value)) this.evaluated.push(node.value.replaceAll(/['"\\]/g, ""));
        break;
      default:
        break;
    }
  }

  #command({ name, args, redirects }: Command, isSubstituted: boolean): void {
    if (name === undefined) return;
    const words = [name, ...args].map((word) => (word.type === "Word" ? scriptWord(word) : assignmentWord(word)));
    const inputs = redirects.flatMap((redirect) => {
      if (redirect.type === "HereDoc") {
        const { text, parts } = redirect.body;
        return [parts === undefined ? text : asScript(joined(parts))];
      }
      return redirect.type === "HereString" && redirect.target ? [asScript(scriptWord(redirect.target))] : [];
    });
    this.commands.push({ words, input: inputs.length === 0 ? undefined : inputs.join("\n"), isSubstituted });
  }

  #assignment({ name, value }: Assignment): void {
    const values = value.type === "ArrayValue" ? value.elements : [value];
    for (const each of values) this.variables.push({ name, value: asScript(scriptWord(each)) });
  }
}

const NESTING: ReadonlySet<SyntaxNode["type"]> = new Set<SyntaxNode["type"]>([
  "CommandExpansion",
  "ProcessSubstitution",
  "ArithmeticExpansion",
  "ArithmeticCommandExpansion",
  "ParameterExpansion",
]);

const EVALUATING: ReadonlySet<SyntaxNode["type"]> = new Set<SyntaxNode["type"]>([
  "ArithmeticCommand",
  "ArithmeticExpansion",
  "ArithmeticFor",
  "ParameterExpansion",
  "TestCommand",
]);

function scriptWord(word: Word): ScriptWord {
  return word.parts === undefined ? { text: literal(word.value), splits: false } : joined(word.parts);
}

function assignmentWord({ text, name, value }: Assignment): ScriptWord {
  if (value.type === "ArrayValue") return { text: [...literal(name), "=", ANY], splits: false };
  return { text: [...literal(text.slice(0, text.indexOf("=") + 1)), ...scriptWord(value).text], splits: false };
}

function joined(parts: readonly WordPart[]): ScriptWord {
  const text: Piece[] = [];
  let splits = false;
  const add = (part: WordPart, isQuoted: boolean): void => {
    switch (part.type) {
      case "Literal":
      case "SingleQuoted":
      case "AnsiCQuoted":
        for (const char of part.value) text.push(char);
        break;
      case "DoubleQuoted":
      case "LocaleString":
        for (const child of part.parts) add(child, true);
        break;
      default:
        if (part.type === "ProcessSubstitution") text.push(...literal("/dev/fd/"));
        if (text.at(-1) !== ANY) text.push(ANY);
        // `"$@"` and `"${list[@]}"` are several words within quotes, too.
        if (part.type !== "ProcessSubstitution") splits ||= !isQuoted || part.text.includes("@");
    }
  };
  for (const part of parts) add(part, false);
  return { text, splits };
}

/** What a word names as a command, in lower case: some file systems ignore case. */
export interface CommandName {
  readonly path: Wildcard;
  /** The part after the last slash. What is unknown in it could contain a slash. */
  readonly base: Wildcard;
  /** The base, if all of it is known. */
  readonly plain: string | undefined;
}

/**
 * Reads a word as the name of a command: without `.exe` and the like, and without the `=` that zsh looks commands up by.
 * If the word could be several, the name is the first of them.
 */
export function commandName({ text, splits }: ScriptWord): CommandName {
  const unknown = splits ? text.indexOf(ANY) : -1;
  const path = (unknown === -1 ? text : text.slice(0, unknown)).map(foldPiece);
  if (path[0] === "=") path.shift();
  if (unknown !== -1) path.push(ANY);
  if (/^\.(exe|com|cmd|bat)$/.test(wildcardText(path.slice(-4)))) path.splice(-4);
  // Links in /proc and /dev/fd give programs other names.
  if (/^\/(proc|dev)\//.test(wildcardText(path.slice(0, 6)))) return { path: [ANY], base: [ANY], plain: undefined };
  const base = path.slice(path.lastIndexOf("/") + 1);
  return { path, base, plain: base.includes(ANY) ? undefined : wildcardText(base) };
}

/** A piece of a name or of a pattern for names: lower case, with `/` as the separator. */
export function foldPiece(piece: Piece): Piece {
  if (typeof piece !== "string") return piece;
  return piece === "\\" ? "/" : piece.toLowerCase();
}
