/** Finds the commands that a script or a list of arguments could run, behind every program that runs others. */

import { resolve } from "node:path";
import { UsageError } from "../errors/base.js";
import type { CommandApprovalRequest } from "../requests/handlers.js";
import { anywhere, type Invocation, invocationOf, pairScripts } from "./invocation.js";
import {
  ANY,
  couldBeSame,
  coversPath,
  followLinks,
  literal,
  pathGlob,
  resolvedGlob,
  type Wildcard,
  wildcard,
  wildcardText,
} from "./patterns.js";
import { runsOthers } from "./programs.js";
import {
  commandName,
  deniedName,
  readScript,
  type ScriptCommand,
  type ScriptVariable,
  type ScriptWord,
  shellWords,
  simpleCommand,
} from "./shell.js";
import { accepted, type CommandPattern, type CommandRules, declined, open, type Verdict } from "./types.js";

/** A command that could run: the words from `start` on. */
export interface Candidate {
  readonly words: readonly ScriptWord[];
  readonly start: number;
}

/** What could run but cannot be read, and why. */
export interface Unreadable {
  readonly problem: string;
}

/** How many characters of command text are read. The system takes no longer argument than twice this. */
export const MAX_COMMAND_LENGTH = 65_536;

/** How many characters are read in all, with the scripts that are found within scripts. */
const MAX_READ = 4 * MAX_COMMAND_LENGTH;

/** How many words are looked at in all, as several programs may read the same ones. */
const MAX_WORDS = 200_000;

/** Variables that hold a command. A value of several words is read in any variable. */
const COMMAND_VARIABLE =
  /^(GIT_|LESS|BASH_FUNC|PS\d$|ENV$|(CC|CXX|CPP|LD|AR|MAKE)$)|PAGER|EDITOR|VISUAL|BROWSER|COMMAND|SHELL$|RSH$|_SSH|ASKPASS|_CMD$|WRAPPER|OPT(ION)?S$|FLAGS$/i;

/** Where commands are looked for. */
export interface CommandSource {
  /** The arguments of one command each. */
  readonly commands: readonly (readonly string[])[];
  /** Text that is a script. */
  readonly scripts: readonly string[];
  /** Text that could be a script: what cannot be read of it does not matter. */
  readonly fragments: readonly string[];
}

/**
 * Yields every command that could run, as far as that shows without running it, and what cannot be read. Takes time in
 * proportion to the length of the text.
 */
