/** The list of the examples: every program of the folder, with the sentence that it begins with. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One example. */
export interface Example {
  /** As it is asked for: the name of its file or folder. */
  readonly name: string;
  /** The program, relative to the folder of the examples. */
  readonly file: string;
  readonly sentence: string;
}

/** What a folder's program is called. */
const PROGRAMS = ["server.ts", "agent.test.ts"];
/** What is in the folder besides examples. */
const OTHERS = new Set(["support", "test", "node_modules"]);

/** Reads the examples of a folder, by name. Throws when a folder holds no program, or a program no sentence. */
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
  if (sentence === undefined) throw new Error(`${path} does not begin with a sentence on what it shows.`);
  return sentence;
}
