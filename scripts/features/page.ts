/** The page of features: a table for each subject, every promise with the file of its tests. */

import type { Behaviour } from "../../packages/codex-embed/test/behaviours.js";

/** The page, in Markdown. */
export function featurePage(behaviours: Readonly<Record<string, readonly Behaviour[]>>): string {
  const count = Object.values(behaviours).flat().length;
  const lines = [
    "# What it promises",
    "",
    `${count} promises, each held by tests that are named in \`test/behaviours.ts\`. \`npm run features\` writes this page.`,
  ];
  for (const [subject, promises] of Object.entries(behaviours)) {
    lines.push("", `## ${subject}`, "", "| promise | held by |", "|---|---|");
    for (const [promise, file] of promises) lines.push(`| ${promise} | [${file}](../test/${file}) |`);
  }
  return [...lines, ""].join("\n");
}
