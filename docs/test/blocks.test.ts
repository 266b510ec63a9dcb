/** The blocks of the documentation that are not TypeScript: `programs.test.ts` and `switching.test.ts` have the others. */

import { spawnSync } from "node:child_process";
import { parse as parseToml } from "smol-toml";
import { expect, test } from "vitest";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";
import { readPages } from "./support/pages.js";

/** Throws with what is wrong with a block. */
const CHECKS: Readonly<Record<string, (text: string) => void>> = {
  sh: checkShell,
  json: (text) => void JSON.parse(text),
  toml: (text) => void parseToml(text),
};
const OTHERS = ["ts", "tsx", "js", "html", "diff", "text", "mermaid", "yaml", "dockerfile", "python"];

/** Has bash read a script without running it. */
function checkShell(script: string): void {
  const { status, stderr, error } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(stderr);
}

const blocks = readPages().flatMap((page) => page.blocks);

test("every block names a language that the documentation uses", () => {
  const known = [...Object.keys(CHECKS), ...OTHERS];
  expect(blocks.length).toBeGreaterThan(100);
  expect(blocks.filter(({ language }) => !known.includes(language)).map(({ place }) => place)).toEqual([]);
});

test.each(Object.keys(CHECKS))("every %s block is well-formed", (language) => {
  verifies("docs-blocks");
  const checked = blocks.filter((block) => block.language === language);
  expect(checked.length).toBeGreaterThan(0);
  for (const { place, text } of checked) expect(() => CHECKS[language]?.(text), place).not.toThrow();
});

test.each([
  ["sh", 'echo "open'],
  ["json", "{ open: true }"],
  ["toml", "[open"],
])("a malformed %s block is found", (language, text) => {
  expect(() => CHECKS[language]?.(text)).toThrow();
});
