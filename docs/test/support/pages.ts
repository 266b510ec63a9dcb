/** The pages of the documentation, and what stands on each: its code, its links, its headings. */

import { readdirSync, readFileSync } from "node:fs";
import { posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { slugs } from "../../.vitepress/slug.js";

/** The folder of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** A block of code. */
export interface CodeBlock {
  /** The page and the line that it begins in, for messages. */
  readonly place: string;
  readonly page: string;
  /** The line of its fence, from 1. */
  readonly line: number;
  /** The first word after the fence; empty when there is none. */
  readonly language: string;
  /** The other words. */
  readonly marks: readonly string[];
  readonly text: string;
}

/** Something short on a page: the target of a link, a piece of code in a sentence. */
export interface Mention {
  readonly place: string;
  readonly text: string;
}

/** A page of the documentation. */
export interface Page {
  /** The path in the repository. */
  readonly path: string;
  readonly blocks: readonly CodeBlock[];
  readonly links: readonly Mention[];
  readonly codeSpans: readonly Mention[];
  /** What can follow after a `#` in a link to it. */
  readonly anchors: ReadonlySet<string>;
}

const TOP_PAGES = [
  "README.md",
  "packages/codex-embed/CHANGELOG.md",
  "CONTRIBUTING.md",
  "REVIEW.md",
  "examples/README.md",
];

/** All pages, without those that are generated. */
export function readPages(): Page[] {
  const all = readdirSync(ROOT, { encoding: "utf8" }).concat(
    ["docs", "examples", "packages/codex-embed"].flatMap((folder) =>
      readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" }).map((name) =>
        posix.join(folder, name.split(sep).join("/")),
      ),
    ),
  );
  const isPage = (path: string): boolean =>
    TOP_PAGES.includes(path) || (/^docs\/.*\.md$/.test(path) && !/^docs\/(api|\.vitepress)\//.test(path));
  return all.filter(isPage).map((path) => parsePage(path, readFileSync(ROOT + path, "utf8")));
}

/** Reads what stands on a page. */
function parsePage(path: string, text: string): Page {
  const blocks: CodeBlock[] = [];
  const prose: string[] = [];
  let open: { fence: string; indent: number; line: number; info: string; text: string[] } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const [, indent = "", fence, info = ""] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    prose.push(open === null && fence === undefined ? line : "");
    if (open === null && fence !== undefined) {
      open = { fence, indent: indent.length, line: index + 1, info: info.trim(), text: [] };
    } else if (open !== null && fence?.startsWith(open.fence) === true && info.trim() === "") {
      const [language = "", ...marks] = open.info.split(/\s+/);
      const place = `${path}:${open.line}`;
      blocks.push({ place, page: path, line: open.line, language, marks, text: `${open.text.join("\n")}\n` });
      open = null;
    } else if (open !== null) {
      open.text.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)));
    }
  }
  if (open !== null) throw new Error(`${path}:${open.line}: this block of code has no end.`);
  const mentions = (pattern: RegExp, lines: readonly string[]): Mention[] =>
    lines.flatMap((line, index) =>
      [...line.matchAll(pattern)].map(([, found = ""]) => ({ place: `${path}:${index + 1}`, text: found })),
    );
  const withoutCode = prose.map((line) => line.replace(/(`+)[^`]+\1/g, "``"));
  return {
    path,
    blocks,
    links: [...mentions(/\]\(([^)\s]+)[^)]*\)/g, withoutCode), ...mentions(/^\[[^\]]+\]:\s*(\S+)/g, withoutCode)],
    codeSpans: mentions(/`([^`]+)`/g, prose),
    anchors: new Set([
      ...slugs(prose.flatMap((line) => /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1] ?? [])),
      ...mentions(/<a (?:id|name)="([^"]+)"/g, prose).map(({ text: id }) => id),
    ]),
  };
}
