/** Owns where a path leads to once the symbolic links in it are followed. */

import { lstatSync, readlinkSync } from "node:fs";
import { dirname, isAbsolute, join, parse, sep } from "node:path";

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
