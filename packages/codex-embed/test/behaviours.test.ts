/** Holds the list of promises against the tests: each is held by tests that exist, and the page says what the list says. */

import { existsSync, readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { featurePage } from "../../../scripts/features/page.js";
import { BEHAVIOURS, type Behaviour } from "./behaviours.js";

const all = Object.values(BEHAVIOURS).flat();

/** The titles of the tests in a file, each also below the titles of its groups: `group > test`. */
function titlesIn(text: string): Set<string> {
  const source = ts.createSourceFile("titles.ts", text, ts.ScriptTarget.Latest, true);
  const titles = new Set<string>();
  const visit = (node: ts.Node, groups: readonly string[]): void => {
    const title = titleOf(node);
    if (title?.kind === "test") {
      titles.add(title.text);
      for (let at = 0; at < groups.length; at += 1) titles.add([...groups.slice(at), title.text].join(" > "));
    }
    const inside = title?.kind === "group" ? [...groups, title.text] : groups;
    ts.forEachChild(node, (child) => visit(child, inside));
  };
  visit(source, []);
  return titles;
}

/** What a call such as `it.each(…)("title", …)` begins. */
function titleOf(node: ts.Node): { kind: "test" | "group"; text: string } | undefined {
  if (!ts.isCallExpression(node)) return undefined;
  const [title] = node.arguments;
  let callee: ts.Node = node.expression;
  while (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) callee = callee.expression;
  if (title === undefined || !ts.isStringLiteralLike(title) || !ts.isIdentifier(callee)) return undefined;
  if (callee.text === "describe") return { kind: "group", text: title.text };
  return callee.text === "it" || callee.text === "test" ? { kind: "test", text: title.text } : undefined;
}

/** The promises of a list that no test holds, with what is wrong. */
function unheld(behaviours: readonly Behaviour[], read: (file: string) => string | undefined): string[] {
  const titles = new Map<string, Set<string>>();
  return behaviours.flatMap(([promise, file, ...tests]) => {
    const text = read(file);
    if (text === undefined) return [`${promise}: there is no file ${file}`];
    if (tests.length === 0) return [`${promise}: no test is named`];
    const known = titles.get(file) ?? titlesIn(text);
    titles.set(file, known);
    return tests.filter((test) => !known.has(test)).map((test) => `${promise}: no test in ${file} is named ${test}`);
  });
}

function readTest(file: string): string | undefined {
  const url = new URL(file, import.meta.url);
  return existsSync(url) ? readFileSync(url, "utf8") : undefined;
}

describe("the promises", () => {
  it("are each held by tests that exist", () => {
    expect(unheld(all, readTest)).toEqual([]);
    expect(all.length).toBeGreaterThan(80);
  });

  it("are made once", () => {
    const promises = all.map(([promise]) => promise);
    expect(promises.filter((promise, at) => promises.indexOf(promise) !== at)).toEqual([]);
  });

  it("are on the page: npm run features", () => {
    const page = readFileSync(new URL("../../../docs/features.md", import.meta.url), "utf8");
    expect(page).toBe(featurePage(BEHAVIOURS));
  });
});

describe("a promise that nothing holds", () => {
  const text = `describe("group", () => { it.each([1])("has %i", () => {}); });\ntest("alone", () => {}); note("it");`;
  const read = (file: string) => (file === "a.test.ts" ? text : undefined);

  it("is found", () => {
    const held: readonly Behaviour[] = [
      ["A", "a.test.ts", "has %i", "group > has %i"],
      ["B", "a.test.ts", "alone"],
    ];
    expect(unheld(held, read)).toEqual([]);
    const wrong: readonly Behaviour[] = [
      ["C", "b.test.ts", "alone"],
      ["D", "a.test.ts"],
      ["E", "a.test.ts", "alone", "group", "other > has %i", "it"],
    ];
    expect(unheld(wrong, read)).toEqual([
      "C: there is no file b.test.ts",
      "D: no test is named",
      "E: no test in a.test.ts is named group",
      "E: no test in a.test.ts is named other > has %i",
      "E: no test in a.test.ts is named it",
    ]);
  });
});
