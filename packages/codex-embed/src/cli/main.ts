#!/usr/bin/env node
/** Owns the start of the program `codex-embed`. */

import { runProgram } from "./program.js";

void runProgram(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});
