/** Tests the map that keeps the newest of what comes in: within a count, and within a size. */

import { expect, it } from "vitest";
import { NewestMap } from "../../../src/stream/threadMemory.js";

it("keeps the newest ten thousand", () => {
  const map = new NewestMap<number>();
  for (let number = 0; number < 10_000; number++) map.set(`thread-${number}`, number);
  map.set("thread-0", -1);
  map.set("another", 0);
  expect(map.size).toBe(10_000);
  expect(map.get("thread-0")).toBe(-1);
  expect(map.has("thread-1")).toBe(false);
  expect(map.has("thread-2")).toBe(true);
});

it("keeps no more than its size, keys included, and nothing that is larger by itself", () => {
  const map = new NewestMap<string>({ entries: 100, bytes: 100 });
  map.set("a", "", 49);
  map.set("b", "", 49);
  map.set("huge", "", 97);
  map.set("k".repeat(101), "");
  expect([...map].map(([key]) => key)).toEqual(["a", "b"]);
  map.set("c", "", 0);
  expect([...map].map(([key]) => key)).toEqual(["b", "c"]);
  map.set("b", "", 98);
  expect([...map].map(([key]) => key)).toEqual(["c", "b"]);
  map.delete("b");
  map.set("d", "", 97);
  expect([...map].map(([key]) => key)).toEqual(["c", "d"]);
  map.clear();
  map.set("e", "", 99);
  expect(map.size).toBe(1);
});
