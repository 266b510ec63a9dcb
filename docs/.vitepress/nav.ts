/** The order of the pages on the site. Their titles are their first headings. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const DOCS = fileURLToPath(new URL("../", import.meta.url));

/** The pages by their parts, without `.md`. Guides that are not named here come after those that are. */
export const PARTS: readonly { readonly text: string; readonly pages: readonly string[] }[] = [
  { text: "Start", pages: ["getting-started", "concepts", "tour", "choosing", "faq"] },
  {
    text: "Guides",
    pages: withTheOthers("guides", [
      "streaming-to-a-page",
      "approvals-in-a-ui",
      "tools",
      "structured-output",
      "undo",
      "images",
      "resuming",
      "thread-settings",
      "move-threads",
      "running-turns",
      "external-messages",
      "many-threads",
      "budgets",
      "observability",
      "ci",
      "electron",
      "nextjs",
      "bundlers",
      "docker",
      "providers",
      "tenants",
      "testing-your-agent",
    ]),
  },
  { text: "Other ways in", pages: ["cli", "exec", "mcp", "remote"] },
  {
    text: "Reference",
    pages: ["configuration", "errors", "testing", "safety", "reliability", "performance", "features", "compatibility"],
  },
  { text: "Coming from", pages: ["migrating-from-python", "migrating-from-codex-sdk", "migrating-from-cli"] },
  {
    text: "Inside",
    pages: ["architecture", "wire", "runtime", "maintaining", ...withTheOthers("decisions", ["README"])],
  },
];

/** An entry of the site's menu. */
export interface Entry {
  readonly text: string;
  readonly link: string;
}

/** The menu: the pages that there are. */
export function menu(): { text: string; items: Entry[] }[] {
  const parts = PARTS.map(({ text, pages }) => ({ text, items: pages.flatMap((page) => entryOf(page) ?? []) }));
  return parts.filter(({ items }) => items.length > 0);
}

function entryOf(page: string): Entry | null {
  const path = `${DOCS}${page}.md`;
  if (!existsSync(path)) return null;
  const title = /^# (.*)$/m.exec(readFileSync(path, "utf8"))?.[1] ?? page;
  return { text: title.replaceAll("`", ""), link: `/${page}` };
}

function withTheOthers(folder: string, first: readonly string[]): string[] {
  const found = existsSync(DOCS + folder) ? readdirSync(DOCS + folder).map((name) => name.replace(/\.md$/, "")) : [];
  return [...new Set([...first, ...found])].map((name) => `${folder}/${name}`);
}
