import { posix } from "node:path";
import { type Candidate, commandsIn, isTooLong, TOO_LONG } from "./commandRules.js";
import { ANY, wildcardText } from "./patterns.js";
import { asScript, commandName, type ScriptWord, UNKNOWN_TEXT, UNKNOWN_WORD } from "./shell.js";

/** A place in the file system that a script writes to. */
export interface WrittenPath {
  readonly path: string;
  /** Whether everything below it can change, too. */
  readonly isTree: boolean;
}

/** What a script writes and which hosts it names, as far as its text tells. */
export interface ScriptEffects {
  readonly paths: readonly WrittenPath[];
  readonly hosts: readonly string[];
  /** Why a command in it cannot be read. */
  readonly problem: string | undefined;
  /** Why one of the paths is unknown. */
  readonly pathProblem: string | undefined;
  /** Why one of the hosts is unknown. */
  readonly hostProblem: string | undefined;
}

/** Reads redirections, the arguments of well-known programs, and URLs. Takes time proportional to the script. */
export function effectsOf(script: string): ScriptEffects {
  const reader = new EffectReader();
  if (isTooLong(script)) {
    reader.problem = TOO_LONG;
    return reader;
  }
  for (const found of commandsIn({ commands: [], scripts: [script], fragments: [] })) {
    if ("problem" in found) reader.problem ??= found.problem;
    else if ("output" in found) reader.output(found.output);
    else reader.command(found);
  }
  return reader;
}

/** Which arguments of a program name what it writes. */
interface Writer {
  /** `all` operands after the first `skip`, or the `last` one. */
  readonly operands: "all" | "last";
  readonly skip?: number;
  /** Whether it changes what is below a folder. */
  readonly isTree?: boolean;
}

const WRITERS: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ...["tee", "touch", "truncate", "shred", "mkfifo", "unlink"].map((name) => [name, { operands: "all" }] as const),
  ...["rm", "rmdir", "mv", "mkdir"].map((name) => [name, { operands: "all", isTree: true }] as const),
  ...["chmod", "chown", "chgrp"].map((name) => [name, { operands: "all", skip: 1, isTree: true }] as const),
  ...["cp", "ln", "install", "rsync", "scp"].map((name) => [name, { operands: "last", isTree: true }] as const),
]);

/** Programs whose operands name hosts. */
const CONNECTING: ReadonlySet<string> = new Set(
  "curl wget ssh scp sftp rsync nc ncat netcat telnet ftp socat ping dig nslookup host".split(" "),
);

const FOLDER_CHANGES: ReadonlySet<string> = new Set(["cd", "pushd", "popd", "chdir"]);

class EffectReader implements ScriptEffects {
  readonly paths: WrittenPath[] = [];
  readonly hosts: string[] = [];
  problem: string | undefined;
  hostProblem: string | undefined;
  #unknownPath: string | undefined;
  #changesFolder = false;

  get pathProblem(): string | undefined {
    if (this.#unknownPath !== undefined) return this.#unknownPath;
    const isLost = this.#changesFolder && this.paths.some(({ path }) => !posix.isAbsolute(path));
    return isLost ? "it changes the folder and then writes to a relative path. Write an absolute path" : undefined;
  }

  output({ text, splits }: ScriptWord): void {
    const path = wildcardText(text);
    const [, host] = /^\/dev\/(?:tcp|udp)\/([^/]+)/.exec(path) ?? [];
    if (host !== undefined) this.#host(host);
    else if (!/^(\d+|-|\/dev\/(null|stdout|stderr|tty|fd\/\d+))$/.test(path)) this.#write({ text, splits }, false);
  }

  command({ words, start, input }: Candidate): void {
    const name = commandName(words[start] ?? UNKNOWN_WORD).plain;
    const rest = words.slice(start + 1);
    for (const word of rest) this.#urls(word);
    if (name === undefined) this.problem ??= "it runs an unknown program";
    if (name === undefined) return;
    if (FOLDER_CHANGES.has(name) || rest.some(isFolderOption)) this.#changesFolder = true;
    if (CONNECTING.has(name)) for (const word of rest) this.#operandHost(word);
    const writer = WRITERS.get(name);
    if (writer !== undefined) this.#operands(writer, rest);
    else if (name === "dd") this.#dd(rest);
    else if (/^g?sed$|^perl$/.test(name)) this.#inPlace(rest);
    else if (/^apply_?patch$/.test(name)) this.#patch([input, ...rest.map(asScript)].join("\n"));
  }

  #operands({ operands, skip = 0, isTree = false }: Writer, rest: readonly ScriptWord[]): void {
    const options = rest.filter(isOption);
    for (const option of options) this.#value(option, isTree);
    // With `-t`, the folder to write to is not the last operand.
    const hasTarget = options.some((word) => /^-\w*t|^--t/.test(wildcardText(word.text)));
    const plain = rest.filter((word) => !isOption(word));
    const written = operands === "last" && !hasTarget ? plain.slice(-1) : plain.slice(skip);
    for (const word of written) this.#write(word, isTree);
  }

