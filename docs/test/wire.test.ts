/** Keeps docs/wire.md true: a turn is recorded again, and has to read the same. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { recordTurn } from "../../scripts/docs/recordTurn.js";
import { withRecording } from "../../scripts/docs/wirePage.js";
import { ROOT } from "./support/pages.js";

test("what is spawned and sent is what docs/wire.md says (npm run docs:record writes it)", async () => {
  const page = readFileSync(`${ROOT}docs/wire.md`, "utf8");
  expect(page).toBe(withRecording(page, await recordTurn()));
}, 60_000);
