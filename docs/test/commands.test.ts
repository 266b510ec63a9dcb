/** Keeps what the documentation says of commands: npm scripts, flags, and paths of the repository. */

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { HELP } from "../../packages/codex-embed/src/cli/flags.js";
import { COMMANDS } from "../../packages/codex-embed/src/cli/program.js";
import { type CodeBlock, type Mention, ROOT, readPages } from "./support/pages.js";

/** Pages name the folders `src` and `test` of this package without it. */
const CORE = "packages/codex-embed/";

const pages = readPages();
const blocks = pages.flatMap((page) => page.blocks);

/** The lines of all shell blocks, without comments, and the code in sentences. */
const commands: Mention[] = [
  ...blocks.filter(({ language }) => language === "sh").flatMap(commandLines),
  ...pages.flatMap(({ codeSpans }) => codeSpans),
];

function commandLines({ page, line, text }: CodeBlock): Mention[] {
  return text
    .replace(/\\\n/g, "  ")
    .split("\n")
    .map((command, index) => ({
      place: `${page}:${line + 1 + index}`,
      text: command.replace(/(^|\s)#.*$/, "").replace(/"[^"]*"|'[^']*'/g, '""'),
    }));
}

const ofScript = /\bnpm run (?:--silent )?([\w:-]+)/g;
const ofProgram = /(?:^|npx |[|;&] *)codex-embed(?: ([a-z]+))?((?: [^|;&]*)?)/g;
const ofRepository = /(?:^|[\s=])((?:\.\/)?(?:\.ci|bench|compat|docs|examples|packages|scripts|src|test)\/[\w./-]*)/g;

function flagFaults(command: string | undefined, rest: string): string[] {
  const known = COMMANDS.find(({ name }) => name === command);
  if (command !== undefined && known === undefined) return [`codex-embed has no command ${command}`];
  const flags = { ...HELP, ...(known === undefined ? { version: { help: "" } } : known.flags) };
  const names = new Set(Object.keys(flags).map((name) => `--${name}`));
  const shorts = new Set(Object.values(flags).map(({ short }) => `-${short}`));
  return [...rest.matchAll(/(?:^|\s)(--?[a-zA-Z][\w-]*)/g)]
    .map(([, flag = ""]) => flag)
    .filter((flag) => !names.has(flag) && !shorts.has(flag))
    .map((flag) => `codex-embed ${command ?? ""} has no flag ${flag}`);
}

test("every npm script exists", () => {
  const manifest: { scripts: object } = JSON.parse(readFileSync(`${ROOT}package.json`, "utf8"));
  const named = commands.flatMap(({ place, text }) =>
    [...text.matchAll(ofScript)].map(([, script = ""]) => ({ place, script })),
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ script }) => !(script in manifest.scripts))).toEqual([]);
});

test("every command and flag of codex-embed exists", () => {
  const calls = commands.flatMap(({ place, text }) =>
    [...text.matchAll(ofProgram)].map(([, command, rest = ""]) => ({ place, command, rest })),
  );
  expect(calls.length).toBeGreaterThan(10);
  expect(
    calls.flatMap(({ place, command, rest }) => flagFaults(command, rest).map((why) => `${place}: ${why}`)),
  ).toEqual([]);
});

test("every path of the repository exists", () => {
  const paths = commands.flatMap(({ place, text }) =>
    [...text.matchAll(ofRepository)].map(([, path = ""]) => ({ place, path: path.replace(/[.,]+$/, "") })),
  );
  expect(paths.length).toBeGreaterThan(10);
  expect(paths.filter(({ path }) => !existsSync(ROOT + (/^(?:src|test)\//.test(path) ? CORE : "") + path))).toEqual([]);
});