  #dd(rest: readonly ScriptWord[]): void {
    for (const word of rest) {
      if (wildcardText(word.text).startsWith("of=")) this.output({ ...word, text: word.text.slice(3) });
      else if (word.text[0] === ANY) this.#unknownPath ??= "an argument of dd is unknown";
    }
  }

  /** `sed -i` and `perl -i`: the first operand is the program, unless an option gives it. */
  #inPlace(rest: readonly ScriptWord[]): void {
    const options = rest.filter(isOption).map(({ text }) => wildcardText(text));
    if (!options.some((option) => /^-[^-]*i|^--in/.test(option))) return;
    const hasProgram = options.some((option) => /^-[^-]*[ef]|^--(exp|file)/.test(option));
    const operands = rest.filter((word) => !isOption(word));
    for (const word of hasProgram ? operands : operands.slice(1)) this.#write(word, false);
  }

  #patch(text: string): void {
    const files = [...text.matchAll(/^[ \t]*\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.*)$/gm)];
    if (files.length === 0 || text.includes(UNKNOWN_TEXT)) this.#unknownPath ??= "the files of a patch are unknown";
    for (const [, path = ""] of files) this.paths.push({ path: path.trim(), isTree: false });
  }

  /** The path in an option such as `--target-directory=/srv`. */
  #value(word: ScriptWord, isTree: boolean): void {
    const end = word.text.indexOf("=");
    if (end !== -1 && word.text.includes("/")) this.#write({ ...word, text: word.text.slice(end + 1) }, isTree);
  }

  #write({ text, splits }: ScriptWord, isTree: boolean): void {
    const path = wildcardText(text);
    if (!text.includes(ANY) && !splits && !path.startsWith("~")) this.paths.push({ path, isTree });
    else {
      const shown = JSON.stringify(path.slice(0, 120));
      this.#unknownPath ??= `it writes to ${shown}, which only the shell can resolve. Write plain paths`;
    }
  }

  #urls({ text }: ScriptWord): void {
    for (const [, authority = ""] of wildcardText(text).matchAll(
      /\b(?!file:)[a-z][\w+.-]{0,20}:\/\/([^\s/?#"'<>;|]*)/gi,
    )) {
      this.#host(authority);
    }
  }

  #operandHost(word: ScriptWord): void {
    const text = wildcardText(word.text);
    if (word.splits || (word.text.includes(ANY) && !text.includes("://")))
      this.hostProblem ??= "a program that connects has an unknown argument";
    if (isOption(word) || text.includes("://")) return;
    const host = /^[^/?#]*/.exec(text)?.[0] ?? "";
    if (/[.:@]/.test(host) || host === "localhost" || /^\d{6,}$/.test(host)) this.#host(host);
  }

  #host(authority: string): void {
    const host = authority.slice(authority.lastIndexOf("@") + 1);
    if (authority.includes("*")) this.hostProblem ??= "a host in it is unknown";
    else if (host !== "") this.hosts.push(/^\[.*?\]/.exec(host)?.[0] ?? host.replace(/:.*$/, ""));
  }
}

function isOption({ text }: ScriptWord): boolean {
  return text[0] === "-" && text.length > 1;
}

/** `env -C`, `make -C` and `--chdir`. */
function isFolderOption({ text }: ScriptWord): boolean {
  return /^(-C|--(chdir|directory)\b)/.test(wildcardText(text));
}
