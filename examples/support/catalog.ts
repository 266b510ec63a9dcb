/** Lists the examples: every program in the folder, with its opening sentence. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One example. */
export interface Example {
  /** The name of its file or folder: the argument of `npm run example`. */
  readonly name: string;
  /** The program, relative to the folder of the examples. */
  readonly file: string;
  readonly sentence: string;
}

/** File names of a program in a folder of its own. */
const PROGRAMS = ["server.ts", "agent.test.ts"];
/** The helpers, and the demo, which `npm run demo` starts. */
const OTHERS = new Set(["support", "test", "node_modules", "demo", "demo.ts"]);

/** Reads the examples in a folder, sorted by name. Throws for a folder without a program, or a program without a sentence. */
export function readExamples(folder: string): Example[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !OTHERS.has(entry.name) && (entry.isDirectory() || entry.name.endsWith(".ts")))
    .map((entry) => {
      const file = entry.isDirectory() ? join(entry.name, programOf(folder, entry.name)) : entry.name;
      return { name: entry.name.replace(/\.ts$/, ""), file, sentence: sentenceOf(join(folder, file)) };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

function programOf(folder: string, name: string): string {
  const program = PROGRAMS.find((file) => existsSync(join(folder, name, file)));
  if (program === undefined) throw new Error(`examples/${name} has no ${PROGRAMS.join(" or ")}.`);
  return program;
}

function sentenceOf(path: string): string {
  const sentence = /^\/\*\* (.+?) \*\/$/m.exec(readFileSync(path, "utf8"))?.[1];
  if (sentence === undefined)
    throw new Error(`${path} does not start with a sentence in /** … */ that says what it does.`);
  return sentence;
}
