/** Keeps docs/errors.md complete: every class of error that is exported, and every code. */

import { readdirSync, readFileSync } from "node:fs";
import * as mcp from "@codex-embed/mcp-server";
import * as core from "codex-embed";
import * as exec from "codex-embed/exec";
import * as testing from "codex-embed/testing";
import { expect, test } from "vitest";
import { ROOT, readPages } from "./support/pages.js";

const page = readPages().find(({ path }) => path === "docs/errors.md");
const named = new Set(page?.codeSpans.map(({ text }) => text));

/** Where a code stands in the sources: given to the base class, in a table, given to an error, or in a union of codes. */
const CODE = /(?:super\(\s*|\bcode: |Error\(\s*|^ {2}\| )"([A-Z][A-Z_]+)"/gm;

test("every class of error is on the page", () => {
  const classes = [core, exec, mcp, testing].flatMap((entry) =>
    Object.entries(entry).filter(
      ([, value]) =>
        typeof value === "function" && (value === core.CodexError || value.prototype instanceof core.CodexError),
    ),
  );
  expect(classes.length).toBeGreaterThan(25);
  expect(classes.map(([name]) => name).filter((name) => !named.has(name))).toEqual([]);
});

test("every code is on the page", () => {
  const sources = readdirSync(`${ROOT}packages/codex-embed/src`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.startsWith("protocol/generated"))
    .map((path) => readFileSync(`${ROOT}packages/codex-embed/src/${path}`, "utf8"));
  const codes = new Set(sources.flatMap((text) => [...text.matchAll(CODE)].map(([, code = ""]) => code)));
  expect(codes.size).toBeGreaterThan(35);
  expect([...codes].filter((code) => !named.has(code))).toEqual([]);
});
