/** The site: what VitePress makes of the pages in this folder. */

import { defineConfig } from "vitepress";
import { slug } from "./slug.js";
import { diagrams } from "./diagrams.js";
import { linksInside } from "./linksInside.js";
import { menu } from "./nav.js";

export default defineConfig({
  title: "codex-embed",
  description: "Embed the Codex agent runtime in any Node program.",
  cleanUrls: true,
  rewrites: { "README.md": "index.md" },
  markdown: {
    anchor: { slugify: slug },
    config: (markdown) => markdown.use(linksInside).use(diagrams),
  },
  themeConfig: {
    nav: [
      { text: "Start", link: "/getting-started" },
      { text: "Options", link: "/configuration" },
      { text: "Errors", link: "/errors" },
      { text: "API", link: "/api/entries" },
    ],
    sidebar: [...menu(), { text: "API", items: [{ text: "Every export", link: "/api/entries" }] }],
    outline: [2, 3],
    search: { provider: "local" },
  },
});
