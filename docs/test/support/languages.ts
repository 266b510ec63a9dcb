/** Owns what each language of the documentation's blocks has to be like: a table of checks. TypeScript has its own. */

import { spawnSync } from "node:child_process";
import { parser as python } from "@lezer/python";
import { validate } from "dockerfile-utils";
import { parse as parseToml } from "smol-toml";
import type { CodeBlock } from "./pages.js";
import { readWorkflow } from "./workflows.js";

/** Gives what is wrong with a block; none when it is well. */
type Check = (block: CodeBlock) => readonly string[] | Promise<readonly string[]>;

/** The languages that other tests look at, with those tests. */
const ELSEWHERE = {
  ts: "programs.test.ts",
  tsx: "trials.test.ts",
  js: "trials.test.ts",
  html: "trials.test.ts",
  diff: "switching.test.ts",
  mermaid: "diagrams.test.ts",
  /** Output. What can be produced is compared: walkthrough.test.ts, wire.test.ts, output.test.ts. */
  text: "output.test.ts",
} as const;

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ["sh", ({ text }) => shellFaults(text)],
  ["json", ({ text }) => thrownBy(() => JSON.parse(text))],
  ["toml", ({ text }) => thrownBy(() => parseToml(text))],
  ["yaml", workflowFaults],
  ["dockerfile", ({ text }) => dockerfileFaults(text)],
  ["python", ({ text }) => pythonFaults(text)],
  ...Object.keys(ELSEWHERE).map((language) => [language, () => []] satisfies [string, Check]),
]);

/** What is wrong with a block, with its place. A language that nothing looks at is wrong as well. */
export async function blockFaults(block: CodeBlock): Promise<string[]> {
  const check = CHECKS.get(block.language);
  const found = check === undefined ? [`nothing looks at the language "${block.language}"`] : await check(block);
  return found.map((fault) => `${block.place}: ${fault}`);
}

/** The files of tests that look at the other languages. */
export const OTHER_TESTS: readonly string[] = [...new Set(Object.values(ELSEWHERE))];

/** What bash says of a script that it does not run. */
function shellFaults(script: string): string[] {
  const { status, stderr, error } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  if (error !== undefined) throw error;
  return status === 0 ? [] : [stderr.trim()];
}

async function workflowFaults({ text }: CodeBlock): Promise<string[]> {
  const { faults, scripts } = await readWorkflow(text);
  return [...faults, ...scripts.flatMap(shellFaults)];
}

function dockerfileFaults(text: string): string[] {
  return validate(text).map(({ message, range }) => {
    const said = typeof message === "string" ? message : message.value;
    return `line ${range.start.line + 1}: ${said}`;
  });
}

/** Where the parser had to guess. It is the one of an editor, and knows no Python beyond its syntax. */
function pythonFaults(source: string): string[] {
  const faults: string[] = [];
  python.parse(source).iterate({
    enter: ({ type, from }) => {
      if (type.isError) faults.push(`line ${source.slice(0, from).split("\n").length}: this is no Python`);
    },
  });
  return faults;
}

function thrownBy(parse: () => unknown): string[] {
  try {
    parse();
    return [];
  } catch (error) {
    return [String(error)];
  }
}
