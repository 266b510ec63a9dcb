/** Keeps docs/configuration.md complete and true: every option, flag and variable, and none that is not there. */

import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMANDS } from "../../packages/codex-embed/src/cli/program.js";
import { readOptions } from "./support/optionNames.js";
import { ROOT } from "./support/pages.js";

const page = readFileSync(`${ROOT}docs/configuration.md`, "utf8");

/** The sections of the page by the words that their headings begin with: what stands in the first cells of their tables. */
const sections = page
  .split(/^#{2,3} /m)
  .map((text) => ({ heading: text.split("\n", 1)[0] ?? "", rows: firstCells(text) }));

function firstCells(section: string): string[] {
  return [...section.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
}

const listed = (heading: string): string[] =>
  (sections.find((section) => section.heading.startsWith(heading))?.rows ?? []).toSorted();

/** Which type a section lists, and which other section it refers to for the rest. */
const SECTIONS = [
  { heading: "`new Codex(", type: "CodexOptions" },
  { heading: "`Codex.connect(", type: "ConnectOptions", without: "ClientOptions" },
  { heading: "`reconnect`", type: "ReconnectOptions" },
  { heading: "`serveAppServer(", type: "ServeOptions", without: "CodexOptions" },
  { heading: "`codex.startThread(", type: "StartThreadOptions" },
  { heading: "`codex.resumeThread(", type: "ResumeThreadOptions" },
  { heading: "`codex.forkThread(", type: "ForkThreadOptions" },
  { heading: "`thread.run(", type: "RunOptions" },
  { heading: "`codex.request(", type: "RequestOptions" },
  { heading: "`retryOnOverload(", type: "RetryOptions" },
  { heading: "`thread.startGoal(", type: "GoalOptions" },
  { heading: "`diagnose(", type: "DiagnoseOptions", without: "CodexOptions" },
];

test("every option is listed, and every one that is listed exists", () => {
  const options = readOptions(
    SECTIONS.flatMap(({ type, without }) => [type, ...(without === undefined ? [] : [without])]),
  );
  const found = SECTIONS.map(({ heading }) => ({ heading, options: listed(heading) }));
  const expected = SECTIONS.map(({ heading, type, without }) => {
    const known = new Set(without === undefined ? [] : options.get(without));
    return { heading, options: (options.get(type) ?? []).filter((name) => !known.has(name)).toSorted() };
  });
  expect(found).toEqual(expected);
}, 120_000);

test("every flag is listed, for its commands", () => {
  const rows = page.split("\n").filter((line) => line.startsWith("| `--"));
  const ofCommand = (index: number): string[] =>
    rows.filter((row) => row.split("|")[index + 2]?.trim() === "yes").flatMap(firstCells);
  for (const [index, { flags }] of COMMANDS.entries()) {
    expect(ofCommand(index).toSorted()).toEqual([...Object.keys(flags), "help"].map((name) => `--${name}`).toSorted());
  }
});

test("every variable is listed", () => {
  const names = readdirSync(`${ROOT}packages/codex-embed/src`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.startsWith("protocol/generated"))
    .flatMap((path) => [
      ...readFileSync(`${ROOT}packages/codex-embed/src/${path}`, "utf8").matchAll(
        /"(CODEX_[A-Z_]*[A-Z]|NO_COLOR|FORCE_COLOR)"/g,
      ),
    ])
    .map(([, name = ""]) => name);
  expect(new Set(names).size).toBeGreaterThan(4);
  expect(names.filter((name) => !listed("Environment variables").includes(name))).toEqual([]);
});
