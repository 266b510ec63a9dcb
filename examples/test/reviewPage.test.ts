/** Tests the page of the code review service in a real browser, on the real runtime. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Codex } from "codex-embed";
import { failResponse, gate, message, type Responder } from "codex-embed/testing";
import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { descendantsOf } from "../../packages/codex-embed/test/support/processes.js";
import { type ReviewService, startReviewService } from "../review-service/service.js";
import { FINDINGS, REPORT, reviewService } from "../support/reviewScenario.js";
import { openStage, type Stage } from "../support/stage.js";
import { type Browser, startBrowser } from "./support/browser.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

/** Where the picture of the documentation is; it is written with `WRITE_PICTURES=1`. */
const PICTURE = fileURLToPath(new URL("../../docs/images/code-review.png", import.meta.url));
const MEASURE = fileURLToPath(new URL("fixtures/browser/measure.js", import.meta.url));
const VIEW = { width: 900, height: 1_000 };

let stage: Stage;
let codex: Codex;
let service: ReviewService;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  [stage, browser] = await Promise.all([openStage(reviewService), startBrowser(VIEW)]);
  codex = new Codex({ cwd: stage.cwd, env: definedVariables(stage.env), inheritEnv: false });
  service = await startReviewService({ codex, repository: stage.cwd });
}, 120_000); // the browser unpacks itself, once
afterAll(async () => {
  await service.close();
  await codex.close();
  await browser.close();
  await stage.close();
  // The browser's processes exit on their own time.
  await vi.waitFor(async () => expect(await descendantsOf(process.pid)).toEqual([]), { timeout: 20_000 });
});

