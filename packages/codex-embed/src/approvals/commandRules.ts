import { posix } from "node:path";
import type { CommandApprovalRequest } from "../requests/handlers.js";
import type { Place } from "../validate/kinds.js";
import { type Invocation, isInput, readAnyArgument, readInvocation, scriptsInPair, withoutMark } from "./invocation.js";
import { commandFolders } from "./pathRules.js";
import { ANY, literal, overlaps, patternError, type Wildcard, wildcard, wildcardText } from "./patterns.js";
import { warnOfPrograms } from "./programs.js";
import {
  type CommandName,
  commandName,
  foldPiece,
  readScript,
  type ScriptCommand,
  type ScriptVariable,
  type ScriptWord,
  type ShellWords,
  scriptWords,
  shellWords,
  simpleCommand,
  UNKNOWN_WORD,
} from "./shell.js";
import { accepted, type CommandPattern, type CommandRules, declined, unmatched, type Verdict } from "./types.js";

/** How many characters of a command are read: half of what Linux takes as one argument. */
const MAX_COMMAND_LENGTH = 65_536;

export const TOO_LONG = "it is too long to be read";

export function isTooLong({ length }: string): boolean {
  return length > MAX_COMMAND_LENGTH;
}

/** Rules for commands. */
export interface CompiledCommandRules {
  /** The verdict on a request for approval. `threadCwd` is the working directory of its thread, null if unknown. */
  request(request: CommandApprovalRequest, threadCwd: string | null): Verdict;
  /** The verdict on a script that the shell of the runtime runs in `cwd`: any folder, unless the rules name some. */
  script(script: string, cwd: string): Verdict;
}

/**
 * Compiles the rules for commands. Warns if an allow pattern names a program that runs what files in its folder say.
 *
 * @throws {@link UsageError} for a pattern that is empty, has `**` before its end, or could never match.
 */
export function commandRules(list: CommandRules, call = "approvalRules"): CompiledCommandRules {
  const allow = (list.allow ?? []).map((pattern) => allowPattern(pattern, { call, path: "commands.allow" }));
  const deny = (list.deny ?? []).map((pattern) => compile(pattern, { call, path: "commands.deny" }));
  const folders = commandFolders(list.cwd, call);
  warnOfPrograms(
    allow.filter((pattern) => !onlyPrints(pattern)).map(({ name }) => wildcardText(name)),
    call,
  );
  return {
    request: (request, threadCwd) =>
      denied(deny, sourceOf(request), request.cwd ?? undefined) ??
      allowed(
        allow,
        () => requestedWords(request),
        () => folders(request, threadCwd),
      ),
    script: (script, cwd) =>
      denied(deny, { commands: [], scripts: [script], fragments: [] }, cwd) ??
      allowed(
        allow,
        () => (isTooLong(script) ? NOT_READ : onlyWords(scriptWords(script))),
        () => (list.cwd === undefined ? undefined : folders({ cwd, environmentId: null }, null)),
      ),
  };
}

interface Pattern {
  /** The pattern as it was written. */
  readonly source: string;
  readonly name: Wildcard;
  readonly rest: readonly Wildcard[];
  /** Whether further arguments may follow. */
  readonly isOpen: boolean;
}

