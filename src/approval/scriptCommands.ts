/** Owns the places in a script where a command could start, behind whatever runs it. */

import { commandName, oneOf } from "./commandName.js";
import {
  asScript,
  KEYWORDS,
  type ScriptCommand,
  type ScriptWord,
  UNKNOWN_COMMAND,
  UNKNOWN_TEXT,
} from "./scriptDraft.js";
import { type Dialect, readScript } from "./shellScript.js";
import { ANY, literal, wildcardText } from "./wildcard.js";

/** A place in a script where a command could start, and the words from there on. */
export interface Candidate {
  readonly words: readonly ScriptWord[];
  readonly start: number;
}

/** Shells, which run what they read when they are given no script. */
const SHELLS = "sh bash zsh dash ksh mksh ash fish csh tcsh powershell pwsh cmd";

/** Commands that run what is among their arguments, as arguments or as a script. */
const RUNNERS = [
  SHELLS,
  "busybox toybox eval trap env command builtin exec noglob nocorrect nohup sudo doas su runuser pkexec xargs",
  "parallel nice ionice timeout gtimeout stdbuf setsid setarch arch watch strace ltrace chroot unshare nsenter",
  "flock script caffeinate ssh repeat chronic unbuffer rlwrap systemd-run time coproc alias mapfile readarray",
];

const isShell = oneOf(SHELLS.split(" "));
const isAlias = oneOf(["alias"]);
const isRunner = oneOf(RUNNERS.join(" ").split(" "));

/** Commands that run what stands behind one of these options. */
const isFinder = oneOf(["find", "gfind", "fd", "fdfind"]);
const FINDER_OPTIONS = new Set(["-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"]);

/** How many characters are read before a script counts as one that nobody can tell anything of. */
const MAX_READ = 1 << 21;

/**
 * Yields every command that a script could run, as far as that shows without running it. The whole script is read in
 * every dialect, and so is each of its lines: no quote or document that one shell sees hides the next line.
 */
export function scriptCommands(script: string): Generator<Candidate> {
  return commandsOf(new Set([script]));
}

/** Yields the commands that these arguments could run. */
export function* argumentCommands(words: readonly string[]): Generator<Candidate> {
  const scripts = new Set<string>();
  yield* candidatesOf({ words: words.map((word) => ({ text: literal(word), splits: false })), starts: [0] }, scripts);
  yield* commandsOf(scripts);
}

function* commandsOf(scripts: Set<string>): Generator<Candidate> {
  let read = 0;
  // What is found within a script is added while the set is iterated, and so has its turn as well.
  for (const text of scripts) {
    if (/[\n\r]/.test(text)) for (const line of text.split(/[\n\r]+/)) scripts.add(line);
    for (const dialect of dialectsOf(text)) {
      read += text.length;
      if (read > MAX_READ) {
        yield ANYTHING;
        return;
      }
      const { commands, scripts: found } = readScript(text, dialect);
      for (const inner of found) scripts.add(inner);
      for (const command of commands) yield* candidatesOf(command, scripts);
    }
  }
}

const ANYTHING: Candidate = { words: UNKNOWN_COMMAND.words, start: 0 };

function dialectsOf(text: string): readonly Dialect[] {
  const both = (mark: string) => (text.includes(mark) ? [true, false] : [true]);
  return both("$'").flatMap((escapes) => both("case").map((cases) => ({ escapes, cases })));
}

function* candidatesOf({ words, starts }: ScriptCommand, scripts: Set<string>): Generator<Candidate> {
  const places = new Set(starts);
  let firstRunner = Number.POSITIVE_INFINITY;
  let firstFinder = Number.POSITIVE_INFINITY;
  for (const start of places) {
    const word = words[start];
    if (word === undefined) continue;
    if (isAssignment(word) || KEYWORDS.has(wildcardText(word.text))) places.add(start + 1);
    if (isAssignment(word)) continue;
    const name = commandName(word);
    if (isRunner(name)) {
      for (const place of placesBehind(words, start, firstRunner < start)) places.add(place);
      if (start < firstRunner) for (let at = start + 1; at < words.length; at++) addScript(words[at], scripts);
      if (isAlias(name)) for (let at = start + 1; at < words.length; at++) addValue(words[at], scripts);
      firstRunner = Math.min(firstRunner, start);
      if (isShell(name) && readsItsInput(words, start)) yield ANYTHING;
    } else if (isFinder(name) && start < firstFinder) {
      for (let at = start + 1; at < words.length; at++) {
        if (FINDER_OPTIONS.has(wildcardText(words[at]?.text ?? []))) places.add(at + 1);
      }
      firstFinder = start;
    }
    yield { words, start };
  }
}

/**
 * Yields where a command could start among a runner's arguments: anywhere, as its options and their values are not
 * known. Yet a word of which nothing is known counts only near the runner, or else every variable would be a command.
 */
function* placesBehind(words: readonly ScriptWord[], runner: number, onlyNear: boolean): Generator<number> {
  let values = 0;
  for (let at = runner + 1; at < words.length; at++) {
    const first = words[at]?.text[0];
    if (values > 1 && onlyNear) return;
    if (values <= 1 || first !== ANY) yield at;
    if (first !== "-") values++;
  }
}

/** Whether nothing but options stands behind a shell, or one of them says that it reads its input. */
function readsItsInput(words: readonly ScriptWord[], shell: number): boolean {
  for (let at = shell + 1; at < words.length; at++) {
    const text = words[at]?.text ?? [];
    if (text[0] !== "-") return false;
    if (text[1] !== "-" && text.includes("s")) return true;
  }
  return true;
}

/** Takes an argument for a script, unless it is a plain word. */
function addScript(word: ScriptWord | undefined, scripts: Set<string>): void {
  if (word === undefined) return;
  const script = asScript(word);
  if (/[^\w./:=@%+,-]/.test(script.replaceAll(UNKNOWN_TEXT, ""))) scripts.add(script);
}

function addValue(word: ScriptWord | undefined, scripts: Set<string>): void {
  if (word !== undefined && isAssignment(word)) scripts.add(asScript(word).replace(/^[^=]*=/, ""));
}

function isAssignment({ text }: ScriptWord): boolean {
  const end = text.indexOf("=");
  return end > 0 && /^[a-z_]\w*\+?$/i.test(wildcardText(text.slice(0, end)));
}
