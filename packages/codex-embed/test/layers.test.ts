/** The order of the folders of `src`, and the few rules that hold for every file. */

import { readdirSync, readFileSync } from "node:fs";
import { posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import ts from "typescript";
import { expect, it } from "vitest";
import { verifies } from "./support/verifies.js";

/** Floors from the ground up. A folder imports from the floors below its own, types included. */
const FLOORS = [
  ["protocol", "util"],
  ["errors"],
  ["validate", "process", "schema"],
  ["stream", "transport", "tools"],
  ["trace"],
  ["requests", "rpc", "exec", "checkpoints", "guards"],
  ["approvals", "runtime"],
  ["client"],
  ["doctor", "ui"],
  ["index"],
  ["testing"],
  ["cli"],
];
/** `Codex` and `Thread` take most of it: a file there is the documentation of every public method. */
const MAX_LINES = 450;
const MAX_FILES = 184;

const src = fileURLToPath(new URL("../src/", import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ path: name.split(sep).join("/"), text: readFileSync(src + name, "utf8") }));
const handwritten = files.filter(({ path }) => !path.startsWith("protocol/generated/"));

const folderOf = (path: string): string => /^[^/.]+/.exec(path)?.[0] ?? path;
const floorOf = (path: string): number => FLOORS.findIndex((folders) => folders.includes(folderOf(path)));
const importsOf = (text: string): string[] =>
  ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);

it("imports only from lower floors", () => {
  verifies("layers");
  for (const { path, text } of files) {
    expect(floorOf(path), `${path} has a floor`).not.toBe(-1);
    for (const specifier of importsOf(text).filter((name) => name.startsWith("."))) {
      const target = posix.join(posix.dirname(path), specifier);
      if (folderOf(target) === folderOf(path)) continue;
      expect(floorOf(target), `${path} imports ${target}`).toBeLessThan(floorOf(path));
    }
  }
});

it("has no import cycle, not even of types", () => {
  const imports = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text).map((name) => posix.join(posix.dirname(path), name).replace(/\.js$/, ".ts")),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    expect(trail, "an import cycle").not.toContain(path);
    if (!done.has(path)) for (const next of imports.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
});

it.each([
  ["child_process", "process"],
  ["ws", "transport"],
])("uses %s in %s alone", (name, owner) => {
  verifies("layers");
  const users = files.filter(({ text }) => importsOf(text).some((path) => path.replace(/^node:/, "") === name));
  expect(new Set(users.map(({ path }) => folderOf(path)))).toEqual(new Set([owner]));
});

it("awaits nothing at the top of a module, which require() of ES modules refuses", async () => {
  const entryPoints = files.map(({ path }) => src + path);
  await build({ entryPoints, outdir: "out", write: false, format: "cjs", logLevel: "silent" });
});

it("names no method of the protocol in process and transport, which carry any message", () => {
  const tables = files.find(({ path }) => path === "protocol/generated/tables.ts")?.text ?? "";
  const methods = new Set([...tables.matchAll(/"([A-Za-z]+\/[A-Za-z/]+)"/g)].map(([, method = ""]) => method));
  expect(methods.size).toBeGreaterThan(250);
  for (const { path, text } of files.filter((file) => ["process", "transport"].includes(folderOf(file.path)))) {
    for (const method of methods) expect(text.includes(`"${method}"`), `${path} names ${method}`).toBe(false);
  }
});

it(`has at most ${MAX_FILES} hand-written files of at most ${MAX_LINES} lines`, () => {
  expect(handwritten.length).toBeLessThanOrEqual(MAX_FILES);
  expect(handwritten.filter(({ text }) => text.trimEnd().split("\n").length > MAX_LINES)).toEqual([]);
});
