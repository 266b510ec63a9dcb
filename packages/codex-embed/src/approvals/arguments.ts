/** Reads the arguments of one command according to the usage of its program. */

import { ANY, type Piece, type Wildcard, wildcardText } from "./patterns.js";
import type { Usage } from "./programs.js";
import type { ScriptWord } from "./shell.js";

/** What the operands of a program are; {@link Usage} explains each. */
type Operands = (typeof OPERANDS)[number];

const OPERANDS = [
  "command",
  "shell",
  "script",
  "first",
  "scripts",
  "file",
  "words",
  "code",
  "evaluated",
  "settings",
  "remotes",
] as const;

interface ParsedUsage {
  /** The mark after the name of each option in the usage. */
  readonly options: ReadonlyMap<string, string>;
  /** How many operands come before those of the kind `operands`. */
  readonly skip: number;
  /** Whether one more operand may come first. */
  readonly mayHaveOperand: boolean;
  readonly hasVariables: boolean;
  readonly operands: Operands | undefined;
}

/** The arguments of one command. Positions are indexes into its words. */
export interface Arguments {
  readonly kind: Operands | undefined;
  /** Where what the program runs could start. */
  readonly operands: readonly number[];
  /** The values of options that take a script. */
  readonly scripts: readonly Wildcard[];
  /** The values of options that take a key and a script. */
  readonly pairs: readonly Wildcard[];
  /** The assignments among the operands. */
  readonly assignments: readonly number[];
  /** The code files that options name. */
  readonly files: readonly Wildcard[];
  /** The option with code that is not read. */
  readonly code: string | undefined;
  /** Whether the first operand is a script. */
  readonly isScript: boolean;
  /** Whether an option makes the program read what it runs from its input. */
  readonly readsInput: boolean;
  /** Whether an option makes the program run none of its operands: it prints something, or runs a module instead. */
  readonly isSettled: boolean;
  /** Whether an expansion could contain options or operands. */
  readonly isUnsure: boolean;
  /** How many words were read. */
  readonly read: number;
}

/** After more unknown options than this, what runs cannot be determined. */
const MAX_UNKNOWN = 20;

/** Reads the arguments after `words[start]`. Takes time proportional to the number of words. */
export function readArguments(words: readonly ScriptWord[], start: number, usage: Usage): Arguments {
  return new ArgumentReader(words, parseUsage(usage)).read(start + 1);
}

const usages = new Map<Usage, ParsedUsage>();