export function* commandsIn({ commands, scripts, fragments }: CommandSource): Generator<Candidate | Unreadable> {
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
  /** Scripts to read, and whether each is one for sure. */
  readonly #scripts = new Map<string, boolean>();
  #read = 0;
  #words = 0;

  add(script: string, isScript: boolean): void {
    const known = this.#scripts.get(script);
    // What turns out to be a script for sure is read once more.
    if (isScript && known === false) this.#scripts.delete(script);
    if (known === undefined || isScript) this.#scripts.set(script, isScript);
  }

  *find(): Generator<Candidate | Unreadable> {
    // What is found within a script is added while the map is iterated, and so has its turn as well.
    for (const [script, isScript] of this.#scripts) {
      this.#read += script.length;
      if (this.#read > MAX_READ) {
        yield { problem: "it holds too many scripts" };
        return;
      }
      const { commands, variables, evaluated, problem } = readScript(script);
      if (problem !== undefined && isScript) yield { problem };
      // Other shells than bash give `$'` no meaning.
      if (script.includes("$'")) this.add(script.replaceAll(/\$+'/g, "'"), false);
      for (const text of evaluated) this.add(text, false);
      for (const variable of variables) this.#addVariable(variable);
      for (const each of commands) if (isScript || !beginsUnknown(each)) yield* this.candidates(each);
    }
  }

  *candidates(command: ScriptCommand): Generator<Candidate | Unreadable> {
    const places = new Set([0]);
    for (const start of places) {
      const word = command.words[start];
      if (word === undefined) continue;
      yield { words: command.words, start };
      if (start === 0) yield* dashed(command);
      const found = this.#invocation(command, word, start);
      this.#words += found.read;
      if (this.#words > MAX_WORDS) yield { problem: "too much of it could be a command" };
      if (this.#words > MAX_WORDS) return;
      if (found.problem !== undefined) yield { problem: found.problem };
      for (const script of found.scripts) this.add(script, true);
      for (const fragment of found.fragments) this.add(fragment, false);
      for (const variable of found.variables) this.#addVariable(variable);
      if (found.words === undefined) for (const place of found.places) places.add(place);
      else for (const place of found.places) yield* this.candidates({ ...command, words: found.words.slice(place) });
    }
  }

  #invocation(command: ScriptCommand, word: ScriptWord, start: number): Invocation {
    const { plain } = commandName(word);
    return plain === undefined ? anywhere(command.words, start) : invocationOf(plain, command, start);
  }

  /** A value can be a command that a program runs, or text in which a shell expands substitutions. */
  #addVariable({ name, value }: ScriptVariable): void {
    if (!COMMAND_VARIABLE.test(name) && !/[^\w./:=@%+,~-]/.test(value)) return;
    this.add(value.replace(/^\s*[!|]\s*/, ""), false);
    for (const script of pairScripts(value)) this.add(script, false);
  }
}

/** Whether the beginning of a text is not known: in one that need not be a script, that says nothing. */
function beginsUnknown({ words, isSubstituted }: ScriptCommand): boolean {
  return !isSubstituted && words[0]?.text[0] === ANY;
}

/** A command of git, spelled with a dash: `git-push`. */
function* dashed({ words: [first, ...rest] }: ScriptCommand): Generator<Candidate> {
  const name = first === undefined ? undefined : commandName(first).plain;
  if (name?.startsWith("git-") !== true) return;
  const spelled = ["git", name.slice(4)].map((text) => ({ text: literal(text), splits: false }));
  yield { words: [...spelled, ...rest], start: 0 };
}

interface Pattern {
  /** The pattern as it was written. */
  readonly source: string;
  readonly name: Wildcard;
  readonly rest: readonly Wildcard[];
  /** Whether further arguments may follow. */
  readonly isOpen: boolean;
}

/** A command with more options than this in front of what a deny pattern asks for could do what it asks for. */
const MAX_OPTIONS = 200;

const UNKNOWN_WORD: ScriptWord = { text: [ANY], splits: true };

/** Text in a pattern that a shell would give a meaning to, but a pattern does not. */
const SHELL_SYNTAX = /['"\\;&|<>$`(){}\p{Cc}]/u;

const TOO_LONG = "it is too long to be read";

/** Gives the verdict on a command of a thread that works in this folder; null when the folder is not known. */
export type CommandVerdict = (request: CommandApprovalRequest, threadCwd: string | null) => Verdict;

/**
 * Makes the rules over commands. Warns of programs that run what files in their folder say, when they are allowed.
 *
 * @throws UsageError for a pattern that is empty, has `**` before its end, or could never cover anything.
 */
export function commandRules(list: CommandRules): CommandVerdict {
  const allow = (list.allow ?? []).map((pattern) => allowPattern(pattern));
  const deny = (list.deny ?? []).map((pattern) => compile(pattern, "commands.deny"));
  const folders = commandFolders(list.cwd);
  warnOfPrograms(allow);
  return (request, threadCwd) => denied(deny, request) ?? allowed(allow, request, () => folders(request, threadCwd));
}

function allowPattern(pattern: CommandPattern): Pattern {
  const compiled = compile(pattern, "commands.allow");
  if (!compiled.name.includes(ANY)) return compiled;
  throw unusable("commands.allow", compiled.source, "has a * in its command: name the command that may run");
}

function compile(pattern: unknown, where: string): Pattern {
  const source = typeof pattern === "string" ? pattern : String(JSON.stringify(pattern));
  const words: unknown = typeof pattern === "string" ? pattern.split(/[ \t]+/).filter((word) => word !== "") : pattern;
  if (!Array.isArray(words)) throw unusable(where, source, "is neither text nor an array of arguments");
  const tokens: string[] = [];
  for (const word of words) {
    if (typeof word !== "string") throw unusable(where, source, "holds something else than text");
    tokens.push(word);
  }
  if (typeof pattern === "string" && SHELL_SYNTAX.test(pattern)) {
    throw unusable(where, source, "holds what only a shell gives a meaning to: write it as an array of arguments");
  }
  const open = tokens.indexOf("**");
  if (open !== -1 && open < tokens.length - 1) throw unusable(where, source, "has a ** before its end");
  // A last `**` stands for further arguments; alone, it stands for the command as well.
  const [name = "", ...rest] = open > 0 ? tokens.slice(0, -1) : tokens;
  if (name === "") throw unusable(where, source, "names no command");
  return { source, name: wildcard(name), rest: rest.map((token) => wildcard(token)), isOpen: open !== -1 };
}

function unusable(where: string, source: string, problem: string): UsageError {
  return new UsageError(`The pattern ${JSON.stringify(source)} in ${where} ${problem}.`);
}

function allowed(
  patterns: readonly Pattern[],
  request: CommandApprovalRequest,
  wrongFolder: () => string | undefined,
): Verdict {
  if (patterns.length === 0) return open("no command is allowed by a rule");
  if (!isCommand(request)) return open(`no rule covers a request of the kind ${JSON.stringify(request.kind)}`);
  if (typeof request.command !== "string") return open("no rule covers a request without a command");
  if (request.command.length > MAX_COMMAND_LENGTH) return open(TOO_LONG);
  const command = simpleCommand(request.command);
  if ("refused" in command) return open(`rules allow simple commands only, and this is none: ${command.refused}`);
  const rule = patterns.find((pattern) => covers(pattern, command.words));
  if (rule === undefined) return open("no pattern of commands.allow covers it");
  const problem = wrongFolder();
  if (problem !== undefined) return open(problem);
  return accepted(`commands.allow has ${JSON.stringify(rule.source)}.`, rule.source);
}

/** Input for a terminal is no command, whatever it looks like. Older runtimes do not send the kind. */
function isCommand(request: { readonly kind?: string }): boolean {
  return request.kind === undefined || request.kind === "command";
}

/**
 * Whether an allow pattern covers these words: exactly, and the command by the very name that the pattern has. An
 * argument that could change what the program does is covered only by a word of the pattern that begins like it.
 */
function covers({ name, rest, isOpen }: Pattern, [program = "", ...words]: readonly string[]): boolean {
  if (!couldBeSame(name, literal(program))) return false;
  if (isOpen ? words.length < rest.length : words.length !== rest.length) return false;
  if (words.slice(rest.length).some((word) => isOption(word))) return false;
  return rest.every((token, i) => {
    const word = words[i] ?? "";
    return couldBeSame(token, literal(word)) && (!isOption(word) || namesOption(token, word));
  });
}

/** Whether an argument is an option, or sets a variable: `-x`, `--x`, `+x`, `X=value`. */
function isOption(word: string): boolean {
  return /^([-+]|\w+=)/.test(word);
}

function namesOption(token: Wildcard, word: string): boolean {
  return /^[-+]/.test(word)
    ? token[0] === word[0]
    : token.slice(0, word.indexOf("=") + 1).every((piece) => piece !== ANY);
}

/** One warning for all: what these programs do is decided by files that the agent may be able to write. */
function warnOfPrograms(patterns: readonly Pattern[]): void {
  const risky = patterns.filter(({ name, rest }) => {
    return runsOthers(wildcardText(name)) && !/^(--version|--help|-[vVh])$/.test(rest.map(wildcardText).join(" "));
  });
  const names = new Set(risky.map(({ name }) => wildcardText(name)));
  if (names.size === 0) return;
  process.emitWarning(
    `commands.allow of approvalRules has ${[...names].join(", ")}: what is allowed runs outside the sandbox, and ` +
      "these programs run what configuration, scripts or arguments tell them. An agent that can write in the " +
      "working directory can run anything through them. Let them run inside the sandbox, where no rule is asked.",
    { type: "CodexEmbedWarning", code: "ALLOWED_PROGRAM" },
  );
}

function denied(patterns: readonly Pattern[], request: CommandApprovalRequest): Verdict | undefined {
  const [anyPattern] = patterns;
  if (anyPattern === undefined) return undefined;
  const because = (pattern: Pattern, what: string): Verdict =>
    declined(`commands.deny has ${JSON.stringify(pattern.source)}, and ${what}.`, pattern.source);
  const source = sourceOf(request);
  const texts = [...source.scripts, ...source.fragments, ...source.commands.flat()];
  if (texts.some(({ length }) => length > MAX_COMMAND_LENGTH)) return because(anyPattern, TOO_LONG);
  const names = patterns.map(({ name }) => deniedName(name, request.cwd ?? undefined));
  for (const candidate of commandsIn(source)) {
    if ("problem" in candidate) return because(anyPattern, `the command cannot be read: ${candidate.problem}`);
    const name = commandName(candidate.words[candidate.start] ?? UNKNOWN_WORD);
    const rule = patterns.find((pattern, i) => names[i]?.(name) === true && starts(pattern, candidate));
    if (rule === undefined) continue;
    const found = candidate.words.slice(candidate.start, candidate.start + 8).map(({ text }) => wildcardText(text));
    const runs = found.join(" ") === "*" ? "what cannot be told" : JSON.stringify(found.join(" ").slice(0, 120));
    return because(rule, `the command runs ${runs}`);
  }
  return undefined;
}

/** What the runtime itself made of the command is a hint: it can add to what is denied, and never to what is allowed. */
function sourceOf({ command, commandActions, proposedExecpolicyAmendment }: CommandApprovalRequest): CommandSource {
  const line = command ?? "";
  const words = line.length > MAX_COMMAND_LENGTH ? { refused: TOO_LONG } : shellWords(line);
  return {
    commands: [...("words" in words ? [words.words] : []), proposedExecpolicyAmendment ?? []],
    scripts: "words" in words ? [] : [line],
    fragments: (commandActions ?? []).map((action) => action.command),
  };
}

/**
 * Whether a command starts with the arguments of a deny pattern, or could. Options in between, each with a value at
 * most, do not matter: `git -C folder push` starts with `git push`.
 */
function starts({ rest }: Pattern, { words, start }: Candidate): boolean {
  // The numbers of tokens that could have been seen, and whether the next word may be an option's value.
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
      // Several words could hold all that the pattern still asks for.
      if (unknown !== -1 && (isOption || isValue || couldBeSame([...text.slice(0, unknown), ANY], token))) return true;
      if (isOption || isValue) next.set(count, isOption || next.get(count) === true);
      if (unknown === -1 && couldBeSame(text, token)) next.set(count + 1, next.get(count + 1) ?? false);
    }
    if (next.size === 0) return false;
    seen = next;
  }
  return seen.has(rest.length);
}

/** Tells why a command does not run in an allowed folder; undefined when it does. */
export type FolderCheck = (
  request: Pick<CommandApprovalRequest, "cwd" | "environmentId">,
  threadCwd: string | null,
) => string | undefined;

/**
 * Makes the check of the folder that a command would run in: one of these folders or globs, by default the thread's
 * working directory. Links are followed on both sides.
 *
 * @throws UsageError for a folder that is relative, or a glob that {@link pathGlob} refuses.
 */
export function commandFolders(cwd: string | readonly string[] | undefined): FolderCheck {
  const sources: readonly string[] | undefined = typeof cwd === "string" ? [cwd] : cwd;
  const globs = sources?.map((source) => pathGlob(source, "commands.cwd")).map((glob) => resolvedGlob(glob) ?? glob);
  return ({ cwd: folder, environmentId }, threadCwd) => {
    if (typeof folder !== "string") return "the folder of the command is not known";
    if ((environmentId ?? "local") !== "local") return "the command runs on another machine";
    const own = typeof threadCwd === "string" ? followLinks(threadCwd) : null;
    const targets = [followLinks(folder), followLinks(resolve(folder))];
    const isCovered = (target: string | null): boolean => {
      if (target === null) return false;
      if (globs !== undefined) return globs.some((glob) => coversPath(glob, target));
      return own !== null && target === own;
    };
    if (targets.every(isCovered)) return undefined;
    if (globs !== undefined) return "commands.cwd does not cover the folder of the command";
    if (own === null) return "the working directory of the thread is not known";
    return "the command does not run in the working directory of the thread";
  };
}
