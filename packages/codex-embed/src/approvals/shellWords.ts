/** Owns reading a shell's text the strict way: words and quotes, and a refusal of everything else. */

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
