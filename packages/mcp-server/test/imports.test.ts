/** This package uses `codex-embed` as any program does, and its files depend on each other in one direction. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

const src = fileURLToPath(new URL("../src/", import.meta.url));
const imports = new Map(
  readdirSync(src).map((name) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(src + name, "utf8"), true, true);
    return [name, importedFiles.map(({ fileName }) => fileName)];
  }),
);

it("imports its own files, Node, and packages of its manifest", () => {
  const packages = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)];
  const isAllowed = (path: string): boolean =>
    /^(?:\.\/\w+\.js|node:[\w/]+)$/.test(path) ||
    packages.some((name) => path === name || (path.startsWith(`${name}/`) && !path.includes("/src/")));
  const other = [...imports].flatMap(([file, paths]) =>
    paths.filter((path) => !isAllowed(path)).map((path) => [file, path]),
  );
  expect(imports.size).toBeGreaterThan(10);
  expect(other).toEqual([]);
});

it("has no import cycle, not even of types", () => {
  const visit = (file: string, trail: readonly string[]): void => {
    expect(trail, "an import cycle").not.toContain(file);
    for (const path of imports.get(file) ?? []) {
      if (path.startsWith("./")) visit(path.slice(2).replace(/\.js$/, ".ts"), [...trail, file]);
    }
  };
  for (const file of imports.keys()) visit(file, []);
});
