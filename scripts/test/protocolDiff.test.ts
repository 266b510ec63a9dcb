/** The tests of comparing two versions of the protocol, over made-up ones. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Changes, diffProtocols, type Entry, printDiff } from "../runtime/diff.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

/** A protocol with one request, and the given types. */
const protocol = (types = "", requests = '{ method: "thread/start"; id: RequestId; params: ThreadStartParams }') =>
  `export type ClientRequest = ${requests};\n${types}`;

/** The difference of two protocols that are stable as a whole. */
const diffStable = (before: string, after: string) =>
  diffProtocols({ all: before, stable: before }, { all: after, stable: after });

const textOf = ({ name, type }: Entry) => (type === "" ? name : `${name}: ${type}`);
const plain = ({ added, removed, changed }: Changes) => ({
  added: added.map(textOf),
  removed: removed.map(textOf),
  changed: changed.map(({ name, before, type }) => ({ name, from: before, to: type })),
});
const plainOf = (changes: ReadonlyMap<string, Changes>) =>
  Object.fromEntries([...changes].map(([name, each]) => [name, plain(each)]));

const changesOf = (before: string, after: string) =>
  plainOf(diffStable(protocol(before), protocol(after)).changedTypes);

describe("the difference of two protocols", () => {
  it("is nothing when only comments, order and layout differ", () => {
    const before = protocol("/** Old. */\nexport type A = { a: string; b?: number };\nexport type B = string;");
    const after = protocol(
      "export type B = string;\nexport type A = {\n  b?: number;\n  /** New. */\n  a: string;\n};",
    );
    expect(printDiff(diffStable(before, after), "1.0.0", "1.1.0")).toBe(
      "# Protocol 1.0.0 → 1.1.0\n\nNothing has changed.\n",
    );
  });

  it("has the methods that came, went, and take something else", () => {
    verifies("protocol-diff");
    const before = '{ method: "a"; params: A } | { method: "b"; params: B } | { method: "c"; params: undefined }';
    const after = '{ method: "b"; params: B | null } | { method: "c"; params: undefined } | { method: "d" }';
    const { messages } = diffStable(protocol("", before), protocol("", after));
    expect(plainOf(messages)).toEqual({
      "Requests to the runtime": {
        added: ["d: none"],
        removed: ["a: A"],
        changed: [{ name: "b", from: "B", to: "B | null" }],
      },
    });
  });

  it("tells the requests of the runtime and both kinds of notifications apart", () => {
    const unions = ["ServerRequest", "ServerNotification", "ClientNotification"];
    const after = unions.map((union) => `export type ${union} = { method: "m/${union}"; params: P };`).join("\n");
    const { messages } = diffStable(protocol(), protocol(after));
    expect([...messages].map(([heading, { added }]) => [heading, added.map(textOf)])).toEqual([
      ["Requests of the runtime", ["m/ServerRequest: P"]],
      ["Notifications of the runtime", ["m/ServerNotification: P"]],
      ["Notifications to the runtime", ["m/ClientNotification: P"]],
    ]);
  });

  it("has the types that came and went", () => {
    const before = protocol("export type Gone = string;\nexport type Kept = string;");
    const { types } = diffStable(before, protocol("export type Kept = string;\nexport type New = { a: string };"));
    expect(plain(types)).toEqual({ added: ["New"], removed: ["Gone"], changed: [] });
  });

  it("has fields that were added, removed, made optional, and of another type", () => {
    verifies("protocol-diff");
    const before = "export type A = { gone: string; same: B; loose: B; other: string | null };";
    const after = "export type A = { same: B; loose?: B; other: number | null; fresh?: Array<B> };";
    expect(changesOf(before, after)).toEqual({
      A: {
        added: ["fresh: optional Array<B>"],
        removed: ["gone: string"],
        changed: [
          { name: "loose", from: "B", to: "optional B" },
          { name: "other", from: "string | null", to: "number | null" },
        ],
      },
    });
  });

  it("has the members of enums, also of a field's", () => {
    expect(changesOf('export type E = "a" | "b";', 'export type E = "b" | "c";')).toEqual({
      E: { added: ['"c"'], removed: ['"a"'], changed: [] },
    });
    expect(changesOf('export type T = { e: "a" | null };', 'export type T = { e: "a" | "b" | null };')).toEqual({
      T: { added: ['e "b"'], removed: [], changed: [] },
    });
  });

  it("looks into the objects of a union, and into objects in fields", () => {
    const before = 'export type U = { type: "x"; in: { a: string } } | { type: "y" };';
    const after = 'export type U = { type: "x"; in: { a: number; b: string } } | { type: "z"; c: string };';
    expect(changesOf(before, after)).toEqual({
      U: {
        added: ["[x].in.b: string", '"z"', "[z].c: string"],
        removed: ['"y"'],
        changed: [{ name: "[x].in.a", from: "string", to: "number" }],
      },
    });
  });

  it("looks into intersections, whatever parentheses are around them", () => {
    const before = "export type C = { a: string } & ({ [key in string]?: number });";
    const after = "export type C = { a: string; b: string } & { [key in string]?: number };";
    expect(changesOf(before, after)).toEqual({ C: { added: ["b: string"], removed: [], changed: [] } });
  });

  it("is told in Markdown, what breaks first", () => {
    const before = protocol('export type E = "a";\nexport type Gone = string;\nexport type T = { f: string };');
    const after = protocol('export type E = "a" | "b";\nexport type New = string;\nexport type T = { g: string };');
    expect(printDiff(diffStable(before, after), "1.0.0", "1.1.0")).toBe(`# Protocol 1.0.0 → 1.1.0

## Types

- removed \`Gone\`
- added \`New\`

## Fields and members

### E

- added \`"b"\`

### T

- removed \`f: string\`
- added \`g: string\`
`);
  });

  it("tells what is experimental or has changed sides, and the doc comments of both layouts", () => {
    verifies("protocol-diff");
    const shared = "export type A = { a: string, /**\n * Behind\n * a comma.\n */\nb: string";
    const before = { all: protocol(`${shared}; c: string };`), stable: protocol(`${shared} };`) };
    const after = {
      all: protocol(
        "/** The A. */\nexport type A = { a: string; c: string;\n/** New. */\nd: string };\n/** The B. */\nexport type B = string;",
        '{ method: "thread/start"; id: RequestId; params: ThreadStartParams } | { method: "b"; params: B }',
      ),
      stable: protocol("export type A = { a: string; c: string };"),
    };
    expect(printDiff(diffProtocols(before, after), "1.0.0", "1.1.0")).toBe(`# Protocol 1.0.0 → 1.1.0

## Requests to the runtime

- added \`b: B\` (experimental): The B.

## Types

- added \`B\` (experimental): The B.

## Fields and members

### A

- removed \`b: string\`: Behind a comma.
- now stable \`c\`
- added \`d: string\` (experimental): New.
`);
  });

  it("finds nothing between the generated protocol and itself, and what is changed in it", () => {
    const real = readFileSync(
      new URL("../../packages/codex-embed/src/protocol/generated/protocol.ts", import.meta.url),
      "utf8",
    );
    expect(printDiff(diffStable(real, real), "a", "b")).toContain("Nothing has changed.");
    const changed = real.replace('export type AccountSessionWorkspaceKind = "personal"', '$& | "shared"');
    expect(plainOf(diffStable(real, changed).changedTypes)).toEqual({
      AccountSessionWorkspaceKind: { added: ['"shared"'], removed: [], changed: [] },
    });
  });

  it("refuses a file that is no protocol", () => {
    expect(() => diffStable("export type A = string;", protocol())).toThrow("This is no generated protocol");
  });
});
