/**
 * The table of what newer runtimes added to the requests. It is kept by folding the versions: each next one dates what the
 * one before did not have. So a new runtime needs only its predecessor, and not all versions again.
 */

import ts from "typescript";
import { compileTypes } from "./protocol.js";

/** By method: the first runtime that has it (under ""), and the first one that has a place in its params (see {@link requestFacts}). */
export type SinceTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The committed table: what is new since the first runtime of the list, up to the last. */
export interface Since {
  readonly runtimes: readonly string[];
  readonly table: SinceTable;
}

/** The requests of a protocol: by method, the places in its params. The empty place is the method itself. */
export type RequestFacts = ReadonlyMap<string, ReadonlySet<string>>;

/** A table that holds nothing yet: everything is as old as this runtime. */
export function firstSince(version: string, facts: RequestFacts): Since {
  return { runtimes: [version], table: tableOf(facts, () => undefined) };
}

/** The table with one more runtime, which is newer than those it has. `before` are the facts of the last of these. */
export function extendSince(since: Since, before: RequestFacts, version: string, after: RequestFacts): Since {
  const table = tableOf(after, (method, place) =>
    isNew(before.get(method), place) ? version : since.table[method]?.[place],
  );
  return { runtimes: [...since.runtimes, version], table };
}

function tableOf(facts: RequestFacts, find: (method: string, place: string) => string | undefined): SinceTable {
  const table: Record<string, Record<string, string>> = {};
  for (const [method, places] of facts) {
    const dated: Record<string, string> = {};
    for (const place of places) {
      const version = isOpen(place) ? undefined : find(method, place);
      // What is as new as the thing that holds it needs no entry.
      if (version !== undefined && !holders(place).some((holder) => dated[holder] === version)) dated[place] = version;
    }
    table[method] = dated;
  }
  return table;
}

/** Whether a protocol did not have a place: also when it took anything there. */
function isNew(known: ReadonlySet<string> | undefined, place: string): boolean {
  if (known === undefined) return true;
  return !known.has(place) && !holders(place).some((holder) => known.has(`${holder}${ANYTHING}`.trim()));
}

const ANYTHING = " **";

function isOpen(place: string): boolean {
  return place.endsWith("**");
}

/** The places that hold a place, from the outside in: of `a * type=b c` the places "", `a`, `a *` and `a * type=b`. */
function holders(place: string): string[] {
  const steps = place === "" ? [] : place.split(" ");
  return steps.map((_, at) => steps.slice(0, at).join(" "));
}

/**
 * The places in the params of every request, in the order of the types. A place is its steps with a space between: a field
 * by its name, `*` for each item of an array or each value of a record, and `name=value` for the objects that have this
 * value in this field. `=value` alone is a value, `**` stands for anything.
 *
 * @param types - the merged module of `generate-ts --experimental`.
 */
