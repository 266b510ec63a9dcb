/** What a command runs besides itself, as far as its arguments show it. */

import { type Arguments, readArguments } from "./arguments.js";
import { ANY, literal, type Piece, type Wildcard } from "./patterns.js";
import { type Subcommands, type Usage, usageOf } from "./programs.js";
import { asScript, holdsSubstitution, type ScriptCommand, type ScriptVariable, type ScriptWord } from "./shell.js";

/** What a command runs. */
export interface Invocation {
  /** Where among its words further commands begin. */
  readonly places: readonly number[];
  /** The same words as the program passes them on, when it changes them. */
  readonly words?: readonly ScriptWord[];
  readonly scripts: readonly string[];
  /** Text that could be a script: what bash makes of it when it is none does not matter. */
  readonly fragments: readonly string[];
  readonly variables: readonly ScriptVariable[];
  /** Why it cannot be told what the command runs. */
  readonly problem?: string;
  /** How many words were looked at. */
  readonly read: number;
}

const NOTHING: Invocation = { places: [], scripts: [], fragments: [], variables: [], read: 1 };

const UNKNOWN_WORD: ScriptWord = { text: [ANY], splits: true };

/** Options of `find` and `fd` that a command follows. */
const FIND_OPTIONS: ReadonlySet<string> = new Set("-exec -execdir -ok -okdir -x -X --exec --exec-batch".split(" "));

/** Shells of another language. What they are given is read only when it is plain. */
const FOREIGN_SHELLS: ReadonlySet<string> = new Set("fish csh tcsh nu elvish xonsh powershell pwsh cmd".split(" "));

/** Tells what the command of this name at `words[start]` runs. */
export function invocationOf(name: string, command: ScriptCommand, start: number): Invocation {
  const { words, input } = command;
  const read = words.length - start;
  if (/^ld(-linux|-musl)?[\w.-]*\.so|^qemu-/.test(name)) return anywhere(words, start);
  if (FOREIGN_SHELLS.has(name)) return { ...foreignShell(words, start), read };
  if (/^g?find$|^fd(find)?$/.test(name)) return { ...finder(words, start), read };
  const code = readsCode(name, words, start, input);
  if (code !== undefined) return { ...NOTHING, read, ...(code ? { problem: codeProblem(name) } : {}) };
  const usage = usageOf(name);
  return usage === undefined ? NOTHING : byUsage(name, usage, command, start);
}

/** What a command runs of whose name only a part is known: anything among its arguments. */
export function anywhere(words: readonly ScriptWord[], start: number): Invocation {
  const places = words.map((_, at) => at).slice(start + 1);
  const scripts = places.map((at) => textAt(words, at)).filter((text) => /[^\w./:=@%+,-]/.test(text));
  return { ...NOTHING, places, fragments: scripts, read: words.length - start };
}

function byUsage(name: string, usage: Usage | Subcommands, command: ScriptCommand, start: number): Invocation {
  if (typeof usage === "string") return ofArguments(name, readArguments(command.words, start, usage), command);
  const { "": before = "", "*": otherwise = "" } = usage;
  if (typeof before !== "string") return NOTHING;
  const front = readArguments(command.words, start, `${before} command`);
  const found = [ofArguments(name, { ...front, kind: undefined }, command)];
  for (const at of front.operands) {
    const subcommand = textAt(command.words, at);
    const key = Object.keys(usage).find((names) => names !== "" && names.split(" ").includes(subcommand));
    const inner = key === undefined ? otherwise : (usage[key] ?? otherwise);
    found.push(byUsage(`${name} ${subcommand}`.slice(0, 40), inner, command, at));
  }
  if (front.isUnsure) found.push({ ...NOTHING, problem: `what ${name} is asked for is not known` });
  return merged(found);
}