beforeEach(async () => {
  complaints = [];
  page = await browser.context.newPage();
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (said) => {
    if (said.type() === "error" && !said.text().includes("Failed to load resource")) complaints.push(said.text());
  });
  await page.goto(service.url);
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

function definedVariables(env: Stage["env"]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function respond(responder: Responder): void {
  stage.model?.respondWith(responder);
}

const report = (findings: readonly object[], summary = "Look at it.") => message(JSON.stringify({ findings, summary }));
const start = (): Promise<void> => page.getByRole("button", { name: "Review" }).click();
const titles = (): Promise<string[]> => page.locator("article h2").allTextContents();

/** Whether it shows up soon. */
async function isThere(locator: Locator): Promise<boolean> {
  return locator.waitFor({ timeout: 100 }).then(
    () => true,
    () => false,
  );
}

describe("the page", () => {
  test("shows each finding as soon as the agent has written it, and what it comes to", async () => {
    verifies("review-page");
    const cut = REPORT.indexOf("},{") + "},{".length;
    // What grows is looked at from time to time, so the model goes on a little until the first finding is there.
    const holds = Array.from({ length: 100 }, () => gate());
    respond(() =>
      message({ deltas: [REPORT.slice(0, cut), ...holds.flatMap((hold) => [hold, " "]), REPORT.slice(cut)] }),
    );
    await start();
    await page.getByRole("status").getByText("Writing the findings.").waitFor();
    const first = page.locator("article").first();
    for (const hold of holds) {
      await hold.reached;
      if (await isThere(first)) break;
      hold.open();
    }
    expect(await titles()).toEqual(FINDINGS.slice(0, 1).map(({ title }) => title));
    expect(await page.locator("#result").isVisible()).toBe(false);
    for (const hold of holds) hold.open();
    await page.getByText("The rest is small.").waitFor();
    expect(await titles()).toEqual(FINDINGS.map(({ title }) => title));
    expect(await page.locator(".place").allTextContents()).toEqual(FINDINGS.map(({ file, line }) => `${file}:${line}`));
    expect(await page.locator(".severity").allTextContents()).toEqual(FINDINGS.map(({ severity }) => severity));
    expect(await page.locator("#counts").innerText()).toMatch(/^1 critical\s+1 major\s+1 minor\s+1 note$/);
    expect(await page.getByRole("button", { name: "Stop" }).isVisible()).toBe(false);
  });

  test.each(["light", "dark"] as const)("is well laid out in %s colours", async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    respond(() => message(REPORT));
    await start();
    await page.locator("#result").waitFor();
    const boxes = await Promise.all(
      (await page.locator("form, .panel:visible, article").all()).map((one) => one.boundingBox()),
    );
    let below = 0;
    for (const box of boxes.sort((a, b) => (a?.y ?? 0) - (b?.y ?? 0))) {
      if (box === null) throw new Error("A box is not visible.");
      expect(box.y).toBeGreaterThanOrEqual(below);
      expect(box.height).toBeGreaterThan(40);
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width).toBeLessThanOrEqual(VIEW.width);
      below = box.y + box.height;
    }
    expect(boxes).toHaveLength(2 + FINDINGS.length);
    const { ground, lowestContrast } = await measure<{ ground: number; lowestContrast: number }>("contrasts()");
    expect(ground < 0.2).toBe(colorScheme === "dark");
    expect(lowestContrast).toBeGreaterThan(4.5);

    const picture = await page.screenshot({ fullPage: true });
    expect(picture.subarray(1, 4).toString()).toBe("PNG");
    expect(picture.readUInt32BE(16)).toBe(VIEW.width);
    expect(picture.readUInt32BE(20)).toBeGreaterThanOrEqual(Math.ceil(below));
    expect(await measure<number>(`countColours("${picture.toString("base64")}")`)).toBeGreaterThan(50);
    if (process.env["WRITE_PICTURES"] !== undefined) {
      await mkdir(dirname(PICTURE), { recursive: true });
      await writeFile(colorScheme === "light" ? PICTURE : PICTURE.replace(".png", "-dark.png"), picture);
    }
  });

  test("says so when there is nothing to find", async () => {
    respond(() => report([], "The change is sound."));
    await start();
    await page.getByText("No findings.").waitFor();
    expect(await page.getByText("The change is sound.").isVisible()).toBe(true);
    expect(await page.locator("article").count()).toBe(0);
  });

  test("says what failed, and takes the next review", async () => {
    respond(() => failResponse("invalid_prompt", "The model is out of order."));
    await start();
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toContain("The model is out of order.");
    respond(() => report([], "The change is sound."));
    await start();
    await page.getByText("No findings.").waitFor();
    expect(await page.getByRole("alert").isVisible()).toBe(false);
  });

  test("reviews a diff that is pasted", async () => {
    respond((request) =>
      report([], request.lastUserText()?.includes("+const secret") ? "It was read." : "It is lost."),
    );
    await page.getByText("A diff").click();
    await page.getByLabel("The diff").fill("+const secret = 1;");
    await start();
    await page.getByText("It was read.").waitFor();
  });

  test("stops a review", async () => {
    const hold = gate();
    respond(() => message({ deltas: ['{"findings":[', hold] }));
    await start();
    await hold.reached;
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("alert").getByText("The review was stopped.").waitFor();
  });

  test("shows what the model wrote as text, never as markup", async () => {
    const markup = '<img src=x onerror="document.title=`taken`"><script>document.title="taken"</script>';
    respond(() =>
      report([{ ...FINDINGS[0], title: markup, detail: markup, fix: markup, file: "src/<b>.mjs" }], markup),
    );
    await start();
    await page.locator("#result").waitFor();
    expect(await titles()).toEqual([markup]);
    expect(await page.locator("#summary, .detail, .fix").allTextContents()).toEqual([markup, markup, markup]);
    expect(await page.locator(".place").textContent()).toBe("src/<b>.mjs:2");
    expect(await page.locator("main img, main script, main b:not(#counts b, #clean b)").count()).toBe(0);
    expect(await page.title()).not.toBe("taken");
  });
});

/** Calls a function of the fixture in the page. */
async function measure<R>(call: string): Promise<R> {
  return page.evaluate<R>(`${await readFile(MEASURE, "utf8")}\n${call}`);
}
