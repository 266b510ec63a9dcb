/** Keeps the architecture of `src`: who may import whom, and what every file has to look like. */

import { readdirSync, readFileSync } from "node:fs";
import { posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

/**
 * The rooms of the house, from the ground up; a room is a folder or a file of `src`. Imports go down only, types too.
 * Rooms on one line do not see each other.
 */
const HOUSE: readonly (readonly string[])[] = [
  ["generated", "abort", "display", "json", "logger", "asyncContext"],
  ["turnResult"],
  ["errors"],
  ["usage"],
  ["events"],
  ["process"],
  ["transport"],
  ["rpc"],
  ["stream"],
  ["rollout", "loginGate", "picture"],
  ["retry", "input", "schema"],
  ["tools"],
  ["requests"],
  ["approval", "options"],
  ["knownOptions"],
  ["handshake", "output", "endpoint"],
  ["establish", "recovery"],
  ["link", "clientRequests"],
  ["runtime"],
  ["agents"],
  ["ending"],
  ["turnLimits"],
  ["limitedStart"],
  ["login", "sideWork", "threadQueue", "threadRecord", "reviewText"],
  ["openThread"],
  ["turn"],
  ["goal", "turnStarter"],
  ["review"],
  ["thread"],
  ["codex"],
  ["doctor", "serve"],
  ["index", "protocol"],
];

/** The houses next door: nothing of `src` imports them, and each sees these rooms or files alone. */
const ANNEXES: Readonly<Record<string, readonly string[]>> = {
  testing: ["index", "protocol", "usage", "knownOptions"],
  mcp: ["index", "protocol", "display", "logger", "usage", "knownOptions"],
  cli: ["index", "protocol", "display", "usage", "mcp/index"],
  exec: ["abort", "errors", "usage", "process", "transport/lines", "schema", "reviewText"],
};

/** Rooms that lie below, but are none of the room's business. */
const STRANGERS: Readonly<Record<string, readonly string[]>> = { stream: ["rpc", "transport", "process"] };

/** Modules from elsewhere that only one room may use. */
const OWNERS: Readonly<Record<string, string>> = {
  child_process: "process",
  "node:child_process": "process",
  ws: "transport",
};

/** Rooms that carry messages and know nothing of what is in them. */
const CARRIERS: readonly string[] = ["transport", "process"];

const MAX_LINES = 400;

/** A file of `src`, by its path inside it, without `.ts`. */
interface Source {
  readonly path: string;
  readonly text: string;
}

type Rule = (sources: readonly Source[]) => string[];

const root = fileURLToPath(new URL("../src/", import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ path: name.replace(/\.ts$/, "").split(sep).join("/"), text: readFileSync(root + name, "utf8") }));
const handWritten = (all: readonly Source[]) => all.filter(({ path }) => roomOf(path) !== "generated");

function roomOf(path: string): string {
  return path.split("/")[0] ?? path;
}

/** What a file imports: paths inside `src` as paths, everything else by its name. */
function importsOf({ path, text }: Source): { inside: string[]; outside: string[] } {
  const names = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  const isInside = (name: string) => name.startsWith(".");
  return {
    inside: names.filter(isInside).map((name) => posix.join(posix.dirname(path), name).replace(/\.js$/, "")),
    outside: names.filter((name) => !isInside(name)),
  };
}

function parse({ path, text }: Source): ts.SourceFile {
  return ts.createSourceFile(`${path}.ts`, text, ts.ScriptTarget.Latest, true);
}

/** Visits every node of a file; what `enter` refuses is not looked into. */
function walk(node: ts.Node, enter: (node: ts.Node) => boolean): void {
  if (enter(node)) ts.forEachChild(node, (child) => walk(child, enter));
}

function literalsOf(source: Source): string[] {
  const literals: string[] = [];
  walk(parse(source), (node) => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      literals.push(node.text);
    }
    return true;
  });
  return literals;
}

