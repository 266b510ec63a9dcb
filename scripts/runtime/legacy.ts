/** The module of the requests that older runtimes send and the pinned one no longer does. */

import ts from "typescript";
import { format } from "../generate/modules.js";

/** The protocol that an update comes from. */
export interface Origin {
  readonly version: string;
  /** The texts of its `protocol.ts`, `tables.ts` and `legacy.ts`. */
  readonly protocol: string;
  readonly tables: string;
  readonly legacy: string;
}

interface Request {
  readonly doc: string;
  readonly node: ts.TypeNode;
}

/**
 * The text of `legacy.ts` after a move to another runtime, whose `protocol.ts` and `tables.ts` are given. What that runtime
 * no longer sends is taken over with its types, and what it sends again is left out, so that the SDK compiles either way.
 */
export function printLegacy(origin: Origin, protocol: string, tables: string): string {
  const [old, oldTables, legacy] = [parse(origin.protocol), parse(origin.tables), parse(origin.legacy)];
  const current = requestsOf(parse(tables), "ServerRequests");
  const requests = new Map(requestsOf(legacy, "LegacyServerRequests"));
  for (const [method, { node }] of requestsOf(oldTables, "ServerRequests")) {
    requests.set(method, { doc: `/** Last sent by the runtime ${origin.version}. */`, node });
  }
  for (const method of current.keys()) requests.delete(method);

  const known = new Set(aliasesOf(parse(protocol)).keys());
  const older = new Map([...aliasesOf(legacy), ...aliasesOf(old)]);
  const imports = new Set<string>();
  const types = new Map<string, string>();
  const take = (node: ts.Node): void => {
    for (const name of referencesOf(node)) {
      const alias = older.get(name);
      if (known.has(name)) imports.add(name);
      else if (alias !== undefined && !types.has(name)) {
        types.set(name, alias.getText());
        take(alias.type);
      }
    }
  };
  for (const { node } of requests.values()) take(node);
  const sorted = [...requests].sort(([left], [right]) => (left < right ? -1 : 1));
  return format(`// Requests that older runtimes send and the pinned one does not.
// Written by \`npm run runtime:update\`, which moves here what a runtime dropped; remove what no supported runtime sends.

${imports.size === 0 ? "" : `import type { ${[...imports].sort().join(", ")} } from "./protocol.js";\n`}import type { ServerRequests } from "./tables.js";

${[...types]
  .sort(([left], [right]) => (left < right ? -1 : 1))
  .map(([, text]) => `/** A type of older runtimes. */\n${text}\n`)
  .join("\n")}
/** Every request that only older runtimes send: its params and the response it expects. */
export interface LegacyServerRequests {
${sorted.map(([method, { doc, node }]) => `${doc}\n${JSON.stringify(method)}: ${node.getText()};`).join("\n")}
}

/** Every request that a supported runtime sends: its params and the response it expects. */
export interface AnyServerRequests extends ServerRequests, LegacyServerRequests {}

/** The methods of the requests that only older runtimes send. */
export const legacyServerRequestMethods = [
${sorted.map(([method]) => `${JSON.stringify(method)},`).join("\n")}
] as const satisfies readonly (keyof LegacyServerRequests)[];
`);
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile("module.ts", text, ts.ScriptTarget.Latest, true);
}

function aliasesOf(source: ts.SourceFile): Map<string, ts.TypeAliasDeclaration> {
  return new Map(source.statements.filter(ts.isTypeAliasDeclaration).map((alias) => [alias.name.text, alias]));
}

/** The members of an interface of requests, by method. */
function requestsOf(source: ts.SourceFile, name: string): Map<string, Request> {
  const table = source.statements.filter(ts.isInterfaceDeclaration).find((each) => each.name.text === name);
  const requests = new Map<string, Request>();
  for (const member of table?.members ?? []) {
    if (!ts.isPropertySignature(member) || member.type === undefined) continue;
    const method = ts.isStringLiteral(member.name) ? member.name.text : member.name.getText();
    const [doc] = ts.getLeadingCommentRanges(source.text, member.getFullStart()) ?? [];
    requests.set(method, { doc: doc === undefined ? "" : source.text.slice(doc.pos, doc.end), node: member.type });
  }
  return requests;
}

function referencesOf(node: ts.Node): string[] {
  const names: string[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isTypeReferenceNode(child)) names.push(child.typeName.getText());
    ts.forEachChild(child, visit);
  };
  visit(node);
  return names;
}
