/** Owns the names of commands: what a word names as a command, and whether that could be the one that is asked for. */

import { posix } from "node:path";
import type { ScriptWord } from "./shellScript.js";
import { ANY, couldBeSame, literal, type Piece, type Wildcard, wildcardText } from "./wildcard.js";

/** What a word names as a command, as far as it is known, in lower case: some file systems do not tell case apart. */
export interface CommandName {
  readonly path: Wildcard;
  /** The part behind the last slash; what is not known in it could hold one. */
  readonly base: Wildcard;
  /** The base, when all of it is known. */
  readonly plain: string | undefined;
}

/**
 * Reads a word as the name of a command: without an extension of executables, and without the `=` by which zsh looks a
 * command up. Of several words it is the first.
 */
export function commandName({ text, splits }: ScriptWord): CommandName {
  const unknown = splits ? text.indexOf(ANY) : -1;
  const path = (unknown === -1 ? text : text.slice(0, unknown)).map(inNames);
  if (path[0] === "=") path.shift();
  if (unknown !== -1) path.push(ANY);
  if (/^\.(exe|com|cmd|bat)$/.test(wildcardText(path.slice(-4)))) path.splice(-4);
  // The links in /proc and /dev/fd name programs by other names.
  if (/^\/(proc|dev)\//.test(wildcardText(path.slice(0, 6)))) return { path: [ANY], base: [ANY], plain: undefined };
  const base = path.slice(path.lastIndexOf("/") + 1);
  return { path, base, plain: base.includes(ANY) ? undefined : wildcardText(base) };
}

/** Whether it could be the command of this name, without a folder or in any. */
function couldBeNamed({ base, plain }: CommandName, name: Wildcard): boolean {
  if (plain !== undefined) return couldBeSame(base, name);
  return couldBeSame(base, name) || couldBeSame(base, [ANY, "/", ...name]);
}

/**
 * Makes the test whether something could be the command that a deny pattern names. One that names a folder's commands,
 * such as `/tmp/*`, is for paths in that folder; every other one is for its command wherever it lies.
 */
export function deniedName(pattern: Wildcard, cwd: string | undefined): (name: CommandName) => boolean {
  const wanted = pattern.map(inNames);
  const base = wanted.slice(wanted.lastIndexOf("/") + 1);
  const isFolder = base.length < wanted.length && base.includes(ANY);
  if (!isFolder) return (name) => couldBeNamed(name, base) || couldBeSame(name.path, wanted);
  return ({ path, plain }) => {
    if (couldBeSame(path, wanted)) return true;
    if (plain === undefined || !path.includes("/") || path.includes(ANY)) return false;
    const spelled = wildcardText(path);
    const resolved = cwd === undefined ? posix.normalize(spelled) : posix.resolve(cwd.toLowerCase(), spelled);
    return couldBeSame(literal(resolved), wanted);
  };
}

function inNames(piece: Piece): Piece {
  if (typeof piece !== "string") return piece;
  return piece === "\\" ? "/" : piece.toLowerCase();
}
