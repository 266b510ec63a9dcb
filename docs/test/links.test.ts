/** Keeps the links of the documentation: each leads to a file and a heading that are there. */

import { existsSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";
import { type Mention, type Page, ROOT, readPages } from "./support/pages.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const pages = readPages();

/** What is wrong with a link, or null. */
function fault(page: Page, { place, text }: Mention): string | null {
  if (/^https?:\/\//.test(text)) return null;
  if (/^[a-z]+:|^\//i.test(text)) return `${place}: ${text} leads outside of the repository`;
  const [file = "", anchor] = text.split("#", 2);
  const path = file === "" ? page.path : posix.join(posix.dirname(page.path), decodeURI(file));
  if (path.startsWith("..") || !existsSync(ROOT + path)) return `${place}: ${text} leads to no file`;
  if (anchor === undefined) return null;
  const target = pages.find((candidate) => candidate.path === path);
  if (target === undefined) return `${place}: ${text} names a heading, but ${path} is no page`;
  return target.anchors.has(anchor) ? null : `${place}: ${text}: ${path} has no such heading`;
}

test("every link leads to a file and a heading that are there", () => {
  verifies("docs-links");
  expect(pages.length).toBeGreaterThan(10);
  expect(pages.flatMap((page) => page.links.map((link) => fault(page, link))).filter((found) => found)).toEqual([]);
});
