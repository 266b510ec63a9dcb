/** What a client supports, and what it hears of a turn. */

import { expect, test } from "vitest";
import { agentMessage, delta, itemCompleted, itemStarted, started } from "../../../codex-embed/test/support/events.js";
import { excerpt, progressOf, supportsElicitation } from "../../src/caller.js";

test.each<[unknown, boolean, boolean]>([
  [undefined, false, false],
  [null, false, false],
  ["form", false, false],
  [{}, true, false],
  [{ form: {} }, true, false],
  [{ url: {} }, false, true],
  [{ form: {}, url: {} }, true, true],
])("a client with the elicitation %j can show forms: %s, and links: %s", (capability, form, url) => {
  expect([supportsElicitation(capability, "form"), supportsElicitation(capability, "url")]).toEqual([form, url]);
});

test("steps are reported, single letters are not", () => {
  expect(progressOf(started())).toBe("The turn has started.");
  expect(progressOf(delta("a"))).toBeNull();
  expect(progressOf(itemStarted(agentMessage("m", "")))).toBeNull();
  expect(progressOf(itemCompleted(agentMessage("m", "Look\n\tat this.")))).toBe("Look at this.");
  expect(progressOf(itemCompleted(agentMessage("m", "")))).toBeNull();
});

test("an excerpt is one line and no longer than its limit", () => {
  expect(excerpt(`a\n${"b".repeat(500)}`, 10)).toBe("a bbbbbbb…");
});
