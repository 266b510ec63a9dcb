/** What a command runs besides itself, as far as its arguments tell. */

import { type Arguments, readArguments } from "./arguments.js";
import { ANY, literal, type Piece, type Wildcard } from "./patterns.js";
import { type Subcommands, type Usage, usageOf } from "./programs.js";
import {
  asScript,
  FOREIGN_SHELLS,
  hasSubstitution,
  type ScriptCommand,
  type ScriptVariable,
  type ScriptWord,
  UNKNOWN_TEXT,
  UNKNOWN_WORD,
} from "./shell.js";

/** What a command runs. */
export interface Invocation {
  /** Where further commands start among its words. */
  readonly positions: readonly number[];
  /** Its words as the program passes them on, if the program changes them. */
  readonly words?: readonly ScriptWord[];
  readonly scripts: readonly string[];
  /** Text that could be a script. If it is none, what it would mean as one does not matter. */
  readonly fragments: readonly string[];
  /** Variables that it sets for what it runs. */
  readonly variables: readonly ScriptVariable[];
  /** Why what it runs cannot be determined. */
  readonly problem?: string;
  /** How many words were read. */
  readonly read: number;
}

const NOTHING: Invocation = { positions: [], scripts: [], fragments: [], variables: [], read: 1 };

/** Reads what the command of this name at `words[start]` runs. */
export function readInvocation(name: string, command: ScriptCommand, start: number): Invocation {
  const { words, input } = command;
  const read = words.length - start;
  if (/^ld(-linux|-musl)?[\w.-]*\.so|^qemu-/.test(name)) return readAnyArgument(words, start);
  if (FOREIGN_SHELLS.has(name)) return { ...readForeignShell(words, start), read };
  if (/^g?find$|^fd(find)?$/.test(name)) return { ...readFind(words, start), read };
  const isUnsafe = runsCode(name, words, start, input);
  if (isUnsafe !== undefined) return { ...NOTHING, read, ...(isUnsafe ? { problem: codeProblem(name) } : {}) };
  const usage = usageOf(name);
  return usage === undefined ? NOTHING : readByUsage(name, usage, command, start);
}

/** Reads a command whose name is only partly known: it could run anything among its arguments. */
export function readAnyArgument(words: readonly ScriptWord[], start: number): Invocation {
  const positions = words.map((_, at) => at).slice(start + 1);
  const texts = positions.map((at) => textAt(words, at)).filter((text) => /[^\w./:=@%+,-]/.test(text));
  return withScripts({ ...NOTHING, positions, read: words.length - start }, texts);
}

/** The scripts in `key=script`, and in `alias.name=git-command`. */
export function scriptsInPair(text: string): string[] {
  const [, key = "", value = ""] = /^([\w.%:-]+)(?:\+?=|\s+)([^]*)$/.exec(text) ?? [];
  // The name of a person can be that of a program.
  if (value === "" || /^(user|author|committer)\./.test(key)) return [];
  const script = withoutMark(value);
  return key.startsWith("alias.") && script === value ? [script, `git ${script}`] : [script];
}

/** Some programs mark a script among other values: `!command`, `|command`. */
export function withoutMark(text: string): string {
  return text.replace(/^\s*[!|]\s*/, "");
}

function readByUsage(name: string, usage: Usage | Subcommands, command: ScriptCommand, start: number): Invocation {
  if (typeof usage === "string") return fromArguments(name, readArguments(command.words, start, usage), command);
  const { "": before = "", "*": otherwise = "" } = usage;
  if (typeof before !== "string") return NOTHING;
  const front = readArguments(command.words, start, `${before} command`);
  const found = [fromArguments(name, { ...front, kind: undefined }, command)];
  for (const at of front.operands) {
    const subcommand = textAt(command.words, at);
    const key = Object.keys(usage).find((names) => names !== "" && names.split(" ").includes(subcommand));
    const inner = key === undefined ? otherwise : (usage[key] ?? otherwise);
    found.push(readByUsage(`${name} ${subcommand}`.slice(0, 40), inner, command, at));
  }
  if (front.isUnsure) found.push({ ...NOTHING, problem: `the subcommand of ${name} is unknown` });
  return merge(found);
}

