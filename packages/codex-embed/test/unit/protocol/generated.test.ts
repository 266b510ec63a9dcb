/** Tests the generated protocol module and its tables, and that their generator refuses what it cannot map. */

import { readFileSync } from "node:fs";
import ts from "typescript";
import { describe, expect, expectTypeOf, it } from "vitest";
import { flatten } from "../../../../../scripts/generate/flatten.js";
import { readProtocol } from "../../../../../scripts/generate/protocol.js";
import { mapResults, resultExceptions } from "../../../../../scripts/generate/results.js";
import { parseVersion } from "../../../../../scripts/generate/runtime.js";
import { printTables } from "../../../../../scripts/generate/tables.js";
import type * as wire from "../../../src/protocol/generated/protocol.js";
import {
  type ClientNotifications,
  type ClientRequests,
  deltaNotifications,
  type Notifications,
  notificationScopes,
  RUNTIME_VERSION,
  type ServerRequests,
  serverRequestMethods,
} from "../../../src/protocol/generated/tables.js";
import type { AnyServerRequests, LegacyServerRequests } from "../../../src/protocol/generated/legacy.js";
import { verifies } from "../../support/verifies.js";

const protocolText = readFileSync(new URL("../../../src/protocol/generated/protocol.ts", import.meta.url), "utf8");

type Scopes = typeof notificationScopes;
type At<T, Path> = Path extends readonly [infer Key extends keyof T, ...infer Rest]
  ? At<T[Key], Rest>
  : Path extends readonly []
    ? T
    : false;
type IdsOf<M extends keyof Notifications> = {
  [Id in keyof Scopes[M] & ("threadId" | "turnId")]: At<Notifications[M], Scopes[M][Id]>;
}[keyof Scopes[M] & ("threadId" | "turnId")];

describe("protocol.ts", () => {
  it("holds types only, sorted by name and without imports", () => {
    const { statements } = ts.createSourceFile("protocol.ts", protocolText, ts.ScriptTarget.Latest);
    const names = statements.filter(ts.isTypeAliasDeclaration).map(({ name }) => name.text);
    expect(names).toHaveLength(statements.length);
    expect(names).toContain("ThreadStartParams");
    expect(names).toEqual([...new Set(names)].sort());
  });

  it("has no bigint token", () => {
    const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, protocolText);
    const kinds = new Set<ts.SyntaxKind>();
    for (let kind = scanner.scan(); kind !== ts.SyntaxKind.EndOfFileToken; kind = scanner.scan()) kinds.add(kind);
    expect(kinds).toContain(ts.SyntaxKind.NumberKeyword);
    expect(kinds).not.toContain(ts.SyntaxKind.BigIntKeyword);
  });

  it("keeps the two types of one name apart", () => {
    expectTypeOf<wire.Thread["source"]>().toEqualTypeOf<wire.SessionSource>();
    expectTypeOf<wire.ConversationSummary["source"]>().toEqualTypeOf<wire.LegacySessionSource>();
    expectTypeOf<wire.SessionSource>().not.toEqualTypeOf<wire.LegacySessionSource>();
  });
});

