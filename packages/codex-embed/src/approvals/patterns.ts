import { lstatSync, readlinkSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, parse, sep } from "node:path";
import { UsageError } from "../errors/base.js";
import type { Place } from "../validate/kinds.js";

/** Matches any run of characters, including none. */
export const ANY: unique symbol = Symbol("any");

/** Matches exactly one character. */
export const ONE: unique symbol = Symbol("one");

/** One character, or a placeholder for characters that are not known. */
export type Piece = string | typeof ANY | typeof ONE;

/** Text with placeholders: a pattern, or a text that is known in part. */
export type Wildcard = readonly Piece[];

/** Parses `*` as any run of characters and, if given, the character `one` as any single one. */
export function wildcard(text: string, one?: string): Wildcard {
  return Array.from(text, (char) => (char === "*" ? ANY : char === one ? ONE : char));
}

/** Text without placeholders. */
export function literal(text: string): Wildcard {
  return Array.from(text);
}

/** The text for people: `*` for any run of characters, `?` for one. */
export function wildcardText(pieces: Wildcard): string {
  return pieces.map((piece) => (piece === ANY ? "*" : piece === ONE ? "?" : piece)).join("");
}

/** Whether some text matches both. Takes at most time proportional to the product of the lengths. */
export function overlaps(a: Wildcard, b: Wildcard): boolean {
  // Contains j if the part of `a` read so far and the first j pieces of `b` could be the same text.
  let reachable = new Set([0]);
  for (let i = 0; ; i++) {
    // Iterating a set also visits what is added meanwhile.
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

/** The error for a pattern that cannot be used. `place` is where it was given, such as `paths.allow`. */
export function patternError(source: unknown, { call, path }: Place, problem: string): UsageError {
  return new UsageError(`${call}: the pattern ${String(JSON.stringify(source))} in ${path} ${problem}.`);
}

/** `**`: any number of folders. */
const FOLDERS = "**";
type Segment = Wildcard | typeof FOLDERS;

/** A glob over absolute paths: `*` and `?` match within one segment, `**` matches any number of segments. */
export interface PathGlob {
  /** The glob as it was written. */
  readonly source: string;
  readonly segments: readonly Segment[];
}

/**
 * Parses a glob. `place` is where it was given.
 *
 * @throws {@link UsageError} unless it is an absolute path with `*`, `?` and `**` only.
 */
export function pathGlob(source: unknown, place: Place): PathGlob {
  if (typeof source !== "string") throw patternError(source, place, "is not a string");
  if (source === "") throw patternError(source, place, "is empty");
  if (source.includes("\0")) throw patternError(source, place, "contains a NUL character");
  if (!isAbsolute(source)) throw patternError(source, place, "is relative. Write an absolute path");
  if (/\{[^}]*,/.test(source)) {
    throw patternError(source, place, "has alternatives in braces. Write one pattern for each");
  }
  if (/[*?].*[\\/]\.\.([\\/]|$)/s.test(source)) {
    throw patternError(source, place, "has .. after a wildcard. Write the path without ..");
  }
  return { source, segments: segmentsOf(normalize(source)).map(globSegment) };
}

function globSegment(segment: string): Segment {
  return segment === FOLDERS ? FOLDERS : wildcard(segment, "?");
}

function segmentsOf(path: string): string[] {
  return path.split(sep).filter((segment, i) => segment !== "" || i === 0);
}

/** The same glob with the symbolic links in its fixed prefix followed. Unchanged if they cannot be followed. */
export function resolveGlob(glob: PathGlob): PathGlob {
  const { source, segments } = glob;
  const firstWild = segments.findIndex(
    (segment) => segment === FOLDERS || segment.includes(ANY) || segment.includes(ONE),
  );
  const fixed = firstWild === -1 ? segments : segments.slice(0, firstWild);
  const folder = followLinks(fixed.map((segment) => wildcardText(segment === FOLDERS ? [] : segment)).join(sep) || sep);
  if (folder === null) return glob;
  return { source, segments: [...segmentsOf(folder).map(literal), ...segments.slice(fixed.length)] };
}

/** The same glob for a file system that ignores case. Match it against paths from {@link foldCase}. */
export function foldGlob({ source, segments }: PathGlob): PathGlob {
  const fold = (segment: Wildcard) => segment.map((piece) => (typeof piece === "string" ? foldCase(piece) : piece));
  return { source, segments: segments.map((segment) => (segment === FOLDERS ? segment : fold(segment))) };
}

/** Text as a file system reads it that ignores case and the ways to encode an accent. */
export function foldCase(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

/** Whether the glob matches exactly this path. */
export function coversPath(glob: PathGlob, path: string): boolean {
  return reached(glob, path).has(glob.segments.length);
}

/** Whether the glob matches this folder and everything below it. */
export function coversFolder(glob: PathGlob, path: string): boolean {
  return glob.segments.at(-1) === FOLDERS && reached(glob, path).has(glob.segments.length - 1);
}

/** Whether the glob matches this folder or anything below it. */
export function touchesFolder(glob: PathGlob, path: string): boolean {
  return reached(glob, path).size > 0;
}

/** Whether the last segment of the glob is a plain name, and the glob matches this path or a folder above it. */
export function coversAbove(glob: PathGlob, path: string): boolean {
  const last = glob.segments.at(-1);
  if (last === undefined || last === FOLDERS || last.includes(ANY) || last.includes(ONE)) return false;
  return reached({ ...glob, segments: [...glob.segments, FOLDERS] }, path).has(glob.segments.length + 1);
}

/** How many segments of the glob could match the whole path. */
function reached({ segments }: PathGlob, path: string): ReadonlySet<number> {
  const passFolders = (states: Set<number>) => {
    for (const state of states) if (segments[state] === FOLDERS) states.add(state + 1);
    return states;
  };
  let states = passFolders(new Set([0]));
  for (const name of segmentsOf(path)) {
    const text = literal(name);
    const next = new Set<number>();
    for (const state of states) {
      const segment = segments[state];
      if (segment === FOLDERS) next.add(state);
      else if (segment !== undefined && overlaps(segment, text)) next.add(state + 1);
    }
    states = passFolders(next);
  }
  return states;
}

/** Linux follows at most 40 links in one path. */
const MAX_LINKS = 40;

/**
 * Follows every symbolic link in an absolute path as the system would, dangling links included, and keeps the spelling of
 * what does not exist. Null if the target cannot be determined: a loop, a folder without permission, a file in place of a
 * folder, or a link below `/proc`, which leads each process elsewhere.
 */
export function followLinks(path: string): string | null {
  if (!isAbsolute(path) || path.includes("\0")) return null;
  let { root: at } = parse(path);
  let rest = split(path.slice(at.length));
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
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
  return path.split(sep === "\\" ? /[\\/]/ : "/").filter((name) => name !== "" && name !== ".");
}

/** The target of a link: undefined if the path is no link, null if that cannot be determined. */
function linkTarget(path: string): string | null | undefined {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return undefined;
    return path.startsWith("/proc/") ? null : readlinkSync(path);
  } catch {
    return null;
  }
}