/** What a shell gives a meaning to, and a pattern does not. */
const SHELL_SYNTAX = /['"\\;&|<>$`(){}\p{Cc}]/u;

function allowPattern(pattern: CommandPattern, place: Place): Pattern {
  const compiled = compile(pattern, place);
  if (!compiled.name.includes(ANY)) return compiled;
  throw patternError(compiled.source, place, "has a * in its command. Name the command that may run");
}

function compile(pattern: unknown, place: Place): Pattern {
  const source = typeof pattern === "string" ? pattern : String(JSON.stringify(pattern));
  const words: unknown = typeof pattern === "string" ? pattern.split(/[ \t]+/).filter((word) => word !== "") : pattern;
  if (!Array.isArray(words)) throw patternError(source, place, "is neither a string nor an array of strings");
  const tokens: string[] = [];
  for (const word of words) {
    if (typeof word !== "string") throw patternError(source, place, "contains something other than strings");
    tokens.push(word);
  }
  if (typeof pattern === "string" && SHELL_SYNTAX.test(pattern)) {
    throw patternError(source, place, 'contains shell syntax. Write an array of arguments: ["grep", "a b"]');
  }
  const open = tokens.indexOf("**");
  if (open !== -1 && open < tokens.length - 1) {
    throw patternError(source, place, "has ** before its end. Use * for one argument");
  }
  // A final `**` matches further arguments. Alone, it matches any command.
  const [name = "", ...rest] = open > 0 ? tokens.slice(0, -1) : tokens;
  if (name === "") throw patternError(source, place, "names no command");
  return { source, name: wildcard(name), rest: rest.map((token) => wildcard(token)), isOpen: open !== -1 };
}

/** Whether a pattern allows nothing but the version or the help of a program. */
function onlyPrints({ rest }: Pattern): boolean {
  return /^(--version|--help|-[vVh])$/.test(rest.map(wildcardText).join(" "));
}

/** The words of a command, or why no allow pattern can match it. */
type ReadWords = { readonly words: readonly string[] } | { readonly problem: string };

const NOT_READ: ReadWords = { problem: `the command cannot be read: ${TOO_LONG}` };

function onlyWords(read: ShellWords): ReadWords {
  if ("words" in read) return read;
  return { problem: `commands.allow matches simple commands only, and this is none: ${read.refused}` };
}

function requestedWords(request: CommandApprovalRequest): ReadWords {
  if (!isCommand(request)) return { problem: `the request is of the kind ${JSON.stringify(request.kind)}` };
  if (typeof request.command !== "string") return { problem: "the request has no command" };
  return isTooLong(request.command) ? NOT_READ : onlyWords(simpleCommand(request.command));
}

function allowed(patterns: readonly Pattern[], read: () => ReadWords, checkFolder: () => string | undefined): Verdict {
  if (patterns.length === 0) return unmatched("commands.allow is empty");
  const command = read();
  if ("problem" in command) return unmatched(command.problem);
  const rule = patterns.find((pattern) => covers(pattern, command.words));
  if (rule === undefined) return unmatched("no pattern of commands.allow matches the command");
  const problem = checkFolder();
  if (problem !== undefined) return unmatched(problem);
  return accepted(`commands.allow has ${JSON.stringify(rule.source)}.`, rule.source);
}

/** Input for a terminal is not a command, whatever it looks like. Older runtimes do not send the kind. */
function isCommand(request: { readonly kind?: string }): boolean {
  return request.kind === undefined || request.kind === "command";
}

/**
 * Whether an allow pattern matches these words: all of them, with the command spelled exactly as in the pattern. An
 * argument that could change what the program does needs a word in the pattern that starts the same way.
 */
function covers({ name, rest, isOpen }: Pattern, [program = "", ...words]: readonly string[]): boolean {
  if (!overlaps(name, literal(program))) return false;
  if (isOpen ? words.length < rest.length : words.length !== rest.length) return false;
  if (words.slice(rest.length).some(isOption)) return false;
  return rest.every((token, i) => {
    const word = words[i] ?? "";
    return overlaps(token, literal(word)) && (!isOption(word) || namesOption(token, word));
  });
}

/** Whether an argument is an option or sets a variable: `-x`, `--x`, `+x`, `X=value`. */
function isOption(word: string): boolean {
  return /^([-+]|\w+=)/.test(word);
}

function namesOption(token: Wildcard, word: string): boolean {
  return /^[-+]/.test(word)
    ? token[0] === word[0]
    : token.slice(0, word.indexOf("=") + 1).every((piece) => piece !== ANY);
}

function denied(patterns: readonly Pattern[], source: CommandSource, cwd: string | undefined): Verdict | undefined {
  const [anyPattern] = patterns;
  if (anyPattern === undefined) return undefined;
  const because = (pattern: Pattern, what: string): Verdict =>
    declined(`commands.deny has ${JSON.stringify(pattern.source)}, and the command ${what}.`, pattern.source);
  const texts = [...source.scripts, ...source.fragments, ...source.commands.flat()];
  if (texts.some(isTooLong)) return because(anyPattern, `cannot be read: ${TOO_LONG}`);
  const names = patterns.map(({ name }) => nameMatcher(name, cwd));
  for (const candidate of commandsIn(source)) {
    if ("output" in candidate) continue;
    if ("problem" in candidate) return because(anyPattern, `cannot be read: ${candidate.problem}`);
    const name = commandName(candidate.words[candidate.start] ?? UNKNOWN_WORD);
    const rule = patterns.find((pattern, i) => names[i]?.(name) === true && starts(pattern, candidate));
    if (rule === undefined) continue;
    const found = candidate.words.slice(candidate.start, candidate.start + 8).map(({ text }) => wildcardText(text));
    const text = found.join(" ");
    return because(rule, text === "*" ? "runs an unknown program" : `runs ${JSON.stringify(text.slice(0, 120))}`);
  }
  return undefined;
}

/** The runtime's own reading of the command is a hint: it can add to what is denied, never to what is allowed. */
function sourceOf({ command, commandActions, proposedExecpolicyAmendment }: CommandApprovalRequest): CommandSource {
  const line = command ?? "";
  const words = isTooLong(line) ? { refused: TOO_LONG } : shellWords(line);
  return {
    commands: [...("words" in words ? [words.words] : []), proposedExecpolicyAmendment ?? []],
    scripts: "words" in words ? [] : [line],
    fragments: (commandActions ?? []).map((action) => action.command),
  };
}

/**
 * Makes the test whether a command could be the one that a deny pattern names. A pattern for the commands of a folder, such
 * as `/tmp/*`, matches paths in that folder; any other pattern matches its command in every folder.
 */
function nameMatcher(pattern: Wildcard, cwd: string | undefined): (name: CommandName) => boolean {
  const wanted = pattern.map(foldPiece);
  const base = wanted.slice(wanted.lastIndexOf("/") + 1);
  const isFolder = base.length < wanted.length && base.includes(ANY);
  if (!isFolder) return (name) => couldBeNamed(name, base) || overlaps(name.path, wanted);
  return ({ path, plain }) => {
    if (overlaps(path, wanted)) return true;
    if (plain === undefined || !path.includes("/") || path.includes(ANY)) return false;
    const spelled = wildcardText(path);
    const resolved = cwd === undefined ? posix.normalize(spelled) : posix.resolve(cwd.toLowerCase(), spelled);
    return overlaps(literal(resolved), wanted);
  };
}

function couldBeNamed({ base, plain }: CommandName, name: Wildcard): boolean {
  return overlaps(base, name) || (plain === undefined && overlaps(base, [ANY, "/", ...name]));
}

/** After more options than this, a command counts as one that a deny pattern matches. */
const MAX_OPTIONS = 200;

/**
 * Whether a command starts with the arguments of a deny pattern, or could. Options in between, each with at most one value,
 * do not matter: `git -C folder push` starts with `git push`.
 */
function starts({ rest }: Pattern, { words, start }: Candidate): boolean {
  // How many tokens of the pattern could have been seen, and whether the next word may be the value of an option.
  let seen = new Map([[0, false]]);
  for (let at = start + 1; at < words.length; at++) {
    if (at - start > MAX_OPTIONS) return true;
    const { text, splits } = words[at] ?? UNKNOWN_WORD;
    const isOption = text[0] === "-";
    const unknown = splits ? text.indexOf(ANY) : -1;
    const next = new Map<number, boolean>();
    for (const [count, isValue] of seen) {
      const token = rest[count];
      if (token === undefined) return true;
      // Several unknown words could be all that the pattern still needs.
      if (unknown !== -1 && (isOption || isValue || overlaps([...text.slice(0, unknown), ANY], token))) return true;
      if (isOption || isValue) next.set(count, isOption || next.get(count) === true);
      if (unknown === -1 && overlaps(text, token)) next.set(count + 1, next.get(count + 1) ?? false);
    }
    if (next.size === 0) return false;
    seen = next;
  }
  return seen.has(rest.length);
}

/** A command that could run: the words from `start` on. */
export interface Candidate {
  readonly words: readonly ScriptWord[];
  readonly start: number;
  /** The text of its here-documents. */
  readonly input: string | undefined;
}

/** Something that could run and cannot be read, and why. */
interface Unreadable {
  readonly problem: string;
}

/** A file that a script redirects an output to. */
interface Output {
  readonly output: ScriptWord;
}

type Found = Candidate | Unreadable | Output;

/** Where to look for commands. */
interface CommandSource {
  /** The arguments of one command each. */
  readonly commands: readonly (readonly string[])[];
  readonly scripts: readonly string[];
  /** Text that could be a script. What cannot be read of it does not matter. */
  readonly fragments: readonly string[];
}

/** How many characters are read in all, including the scripts in scripts. */
const MAX_READ = 4 * MAX_COMMAND_LENGTH;

/** How many words are read in all: several programs may read the same ones. */
const MAX_WORDS = 200_000;

/** Variables that name a command. A value of several words is read in any variable. */
const COMMAND_VARIABLE =
  /^(GIT_|LESS|BASH_FUNC|PS\d$|ENV$|(CC|CXX|CPP|LD|AR|MAKE)$)|PAGER|EDITOR|VISUAL|BROWSER|COMMAND|SHELL$|RSH$|_SSH|ASKPASS|_CMD$|WRAPPER|OPT(ION)?S$|FLAGS$/i;

/**
 * Yields every command that could run, as far as text can tell: behind programs that run others, in substitutions, in
 * scripts within scripts. Also yields what cannot be read. Takes time proportional to the length of the text.
 */
export function* commandsIn({ commands, scripts, fragments }: CommandSource): Generator<Found> {
  const finder = new CommandFinder();
  for (const script of scripts) finder.add(script, true);
  for (const fragment of fragments) finder.add(fragment, false);
  for (const command of commands) {
    const words = command.map((word) => ({ text: literal(word), splits: false }));
    yield* finder.candidates({ words, input: undefined, isSubstituted: false });
  }
  yield* finder.find();
}

class CommandFinder {
  /** The scripts to read, and whether each is certainly one. */
  readonly #scripts = new Map<string, boolean>();
  #read = 0;
  #words = 0;

  add(script: string, isScript: boolean): void {
    const known = this.#scripts.get(script);
    // Text that turns out to be a script is read again as one.
    if (isScript && known === false) this.#scripts.delete(script);
    if (known === undefined || isScript) this.#scripts.set(script, isScript);
  }

  *find(): Generator<Found> {
    // Iterating a map also visits the scripts that are added meanwhile.
    for (const [script, isScript] of this.#scripts) {
      this.#read += script.length;
      if (this.#read > MAX_READ) {
        yield { problem: "it contains too many scripts" };
        return;
      }
      const { commands, outputs, variables, evaluated, problem } = readScript(script);
      if (problem !== undefined && isScript) yield { problem };
      // In shells other than bash, `$'` is a dollar sign and a quote.
      if (script.includes("$'")) this.add(script.replaceAll(/\$+'/g, "'"), false);
      for (const text of evaluated) this.add(text, false);
      for (const variable of variables) yield* this.#variable(variable);
      if (isScript) for (const output of outputs) yield { output };
      for (const each of commands) if (isScript || !startsUnknown(each)) yield* this.candidates(each);
    }
  }

  *candidates(command: ScriptCommand): Generator<Candidate | Unreadable> {
    const positions = new Set([0]);
    for (const start of positions) {
      const word = command.words[start];
      if (word === undefined) continue;
      yield { words: command.words, start, input: command.input };
      if (start === 0) yield* dashed(command);
      const found = this.#readInvocation(command, word, start);
      this.#words += found.read;
      if (this.#words > MAX_WORDS) yield { problem: "too many of its words could be commands" };
      if (this.#words > MAX_WORDS) return;
      if (found.problem !== undefined) yield { problem: found.problem };
      for (const script of found.scripts) this.add(script, true);
      for (const fragment of found.fragments) this.add(fragment, false);
      for (const variable of found.variables) yield* this.#variable(variable);
      for (const position of found.positions) {
        if (found.words === undefined) positions.add(position);
        else yield* this.candidates({ ...command, words: found.words.slice(position) });
      }
    }
  }

  #readInvocation(command: ScriptCommand, word: ScriptWord, start: number): Invocation {
    const { plain } = commandName(word);
    return plain === undefined ? readAnyArgument(command.words, start) : readInvocation(plain, command, start);
  }

  /** A value can be a command that a program runs, or text in which a shell expands substitutions. */
  *#variable({ name, value }: ScriptVariable): Generator<Unreadable> {
    if (/^(BASH_)?ENV$/.test(name) && isInput(value)) yield { problem: `${name} makes a shell read its input` };
    if (!COMMAND_VARIABLE.test(name) && !/[^\w./:=@%+,~-]/.test(value)) return;
    this.add(withoutMark(value), false);
    for (const script of scriptsInPair(value)) this.add(script, false);
  }
}

/** Whether a command starts with an expansion. In text that need not be a script, that means nothing. */
function startsUnknown({ words, isSubstituted }: ScriptCommand): boolean {
  const text = words[0]?.text ?? [];
  const known = wildcardText(text.slice(0, Math.max(text.indexOf(ANY), 0)));
  return !isSubstituted && text.includes(ANY) && (known === "" || known === "/dev/fd/");
}

/** A command of git spelled with a dash: `git-push`. */
function* dashed({ words: [first, ...rest] }: ScriptCommand): Generator<Candidate> {
  const name = first === undefined ? undefined : commandName(first).plain;
  if (name?.startsWith("git-") !== true) return;
  const spelled = ["git", name.slice(4)].map((text) => ({ text: literal(text), splits: false }));
  yield { words: [...spelled, ...rest], start: 0, input: undefined };
}
