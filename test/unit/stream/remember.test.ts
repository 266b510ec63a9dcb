/** Owns the unit tests of what is remembered of threads. */

import { expect, it } from "vitest";
import { remember } from "../../../src/stream/remember.js";

it("keeps the newest ten thousand", () => {
  const map = new Map<string, number>();
  for (let number = 0; number < 10_000; number++) remember(map, `thread-${number}`, number);
  remember(map, "thread-0", -1);
  remember(map, "another", 0);
  expect(map.size).toBe(10_000);
  expect(map.get("thread-0")).toBe(-1);
  expect(map.has("thread-1")).toBe(false);
  expect(map.has("thread-2")).toBe(true);
});
