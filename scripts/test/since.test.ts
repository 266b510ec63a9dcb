/** Tests the table of what newer runtimes added to the requests, on small protocols. `npm run check` holds the committed one to the runtime. */

import { expect, test } from "vitest";
import { extendSince, firstSince, printSince, requestFacts, type Since, sinceProblems } from "../generate/since.js";

/** A protocol with these params of `thing/start`, and more requests. */
const protocol = (params: string, more = ""): string =>
  `export type J = number | string | boolean | Array<J> | { [k in string]?: J } | null;
  export type ClientRequest = { method: "thing/start", id: string, params: ${params} } | { method: "thing/stop", id: string, params: undefined }${more};`;

/** The table after these protocols, as versions 0.1.0, 0.2.0, … */
function fold(first: string, ...others: readonly string[]): Since {
  let before = requestFacts(first);
  let since = firstSince("0.1.0", before);
  for (const [at, types] of others.entries()) {
    const after = requestFacts(types);
    since = extendSince(since, before, `0.${at + 2}.0`, after);
    before = after;
  }
  return since;
}

test.each<[string, string, string, Record<string, string>]>([
  ["a field", "{ a: string }", "{ a: string, b?: number | null }", { b: "0.2.0" }],
  ["a field of a field", "{ a: { b: 1 } }", "{ a: { b: 1, c?: 2 } | null }", { "a c": "0.2.0" }],
  ["a field with fields is one entry", "{}", "{ a: { b: { c: 1 } } }", { a: "0.2.0" }],
  ["a field of an item", "{ a: Array<{ b: 1 }> }", "{ a: Array<{ b: 1, c: 2 }> }", { "a * c": "0.2.0" }],
  [
    "a field of a record's value",
    "{ a: { [k in string]?: { b: 1 } } }",
    "{ a: { [k in string]?: { b: 1, c: 1 } } }",
    { "a * c": "0.2.0" },
  ],
  ["a value of an enum", '{ a: "x" | "y" }', '{ a: "x" | "y" | "z" | null }', { "a =z": "0.2.0" }],
  [
    "a kind of object",
    '{ a: { type: "x", b: 1 } }',
    '{ a: { type: "x", b: 1 } | { type: "y", b: 1 } }',
    { "a type=y": "0.2.0" },
  ],
  [
    "a field of one kind of object",
    '{ a: { type: "x" } | { type: "y", b: 1 } }',
    '{ a: { type: "x", b: 1 } | { type: "y", b: 1 } }',
    { "a type=x b": "0.2.0" },
  ],
  [
    "a choice of fields",
    '{ a: { type: "x", b: 1 } }',
    '{ a: { type: "x" } & ({ b: 1 } | { c: 1 }) }',
    { "a type=x c": "0.2.0" },
  ],
  ["nothing, when text becomes an enum", "{ a: string }", '{ a: "x" | "y" }', {}],
  ["nothing, when a field is gone", "{ a: string, b: string }", "{ a: string }", {}],
  ["nothing, when any JSON gets a type", "{ a: J }", "{ a: { b: 1 } }", {}],
])("%s", (_what, before, after, expected) => {
  expect(fold(protocol(before), protocol(after)).table["thing/start"]).toEqual(expected);
});

test("each entry has the version that brought it, and what comes and goes the one that brought it last", () => {
  const { runtimes, table } = fold(
    protocol("{ a: 1 }"),
    protocol("{ a: 1, b: 1 }"),
    protocol("{ a: 1, c: { d: 1 } }", '| { method: "thing/find", id: string, params: { x: 1 } }'),
    protocol("{ a: 1, b: 1, c: { d: 1, e: 1 } }", '| { method: "thing/find", id: string, params: { x: 1, y: 1 } }'),
  );
  expect(runtimes).toEqual(["0.1.0", "0.2.0", "0.3.0", "0.4.0"]);
  expect(table).toEqual({
    "thing/find": { "": "0.3.0", y: "0.4.0" },
    "thing/start": { b: "0.4.0", c: "0.3.0", "c e": "0.4.0" },
    "thing/stop": {},
  });
});

test("a type that holds itself ends the search", () => {
  const tree = "\nexport type Tree = { name: string, children: Array<Tree> };";
  const places = requestFacts(protocol("{ tree: Tree }") + tree).get("thing/start");
  expect(places).toContain("tree children * **");
});

test("the check tells of a runtime, a request and a place that do not fit", () => {
  const facts = requestFacts(protocol("{ a: 1 }"));
  const since = fold(protocol("{ a: 1 }"), protocol("{ a: 1 }"));
  expect(sinceProblems(since, "0.2.0", facts)).toEqual([]);
  expect(sinceProblems(since, "0.3.0", facts)).toEqual([expect.stringContaining("0.3.0")]);
  const newer = requestFacts(protocol("{}", '| { method: "thing/find", id: string, params: {} }'));
  const stale = { ...since, table: { ...since.table, "thing/start": { a: "0.2.0" } } };
  expect(sinceProblems(stale, "0.2.0", newer)).toEqual(["thing/find is missing", "the runtime has no thing/start a"]);
});

test("the printed module is what was folded", () => {
  const text = printSince(fold(protocol("{ a: 1 }"), protocol("{ a: 1, b: 1 }")));
  expect(text).toContain('["0.1.0", "0.2.0"]');
  expect(text).toContain('  "thing/start": { "b": "0.2.0" },\n');
  expect(text).toContain('  "thing/stop": {},\n');
});
