/** Owns docs/walkthrough.md as a program: its blocks in order, what the page says that they print, and how it is run. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** Packages are found from here as from the sources. */
const BUNDLE = root("node_modules/.cache/codex-embed-tests/walkthrough.mjs");

/** Far more than it takes, even on a machine that has much else to do. */
export const LIMIT_MS = 120_000;

/** One block of the page. */
export interface Block {
  /** The heading that it stands below. */
  readonly heading: string;
  readonly code: string;
  /** What the page shows as its output: the `text` block that comes next, else nothing. */
  readonly shown: string;
}

/** The blocks of the page, in order. */
export function readBlocks(): Block[] {
  const page = readFileSync(root("docs/walkthrough.md"), "utf8");
  const blocks: Block[] = [];
  let heading = "";
  let last = "";
  for (const [, title, language, body = ""] of page.matchAll(/^#+ (.+)$|^```(.*)\n([^]*?)^```$/gm)) {
    if (title !== undefined) {
      heading = title;
      continue;
    }
    const previous = last === "ts walkthrough" && language === "text" ? blocks.pop() : undefined;
    if (previous !== undefined) blocks.push({ ...previous, shown: body });
    else if (language === "ts walkthrough") blocks.push({ heading, code: body, shown: "" });
    last = language ?? "";
  }
  return blocks;
}

/** The page as one program; `before` gives what is printed before each block. */
export function toProgram(blocks: readonly Block[], before: (block: Block, index: number) => string): string {
  return blocks
    .map((block, index) => `process.stdout.write(${JSON.stringify(before(block, index))});\n${block.code}`)
    .join("\n");
}

/** Runs a program and resolves with its exit code and what it printed; with `inherit`, it prints to this terminal. */
export async function runProgram(
  program: string,
  output: "collect" | "inherit",
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  await build({
    stdin: { contents: program, resolveDir: root(""), sourcefile: "docs/walkthrough.md", loader: "ts" },
    outfile: BUNDLE,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  const stdio = output === "inherit" ? "inherit" : "pipe";
  const child = spawn(process.execPath, [BUNDLE], {
    stdio: ["ignore", stdio, stdio],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => (texts[name] += text));
  }
  await once(child, "close");
  return { exitCode: child.exitCode, ...texts };
}