function fromArguments(name: string, found: Arguments, { words, input }: ScriptCommand): Invocation {
  const { kind, operands } = found;
  const rest = operands.map((at) => textAt(words, at));
  const scripts = found.scripts.map((text) => withoutMark(asText(text)));
  const variables = found.assignments.map((at) => assignment(textAt(words, at)));
  const fragments = scripts.flatMap(scriptsInPair);
  const plain = { ...NOTHING, scripts, fragments, variables, read: found.read };
  const result = withScripts(plain, found.pairs.map(asText).flatMap(scriptsInPair));
  if (found.code !== undefined) return { ...result, problem: codeProblem(`${name} ${found.code}`) };
  if (found.files.map(asText).some(isInput)) return { ...result, problem: inputProblem(name) };
  if (found.isScript) return { ...result, scripts: [...result.scripts, ...rest], ...ambiguity(name, found) };
  switch (kind) {
    case "command":
    case "shell": {
      if (found.isSettled) return result;
      const isIdle = operands.length === 0 && scripts.length === 0 && (kind === "shell" || found.readsInput);
      if (isIdle) return { ...result, ...fromInput(name, result.scripts, input) };
      // Some programs take a command as one argument.
      const spaced = rest.filter((text) => /\s/.test(text));
      return {
        ...result,
        ...passOn(name, words, operands),
        fragments: [...result.fragments, ...spaced],
        ...ambiguity(name, found),
      };
    }
    case "script": {
      const joined = operands.map((at) => joinFrom(words, at));
      return { ...result, scripts: [...result.scripts, ...joined], ...ambiguity(name, found) };
    }
    case "first":
      return { ...result, scripts: [...result.scripts, ...rest.slice(0, 1)], ...ambiguity(name, found) };
    case "scripts": {
      const values = rest.flatMap(scriptsInPair);
      const [certain, possible] = name === "alias" ? [values, rest] : [rest, values];
      return withScripts({ ...result, fragments: [...result.fragments, ...possible] }, certain);
    }
    case "file":
      return { ...result, ...fromFile(name, found, rest, result.scripts, input) };
    case "words":
      return operands[0] === undefined ? result : readAnyArgument(words, operands[0] - 1);
    case "code":
      return found.isSettled ? result : { ...result, problem: codeProblem(name) };
    case "evaluated":
      return { ...result, fragments: [...result.fragments, ...rest.filter(hasSubstitution)] };
    case "settings":
      return withScripts(
        result,
        rest.flatMap((key, i) => scriptsInPair(`${key}=${rest[i + 1] ?? ""}`)),
      );
    case "remotes":
      return { ...result, fragments: [...result.fragments, ...rest.flatMap(scriptsInRemote)] };
    default:
      return result;
  }
}

