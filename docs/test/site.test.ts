/** Keeps the menu of the site: every page is in it, but for its first one. */

import { expect, test } from "vitest";
import { PARTS } from "../.vitepress/nav.js";
import { readPages } from "./support/pages.js";

test("every page is in the menu", () => {
  const listed = new Set(PARTS.flatMap(({ pages }) => pages.map((page) => `docs/${page}.md`)));
  const pages = readPages().map(({ path }) => path);
  const missing = pages.filter((path) => path.startsWith("docs/") && path !== "docs/README.md" && !listed.has(path));
  expect(pages).toContain("docs/concepts.md");
  expect(missing).toEqual([]);
});
