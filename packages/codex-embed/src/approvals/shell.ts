/**
 * Reads a shell script with the parser `unbash` and lists its simple commands. The parser knows bash; what other shells
 * read differently is covered by reading such a script a second time.
 */

import { posix } from "node:path";
import { type Assignment, type Command, forEachChild, parse, type SyntaxNode, type Word, type WordPart } from "unbash";
import { ANY, couldBeSame, literal, type Piece, type Wildcard, wildcardText } from "./patterns.js";

/** A word as far as it is known without running anything. */
export interface ScriptWord {
  readonly text: Wildcard;
  /** Whether it could expand to several words, or to none. */
  readonly splits: boolean;
}

/** A simple command. */
export interface ScriptCommand {
  readonly words: readonly ScriptWord[];
  /** The text of its here-document or here-string, when it has one. */
  readonly input: string | undefined;
  /** Whether it stands in a substitution. */
  readonly isSubstituted: boolean;
}

/** A variable that a script sets. */
export interface ScriptVariable {
  readonly name: string;
  readonly value: string;
}

/** What a script holds. */
export interface ScriptReading {
  readonly commands: readonly ScriptCommand[];
  readonly variables: readonly ScriptVariable[];
  /** Quoted text with a substitution in a place where bash expands such text once more. */
  readonly evaluated: readonly string[];
  /** Why some of the script cannot be read. */
  readonly problem: string | undefined;
}

/** Stands for unknown text in a script that is put together here. */
const UNKNOWN_TEXT = "${_}";

/** How deep expansions may nest: `unbash` scans each level again. */
const MAX_NESTING = 8;

/** How many here-documents are read: `unbash` takes quadratic time in the number of those that are open. */
const MAX_DOCUMENTS = 100;

/** Reads a script. Never throws. */
export function readScript(script: string): ScriptReading {
  const reader = new ScriptReader();
  if (script.split("<<").length > MAX_DOCUMENTS) {
    reader.problem = "it holds too many here-documents";
    return reader;
  }
  try {
    reader.read(parse(script));
  } catch {
    // The parser runs out of stack on some scripts that nest too deeply.
    reader.problem = "it nests too deeply";
  }
  return reader;
}

/** A word as the text of a script, for what takes it as one. */
export function asScript({ text }: ScriptWord): string {
  return text.map((piece) => (typeof piece === "string" ? piece : UNKNOWN_TEXT)).join("");
}

/** Text that holds a substitution. */
export function holdsSubstitution(text: string): boolean {
  return text.includes("$(") || text.includes("`") || text.includes("${");
}

interface Visit {
  readonly node: SyntaxNode;
  readonly nesting: number;
  /** Whether bash expands quoted text here once more: an arithmetic expression, a subscript, a test. */
  readonly evaluates: boolean;
}

