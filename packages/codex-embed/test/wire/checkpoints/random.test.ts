/** Random file operations: a restore brings back the same files, and the changes name exactly what differs. */

import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkpoint } from "codex-embed/checkpoints";
import fc from "fast-check";
import { expect, test } from "vitest";
import { verifies } from "../../support/verifies.js";
import { contentOf, makeFolders } from "./folders.js";

/** Few names, so that operations meet: a file takes the place of a folder, a link that of a file. */
const name = fc.constantFrom("a", "b", "ü", "-x", "with space", "new\nline", '"q"', "back\\slash", ":(glob)*");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const operation = fc.oneof(
  fc.record({ kind: fc.constant("write"), path, text: fc.string({ maxLength: 8 }) }),
  fc.record({ kind: fc.constant("remove"), path, text: fc.constant("") }),
  fc.record({ kind: fc.constant("folder"), path, text: fc.constant("") }),
  fc.record({ kind: fc.constant("link"), path, text: fc.constantFrom("a", "../b", "/etc", "nowhere") }),
  fc.record({ kind: fc.constant("mode"), path, text: fc.constantFrom("644", "755", "600", "700") }),
  fc.record({ kind: fc.constant("move"), path, text: path }),
);

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function apply(cwd: string, { kind, path, text }: Operation): void {
  const at = join(cwd, path);
  clearWay(cwd, path);
  if (kind === "move") clearWay(cwd, text);
  const found = lstatSync(at, { throwIfNoEntry: false });
  if (kind === "mode") {
    if (found?.isFile()) chmodSync(at, Number.parseInt(text, 8));
  } else if (kind === "move") {
    const to = join(cwd, text);
    const isPossible = found !== undefined && !`${to}/`.startsWith(`${at}/`) && !`${at}/`.startsWith(`${to}/`);
    if (!isPossible) return;
    rmSync(to, { recursive: true, force: true });
    mkdirSync(dirname(to), { recursive: true });
    renameSync(at, to);
  } else {
    rmSync(at, { recursive: true, force: true });
    if (kind === "remove") return;
    mkdirSync(kind === "folder" ? at : dirname(at), { recursive: true });
    if (kind === "write") writeFileSync(at, text);
    if (kind === "link") symlinkSync(text, at);
  }
}

/** Removes files and links that stand where a path needs a folder: an operation must not follow a link. */
function clearWay(cwd: string, path: string): void {
  let at = cwd;
  for (const part of path.split("/").slice(0, -1)) {
    at = join(at, part);
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found !== undefined && !found.isDirectory()) rmSync(at);
  }
}

/** The files and links, without folders. What git cannot tell apart is the same. */
function filesIn(cwd: string): Map<string, string> {
  const files = Object.entries(contentOf(cwd)).filter(([file]) => !file.endsWith("/"));
  const seen = ([file, text]: [string, string]): [string, string] => [
    Buffer.from(file, "latin1").toString(),
    text.replace(/^(\d)\d\d /, (_, owner: string) => ((Number(owner) & 1) === 1 ? "x " : "- ")),
  ];
  return new Map(files.map(seen));
}

test("a restore undoes whatever was done", { timeout: 300_000 }, async () => {
  verifies("checkpoint-random");
  const operations = fc.array(operation, { maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(operations, operations, async (first, second) => {
      const { cwd, codexHome } = makeFolders();
      for (const each of first) apply(cwd, each);
      const was = contentOf(cwd);
      const before = filesIn(cwd);
      const made = await checkpoint(cwd, { codexHome });
      for (const each of second) apply(cwd, each);
      const after = filesIn(cwd);
      const paths = [...new Set([...before.keys(), ...after.keys()])];
      const differing = paths.filter((file) => before.get(file) !== after.get(file)).sort();
      const changes = await made.changes();
      expect(changes.flatMap(({ path: file, from }) => (from === undefined ? file : [file, from])).sort()).toEqual(
        differing,
      );
      await made.restore();
      const restored = contentOf(cwd);
      // A mode that git does not know is kept for files that are written again; others keep what they have.
      expect(filesIn(cwd)).toEqual(before);
      expect(Object.keys(restored).sort()).toEqual(Object.keys(was).sort());
    }),
    { numRuns: 25 },
  );
});
