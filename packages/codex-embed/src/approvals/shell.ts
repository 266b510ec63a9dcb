/**
 * Reads a shell script with the parser `unbash` and lists its simple commands. The parser knows bash; what other shells
 * read differently is covered by reading such a script a second time.
 */

import { posix } from "node:path";
import { type Assignment, type Command, forEachChild, parse, type SyntaxNode, type Word, type WordPart } from "unbash";
import { ANY, couldBeSame, literal, type Piece, type Wildcard, wildcardText } from "./wildcard.js";

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