export function requestFacts(types: string): RequestFacts {
  const { source, checker } = compileTypes(types);
  const union = source.statements.filter(ts.isTypeAliasDeclaration).find(({ name }) => name.text === "ClientRequest");
  if (union === undefined) throw new Error("The protocol has no type ClientRequest.");
  const facts = new Map<string, ReadonlySet<string>>();
  for (const message of armsOf(checker.getTypeFromTypeNode(union.type))) {
    const [method, params] = ["method", "params"].map((name) => message.getProperty(name));
    const type = method && checker.getTypeOfSymbol(method);
    if (!type?.isStringLiteral()) throw new Error("A request has no literal method.");
    const places = new Set([""]);
    if (params !== undefined) collect(checker.getTypeOfSymbol(params), [], [], places);
    facts.set(type.value, places);
  }
  return new Map([...facts].sort(([left], [right]) => (left < right ? -1 : 1)));

  function collect(type: ts.Type, steps: readonly string[], within: readonly ts.Type[], places: Set<string>): void {
    // A type that holds itself, which JSON values do, takes anything below.
    if (within.includes(type)) return add([...steps, "**"], places);
    for (const arm of armsOf(type)) collectArm(arm, steps, [...within, type], places);
  }

  function collectArm(type: ts.Type, steps: readonly string[], within: readonly ts.Type[], places: Set<string>): void {
    if (type.isStringLiteral()) return add([...steps, `=${type.value}`], places);
    if (type.flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any)) return add([...steps, "**"], places);
    if (type.flags & ts.TypeFlags.String) return add([...steps, "**"], places);
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection))) return;
    const item = checker.getIndexTypeOfType(type, ts.IndexKind.Number);
    if (item !== undefined && checker.isArrayLikeType(type)) return collect(item, [...steps, "*"], within, places);
    const value = checker.getIndexTypeOfType(type, ts.IndexKind.String);
    if (value !== undefined && !(value.flags & ts.TypeFlags.Never)) collect(value, [...steps, "*"], within, places);
    const fields = type.getProperties().map((symbol) => ({ symbol, type: checker.getTypeOfSymbol(symbol) }));
    const tag = fields.find((field) => field.type.isStringLiteral());
    const own = tag?.type.isStringLiteral() ? [...steps, `${tag.symbol.name}=${tag.type.value}`] : steps;
    if (tag !== undefined) add(own, places);
    for (const field of fields.filter((each) => each !== tag)) {
      add([...own, field.symbol.name], places);
      collect(field.type, [...own, field.symbol.name], within, places);
    }
  }
}

function add(steps: readonly string[], places: Set<string>): void {
  const odd = steps.find((step) => step === "" || step.includes(" "));
  if (odd !== undefined) throw new Error(`${JSON.stringify(odd)} cannot be a step of a place.`);
  places.add(steps.join(" "));
}

function armsOf(type: ts.Type): readonly ts.Type[] {
  return type.isUnion() ? type.types : [type];
}

/** What is wrong with a committed table for the pinned runtime; empty when it covers it. */
export function sinceProblems({ runtimes, table }: Since, version: string, facts: RequestFacts): string[] {
  const problems: string[] = [];
  if (runtimes.at(-1) !== version) problems.push(`it ends with ${runtimes.at(-1)}, the pinned runtime is ${version}`);
  for (const method of facts.keys()) if (!Object.hasOwn(table, method)) problems.push(`${method} is missing`);
  for (const [method, dated] of Object.entries(table)) {
    for (const place of ["", ...Object.keys(dated)]) {
      if (!facts.get(method)?.has(place)) problems.push(`the runtime has no ${`${method} ${place}`.trim()}`);
    }
  }
  return problems;
}

/** The text of the module that holds the table. */
export function printSince({ runtimes, table }: Since): string {
  const [oldest = ""] = runtimes;
  const rows = Object.entries(table).map(
    ([method, dated]) => `  ${JSON.stringify(method)}: ${printRow(Object.entries(dated))},\n`,
  );
  return `// What runtimes newer than ${oldest} added to the requests of the client.
// Generated by \`npm run generate:since\` (\`codex app-server generate-ts --experimental\` of every runtime below); do not edit.

/** The runtimes that were compared, oldest first: one of each minor version. */
export const sinceRuntimes: readonly string[] = ${JSON.stringify(runtimes).replaceAll(",", ", ")};

/**
 * Every request, with the first runtime that has it (under "") and the first one that has a place in its params. What is
 * as old as ${oldest} is left out. The steps of a place: a field, \`*\` for each item or value, \`name=value\` for the objects
 * with this value in this field, \`=value\` for a value.
 */
export const since: Readonly<Record<string, Readonly<Record<string, string>>>> = {
${rows.join("")}};
`;
}

function printRow(entries: readonly (readonly [string, string])[]): string {
  if (entries.length === 0) return "{}";
  return `{ ${entries.map(([place, version]) => `${JSON.stringify(place)}: ${JSON.stringify(version)}`).join(", ")} }`;
}