const order: Rule = (all) =>
  all.flatMap((source) => {
    const room = roomOf(source.path);
    const floor = HOUSE.findIndex((rooms) => rooms.includes(room));
    const allowed = ANNEXES[room];
    if (floor === -1 && allowed === undefined) return [`${source.path} is in no room: give it a place in this table`];
    return importsOf(source).inside.flatMap((target) => {
      const to = roomOf(target);
      if (to === room) return [];
      const lower = HOUSE.findIndex((rooms) => rooms.includes(to));
      const isAllowed =
        allowed === undefined
          ? lower !== -1 && lower < floor && !STRANGERS[room]?.includes(to)
          : allowed.includes(to) || allowed.includes(target);
      return isAllowed ? [] : [`${source.path} imports ${target}`];
    });
  });

const owners: Rule = (all) =>
  all.flatMap((source) => {
    const names = [
      ...importsOf(source).outside,
      ...literalsOf(source).filter((text) => text.endsWith("child_process")),
    ];
    const foreign = [...new Set(names)].filter(
      (name) => Object.hasOwn(OWNERS, name) && OWNERS[name] !== roomOf(source.path),
    );
    return foreign.map((name) => `${source.path} uses ${name}, which belongs to ${OWNERS[name]}`);
  });

const cycles: Rule = (all) => {
  const edges = new Map(all.map((source) => [source.path, importsOf(source).inside]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(" > "));
    } else if (!done.has(path)) {
      for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
};

/** `require(esm)`, by which CommonJS loads the package, refuses a module that awaits at its top level. */
const noTopLevelAwait: Rule = (all) =>
  all.flatMap((source) => {
    let awaits = false;
    walk(parse(source), (node) => {
      if (ts.isFunctionLike(node) || ts.isPropertyDeclaration(node)) return false;
      awaits ||=
        ts.isAwaitExpression(node) ||
        (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
        (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.AwaitUsing) === ts.NodeFlags.AwaitUsing);
      return true;
    });
    return awaits ? [`${source.path} awaits at its top level`] : [];
  });

const noMethodNames: Rule = (all) =>
  all
    .filter(({ path }) => CARRIERS.includes(roomOf(path)))
    .flatMap((source) => {
      const literals = literalsOf(source);
      const known = methodNames.filter((method) => literals.some((text) => text.includes(method)));
      return known.map((method) => `${source.path} knows ${method}`);
    });

const shape: Rule = (all) =>
  handWritten(all).flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return lines > MAX_LINES ? [`${path} has ${lines} lines`] : [];
  });

/** The names on the wire that cannot be anything else: those with a slash, from the tables' own members. */
const methodNames = methodNamesIn(sources.find(({ path }) => path === "generated/tables"));

function methodNamesIn(tables: Source | undefined): string[] {
  const names = new Set<string>();
  if (tables === undefined) return [];
  walk(parse(tables), (node) => {
    if (ts.isPropertySignature(node) && ts.isStringLiteral(node.name)) names.add(node.name.text);
    return true;
  });
  return [...names].filter((name) => name.includes("/"));
}

