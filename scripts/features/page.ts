import { readdirSync, readFileSync } from "node:fs";
import { posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { FEATURES } from "../../packages/codex-embed/test/support/verifies.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = ["packages/codex-embed/test", "packages/mcp-server/test", "docs/test", "examples/test", "scripts/test"];

/** The test files that verify each feature, by its id, as paths from the root of the repository. */
export function readVerified(): Map<string, string[]> {
  const verified = new Map<string, string[]>();
  for (const folder of FOLDERS) {
    const names = readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".test.ts"),
    );
    for (const path of names.map((name) => posix.join(folder, name.split(sep).join("/"))).toSorted()) {
      for (const id of verifiedIn(readFileSync(ROOT + path, "utf8"))) {
        verified.set(id, [...(verified.get(id) ?? []), path]);
      }
    }
  }
  return verified;
}

/** The ids that the calls of `verifies` in a test file name, each once. */
export function verifiedIn(source: string): Set<string> {
  return new Set([...source.matchAll(/^\s*verifies\("([^"]+)"\);$/gm)].map(([, id = ""]) => id));
}

/** The page in Markdown: a table for each subject, every feature with links to the files of its tests. */
export function featurePage(verified: ReadonlyMap<string, readonly string[]>): string {
  const count = Object.values(FEATURES).flatMap((features) => Object.keys(features)).length;
  const lines = [
    "# Features",
    "",
    `${count} promises, each verified by tests: a test names the promise with \`verifies("id")\`. \`npm run features\` writes`,
    "this page.",
  ];
  for (const [subject, features] of Object.entries(FEATURES)) {
    lines.push("", `## ${subject}`, "", "| promise | tests |", "|---|---|");
    for (const [id, promise] of Object.entries(features)) {
      const links = (verified.get(id) ?? []).map((path) => `[${path.replace(/^.*?test\//, "")}](../${path})`);
      lines.push(`| ${promise} | ${links.join("<br>")} |`);
    }
  }
  return [...lines, ""].join("\n");
}
