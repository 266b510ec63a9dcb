/** Links that lead out of this folder: to files of the repository, which the site does not have. */

import type { MarkdownRenderer } from "vitepress";

type Token = ReturnType<MarkdownRenderer["parse"]>[number];

/** Shows the text of such a link without the link. */
export function linksInside(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push("links_inside", ({ tokens, env }) => {
    const path: unknown = env?.relativePath;
    const depth = typeof path === "string" ? path.split("/").length - 1 : 0;
    for (const { children } of tokens) if (children !== null) withoutLinksOut(children, "../".repeat(depth + 1));
  });
}

function withoutLinksOut(children: Token[], out: string): void {
  let isOut = false;
  for (const token of children) {
    if (token.type === "link_open") isOut = token.attrGet("href")?.startsWith(out) === true;
    if (!isOut || (token.type !== "link_open" && token.type !== "link_close")) continue;
    if (token.type === "link_close") isOut = false;
    token.type = "text";
    token.tag = "";
    token.nesting = 0;
    token.content = "";
  }
}