function parseUsage(usage: Usage): ParsedUsage {
  const known = usages.get(usage);
  if (known !== undefined) return known;
  const tokens = usage.split(" ");
  const options = tokens.filter((token) => /^[-+]/.test(token)).map((token) => /^(.*?)([:>~.$=#@<&!%]?)$/.exec(token));
  const parsed: ParsedUsage = {
    options: new Map(options.flatMap((option) => (option === null ? [] : [[option[1] ?? "", option[2] ?? ""]]))),
    skip: Number(tokens.find((token) => /^\d+$/.test(token)) ?? 0),
    mayHaveOperand: tokens.includes("?"),
    hasVariables: tokens.includes("vars"),
    operands: OPERANDS.find((kind) => tokens.includes(kind)),
  };
  usages.set(usage, parsed);
  return parsed;
}

/** Operands whose first one is followed by its own options. */
const ENDS_OPTIONS: ReadonlySet<Operands | undefined> = new Set<Operands>([
  "command",
  "shell",
  "script",
  "first",
  "file",
]);

/** Marks of options that take the rest of their word as a value, or else the next word. */
const TAKES_REST: ReadonlySet<string> = new Set([":", "$", "=", "#", "&"]);

/** Marks of options that take something to run. */
const TAKES_CODE: ReadonlySet<string> = new Set(["$", "=", "#", "&"]);

class ArgumentReader {
  readonly #words: readonly ScriptWord[];
  readonly #usage: ParsedUsage;
  readonly #operands: number[] = [];
  readonly #scripts: Wildcard[] = [];
  readonly #pairs: Wildcard[] = [];
  readonly #assignments: number[] = [];
  readonly #files: Wildcard[] = [];
  #code: string | undefined;
  #isScript = false;
  #readsInput = false;
  #isSettled = false;
  #isUnsure = false;
  #unknown = 0;
  #at = 0;

  constructor(words: readonly ScriptWord[], usage: ParsedUsage) {
    this.#words = words;
    this.#usage = usage;
  }

  read(from: number): Arguments {
    const { skip, mayHaveOperand, operands, hasVariables } = this.#usage;
    const stops = ENDS_OPTIONS.has(operands);
    let optionsEnded = false;
    for (this.#at = from; this.#at < this.#words.length; this.#at++) {
      const word = this.#words[this.#at];
      if (word === undefined) break;
      const { text, splits } = word;
      const spelled = wildcardText(text.slice(0, 80));
      if (splits && stops && text.includes(ANY)) this.#isUnsure = true;
      if (!optionsEnded && spelled === "--") {
        optionsEnded = true;
      } else if (!optionsEnded && this.#isOption(text, spelled)) {
        this.#option(text);
      } else if (hasVariables && text.indexOf("=") > 0 && this.#operands.length === 0) {
        this.#assignments.push(this.#at);
      } else {
        // An unknown word could be an option with a value.
        if (text[0] === ANY) this.#unknown++;
        this.#operands.push(this.#at);
        const first = this.#isScript ? 0 : skip + (mayHaveOperand ? 1 : 0);
        if (stops && this.#operands.length > first + this.#unknown) break;
      }
      if (this.#unknown > MAX_UNKNOWN) this.#isUnsure = true;
      if (this.#isUnsure && stops) break;
    }
    return {
      kind: operands,
      operands: this.#isScript ? this.#operands : this.#operands.slice(skip),
      scripts: this.#scripts,
      pairs: this.#pairs,
      assignments: this.#assignments,
      files: this.#files,
      code: this.#code,
      isScript: this.#isScript,
      readsInput: this.#readsInput,
      isSettled: this.#isSettled,
      isUnsure: this.#isUnsure,
      read: this.#at - from,
    };
  }

  #isOption(text: Wildcard, spelled: string): boolean {
    if (text.length === 1) return this.#usage.options.has(spelled);
    return text[0] === "-" || (text[0] === "+" && this.#usage.options.has("+o"));
  }

  #option(text: Wildcard): void {
    const end = text.indexOf("=");
    const name = wildcardText(end === -1 ? text : text.slice(0, end));
    const attached = end === -1 ? undefined : text.slice(end + 1);
    const { options } = this.#usage;
    if (options.has(name)) this.#take(name, options.get(name) ?? "", attached);
    else if (text[1] === "-") this.#longOption(name, attached);
    else this.#letters(text);
  }

  /** Reads a long option, which may be abbreviated. If several match, one that takes something to run wins. */
  #longOption(name: string, attached: Wildcard | undefined): void {
    const longer = [...this.#usage.options].filter(([option]) => option.startsWith(name));
    const [option, kind] = longer.find(([, each]) => TAKES_CODE.has(each)) ?? longer[0] ?? [];
    if (option !== undefined && kind !== undefined) this.#take(option, kind, attached);
    else if (attached === undefined) this.#unknown++;
  }

  #letters(text: Wildcard): void {
    const sign = text[0] === "+" ? "+" : "-";
    let isKnown = true;
    for (let i = 1; i < text.length; i++) {
      const letter = text[i];
      const name = typeof letter === "string" ? sign + letter : sign;
      const kind = this.#usage.options.get(name);
      // In `nice -10`, the number is an option without a value.
      if (kind === undefined) isKnown &&= /^[-+]\d$/.test(name);
      const rest = text.slice(i + 1);
      if (kind === "~") break;
      if (kind === "%") while (isDigit(text[i + 1])) i++;
      if (kind !== undefined) this.#take(name, kind, rest.length === 0 ? undefined : rest);
      if (kind !== undefined && TAKES_REST.has(kind)) break;
    }
    // The last letter could take the next word as its value.
    if (!isKnown) this.#unknown++;
  }

  #take(name: string, kind: string, attached: Wildcard | undefined): void {
    if (kind === "#") this.#code = name;
    if (kind === "@") this.#isScript = true;
    if (kind === "<") this.#readsInput = true;
    if (kind === "." || kind === "!") this.#isSettled = true;
    if (kind === "!") this.#at = this.#words.length;
    if (kind !== ">" && !TAKES_REST.has(kind)) return;
    const isNext = attached === undefined || kind === ">";
    if (isNext) this.#at++;
    const next = this.#words[this.#at];
    const value = isNext ? next?.text : attached;
    if (isNext && next?.splits === true && next.text.includes(ANY)) this.#isUnsure = true;
    if (value === undefined) return;
    if (kind === "$") this.#scripts.push(value);
    if (kind === "=") this.#pairs.push(value);
    if (kind === "&") this.#files.push(value);
  }
}

function isDigit(piece: Piece | undefined): boolean {
  return typeof piece === "string" && /^\d$/.test(piece);
}
