/** Diagrams in the pages: a block of `mermaid` becomes the component that draws it. */

import type { MarkdownRenderer } from "vitepress";

/** Leaves all other blocks to the rule that was there. */
export function diagrams(markdown: MarkdownRenderer): void {
  const { fence } = markdown.renderer.rules;
  markdown.renderer.rules.fence = (tokens, index, ...rest) => {
    const token = tokens[index];
    if (token?.info.trim() === "mermaid") return `<Diagram source="${markdown.utils.escapeHtml(token.content)}" />\n`;
    return fence?.(tokens, index, ...rest) ?? "";
  };
}