class ScriptReader implements ScriptReading {
  readonly commands: ScriptCommand[] = [];
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
      case "ParameterExpansion":
        // zsh runs code that flags such as `${(e)name}` name.
        if (!/^(\w+|[@*#?$!-])$/.test(node.parameter)) this.problem ??= "it holds an expansion that bash does not know";
        break;
      case "ExtendedGlob":
        // zsh runs code that qualifiers such as `*(e:code:)` hold.
        this.problem ??= "it holds a glob with parentheses";
        break;
      case "Word":
      case "ArithmeticWord":
        if (evaluates && holdsSubstitution(node.value)) this.evaluated.push(node.value.replaceAll(/['"\\]/g, ""));
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
        if (text.at(-1) !== ANY) text.push(ANY);
        // `"$@"` and `"${list[@]}"` are several words within quotes, too.
        if (part.type !== "ProcessSubstitution") splits ||= !isQuoted || part.text.includes("@");
    }
  };
  for (const part of parts) add(part, false);
  return { text, splits };
}

/** What a word names as a command, as far as it is known, in lower case: some file systems do not tell case apart. */
export interface CommandName {
  readonly path: Wildcard;
  /** The part behind the last slash; what is not known in it could hold one. */
  readonly base: Wildcard;
  /** The base, when all of it is known. */
  readonly plain: string | undefined;
}

/**
 * Reads a word as the name of a command: without an extension of executables, and without the `=` by which zsh looks a
 * command up. Of several words it is the first.
 */
export function commandName({ text, splits }: ScriptWord): CommandName {
  const unknown = splits ? text.indexOf(ANY) : -1;
  const path = (unknown === -1 ? text : text.slice(0, unknown)).map(inNames);
  if (path[0] === "=") path.shift();
  if (unknown !== -1) path.push(ANY);
  if (/^\.(exe|com|cmd|bat)$/.test(wildcardText(path.slice(-4)))) path.splice(-4);
  // The links in /proc and /dev/fd name programs by other names.
  if (/^\/(proc|dev)\//.test(wildcardText(path.slice(0, 6)))) return { path: [ANY], base: [ANY], plain: undefined };
  const base = path.slice(path.lastIndexOf("/") + 1);
  return { path, base, plain: base.includes(ANY) ? undefined : wildcardText(base) };
}

/** Whether it could be the command of this name, without a folder or in any. */
function couldBeNamed({ base, plain }: CommandName, name: Wildcard): boolean {
  if (plain !== undefined) return couldBeSame(base, name);
  return couldBeSame(base, name) || couldBeSame(base, [ANY, "/", ...name]);
}

/**
 * Makes the test whether something could be the command that a deny pattern names. One that names a folder's commands,
 * such as `/tmp/*`, is for paths in that folder; every other one is for its command wherever it lies.
 */
export function deniedName(pattern: Wildcard, cwd: string | undefined): (name: CommandName) => boolean {
  const wanted = pattern.map(inNames);
  const base = wanted.slice(wanted.lastIndexOf("/") + 1);
  const isFolder = base.length < wanted.length && base.includes(ANY);
  if (!isFolder) return (name) => couldBeNamed(name, base) || couldBeSame(name.path, wanted);
  return ({ path, plain }) => {
    if (couldBeSame(path, wanted)) return true;
    if (plain === undefined || !path.includes("/") || path.includes(ANY)) return false;
    const spelled = wildcardText(path);
    const resolved = cwd === undefined ? posix.normalize(spelled) : posix.resolve(cwd.toLowerCase(), spelled);
    return couldBeSame(literal(resolved), wanted);
  };
}

function inNames(piece: Piece): Piece {
  if (typeof piece !== "string") return piece;
  return piece === "\\" ? "/" : piece.toLowerCase();
}

/** The words of one simple command, or why the text is none. */
export type ShellWords = { readonly words: readonly string[] } | { readonly refused: string };

const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "zsh", "dash", "ksh", "mksh", "ash"]);

/** Shells of another language, which is not read here. */
const FOREIGN_SHELLS: ReadonlySet<string> = new Set(
  "powershell powershell.exe pwsh pwsh.exe cmd cmd.exe fish csh tcsh nu elvish".split(" "),
);

/** Where a shell has to lie: the runtime takes a shell from the model by its path, which could be any program. */
const SHELL_FOLDERS: ReadonlySet<string> = new Set([
  "",
  "/bin/",
  "/usr/bin/",
  "/usr/local/bin/",
  "/opt/homebrew/bin/",
  "/opt/local/bin/",
  "/run/current-system/sw/bin/",
]);

/** What a POSIX shell, bash or zsh may give a meaning to outside quotes: more than any one of them does. */
const SPECIAL: ReadonlySet<string> = new Set(";&|<>$`(){}*?[~!#^");

/** What double quotes leave its meaning to, in one shell or another. */
const SPECIAL_IN_DOUBLE_QUOTES: ReadonlySet<string> = new Set("$`!");

/**
 * Reads the words of a simple command. Refused is whatever a shell would do more with than split it into words and
 * take its quotes away: an operator, an expansion, a redirection, a comment, an assignment, a line's end.
 */
export function shellWords(text: string): ShellWords {
  const words: string[] = [];
  const characters = Array.from(text);
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let i = 0; i < characters.length; i++) {
    const char = characters[i] ?? "";
    const next = characters[i + 1];
    if (char === "\0") return { refused: "it holds a NUL character" };
    if (char === quote) {
      quote = undefined;
    } else if (quote === "'") {
      word += char;
    } else if (quote === '"') {
      if (SPECIAL_IN_DOUBLE_QUOTES.has(char)) return { refused: `it holds ${char} within double quotes` };
      if (char === "\\" && next === "\n") return { refused: "it holds a line that is continued" };
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
      if (next === undefined || isControl(next))
        return { refused: "it holds a backslash before a line's end or control" };
      word = (word ?? "") + next;
      i++;
    } else if (char === "=" && (words.length === 0 || word === undefined)) {
      return { refused: "it holds an assignment, or a word that starts with =" };
    } else if (SPECIAL.has(char)) {
      return { refused: `it holds ${char} outside quotes` };
    } else if (isControl(char)) {
      return { refused: `it holds the character ${codePoint(char)} outside quotes` };
    } else {
      word = (word ?? "") + char;
    }
  }
  if (quote !== undefined) return { refused: `a quotation with ${quote} does not end` };
  if (word !== undefined) words.push(word);
  return words.length === 0 ? { refused: "it is empty" } : { words };
}

/**
 * Reads the arguments of the one simple command that the runtime asks for: as such, or as the script of one shell,
 * `/bin/bash -lc 'git status'`. A shell within that is refused.
 */
export function simpleCommand(command: string): ShellWords {
  const outer = shellWords(command);
  if ("refused" in outer || !startsShell(outer.words)) return outer;
  const script = scriptOf(outer.words);
  if (script === undefined) {
    return { refused: `it starts ${JSON.stringify(outer.words[0])} in a way that rules do not read` };
  }
  const inner = shellWords(script);
  if ("refused" in inner || !startsShell(inner.words)) return inner;
  return { refused: `it starts the shell ${JSON.stringify(inner.words[0])} within a shell` };
}

/** Whether these words make a shell run something else than a file. */
function startsShell([program = "", option = ""]: readonly string[]): boolean {
  const name = baseName(program).toLowerCase();
  if (FOREIGN_SHELLS.has(name)) return true;
  return SHELLS.has(name.replace(/\.exe$/, "")) && /^[-+]/.test(option);
}

/** The script of a shell that is started in the one known way; a script like an option would be read as one. */
function scriptOf([program = "", ...rest]: readonly string[]): string | undefined {
  const name = baseName(program);
  if (!SHELLS.has(name) || !SHELL_FOLDERS.has(program.slice(0, -name.length))) return undefined;
  const options = rest.slice(0, -1);
  const script = rest.at(-1) ?? "";
  const isKnown = options.length === 1 ? options[0] === "-c" || options[0] === "-lc" : isLoginThenScript(options);
  return isKnown && !/^[-+]/.test(script) ? script : undefined;
}

function isLoginThenScript(options: readonly string[]): boolean {
  return options.length === 2 && options[0] === "-l" && options[1] === "-c";
}

/** The last part of a path, by the separators of any system. */
function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** Blanks that only look like one, and everything that is not to be seen. */
function isControl(char: string): boolean {
  return /[\p{Z}\p{C}]/u.test(char) && char !== " ";
}

function codePoint(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
