/** Keeps the sessions that docs/cli.md shows: the program says the same, but for what differs from machine to machine. */

import { rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { createTestHome, type TestHome } from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askPerson } from "../../packages/codex-embed/src/cli/askPerson.js";
import { runCli } from "../../packages/codex-embed/test/support/cli.js";
import { typist } from "../../packages/codex-embed/test/unit/cli/streams.js";
import { readPages } from "./support/pages.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const PROMPT = "$ npx codex-embed ";

const shown = readPages()
  .flatMap((page) => page.blocks)
  .filter(({ page, language }) => page === "docs/cli.md" && language === "text")
  .map(({ text }) => text);

/** The sessions of the page: what is typed, and what is said then. */
const sessions = shown
  .filter((text) => text.startsWith(PROMPT))
  .map((text) => {
    const [typed = "", ...said] = text.slice(PROMPT.length).split("\n");
    return { typed, said: said.join("\n") };
  });
/** What is left: the question before a command. */
const questions = shown.filter((text) => !text.startsWith(PROMPT));

/** What differs from machine to machine: versions, places, what else is installed. */
const DIFFERENT: readonly (readonly [RegExp, string])[] = [
  [/(?<=Node )\d+\.\d+\.\d+/g, "<version>"],
  [/(?<=binary +|launch +)\S*codex\b/g, "<runtime>"],
  [/(?<=home +|in )\/[^\s,]+/g, "<folder>"],
  [/(?<=codex-embed\/)[\d.]+ .*/g, "<version> <system>"],
  [/(?<=version +)[\d.]+ \(this SDK speaks the protocol of [\d.]+\)/g, "<version>"],
  [/Bubblewrap: .*/g, "Bubblewrap: <which>."],
  [/(?<=mcp-server: )(?:not installed|\d+\.\d+\.\d+)/g, "<version>, or none"],
];

const alike = (text: string): string =>
  DIFFERENT.reduce((changed, [different, name]) => changed.replaceAll(different, name), text);

let home: TestHome;
beforeAll(async () => {
  // Nothing listens there: whatever a runtime without any configuration wants outside, it does not get.
  home = await createTestHome({ model: { baseUrl: "http://127.0.0.1:9" } });
  await rm(join(home.codexHome, "config.toml"));
});
afterAll(() => home.dispose());

test("the page shows two sessions and a question", () => {
  expect(sessions.map(({ typed }) => typed.split(" ")[0])).toEqual(["run", "doctor"]);
  expect(questions).toHaveLength(1);
});

test.each(sessions)("$typed", async ({ typed, said }) => {
  verifies("docs-cli");
  const words = [...typed.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? "");
  const proxy = "http://127.0.0.1:9";
  const env = { ...home.env, HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  const { stdout, stderr } = await runCli(words, { cwd: home.workspace, env });
  expect(alike(stdout + stderr)).toBe(alike(said));
});

test("the question before a command", async () => {
  verifies("docs-cli");
  const { ask, asked } = typist("n");
  const handlers = askPerson({ ask, note: () => {}, cwd: home.workspace, before: () => {} });
  const ids = { threadId: "thread", turnId: "turn", itemId: "item" };
  const request = {
    ...ids,
    kind: "command" as const,
    startedAtMs: 0,
    environmentId: null,
    command: "npm install",
    cwd: join(homedir(), "project"),
    reason: "The tests need their dependencies.",
  };
  await handlers.approveCommand?.(request, { ...ids, threadCwd: null, signal: new AbortController().signal });
  expect(asked.join("").trim()).toBe(questions[0]?.trim());
});
