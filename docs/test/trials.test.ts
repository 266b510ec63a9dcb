/** Keeps the files that pages show: each is tried, as it stands there, with what it needs around it. */

import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Browser, startBrowser } from "../../examples/test/support/browser.js";
import { descendantsOf } from "../../packages/codex-embed/test/support/processes.js";
import { filesOf, folderOf } from "./support/pageFiles.js";
import { ROOT, readPages } from "./support/pages.js";
import type { Trial, TrialBench } from "./support/trial.js";
import { Workshop } from "./support/workshop.js";
import { electron } from "./trials/electron.js";
import { dockerHook, gateway, sudoHook } from "./trials/hooks.js";
import { nextjs } from "./trials/nextjs.js";
import { bundler, ownMcpServer, wrongAnswer } from "./trials/programs.js";
import { dockerServer, streaming } from "./trials/servers.js";
import { agentTest, toolTest } from "./trials/tests.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const TRIALS: readonly Trial[] = [
  streaming,
  nextjs,
  electron,
  dockerServer,
  dockerHook,
  sudoHook,
  gateway,
  ownMcpServer,
  bundler,
  wrongAnswer,
  agentTest,
  toolTest,
];

const FIXTURES = `${ROOT}docs/test/fixtures/`;
const files = filesOf(readPages());
const workshop = await Workshop.open();
await Promise.all([
  ...files.map(({ page, name, block }) => workshop.lay(`${folderOf(page)}/${name}`, block.text)),
  ...readdirSync(FIXTURES)
    .filter((name) => name.includes("."))
    .map((name) => workshop.lay(`fixtures/${name}`, readFileSync(FIXTURES + name, "utf8"))),
]);

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser({ width: 600, height: 400 });
}, 120_000); // the browser unpacks itself, once
afterAll(async () => {
  await browser.close();
  await workshop.close();
  expect(await descendantsOf(process.pid)).toEqual([]);
});
const bench: TrialBench = { workshop, browser: () => browser.context };

test("each file of a page has one trial", () => {
  verifies("docs-files");
  const tried = TRIALS.flatMap(({ page, files: names }) => names.map((name) => `${page}: ${name}`));
  expect(tried.toSorted()).toEqual(files.map(({ page, name }) => `${page}: ${name}`).toSorted());
});

describe.concurrent("as it stands on the page", () => {
  for (const trial of TRIALS) describe(trial.page, () => trial.declare(bench));
});
