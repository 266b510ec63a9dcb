/** Runs docs/walkthrough.md: prints what its blocks print, each below its heading. */

import { readBlocks, runProgram, toProgram } from "../docs/test/support/walkthrough.js";

const blocks = readBlocks();
const program = toProgram(blocks, ({ heading }, index) =>
  blocks[index - 1]?.heading === heading ? "\n" : `${index === 0 ? "" : "\n"}## ${heading}\n\n`,
);
const { exitCode } = await runProgram(program, "inherit");
process.exitCode = exitCode ?? 1;