function ofArguments(name: string, found: Arguments, { words, input }: ScriptCommand): Invocation {
  const { kind, operands } = found;
  const rest = operands.map((at) => textAt(words, at));
  const scripts = found.scripts.map((text) => scriptText(text));
  const fragments = [...found.pairs.map((text) => asText(text)), ...scripts].flatMap((text) => pairScripts(text));
  const variables = found.assignments.map((at) => assignment(textAt(words, at)));
  const result = { ...NOTHING, scripts, fragments, variables, read: found.read };
  const file = found.files.map((text) => asText(text)).find((path) => isInput(path));
  if (found.code !== undefined) return { ...result, problem: codeProblem(`${name} ${found.code}`) };
  if (file !== undefined) return { ...result, problem: inputProblem(name) };
  if (found.isScript) return { ...result, scripts: [...scripts, ...rest], ...unsure(name, found) };
  switch (kind) {
    case "command":
    case "shell": {
      if (found.isSettled) return result;
      const isIdle = operands.length === 0 && scripts.length === 0 && (kind === "shell" || found.readsInput);
      if (isIdle) return { ...result, ...fromInput(name, scripts, input) };
      // Some programs take a command as one argument.
      const spaced = rest.filter((text) => /\s/.test(text));
      return {
        ...result,
        ...passedOn(name, words, operands),
        fragments: [...fragments, ...spaced],
        ...unsure(name, found),
      };
    }
    case "script":
      return {
        ...result,
        scripts: [...scripts, ...operands.map((at) => joinedFrom(words, at))],
        ...unsure(name, found),
      };
    case "first":
      return { ...result, scripts: [...scripts, ...rest.slice(0, 1)], ...unsure(name, found) };
    case "scripts":
      return { ...result, fragments: [...fragments, ...rest.flatMap((text) => [text, ...pairScripts(text)])] };
    case "file":
      return { ...result, ...ofFile(name, found, rest, scripts, input) };
    case "words":
      return operands[0] === undefined ? result : anywhere(words, operands[0] - 1);
    case "code":
      return found.isSettled ? result : { ...result, problem: codeProblem(name) };
    case "evaluated":
      return { ...result, fragments: [...fragments, ...rest.filter((text) => holdsSubstitution(text))] };
    case "settings":
      return {
        ...result,
        fragments: [...fragments, ...rest.flatMap((key, i) => pairScripts(`${key}=${rest[i + 1] ?? ""}`))],
      };
    case "remotes":
      return { ...result, fragments: [...fragments, ...rest.flatMap((text) => remoteCommand(text))] };
    default:
      return result;
  }
}

/** The file of code that a shell or an interpreter is given. */
function ofFile(
  name: string,
  found: Arguments,
  rest: readonly string[],
  scripts: readonly string[],
  input: string | undefined,
): Partial<Invocation> {
  if (found.isUnsure) return unsure(name, found);
  const isInputRead = found.readsInput || rest.some((path) => isInput(path));
  if (isInputRead || (rest.length === 0 && scripts.length === 0 && !found.isSettled)) {
    return fromInput(name, scripts, input);
  }
  // A file whose name is not known could be an option.
  if (rest.some((path) => path.startsWith("$") || path.startsWith("-"))) {
    return { problem: `what ${name} is given is not known` };
  }
  return {};
}

const SHELLS_BY_INPUT: ReadonlySet<string> = new Set(
  "sh bash zsh dash ksh mksh ash yash rbash source . su runuser sudo unshare nsenter chroot script ssh".split(" "),
);

function fromInput(name: string, scripts: readonly string[], input: string | undefined): Partial<Invocation> {
  if (input !== undefined && SHELLS_BY_INPUT.has(name)) return { scripts: [...scripts, input] };
  return { problem: inputProblem(name) };
}

/** `xargs` adds its input to the command, and puts it in the place of a marker. */
function passedOn(name: string, words: readonly ScriptWord[], operands: readonly number[]): Partial<Invocation> {
  const first = operands[0];
  if (!/^(g?xargs|entr)$/.test(name) || first === undefined || words.at(-1) === UNKNOWN_WORD) {
    return { places: operands };
  }
  const options = words
    .slice(0, first)
    .map((word) => asScript(word))
    .join(" ");
  const marker =
    /(?:^| )(?:-[a-zA-Z0]*[IJ] ?|--replace=|-i)(\S+)/.exec(options)?.[1] ??
    (/ -i| --replace/.test(options) ? "{}" : undefined);
  const changed = marker === undefined ? words : words.map((word, at) => (at < first ? word : replaced(word, marker)));
  return { places: operands, words: [...changed, UNKNOWN_WORD] };
}

