import { lstatSync, readlinkSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, parse, sep } from "node:path";
import { UsageError } from "../errors/base.js";

/** Stands for any run of characters, none included. */
export const ANY: unique symbol = Symbol("any");

/** Stands for one character. */
export const ONE: unique symbol = Symbol("one");

/** A single character, or what stands for characters that are not known. */
export type Piece = string | typeof ANY | typeof ONE;

/** Text, as far as it is known. */
export type Wildcard = readonly Piece[];

/** Reads `*` as any run of characters; with `one`, that character as any single one. */
export function wildcard(text: string, one?: string): Wildcard {
  return Array.from(text, (char) => (char === "*" ? ANY : char === one ? ONE : char));
}

/** Text in which nothing is unknown. */
export function literal(text: string): Wildcard {
  return Array.from(text);
}

/** The text as people read it: `*` for any run of characters, `?` for one. */
export function wildcardText(pieces: Wildcard): string {
  return pieces.map((piece) => (piece === ANY ? "*" : piece === ONE ? "?" : piece)).join("");
}

/** Tells whether some text fits both. Takes time in proportion to the product of their lengths, at worst. */
export function couldBeSame(a: Wildcard, b: Wildcard): boolean {
  // Holds j when what was read of `a` and the first j pieces of `b` could be the same text.
  let reachable = new Set([0]);
  for (let i = 0; ; i++) {
    // A set that grows while it is iterated yields what was added.
    for (const j of reachable) if (j < b.length && (a[i] === ANY || b[j] === ANY)) reachable.add(j + 1);
    if (i === a.length) return reachable.has(b.length);
    if (reachable.size === 0) return false;
    const next = new Set<number>();
    for (const j of reachable) {
      if (a[i] === ANY || b[j] === ANY) next.add(j);
      if (j < b.length && isSameCharacter(a[i], b[j])) next.add(j + 1);
    }
    reachable = next;
  }
}

function isSameCharacter(a: Piece | undefined, b: Piece | undefined): boolean {
  if (a === ANY || b === ANY) return false;
  return a === b || a === ONE || b === ONE;
}

/** `**`: any number of folders. */
const FOLDERS = "**";
type Part = Wildcard | typeof FOLDERS;

/** A glob over absolute paths: `*` and `?` stay within a part of the path, `**` stands for any number of parts. */
export interface PathGlob {
  /** The glob as it was written. */
  readonly source: string;
  readonly parts: readonly Part[];
}

/**
 * Reads a glob.
 *
 * @throws UsageError when it is not text, empty, relative, or written for a richer kind of globs.
 */
export function pathGlob(source: unknown, where: string): PathGlob {
  const unusable = (problem: string) =>
    new UsageError(`The glob ${String(JSON.stringify(source))} in ${where} ${problem}.`);
  if (typeof source !== "string") throw unusable("is not text");
  if (source === "") throw unusable("is empty");
  if (source.includes("\0")) throw unusable("holds a NUL character");
  if (!isAbsolute(source)) throw unusable("is relative: write an absolute path");
  if (/\{[^}]*,/.test(source)) throw unusable("holds alternatives in braces: write one glob for each");
  if (/[*?].*[\\/]\.\.([\\/]|$)/s.test(source)) throw unusable("holds a .. behind a wildcard");
  return { source, parts: partsOf(normalize(source)).map(globPart) };
}

function globPart(part: string): Part {
  return part === FOLDERS ? FOLDERS : wildcard(part, "?");
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part, i) => part !== "" || i === 0);
}

/** The same glob with the links of its fixed beginning followed, or null when that cannot be done. */
export function resolvedGlob({ source, parts }: PathGlob): PathGlob | null {
  const firstWild = parts.findIndex((part) => part === FOLDERS || part.includes(ANY) || part.includes(ONE));
  const fixed = firstWild === -1 ? parts : parts.slice(0, firstWild);
  const folder = followLinks(fixed.map((part) => wildcardText(part === FOLDERS ? [] : part)).join(sep) || sep);
  if (folder === null) return null;
  return { source, parts: [...partsOf(folder).map(literal), ...parts.slice(fixed.length)] };
}

/** The same glob, as a file system that does not tell case apart reads it. */
export function foldedGlob({ source, parts }: PathGlob): PathGlob {
  const fold = (part: Wildcard) => part.map((piece) => (typeof piece === "string" ? foldCase(piece) : piece));
  return { source, parts: parts.map((part) => (part === FOLDERS ? part : fold(part))) };
}

/** Text as a file system that tells neither case nor the ways to spell an accent apart reads it. */
export function foldCase(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Whether the glob covers this very path. */
export function coversPath(glob: PathGlob, path: string): boolean {
  return reached(glob, path).has(glob.parts.length);
}

/** Whether the glob covers everything below this path, and the path. */
export function coversFolder(glob: PathGlob, path: string): boolean {
  return glob.parts.at(-1) === FOLDERS && reached(glob, path).has(glob.parts.length - 1);
}

/** Whether the glob covers anything below this path, or the path. */
export function touchesFolder(glob: PathGlob, path: string): boolean {
  return reached(glob, path).size > 0;
}

/** Whether the glob ends in a plain name, and covers this path or a folder above it. */
export function coversAbove(glob: PathGlob, path: string): boolean {
  const last = glob.parts.at(-1);
  if (last === undefined || last === FOLDERS || last.includes(ANY) || last.includes(ONE)) return false;
  return reached({ ...glob, parts: [...glob.parts, FOLDERS] }, path).has(glob.parts.length + 1);
}

/** The numbers of parts of the glob that could stand for all of the path. */
function reached({ parts }: PathGlob, path: string): ReadonlySet<number> {
  const passFolders = (states: Set<number>) => {
    for (const state of states) if (parts[state] === FOLDERS) states.add(state + 1);
    return states;
  };
  let states = passFolders(new Set([0]));
  for (const name of partsOf(path)) {
    const text = literal(name);
    const next = new Set<number>();
    for (const state of states) {
      const part = parts[state];
      if (part === FOLDERS) next.add(state);
      else if (part !== undefined && couldBeSame(part, text)) next.add(state + 1);
    }
    states = passFolders(next);
  }
  return states;
}

const MAX_LINKS = 40;

/**
 * Follows every symbolic link of an absolute path as the system would, a link to something that does not exist
 * included, and leaves what does not exist as it is spelled. Null when nobody can tell: a loop, a folder that may not
 * be looked into, a file where a folder should be, or a link that leads each process elsewhere.
 */
export function followLinks(path: string): string | null {
  if (!isAbsolute(path) || path.includes("\0")) return null;
  let { root: at } = parse(path);
  let rest = split(path.slice(at.length));
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, part);
    const target = linkTarget(next);
    if (target === null || (target !== undefined && ++links > MAX_LINKS)) return null;
    if (target === undefined) {
      at = next;
    } else {
      const { root } = parse(target);
      if (root !== "") at = root;
      rest = [...split(target.slice(root.length)), ...rest];
    }
  }
  return at;
}

function split(path: string): string[] {
  return path.split(sep === "\\" ? /[\\/]/ : "/").filter((part) => part !== "" && part !== ".");
}

/** What a link names; undefined when there is no link, null when that cannot be told. */
function linkTarget(path: string): string | null | undefined {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    // The links below /proc lead each process elsewhere.
    return path.startsWith("/proc/") ? null : readlinkSync(path);
  } catch {
    return null;
  }
}
