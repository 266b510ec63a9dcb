/** Tests what counts as a message, and that what does not costs next to nothing. */

import { afterEach, expect, test, vi } from "vitest";
import { parseMessage } from "../../../src/rpc/messages.js";

afterEach(() => {
  vi.restoreAllMocks();
});

test.each(['{"id":1}', ' \t{"id":1}', '{"id":1}\r', '\r{"id":1} '])("%j is a message", (text) => {
  expect(parseMessage(text)).toEqual({ id: 1 });
});

test.each(["", "Welcome!", "[{}]", '"{}"', "1", "null", "{broken", '\u00a0{"id":1}', '\ufeff{"id":1}'])(
  "%j is none",
  (text) => {
    expect(parseMessage(text)).toBeUndefined();
  },
);

test("a flood of what cannot be a message does not keep the parser busy", () => {
  const parse = vi.spyOn(JSON, "parse");
  for (const text of ["no news is good news", "12:00:01 INFO ready", "[1]"]) parseMessage(text);
  expect(parse).not.toHaveBeenCalled();
});
