/** The difference of two versions of the protocol, and how it is told in Markdown. */

import { type Facts, MESSAGES, readShapes } from "./shapes.js";

/** What became of the facts of one thing. */
export interface Changes {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** With what it was and what it is. */
  readonly changed: readonly { readonly name: string; readonly from: string; readonly to: string }[];
}

/** The difference of two protocols. */
export interface ProtocolDiff {
  /** By the heading of their union. */
  readonly messages: ReadonlyMap<string, Changes>;
  readonly types: { readonly added: readonly string[]; readonly removed: readonly string[] };
  /** The types that both have, and that differ. */
  readonly changedTypes: ReadonlyMap<string, Changes>;
}

/** Compares the texts of two generated `protocol.ts`. Comments, order and layout do not count. */
export function diffProtocols(before: string, after: string): ProtocolDiff {
  const [old, fresh] = [readShapes(before), readShapes(after)];
  const none: Facts = new Map();
  const messages = new Map<string, Changes>();
  for (const [union, heading] of entries(MESSAGES)) {
    const changes = compare(old.messages.get(union) ?? none, fresh.messages.get(union) ?? none);
    if (!isEmpty(changes)) messages.set(heading, changes);
  }
  const changedTypes = new Map<string, Changes>();
  for (const [name, facts] of fresh.types) {
    const changes = compare(old.types.get(name) ?? facts, facts);
    if (!isEmpty(changes)) changedTypes.set(name, changes);
  }
  const added = [...fresh.types.keys()].filter((name) => !old.types.has(name));
  const removed = [...old.types.keys()].filter((name) => !fresh.types.has(name));
  return { messages, types: { added, removed }, changedTypes };
}

function compare(before: Facts, after: Facts): Changes {
  return {
    added: [...after].filter(([name]) => !before.has(name)).map(([name, text]) => withType(name, text)),
    removed: [...before].filter(([name]) => !after.has(name)).map(([name, text]) => withType(name, text)),
    changed: [...after].flatMap(([name, to]) => {
      const from = before.get(name);
      return from === undefined || from === to ? [] : [{ name, from, to }];
    }),
  };
}

function isEmpty({ added, removed, changed }: Changes): boolean {
  return added.length + removed.length + changed.length === 0;
}

function withType(name: string, text: string): string {
  return text === "" ? name : `${name}: ${text}`;
}

/** The difference in Markdown; `from` and `to` are the versions. */
export function printDiff(diff: ProtocolDiff, from: string, to: string): string {
  const { messages, types, changedTypes } = diff;
  const lines = [`# Protocol ${from} → ${to}`];
  if (messages.size + types.added.length + types.removed.length + changedTypes.size === 0) {
    return [...lines, "", "Nothing has changed.", ""].join("\n");
  }
  for (const [heading, changes] of messages) lines.push("", `## ${heading}`, "", ...bullets(changes));
  const names = { ...types, changed: [] };
  if (!isEmpty(names)) lines.push("", "## Types", "", ...bullets(names));
  if (changedTypes.size > 0) lines.push("", "## Fields and members");
  for (const [name, changes] of changedTypes) lines.push("", `### ${name}`, "", ...bullets(changes));
  return [...lines, ""].join("\n");
}

function bullets({ added, removed, changed }: Changes): string[] {
  return [
    ...removed.map((name) => `- removed \`${name}\``),
    ...changed.map(({ name, from, to }) => `- changed \`${name || "the type"}\`: \`${from}\` → \`${to}\``),
    ...added.map((name) => `- added \`${name}\``),
  ];
}

function entries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys.map((key) => [key, record[key]]);
}