function replaced(word: ScriptWord, marker: string): ScriptWord {
  const text = asScript(word);
  if (!text.includes(marker)) return word;
  const pieces = text
    .split(marker)
    .flatMap((part, i): readonly Piece[] => (i === 0 ? literal(part) : [ANY, ...literal(part)]));
  return { text: pieces, splits: false };
}

function finder(words: readonly ScriptWord[], start: number): Invocation {
  const places: number[] = [];
  const fragments: string[] = [];
  for (let at = start + 1; at < words.length; at++) {
    const text = textAt(words, at);
    if (FIND_OPTIONS.has(text)) places.push(at + 1);
    else if (/^(-x|-X|--exec(-batch)?=)./.test(text)) fragments.push(text.replace(/^-[xX]|^--exec(-batch)?=/, ""));
  }
  const runsFound = places.some((at) => /^[^ ]*\{[^ ]*\}/.test(textAt(words, at)));
  return { ...NOTHING, places, fragments, ...(runsFound ? { problem: "find runs what it finds" } : {}) };
}

/** A shell of another language is read when what it runs means the same to all of them. */
function foreignShell(words: readonly ScriptWord[], start: number): Invocation {
  const rest = words.slice(start + 1).map((word) => asScript(word));
  const at = rest.findIndex((text) => /^[-/](c|k|com[a-z]*)$/i.test(text));
  const script = rest.slice(at + 1).join(" ");
  const isPlain =
    at !== -1 && rest.slice(0, at).every((text) => /^[-/]\w+$/.test(text)) && /^[\w\s./\\:=,@+|;'"-]*$/.test(script);
  if (!isPlain) return { ...NOTHING, problem: "it is written for a shell that is not read" };
  return { ...NOTHING, scripts: [script.replaceAll("\\", "/")] };
}

function codeProblem(name: string): string {
  return `${name} runs code that rules do not read`;
}

function inputProblem(name: string): string {
  return `${name} reads what it runs from its input`;
}

function unsure(name: string, { isUnsure }: Arguments): { problem?: string } {
  return isUnsure ? { problem: `an expansion could be an option of ${name}` } : {};
}

/** The script in `key=script`, and in `alias.name=git-command`. */
export function pairScripts(text: string): string[] {
  const [, key = "", value = ""] = /^([\w.%:-]+)(?:\+?=|\s+)([^]*)$/.exec(text) ?? [];
  // A name of a person can be that of a program.
  if (value === "" || /^(user|author|committer)\./.test(key)) return [];
  const script = withoutMark(value);
  return key.startsWith("alias.") && script === value ? [script, `git ${script}`] : [script];
}

function remoteCommand(text: string): string[] {
  return text.startsWith("ext::") ? [text.slice(5).replaceAll("% ", " ")] : [];
}

function assignment(text: string): ScriptVariable {
  const end = text.indexOf("=");
  return { name: text.slice(0, end), value: text.slice(end + 1) };
}

/** Some programs mark a script among other values: `!command`, `|command`. */
function withoutMark(text: string): string {
  return text.replace(/^\s*[!|]\s*/, "");
}

function scriptText(text: Wildcard): string {
  return withoutMark(asText(text));
}

function asText(text: Wildcard): string {
  return asScript({ text, splits: false });
}

function textAt(words: readonly ScriptWord[], at: number): string {
  return asText(words[at]?.text ?? []);
}

function joinedFrom(words: readonly ScriptWord[], at: number): string {
  return words
    .slice(at)
    .map((word) => asScript(word))
    .join(" ");
}

/** Whether a path names what a program reads as its input. */
function isInput(path: string): boolean {
  return path === "-" || /^\/(dev|proc)\//.test(path);
}

function merged(found: readonly Invocation[]): Invocation {
  const problem = found.find((each) => each.problem !== undefined)?.problem;
  return {
    places: found.flatMap(({ places }) => places),
    scripts: found.flatMap(({ scripts }) => scripts),
    fragments: found.flatMap(({ fragments }) => fragments),
    variables: found.flatMap(({ variables }) => variables),
    read: found.reduce((sum, { read }) => sum + read, 0),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** One command of `sed` that neither runs a program nor takes its text for one. */
const SED_COMMAND =
  /[\s;{}]*(?:(?:\d+|\$|\/(?:\\.|[^\\/\n])*\/I?)(?:[,~+](?:[+~]?\d+|\$|\/(?:\\.|[^\\/\n])*\/I?))?)?\s*!?\s*(?:[pPdDnNgGhHxlz=](?=[\s;}]|$)|[qQ]\d*|[btT:][^;\n}]*|[aicrRwW][^\n]*|([sy])([^\w\s\\])(?:\\.|(?!\2)[^\\\n])*\2(?:\\.|(?!\2)[^\\\n])*\2[gpiIM\d]*(?=[\s;}#]|$)|#[^\n]*|(?=[\s;{}]|$))/y;

/** What a database shell starts a program by. */
const SQL_ESCAPE = /\\|^\s*\.|\bsystem\b|\bprogram\b|\bedit\s*\(|\bload_extension\b/im;

/** Whether a use of this program could run code that is not read. Undefined for another kind of program. */
export function readsCode(
  name: string,
  words: readonly ScriptWord[],
  start: number,
  input: string | undefined,
): boolean | undefined {
  if (/^py(thon|py)[\d.]*$/.test(name)) return runsCodeModule(words, start) || undefined;
  const rest = () => words.slice(start + 1).map((word) => asScript(word));
  switch (name) {
    case "awk":
    case "gawk":
    case "mawk":
    case "nawk":
      return rest().some((text) => isUnsafeAwk(text));
    case "sed":
    case "gsed":
      return !isSafeSed(rest());
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
      // In the old form, the first word is options without a dash.
      return /^[a-zA-Z]*[IF][a-zA-Z]*$/.test(rest()[0] ?? "") || undefined;
    default:
      return undefined;
  }
}

/** `timeit` and others take code as their arguments. */
function runsCodeModule(words: readonly ScriptWord[], start: number): boolean {
  const [first = "", second = ""] = words.slice(start + 1, start + 3).map((word) => asScript(word));
  return /^-m ?(timeit|pdb|code|trace|cProfile|profile)\b/.test(first === "-m" ? `-m ${second}` : first);
}

/** `system`, a pipe and an indirect call run commands. */
function isUnsafeAwk(text: string): boolean {
  if (/\bsystem\b|\bgetline\b|@(load|include)\b|@\s*\w+\s*\(/.test(text)) return true;
  const pipe = text.replaceAll("||", "  ").lastIndexOf("|");
  return pipe !== -1 && /\bprintf?\b/.test(text.slice(0, pipe));
}

function isSafeSed(rest: readonly string[]): boolean {
  const scripts: string[] = [];
  let hasFile = false;
  for (let at = 0; at < rest.length; at++) {
    const text = rest[at] ?? "";
    if (/^-[a-zA-Z]*e$|^--expression$/.test(text)) scripts.push(rest[++at] ?? "");
    else if (text.startsWith("--expression=")) scripts.push(text.slice("--expression=".length));
    else if (/^-[nrsuzE]*e./.test(text)) scripts.push(text.replace(/^-[nrsuzE]*e/, ""));
    else if (/^-[a-zA-Z]*f|^--file/.test(text)) hasFile = true;
  }
  if (scripts.length === 0 && !hasFile) scripts.push(rest.find((text) => !text.startsWith("-")) ?? "");
  return scripts.every((script) => isReadableSed(script));
}

function isReadableSed(script: string): boolean {
  for (let at = 0; at < script.length; ) {
    SED_COMMAND.lastIndex = at;
    const length = SED_COMMAND.exec(script)?.[0].length ?? 0;
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** A database shell that is given no statement reads its input. */
function isUnsafeSql(rest: readonly string[], input: string | undefined): boolean {
  if ([...rest, input ?? ""].some((text) => SQL_ESCAPE.test(text))) return true;
  const hasStatement = rest.some(
    (text) => /^(-c|-e|-f|-l|--command|--execute|--file|--version|--help)/.test(text) || /\s/.test(text),
  );
  return !hasStatement && input === undefined;
}