describe.each<{ rule: string; check: Rule; good: readonly Source[]; bad: readonly Source[]; says: readonly string[] }>([
  {
    rule: "imports go down the house only",
    check: order,
    good: [
      { path: "rpc/pending", text: 'import { UsageError } from "../errors/index.js"; import "./messages.js";' },
      { path: "exec/run", text: 'import "../transport/lines.js"; import "../process/spawn.js"; import "./events.js";' },
      { path: "testing/kit", text: 'import { Codex } from "../index.js"; import "node:fs"; import "./parts.js";' },
    ],
    bad: [
      { path: "rpc/pending", text: 'import { Thread } from "../thread.js";' },
      { path: "errors/turn", text: 'import type { Codex } from "../codex.js";' },
      { path: "process/spawn", text: 'export const later = () => import("../transport/stdio.js");' },
      { path: "turn", text: 'export { Thread } from "./thread.js";' },
      { path: "options", text: 'export type T = import("./runtime.js").Runtime;' },
      { path: "input", text: 'import { retryOnOverload } from "./retry.js";' },
      { path: "stream/router", text: 'import type { WireNotification } from "../rpc/messages.js";' },
      { path: "index", text: 'export { ScriptedModel } from "./testing/index.js";' },
      { path: "testing/kit", text: 'import { Runtime } from "../runtime.js";' },
      { path: "exec/run", text: 'import "../transport/stdio.js";' },
      { path: "attic", text: "" },
    ],
    says: [
      "rpc/pending imports thread",
      "errors/turn imports codex",
      "process/spawn imports transport/stdio",
      "turn imports thread",
      "options imports runtime",
      "input imports retry",
      "stream/router imports rpc/messages",
      "index imports testing/index",
      "testing/kit imports runtime",
      "exec/run imports transport/stdio",
      "attic is in no room: give it a place in this table",
    ],
  },
  {
    rule: "child processes belong to process, WebSockets to transport",
    check: owners,
    good: [
      { path: "process/spawn", text: 'import { spawn } from "node:child_process";' },
      { path: "transport/websocket", text: 'export const load = () => import("ws");' },
    ],
    bad: [
      { path: "codex", text: 'import { spawn } from "node:child_process";' },
      { path: "runtime", text: 'export const load = () => process.getBuiltinModule("node:child_process");' },
      { path: "runtime", text: 'import type { WebSocket } from "ws";' },
    ],
    says: [
      "codex uses node:child_process, which belongs to process",
      "runtime uses node:child_process, which belongs to process",
      "runtime uses ws, which belongs to transport",
    ],
  },
  {
    rule: "no import cycle, not even of types",
    check: cycles,
    good: [
      { path: "a", text: 'import "./b.js"; import "./c.js";' },
      { path: "b", text: 'import "./c.js";' },
      { path: "c", text: "" },
    ],
    bad: [
      { path: "a", text: 'import type { B } from "./b.js";' },
      { path: "b", text: 'import { c } from "./c.js";' },
      { path: "c", text: 'export * from "./a.js";' },
    ],
    says: ["a > b > c > a"],
  },
  {
    rule: "no await at the top level of a module",
    check: noTopLevelAwait,
    good: [
      { path: "a", text: "export async function f() { await 1; }\nclass C { m = async () => { await 1; } }" },
      { path: "b", text: "export const g = async () => { for await (const x of []) await x; };" },
    ],
    bad: [
      { path: "a", text: 'const fs = await import("node:fs");' },
      { path: "b", text: "for await (const x of []) console.log(x);" },
      { path: "c", text: "if (true) { await using x = open(); }" },
    ],
    says: ["a awaits at its top level", "b awaits at its top level", "c awaits at its top level"],
  },
  {
    rule: "transport and process know no method of the protocol",
    check: noMethodNames,
    good: [
      { path: "transport/stdio", text: 'stdin.on("error", () => {});' },
      { path: "thread", text: 'request("turn/start");' },
    ],
    bad: [
      { path: "transport/stdio", text: 'if (text.includes("turn/start")) resend();' },
      { path: "process/agent", text: 'send(`{"method":"thread/read","id":${id}}`);' },
    ],
    says: ["transport/stdio knows turn/start", "process/agent knows thread/read"],
  },
  {
    rule: `a file has at most ${MAX_LINES} lines`,
    check: shape,
    good: [
      { path: "a", text: "\n".repeat(MAX_LINES - 1) + "export {};\n" },
      { path: "generated/tables", text: "// Generated.\n".repeat(MAX_LINES + 1) },
    ],
    bad: [{ path: "a", text: "\n".repeat(MAX_LINES) + "export {};\n" }],
    says: [`a has ${MAX_LINES + 1} lines`],
  },
])("$rule", ({ check, good, bad, says }) => {
  it("holds for src", () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(methodNames.length).toBeGreaterThan(250);
    expect(check(sources)).toEqual([]);
  });

  it("is kept by this test", () => {
    expect(check(good)).toEqual([]);
    expect(check(bad)).toEqual(says);
  });
});
