/** How a recorded turn is shown on a page: the same text for every recording on every machine. */

import { basename, delimiter } from "node:path";
import type { Recording, WireLine } from "./recordTurn.js";

/** What tells of the machine or the moment, and nothing of the protocol. */
const LEFT_OUT = /(?:At|AtMs|durationMs|processId|reasoningEffort|contentTokenCount)$/;
/** The variable by which a client knows its own processes has another name in each. */
const MARK = /CODEX_EMBED_MARK_[0-9a-f]{32}/g;
const PROJECT = "/path/to/project";

/** How the process was spawned, as text. */
export function renderSpawn({ spawned: { command, args, cwd, env }, home }: Recording): string {
  const path = env["PATH"]?.split(delimiter)[0] ?? "";
  const variables = Object.keys(env).filter((name) => env[name] !== home.env[name]);
  return [
    `command  …/${basename(command)}`,
    `args     ${args.map((arg) => (/^[\w./=-]+$/.test(arg) ? arg : `'${arg}'`)).join(" ")}`,
    `cwd      ${cwd === home.workspace ? PROJECT : cwd}`,
    `env      that of the program, and CODEX_HOME=${env["CODEX_HOME"] === home.codexHome ? "/srv/agent" : "?"}`,
    ...variables.map((name) => `         ${name}=${name === "PATH" ? `…/${basename(path)}:$PATH` : env[name]}`),
    "",
  ]
    .join("\n")
    .replace(MARK, "CODEX_EMBED_MARK_…");
}

/** The lines of the turn and of what comes before it, one after another; `>` goes to the runtime. */
export function renderLines({ lines, home }: Recording): string {
  const shown = lines.filter(({ from, message }) => from === "client" || belongsToTurn(message));
  const short = shortener(shown, home);
  return shown
    .map(({ from, message }) => `${from === "client" ? ">" : "<"} ${JSON.stringify(short(message))}\n`)
    .join("");
}

/** What the runtime tells of threads and accounts comes whenever it comes, so its place among the lines says nothing. */
function belongsToTurn({ id, method, params }: WireLine["message"]): boolean {
  if (id !== undefined) return true;
  return typeof method === "string" && isObject(params) && ("turnId" in params || "turn" in params);
}

type Shorten = (value: unknown, key?: string) => unknown;

function shortener(lines: readonly WireLine[], home: Recording["home"]): Shorten {
  const names = new Map<string, string>();
  const name = (kind: string, id: string): string => {
    if (!names.has(id))
      names.set(id, `${kind}-${[...names.values()].filter((known) => known.startsWith(kind)).length + 1}`);
    return names.get(id) ?? "";
  };
  for (const { message } of lines) nameIds(message, name);
  const text = (value: string): string =>
    (names.get(value) ?? value)
      .replaceAll(home.workspace, PROJECT)
      .replaceAll(home.codexHome, "/srv/agent")
      .replace(/^\S+\/(\w*sh) -l?c /, "/bin/bash -c ")
      .replace(/^\/\S+\/(\w*sh)$/, "/bin/bash")
      .replace(/^(\S+\/\d+\.\d+\.\d+) \(.*$/, "$1 (…)")
      .replace(/^(unix|windows)$/, "unix")
      .replace(/^(linux|macos|windows)$/, "linux");
  const shorten: Shorten = (value, key) => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map((item) => shorten(item));
    if (!isObject(value)) return value;
    if (key === "thread") return { id: shorten(value["id"]), "…": "…" };
    const kept = Object.entries(value).filter(([member, inner]) => inner !== null && !LEFT_OUT.test(member));
    return Object.fromEntries(kept.map(([member, inner]) => [member, shorten(inner, member)]));
  };
  return shorten;
}

function nameIds(value: unknown, name: (kind: string, id: string) => string, key = ""): void {
  if (typeof value === "string" && /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) {
    name(
      /thread|session/i.test(key) ? "thread" : /turn/i.test(key) ? "turn" : /client/i.test(key) ? "message" : "item",
      value,
    );
  } else if (Array.isArray(value)) {
    for (const item of value) nameIds(item, name, key);
  } else if (isObject(value)) {
    for (const [member, inner] of Object.entries(value)) nameIds(inner, name, member === "id" ? key : member);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