describe("tables.ts", () => {
  it("has every message of the protocol", () => {
    verifies("typed-protocol");
    expectTypeOf<keyof ClientRequests>().toEqualTypeOf<wire.ClientRequest["method"]>();
    expectTypeOf<keyof ServerRequests>().toEqualTypeOf<wire.ServerRequest["method"]>();
    expectTypeOf<keyof Notifications>().toEqualTypeOf<wire.ServerNotification["method"]>();
    expectTypeOf<keyof ClientNotifications>().toEqualTypeOf<wire.ClientNotification["method"]>();
    expectTypeOf(serverRequestMethods).items.toEqualTypeOf<keyof ServerRequests>();
    expect(new Set(serverRequestMethods).size).toBe(serverRequestMethods.length);
    expectTypeOf<keyof Scopes>().toEqualTypeOf<keyof Notifications>();
  });

  it("has no request that is kept for older runtimes", () => {
    expectTypeOf<keyof LegacyServerRequests & keyof ServerRequests>().toEqualTypeOf<never>();
    expectTypeOf<keyof AnyServerRequests>().toEqualTypeOf<keyof LegacyServerRequests | keyof ServerRequests>();
  });

  it("maps methods to the types of their params and results", () => {
    expectTypeOf<ClientRequests["thread/start"]>().toEqualTypeOf<{
      params: wire.ThreadStartParams;
      result: wire.ThreadStartResponse;
    }>();
    expectTypeOf<ClientRequests["turn/start"]>().toEqualTypeOf<{
      params: wire.TurnStartParams;
      result: wire.TurnStartResponse;
    }>();
    expectTypeOf<ClientRequests["account/read"]>().toEqualTypeOf<{
      params: wire.GetAccountParams;
      result: wire.GetAccountResponse;
    }>();
    expectTypeOf<ClientRequests["model/list"]["result"]["data"]>().toEqualTypeOf<wire.Model[]>();
    expectTypeOf<ClientRequests["fs/readFile"]["result"]["dataBase64"]>().toEqualTypeOf<string>();
    expectTypeOf<ClientRequests["config/batchWrite"]["result"]>().toEqualTypeOf<wire.ConfigWriteResponse>();
    expectTypeOf<ClientRequests["memory/reset"]["params"]>().toEqualTypeOf<undefined>();
    expectTypeOf<ServerRequests["item/tool/call"]>().toEqualTypeOf<{
      params: wire.DynamicToolCallParams;
      response: wire.DynamicToolCallResponse;
    }>();
    expectTypeOf<ServerRequests[keyof ServerRequests]["response"]>().toExtend<object>();
    expectTypeOf<Notifications["turn/completed"]>().toEqualTypeOf<wire.TurnCompletedNotification>();
  });

  it("has the version of the runtime that package.json pins", () => {
    verifies("typed-protocol");
    const manifest = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
    expect(JSON.parse(manifest)).toHaveProperty(["optionalDependencies", "@openai/codex"], RUNTIME_VERSION);
  });

  it("gives the scope of notifications by where their ids are", () => {
    const turn = { scope: "turn", threadId: ["threadId"], turnId: ["turnId"] };
    expect(notificationScopes["turn/started"]).toEqual({ ...turn, turnId: ["turn", "id"] });
    expect(notificationScopes["turn/completed"]).toEqual({ ...turn, turnId: ["turn", "id"] });
    expect(notificationScopes["item/completed"]).toEqual(turn);
    expect(notificationScopes["item/agentMessage/delta"]).toEqual(turn);
    expect(notificationScopes["thread/tokenUsage/updated"]).toEqual(turn);
    expect(notificationScopes.error).toEqual(turn);
    expect(notificationScopes["hook/started"]).toEqual(turn);
    expect(notificationScopes["thread/started"]).toEqual({ scope: "thread", threadId: ["thread", "id"] });
    expect(notificationScopes["thread/closed"]).toEqual({ scope: "thread", threadId: ["threadId"] });
    expect(notificationScopes["account/updated"]).toEqual({ scope: "global" });
  });

  it("has only paths which lead to an id in the params", () => {
    expectTypeOf<IdsOf<"turn/started">>().toEqualTypeOf<string>();
    expectTypeOf<IdsOf<"hook/started">>().toEqualTypeOf<string | null>();
    expectTypeOf<{ [M in keyof Notifications]: IdsOf<M> }[keyof Notifications]>().toEqualTypeOf<string | null>();
  });

  it("says which text a delta extends", () => {
    expect(deltaNotifications).toMatchObject({
      "item/agentMessage/delta": ["itemId"],
      "item/commandExecution/outputDelta": ["itemId"],
      "item/reasoning/summaryTextDelta": ["itemId", "summaryIndex"],
      "item/reasoning/textDelta": ["itemId", "contentIndex"],
    });
    expect(Object.keys(deltaNotifications).filter((method) => method.startsWith("thread/realtime/"))).toEqual([]);
  });
});

