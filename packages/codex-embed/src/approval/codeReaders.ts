/** Programs whose own language can run commands, and whether a use of one is seen not to. */

import { asScript, type ScriptWord } from "./shellScript.js";

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
