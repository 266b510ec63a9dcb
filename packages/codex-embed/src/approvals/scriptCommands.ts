/** Finds the commands that a script or a list of arguments could run, behind every program that runs others. */

import { anywhere, type Invocation, invocationOf, pairScripts } from "./invocation.js";
import { commandName, readScript, type ScriptCommand, type ScriptVariable, type ScriptWord } from "./shell.js";
import { ANY, literal } from "./wildcard.js";

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
