/** Keeps the diagrams of the documentation: the site draws each of them, in the colours of the page. */

import { createServer } from "vitepress";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Browser, startBrowser } from "../../examples/test/support/browser.js";
import { ROOT, readPages } from "./support/pages.js";

const pages = readPages()
  .map(({ path, blocks }) => ({ path, diagrams: blocks.filter(({ language }) => language === "mermaid").length }))
  .filter(({ diagrams }) => diagrams > 0);

let browser: Browser;
let site: Awaited<ReturnType<typeof createServer>>;
beforeAll(async () => {
  site = await createServer(`${ROOT}docs`, { host: "127.0.0.1" });
  // It knows no port 0, and takes the first free one above its usual port.
  await site.listen();
  browser = await startBrowser({ width: 1280, height: 900 });
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

test("there are pages with diagrams", () => {
  expect(pages.length).toBeGreaterThan(1);
});

test.each(pages)("the site draws those of $path", async ({ path, diagrams }) => {
  const page = await browser.context.newPage();
  onTestFinished(() => page.close());
  const errors: string[] = [];
  page.on("pageerror", ({ message }) => errors.push(message));
  await page.goto(`${site.resolvedUrls?.local[0]}${path.replace(/^docs\/(.*)\.md$/, "$1")}`);

  const drawn = page.locator(".diagram svg");
  await expect.poll(async () => [await drawn.count(), errors], { timeout: 45_000 }).toEqual([diagrams, []]);
  const ink = (): Promise<string> => page.evaluate('getComputedStyle(document.querySelector(".diagram svg")).fill');
  expect(await ink()).toBe("rgb(51, 51, 51)");
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(ink).toBe("rgb(204, 204, 204)");
});