describe("flatten", () => {
  const flattened = (files: Record<string, string>) => flatten(new Map(Object.entries(files)));

  it("renames the root type of a clash and what refers to it, by the imports of each file", () => {
    const text = flattened({
      "Source.ts": `export type Source = "a";`,
      "Old.ts": `import type { Source } from "./Source";\nexport type Old = { source: Source };`,
      "v2/Source.ts": `export type Source = "b";`,
      "v2/New.ts": `import type { Source } from "./Source";\nexport type New = { source: Source };`,
      "v2/Mixed.ts": `import type { Source } from "../Source";\nexport type Mixed = Array<Source>;`,
      "index.ts": `export type { Source } from "./Source";`,
    });
    expect(text.split("\n\n").map((block) => block.trim())).toEqual([
      `export type LegacySource = "a";`,
      `export type Mixed = Array<LegacySource>;`,
      `export type New = { source: Source };`,
      `export type Old = { source: LegacySource };`,
      `export type Source = "b";`,
    ]);
  });

  it("merges equal types, keeping the doc comment that one has", () => {
    const text = flattened({
      "Rule.ts": `/** A rule. */\nexport type Rule = string;`,
      "v2/Rule.ts": `// GENERATED\n\nexport type Rule = string;`,
    });
    expect(text).toBe("/** A rule. */\nexport type Rule = string;\n");
  });

  it("parts types that look equal but refer to different types", () => {
    const wrapper = `import type { Rule } from "./Rule";\nexport type List = Array<Rule>;`;
    const text = flattened({
      "List.ts": wrapper,
      "Rule.ts": "export type Rule = string;",
      "v2/List.ts": wrapper,
      "v2/Rule.ts": "export type Rule = { id: string };",
    });
    expect(text).toContain("export type LegacyList = Array<LegacyRule>;");
    expect(text).toContain("export type List = Array<Rule>;");
  });

  it("replaces bigint as a type alone", () => {
    const text = flattened({ "A.ts": `export type A = { /** not bigint */ "bigint": bigint | "bigint" | null };` });
    expect(text).toBe(`export type A = { /** not bigint */ "bigint": number | "bigint" | null };\n`);
  });

  it.each([
    ["a type that is not imported", { "A.ts": "export type A = B;" }, /A\.ts: B is neither imported/],
    ["an import without a file", { "A.ts": `import type { B } from "./B";\nexport type A = B;` }, /B\.ts is imported/],
    ["a file without a type", { "A.ts": "" }, /A\.ts: has 0 types/],
    ["a value", { "A.ts": "export const a = 1;" }, /A\.ts: a statement is neither/],
    [
      "a clash without a root type",
      { "v2/A.ts": "export type A = 1;", "v3/A.ts": "export type A = 2;" },
      /named A apart/,
    ],
  ])("refuses %s", (_, files, message) => {
    expect(() => flattened({ ...files })).toThrow(message);
  });
});

describe("mapResults", () => {
  const method = (name: string, ...references: string[]) => ({
    method: name,
    params: references[0] ?? "undefined",
    references,
  });
  const map = (methods: ReturnType<typeof method>[], types: string[], exceptions: Record<string, string> = {}) => {
    const { results, problems } = mapResults(methods, new Set(types), exceptions);
    return { results: Object.fromEntries(results), problems };
  };

  it("finds the result by the params type, else by the method, else by an exception", () => {
    expect(
      map(
        [method("account/read", "GetAccountParams"), method("thread/inject_items"), method("account/logout")],
        ["GetAccountParams", "GetAccountResponse", "ThreadInjectItemsResponse", "LogoutAccountResponse"],
        { "account/logout": "LogoutAccountResponse" },
      ),
    ).toEqual({
      results: {
        "account/read": "GetAccountResponse",
        "thread/inject_items": "ThreadInjectItemsResponse",
        "account/logout": "LogoutAccountResponse",
      },
      problems: [],
    });
  });

  it("covers the protocol, with each exception needed", () => {
    const protocol = readProtocol(protocolText);
    const methods = [...protocol.methods("ClientRequest"), ...protocol.methods("ServerRequest")];
    const { results, problems } = mapResults(methods, protocol.typeNames, resultExceptions);
    expect(problems).toEqual([]);
    expect([...results.keys()].toSorted()).toEqual(methods.map((each) => each.method).toSorted());
    expect(Object.keys(resultExceptions).some((name) => results.has(name))).toBe(true);
    for (const left of Object.keys(resultExceptions).filter((name) => results.has(name))) {
      const { [left]: _, ...rest } = resultExceptions;
      expect(mapResults(methods, protocol.typeNames, rest).problems).toContainEqual(
        expect.stringContaining(`${left}: no result type`),
      );
    }
  });

  it("leaves alone an exception whose method only other runtimes have", () => {
    expect(map([method("a/b")], ["ABResponse"], { "a/gone": "GoneResponse" }).problems).toEqual([]);
  });

  it("tells of an exception which the names make needless", () => {
    expect(map([method("a/b")], ["ABResponse"], { "a/b": "ABResponse" }).problems).toEqual([
      "exception a/b: its names now give ABResponse, remove the entry",
    ]);
  });

  it("tells of an exception whose type does not exist", () => {
    expect(map([method("a/b")], [], { "a/b": "OddResponse" })).toEqual({
      results: { "a/b": "unknown" },
      problems: ["exception a/b: the type OddResponse does not exist"],
    });
  });

  it("goes on with unknown for a method without a result type, and tells of it", () => {
    expect(map([method("a/b", "OddParams"), method("c/d")], ["CDResponse"])).toEqual({
      results: { "a/b": "unknown", "c/d": "CDResponse" },
      problems: ["a/b: no result type, tried OddResponse, ABResponse; add an exception"],
    });
  });

  it("tells of a method with two result types", () => {
    expect(map([method("a/b", "OddParams")], ["OddResponse", "ABResponse"]).problems).toEqual([
      "a/b: both OddResponse and ABResponse exist; add an exception",
      "ABResponse is the result of no method",
    ]);
  });

  it("gives two methods with one params type the same result", () => {
    const methods = [method("a/find", "FindParams"), method("a/find/stream", "FindParams")];
    expect(map(methods, ["FindResponse"])).toEqual({
      results: { "a/find": "FindResponse", "a/find/stream": "FindResponse" },
      problems: [],
    });
  });

  it("tells of a result type of no method, and of one of two methods", () => {
    expect(map([method("a/b")], ["ABResponse", "LostResponse"]).problems).toEqual([
      "LostResponse is the result of no method",
    ]);
    expect(map([method("a/b"), method("a_b")], ["ABResponse"]).problems).toEqual([
      "ABResponse is the result of both a/b and a_b; add an exception",
    ]);
  });
});

