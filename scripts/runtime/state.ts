/** An update that is in progress, kept between its command and `--continue`. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { ROOT } from "../release/repository.js";
import type { Mention } from "./pages.js";

/** What `--continue` cannot find out again. */
export interface UpdateState {
  readonly from: string;
  readonly to: string;
  readonly decisions: readonly string[];
  readonly rewritten: readonly Mention[];
  readonly difference: string;
}

const FOLDER = new URL("node_modules/.cache/codex-embed-runtime-update/", ROOT);
const FILE = new URL("state.json", FOLDER);

/** The path of the report of an update, where none was given. */
export function reportUrl(from: string, to: string): URL {
  mkdirSync(FOLDER, { recursive: true });
  return new URL(`runtime-diff-${from}-${to}.md`, FOLDER);
}

export function saveState(state: UpdateState): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(FILE, JSON.stringify(state));
}

/** Throws when no update is in progress. */
export function loadState(): UpdateState {
  try {
    return JSON.parse(readFileSync(FILE, "utf8"));
  } catch (cause) {
    throw new Error("No update is in progress. Begin one: npm run runtime:update -- latest", { cause });
  }
}

export function dropState(): void {
  rmSync(FILE, { force: true });
}
