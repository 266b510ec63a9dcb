/** Keeps the blocks of the documentation that are no TypeScript: each is well-formed, and what it names is there. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix, sep } from "node:path";
import { parser as python } from "@lezer/python";
import { minimatch } from "minimatch";
import { expect, test } from "vitest";
import { blockFaults, OTHER_TESTS } from "./support/languages.js";
import { type CodeBlock, ROOT, readPages } from "./support/pages.js";
import { isObject } from "./support/sample.js";
import { readWorkflow } from "./support/workflows.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);

/** The only block of its language on a page. */
function blockOf(path: string, language: string): CodeBlock {
  const [block, ...others] = blocks.filter((one) => one.page === path && one.language === language);
  if (block === undefined || others.length > 0) throw new Error(`${path} has not one block of ${language}.`);
  return block;
}

const made = (language: string, text: string): CodeBlock => ({ ...blockOf("docs/mcp.md", "toml"), language, text });

test("every block is in a language that something looks at, and is well-formed", async () => {
  verifies("docs-blocks");
  const faults = await Promise.all(blocks.map(blockFaults));
  expect(blocks.length).toBeGreaterThan(100);
  expect(faults.flat()).toEqual([]);
  expect(OTHER_TESTS.filter((name) => !existsSync(`${ROOT}docs/test/${name}`))).toEqual([]);
});

test.each([
  ["", "echo"],
  ["ruby", "puts 1"],
  ["sh", 'echo "open'],
  ["json", "{ open: true }"],
  ["toml", "[open"],
  ["yaml", "on: push\njobs:\n  one:\n    run-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"],
  ["yaml", "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ${{ runer.temp }}\n"],
  ["yaml", "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo (\n"],
  ["dockerfile", "FORM node:22\n"],
  ["python", "with Codex( as codex:\n    pass\n"],
])("what is wrong is found: %s %j", async (language, text) => {
  verifies("docs-blocks");
  const [fault] = await blockFaults(made(language, text));
  expect(fault).toMatch(/^docs\/mcp\.md:\d+: ./);
});

test("the workflow runs the program that stands above it", async () => {
  const workflow = blockOf("docs/guides/ci.md", "yaml");
  const { scripts } = await readWorkflow(workflow.text);
  const files = scripts.flatMap((script) => [...script.matchAll(/\bnode (\S+)/g)].map(([, file]) => file));
  expect(files).toHaveLength(1);
  const page = pages.find(({ path }) => path === workflow.page);
  expect(page?.codeSpans.map(({ text }) => text)).toEqual(expect.arrayContaining(files));
});

test("what the Python program takes from its package is in the table of names", () => {
  const { page, text } = blockOf("docs/migrating-from-python.md", "python");
  const table = readFileSync(ROOT + page, "utf8").match(/^\|.*\|/gm) ?? [];
  const known = new Set(
    table.flatMap((row) => row.split("|")[1]?.match(/`[^`]+`/g) ?? []).flatMap((code) => code.match(/\w+/g) ?? []),
  );
  // Names are capitalised, called, members, or keywords of a call. What is left are the program's own variables.
  const names = new Set<string>();
  python.parse(text).iterate({
    enter: ({ name, from, to, node }) => {
      const word = text.slice(from, to);
      const isKeyword =
        name === "VariableName" && node.nextSibling?.name === "AssignOp" && node.parent?.name === "ArgList";
      if (name === "PropertyName" || isKeyword || (name === "VariableName" && /^[A-Z]/.test(word))) names.add(word);
    },
  });
  expect([...names]).toEqual(expect.arrayContaining(["Codex", "thread_start", "approval_mode", "final_response"]));
  expect([...names].filter((name) => !known.has(name))).toEqual([]);
});

test("what Electron's packager unpacks is the runtime, and not all packages", () => {
  const settings: unknown = JSON.parse(blockOf("docs/guides/electron.md", "json").text);
  const build = isObject(settings) ? settings["build"] : undefined;
  const patterns: unknown = isObject(build) ? build["asarUnpack"] : undefined;
  if (!Array.isArray(patterns)) throw new Error("Nothing is unpacked.");
  // The packager matches files that begin with a dot, too.
  const isUnpacked = (path: string): boolean =>
    patterns.some((pattern) => minimatch(path, String(pattern), { dot: true }));

  const scope = "node_modules/@openai";
  const files = readdirSync(ROOT + scope)
    .filter((name) => name === "codex" || /^codex-(?:darwin|linux|win32)-/.test(name))
    .flatMap((name) =>
      readdirSync(`${ROOT}${scope}/${name}`, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => posix.join(entry.parentPath.slice(ROOT.length).split(sep).join("/"), entry.name)),
    );
  expect(files.some((file) => /\/bin\/codex(?:\.exe)?$/.test(file))).toBe(true);
  expect(files.filter((file) => !isUnpacked(file))).toEqual([]);
  expect(isUnpacked("node_modules/vitest/package.json")).toBe(false);
});
