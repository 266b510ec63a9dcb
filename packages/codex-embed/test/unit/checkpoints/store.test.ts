/** The index that unchanged files are known by. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Store, withIndex } from "../../../src/checkpoints/store.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "codex-embed-store-"));
  mkdirSync(join(folder, "store"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a copy of the index is not younger than the index: git would take changes of that second for old", async () => {
  const store = new Store(folder, "store", "git");
  writeFileSync(store.file("index"), "entries");
  utimesSync(store.file("index"), 1_000_000_000.9, 1_000_000_000.9);
  await withIndex(store, async (index, isNew) => {
    expect(isNew).toBe(false);
    expect(statSync(index).mtimeMs).toBe(1_000_000_000_000);
    writeFileSync(index, "more entries");
  });
  expect(readdirSync(store.file())).toEqual(["index"]);
  expect(statSync(store.file("index")).size).toBe("more entries".length);
});

test("an index whose work failed is not kept", async () => {
  const store = new Store(folder, "store", "git");
  const work = withIndex(store, async (index, isNew) => {
    expect(isNew).toBe(true);
    writeFileSync(index, "half");
    throw new Error("cut off");
  });
  await expect(work).rejects.toThrow("cut off");
  expect(readdirSync(store.file())).toEqual([]);
});
