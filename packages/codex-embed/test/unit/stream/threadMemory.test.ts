import { describe, expect, test } from "vitest";
import { NewestMap, RecentMap } from "../../../src/stream/threadMemory.js";

describe("NewestMap", () => {
  test("keeps the newest ten thousand entries", () => {
    const map = new NewestMap<number>();
    for (let number = 0; number < 10_000; number++) map.set(`thread-${number}`, number);
    map.set("thread-0", -1);
    map.set("another", 0);
    expect(map.size).toBe(10_000);
    expect(map.get("thread-0")).toBe(-1);
    expect(map.has("thread-1")).toBe(false);
    expect(map.has("thread-2")).toBe(true);
  });

  test("stays within its size, keys included, and keeps no entry that is larger by itself", () => {
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
});

describe("RecentMap", () => {
  test("finds a value again, also by another string of the same characters", () => {
    const map = new RecentMap<number>().set("a", 1);
    map.set("b", 2);
    const given = ["a", "a", "b", "b", ["", "b"].join(""), "a", "c"].map((key) => map.get(key));
    expect(given).toEqual([1, 1, 2, 2, 2, 1, undefined]);
  });

  test("finds the new value after a set, whether the key was there or not", () => {
    const map = new RecentMap<number>();
    expect(map.get("a")).toBeUndefined();
    map.set("a", 1);
    expect(map.get("a")).toBe(1);
    map.set("a", 2);
    expect(map.get("a")).toBe(2);
  });

  test("finds nothing after a delete or a clear", () => {
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
