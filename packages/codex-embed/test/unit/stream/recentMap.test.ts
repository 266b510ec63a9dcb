/** Keeps the map that remembers its last answer true to what is in it. */

import { describe, expect, it } from "vitest";
import { RecentMap } from "../../../src/stream/threadMemory.js";

describe("a map that remembers its last answer", () => {
  it("gives what is there, also for the same key again and for another string of the same characters", () => {
    const map = new RecentMap<number>().set("a", 1);
    map.set("b", 2);
    const given = ["a", "a", "b", "b", ["", "b"].join(""), "a", "c"].map((key) => map.get(key));
    expect(given).toEqual([1, 1, 2, 2, 2, 1, undefined]);
  });

  it("gives the new value after the key was set, whether it was there or not", () => {
    const map = new RecentMap<number>();
    expect(map.get("a")).toBeUndefined();
    map.set("a", 1);
    expect(map.get("a")).toBe(1);
    map.set("a", 2);
    expect(map.get("a")).toBe(2);
  });

  it("gives nothing after the key was deleted or all was cleared", () => {
    const map = new RecentMap<number>().set("a", 1);
    expect(map.get("a")).toBe(1);
    map.delete("a");
    expect(map.get("a")).toBeUndefined();
    map.set("a", 3);
    expect(map.get("a")).toBe(3);
    map.clear();
    expect(map.get("a")).toBeUndefined();
  });
});
