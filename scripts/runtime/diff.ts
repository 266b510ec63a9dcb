/** The difference of two versions of the protocol, and how it is told in Markdown. */

import { type Fact, type Facts, MESSAGES, readShapes } from "./shapes.js";

/** The types of a runtime as merged modules: all of them, and those of the stable protocol alone. */
export interface ProtocolTypes {
  readonly all: string;
  readonly stable: string;
}

/** Something that one of two protocols has, with its type, its doc comment on one line, and whether it is experimental. */
export interface Entry extends Fact {
  readonly name: string;
  readonly isExperimental: boolean;
}

/** What became of the facts of one thing. */
export interface Changes {
  readonly added: readonly Entry[];
  readonly removed: readonly Entry[];
  /** With the type that it had. */
  readonly changed: readonly (Entry & { readonly before: string })[];
  /** What is the same, but has become stable or experimental. */
  readonly moved: readonly Entry[];
}

/** The difference of two protocols. */
export interface ProtocolDiff {
  /** By the heading of their union. */
  readonly messages: ReadonlyMap<string, Changes>;
  readonly types: Changes;
  /** The types that both have, and whose facts differ. */
  readonly changedTypes: ReadonlyMap<string, Changes>;
}

/** Compares two protocols. Comments, order and layout do not count. */
export function diffProtocols(before: ProtocolTypes, after: ProtocolTypes): ProtocolDiff {
  const [old, fresh] = [readShapes(before.all), readShapes(after.all)];
  const [oldStable, freshStable] = [readShapes(before.stable), readShapes(after.stable)];
  const messages = new Map<string, Changes>();
  for (const [union, heading] of entries(MESSAGES)) {
    const side = (all: typeof old, stable: typeof old) => ({
      facts: all.messages.get(union) ?? NONE,
      stable: stable.messages.get(union) ?? NONE,
    });
    const changes = compare(side(old, oldStable), side(fresh, freshStable));
    if (!isEmpty(changes)) messages.set(heading, changes);
  }
  const changedTypes = new Map<string, Changes>();
  for (const [name, { facts }] of fresh.types) {
    const oldFacts = old.types.get(name)?.facts;
    if (oldFacts === undefined) continue;
    // What an experimental type holds is not marked again.
    const changes = compare(
      { facts: oldFacts, stable: oldStable.types.get(name)?.facts ?? oldFacts },
      { facts, stable: freshStable.types.get(name)?.facts ?? facts },
    );
    if (!isEmpty(changes)) changedTypes.set(name, changes);
  }
  const types = compare(
    { facts: namesOf(old.types), stable: namesOf(oldStable.types) },
    { facts: namesOf(fresh.types), stable: namesOf(freshStable.types) },
  );
  return { messages, types, changedTypes };
}

const NONE: Facts = new Map();

function namesOf(types: ReturnType<typeof readShapes>["types"]): Facts {
  return new Map([...types].map(([name, { doc }]) => [name, { type: "", doc }]));
}

interface Side {
  readonly facts: Facts;
  readonly stable: Facts;
}

function compare(before: Side, after: Side): Changes {
  const missing = (one: Side, other: Side) =>
    [...one.facts.keys()].filter((name) => !other.facts.has(name)).flatMap((name) => entryOf(one, name) ?? []);
  const kept = [...after.facts.keys()].flatMap((name) => {
    const [old, fresh] = [entryOf(before, name), entryOf(after, name)];
    return old === undefined || fresh === undefined ? [] : [{ old, fresh }];
  });
  return {
    added: missing(after, before),
    removed: missing(before, after),
    changed: kept
      .filter(({ old, fresh }) => old.type !== fresh.type)
      .map(({ old, fresh }) => ({ ...fresh, before: old.type })),
    moved: kept.filter(({ old, fresh }) => old.isExperimental !== fresh.isExperimental).map(({ fresh }) => fresh),
  };
}

function entryOf({ facts, stable }: Side, name: string): Entry | undefined {
  const fact = facts.get(name);
  return fact && { name, ...fact, isExperimental: !stable.has(name) };
}

function isEmpty({ added, removed, changed, moved }: Changes): boolean {
  return added.length + removed.length + changed.length + moved.length === 0;
}

/** The difference in Markdown; `from` and `to` are the versions. */
export function printDiff(diff: ProtocolDiff, from: string, to: string): string {
  const { messages, types, changedTypes } = diff;
  const lines = [`# Protocol ${from} → ${to}`];
  if (messages.size + changedTypes.size === 0 && isEmpty(types)) {
    return [...lines, "", "Nothing has changed.", ""].join("\n");
  }
  for (const [heading, changes] of messages) lines.push("", `## ${heading}`, "", ...bullets(changes));
  if (!isEmpty(types)) lines.push("", "## Types", "", ...bullets(types));
  if (changedTypes.size > 0) lines.push("", "## Fields and members");
  for (const [name, changes] of changedTypes) lines.push("", `### ${name}`, "", ...bullets(changes));
  return [...lines, ""].join("\n");
}

function bullets({ added, removed, changed, moved }: Changes): string[] {
  return [
    ...removed.map((entry) => bullet("removed", entry, withType(entry))),
    ...changed.map((entry) =>
      bullet("changed", entry, `\`${entry.name || "the type"}\`: \`${entry.before}\` → \`${entry.type}\``),
    ),
    ...moved.map(({ name, isExperimental }) => `- now ${isExperimental ? "experimental" : "stable"} \`${name}\``),
    ...added.map((entry) => bullet("added", entry, withType(entry))),
  ];
}

function bullet(what: string, { doc, isExperimental }: Entry, text: string): string {
  return `- ${what} ${text}${isExperimental ? " (experimental)" : ""}${doc === "" ? "" : `: ${doc}`}`;
}

function withType({ name, type }: Entry): string {
  return `\`${type === "" ? name : `${name}: ${type}`}\``;
}

function entries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys.map((key) => [key, record[key]]);
}
