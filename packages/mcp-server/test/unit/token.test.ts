import { expect, test } from "vitest";
import { carriesToken } from "../../src/token.js";

test.each([
  ["Bearer the-token", true],
  ["bearer the-token", true],
  ["Bearer  the-token ", true],
  ["Bearer the-toke", false],
  ["Bearer the-token2", false],
  ["the-token", false],
  ["Basic the-token", false],
  ["Bearer ", false],
  ["", false],
  [undefined, false],
])("the header %j carries the token: %s", (header, carries) => {
  expect(carriesToken(header, "the-token")).toBe(carries);
});
