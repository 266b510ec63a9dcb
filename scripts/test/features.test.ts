import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FEATURES } from "../../packages/codex-embed/test/support/verifies.js";
import { featurePage, readVerified, verifiedIn } from "../features/page.js";

const verified = readVerified();
const ids = Object.values(FEATURES).flatMap((features) => Object.keys(features));

test("every feature has one id and at least one test, and tests name no other", () => {
  expect(ids.length).toBeGreaterThan(200);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...verified.keys()].toSorted()).toEqual(ids.toSorted());
});

test("docs/features.md is current: npm run features", () => {
  const page = readFileSync(new URL("../../docs/features.md", import.meta.url), "utf8");
  expect(page).toBe(featurePage(verified));
});

test("a call in a comment or a string verifies nothing", () => {
  const calls = ['  verifies("a");', '// verifies("b");', "const text = 'verifies(\"c\");';", '\tverifies("d");'];
  expect([...verifiedIn(calls.join("\n"))]).toEqual(["a", "d"]);
});