describe("readProtocol and printTables", () => {
  const tables = (params: string) =>
    printTables(
      readProtocol(`
        export type Params = ${params};
        export type ClientRequest = { "method": "ping", id: number, params?: null | undefined };
        export type PingResponse = {};
        export type ServerRequest = { "method": "pong", id: number, params: undefined };
        export type PongResponse = {};
        export type ServerNotification = { "method": "a", "params": Params } | { "method": "B", "params": {} };
        export type ClientNotification = { "method": "initialized" };
      `),
      "1.2.3",
      {},
    );

  it("prints every table, sorted by method", () => {
    const { text, problems } = tables(
      "{ threadId: string, turnId: string | null, itemId: string, delta: string, part?: number }",
    );
    expect(text).toContain('export const RUNTIME_VERSION = "1.2.3";');
    expect(text).toContain('  "ping": { params: null | undefined; result: PingResponse };');
    expect(text).toContain('  "B": {};\n  "a": Params;');
    expect(text).toContain('  "a": { scope: "turn", threadId: ["threadId"], turnId: ["turnId"] },');
    expect(text).toContain('  "a": ["itemId", "part"],');
    expect(problems).toEqual([]);
  });

  it("prints unknown for a result that it does not find, without importing it", () => {
    const protocol = readProtocol(`
      export type ClientRequest = { "method": "ping", id: number, params: undefined };
      export type ServerRequest = { "method": "pong", id: number, params: undefined };
      export type PongResponse = {};
      export type ServerNotification = { "method": "a", "params": {} };
      export type ClientNotification = { "method": "initialized" };
    `);
    const { text, problems } = printTables(protocol, "1.2.3", {});
    expect(text).toContain('  "ping": { params: undefined; result: unknown };');
    expect(text).toMatch(/^import type \{\n {2}PongResponse,\n\}/);
    expect(problems).toEqual(["ping: no result type, tried PingResponse; add an exception"]);
  });

  it("tells of a turn without a thread, and of a delta that no plain value identifies", () => {
    const turn = tables("{ turnId: string }");
    expect(turn.text).toContain('  "a": { scope: "global" },');
    expect(turn.problems).toEqual(["a names a turn (turnId) but no thread: its scope is global"]);
    const delta = tables("{ threadId: string, turnId: string, itemId: string, delta: string, part: string[] }");
    expect(delta.text).not.toContain('  "a": ["itemId"');
    expect(delta.problems).toEqual([
      "a: part is neither a string nor a number, so it is no key: the notification is no delta",
    ]);
  });

  it("refuses types that do not typecheck", () => {
    expect(() => readProtocol("export type A = B;")).toThrow("Cannot find name 'B'");
  });

  it("sees ids through aliases, intersections and null", () => {
    const protocol = readProtocol(`
      export type Id = string;
      export type Target = { turn: { id: Id } | null } & { threadId?: Id | null };
      export type Message = { "method": "a", "params": Target & { index: number, item: { id: number }[] } };
    `);
    expect(Object.fromEntries(protocol.fields("Message", "a"))).toMatchObject({
      threadId: "string",
      turn: "other",
      "turn.id": "string",
      index: "number",
      item: "other",
    });
  });
});

describe("parseVersion", () => {
  it("takes the version alone", () => {
    expect(parseVersion("codex-cli 1.2.3-alpha.4\n")).toBe("1.2.3-alpha.4");
    expect(() => parseVersion("codex 1.2.3")).toThrow("Cannot read the runtime's version");
  });
});