/** Adds text that a program may run as a script. With a substitution or a brace expansion, it could hide a command. */
function withScripts(found: Invocation, texts: readonly string[]): Invocation {
  const isScript = (text: string): boolean => /\$\(|`|^\s*\{[\w./,-]+\}/.test(text);
  return {
    ...found,
    scripts: [...found.scripts, ...texts.filter(isScript)],
    fragments: [...found.fragments, ...texts.filter((text) => !isScript(text))],
  };
}

/** What a shell or an interpreter runs that takes a file of code. */
function fromFile(
  name: string,
  found: Arguments,
  rest: readonly string[],
  scripts: readonly string[],
  input: string | undefined,
): Partial<Invocation> {
  if (found.isUnsure) return ambiguity(name, found);
  const isIdle = rest.length === 0 && scripts.length === 0 && !found.isSettled;
  if (found.readsInput || isIdle) return fromInput(name, scripts, input);
  // A file with an unknown name could be an option.
  if (rest.some((path) => isUnknownFile(path) || /^-./.test(path))) {
    return { problem: `the file that ${name} runs is unknown` };
  }
  return rest.some(isInput) ? fromInput(name, scripts, input) : {};
}

const SHELLS_BY_INPUT: ReadonlySet<string> = new Set(
  "sh bash zsh dash ksh mksh ash yash rbash source . su runuser sudo unshare nsenter chroot script ssh".split(" "),
);

function fromInput(name: string, scripts: readonly string[], input: string | undefined): Partial<Invocation> {
  if (input !== undefined && SHELLS_BY_INPUT.has(name)) return { scripts: [...scripts, input] };
  return { problem: inputProblem(name) };
}

/** `xargs` and `entr` append their input to the command, or replace a marker with it. */
function passOn(name: string, words: readonly ScriptWord[], operands: readonly number[]): Partial<Invocation> {
  const first = operands[0];
  if (!/^(g?xargs|entr)$/.test(name) || first === undefined || words.at(-1) === UNKNOWN_WORD) {
    return { positions: operands };
  }
  const options = words.slice(0, first).map(asScript).join(" ");
  const marker =
    /(?:^| )(?:-[a-zA-Z0]*[IJ] ?|--replace=|-i)(\S+)/.exec(options)?.[1] ??
    (/ -i| --replace/.test(options) ? "{}" : undefined);
  const changed =
    marker === undefined ? words : words.map((word, at) => (at < first ? word : replaceMarker(word, marker)));
  return { positions: operands, words: [...changed, UNKNOWN_WORD] };
}

function replaceMarker(word: ScriptWord, marker: string): ScriptWord {
  const text = asScript(word);
  if (!text.includes(marker)) return word;
  const pieces = text
    .split(marker)
    .flatMap((part, i): readonly Piece[] => (i === 0 ? literal(part) : [ANY, ...literal(part)]));
  return { text: pieces, splits: false };
}

/** Options of `find` and `fd` that a command follows. */
const FIND_OPTIONS: ReadonlySet<string> = new Set("-exec -execdir -ok -okdir -x -X --exec --exec-batch".split(" "));

function readFind(words: readonly ScriptWord[], start: number): Invocation {
  const positions: number[] = [];
  const fragments: string[] = [];
  for (let at = start + 1; at < words.length; at++) {
    const text = textAt(words, at);
    if (FIND_OPTIONS.has(text)) positions.push(at + 1);
    else if (/^(-x|-X|--exec(-batch)?=)./.test(text)) fragments.push(text.replace(/^-[xX]|^--exec(-batch)?=/, ""));
  }
  const runsMatches = positions.some((at) => /^[^ ]*\{[^ ]*\}/.test(textAt(words, at)));
  return { ...NOTHING, positions, fragments, ...(runsMatches ? { problem: "find runs the files that it finds" } : {}) };
}

/** Reads a shell with its own language if the script means the same in all of them. */
function readForeignShell(words: readonly ScriptWord[], start: number): Invocation {
  const rest = words.slice(start + 1).map(asScript);
  const at = rest.findIndex((text) => /^[-/](c|k|com[a-z]*)$/i.test(text));
  const script = rest.slice(at + 1).join(" ");
  const isPlain =
    at !== -1 && rest.slice(0, at).every((text) => /^[-/]\w+$/.test(text)) && /^[\w\s./\\:=,@+|;'"-]*$/.test(script);
  if (!isPlain) return { ...NOTHING, problem: "it is written for a shell with another language" };
  return { ...NOTHING, scripts: [script.replaceAll("\\", "/")] };
}

function codeProblem(name: string): string {
  return `${name} runs code that rules cannot read`;
}

function inputProblem(name: string): string {
  return `${name} reads what it runs from its input`;
}

function ambiguity(name: string, { isUnsure }: Arguments): { problem?: string } {
  return isUnsure ? { problem: `an expansion could be an option of ${name}` } : {};
}

function scriptsInRemote(text: string): string[] {
  return text.startsWith("ext::") ? [text.slice(5).replaceAll("% ", " ")] : [];
}

function assignment(text: string): ScriptVariable {
  const end = text.indexOf("=");
  return { name: text.slice(0, end), value: text.slice(end + 1) };
}

function asText(text: Wildcard): string {
  return asScript({ text, splits: false });
}

function textAt(words: readonly ScriptWord[], at: number): string {
  return asText(words[at]?.text ?? []);
}

function joinFrom(words: readonly ScriptWord[], at: number): string {
  return words.slice(at).map(asScript).join(" ");
}

/** Whether a path names the input of a program, or that of a process substitution. */
export function isInput(path: string): boolean {
  return path === "-" || /^\/(dev|proc)\//.test(path);
}

/** Whether the start of a path is unknown, or it is the output of another command. */
function isUnknownFile(path: string): boolean {
  return /^(\/dev\/fd\/)?\$/.test(path);
}

function merge(found: readonly Invocation[]): Invocation {
  const problem = found.find((each) => each.problem !== undefined)?.problem;
  return {
    positions: found.flatMap(({ positions }) => positions),
    scripts: found.flatMap(({ scripts }) => scripts),
    fragments: found.flatMap(({ fragments }) => fragments),
    variables: found.flatMap(({ variables }) => variables),
    read: found.reduce((sum, { read }) => sum + read, 0),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Whether a program with a language of its own could run code that we do not read. Undefined for any other program. */
function runsCode(
  name: string,
  words: readonly ScriptWord[],
  start: number,
  input: string | undefined,
): boolean | undefined {
  if (/^py(thon|py)[\d.]*$/.test(name)) return runsCodeModule(words, start) || undefined;
  const rest = () => words.slice(start + 1).map(asScript);
  switch (name) {
    case "awk":
    case "gawk":
    case "mawk":
    case "nawk":
      return isUnsafeAwk(rest());
    case "sed":
    case "gsed":
      return isUnsafeSed(rest());
    case "sqlite3":
    case "psql":
    case "mysql":
    case "mariadb":
      return isUnsafeSql(rest(), input);
    case "less":
    case "more":
      return rest().some((text) => text.startsWith("+"));
    case "vi":
    case "vim":
    case "nvim":
    case "view":
    case "gvim":
      return rest().some((text) => /^\+\D/.test(text)) || undefined;
    case "tar":
    case "gtar":
    case "bsdtar":
      // In the old style, the first word is options without a dash.
      return /^[a-zA-Z]*[IF][a-zA-Z]*$/.test(rest()[0] ?? "") || undefined;
    default:
      return undefined;
  }
}

/** Modules such as `timeit` take code as their arguments. */
function runsCodeModule(words: readonly ScriptWord[], start: number): boolean {
  const [first = "", second = ""] = words.slice(start + 1, start + 3).map(asScript);
  return /^-m ?(timeit|pdb|code|trace|cProfile|profile)\b/.test(first === "-m" ? `-m ${second}` : first);
}

/** A program is read if its text is known, or if it is in a plain file. */
function isUnsafeAwk(rest: readonly string[]): boolean {
  const files = optionValues(rest, /^(?:-[bcCghMnNOPrsStV]*[fEi]|--(?:fil|exec|inc)[a-z]*(?:=|$))/);
  if (files.some(isInput)) return true;
  const program = rest.findIndex((text, i) => !text.startsWith("-") && !/^-[Fv]$/.test(rest[i - 1] ?? ""));
  const isUnknown = files.length === 0 && rest[program]?.startsWith(UNKNOWN_TEXT) === true;
  return isUnknown || rest.some(runsCommandInAwk);
}

/** The values of an option, attached or as the next word. */
function optionValues(rest: readonly string[], option: RegExp): string[] {
  return rest.flatMap((text, i) => {
    const name = option.exec(text)?.[0];
    return name === undefined ? [] : [text.slice(name.length) || (rest[i + 1] ?? "")];
  });
}

/** `system`, a pipe and an indirect call run commands. */
function runsCommandInAwk(text: string): boolean {
  if (/\bsystem\b|\bgetline\b|@(load|include)\b|@\s*\w+\s*\(/.test(text)) return true;
  const pipe = text.replaceAll("||", "  ").lastIndexOf("|");
  return pipe !== -1 && /\bprintf?\b/.test(text.slice(0, pipe));
}

function isUnsafeSed(rest: readonly string[]): boolean {
  const files = optionValues(rest, /^(?:-[nrsuzEb]*f|--fi[a-z]*(?:=|$))/);
  if (files.some(isInput)) return true;
  const scripts = optionValues(rest, /^(?:-[nrsuzEb]*e|-[a-zA-Z]*e$|--e[a-z]*(?:=|$))/);
  if (scripts.length === 0 && files.length === 0) scripts.push(rest.find((text) => !text.startsWith("-")) ?? "");
  return !scripts.every(isReadableSed);
}

/** One command of `sed` that neither runs a program nor takes its text for one. */
const SED_COMMAND =
  /[\s;{}]*(?:(?:\d+|\$|\/(?:\\.|[^\\/\n])*\/I?)(?:[,~+](?:[+~]?\d+|\$|\/(?:\\.|[^\\/\n])*\/I?))?)?\s*!?\s*(?:[pPdDnNgGhHxlz=](?=[\s;}]|$)|[qQ]\d*|[btT:][^;\n}]*|[aicrRwW][^\n]*|([sy])([^\w\s\\])(?:\\.|(?!\2)[^\\\n])*\2(?:\\.|(?!\2)[^\\\n])*\2[gpiIM\d]*(?=[\s;}#]|$)|#[^\n]*|(?=[\s;{}]|$))/y;

function isReadableSed(script: string): boolean {
  for (let at = 0; at < script.length; ) {
    SED_COMMAND.lastIndex = at;
    const length = SED_COMMAND.exec(script)?.[0].length ?? 0;
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** What starts a program in a database shell. */
const SQL_ESCAPE = /\\|^\s*\.|\bsystem\b|\bprogram\b|\bedit\s*\(|\bload_extension\b/im;

/** Without a statement, a database shell reads its input. */
function isUnsafeSql(rest: readonly string[], input: string | undefined): boolean {
  if ([...rest, input ?? ""].some((text) => SQL_ESCAPE.test(text))) return true;
  const hasStatement = rest.some(
    (text) => /^(-c|-e|-f|-l|--command|--execute|--file|--version|--help)/.test(text) || /\s/.test(text),
  );
  return !hasStatement && input === undefined;
}
