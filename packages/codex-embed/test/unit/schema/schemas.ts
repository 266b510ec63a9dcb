/** Makes JSON Schemas of the subset that has a strict form, each with a value that conforms to it. */

import fc from "fast-check";
import type { JsonObject } from "../../../src/schema/types.js";

/**
 * A schema, and the values of it: as the schema means them, as the strict form says them, and as they come back. The
 * last one differs from the first where a property may be absent and may be null: both are said as null.
 */
interface Node {
  readonly schema: JsonObject;
  readonly values: fc.Arbitrary<Triple>;
  readonly isNullable: boolean;
  /** Whether the strict form puts nulls into the values. */
  readonly hasAddedNulls: boolean;
  /** Whether a value may be of several branches, of which another may take its nulls for its own. */
  readonly isAmbiguous: boolean;
}

interface Triple {
  readonly value: unknown;
  readonly withNulls: unknown;
  readonly back: unknown;
}

/** A schema with one of its values. */
export interface SchemaWithValue extends Triple {
  readonly schema: JsonObject;
  readonly isAmbiguous: boolean;
}

const plain = (schema: JsonObject, values: fc.Arbitrary<unknown>, isNullable = false): Node => ({
  schema,
  values: values.map((value) => ({ value, withNulls: value, back: value })),
  isNullable,
  hasAddedNulls: false,
  isAmbiguous: false,
});

const scalars: readonly Node[] = [
  plain({ type: "string" }, fc.string()),
  plain({ type: "integer", description: "d" }, fc.integer()),
  plain({ type: "number" }, fc.double({ noNaN: true, noDefaultInfinity: true })),
  plain({ type: "boolean", default: true }, fc.boolean()),
  plain({ type: "null" }, fc.constant(null), true),
  plain({ type: ["string", "null"] }, fc.option(fc.string()), true),
  plain({ type: ["number", "boolean"] }, fc.oneof(fc.integer(), fc.boolean())),
  plain({ enum: ["x", "y", 1, null] }, fc.constantFrom("x", "y", 1, null), true),
  plain({ type: "string", enum: ["x", "y"] }, fc.constantFrom("x", "y")),
  plain({ const: "only" }, fc.constant("only")),
  plain({ $ref: "#/$defs/text" }, fc.string()),
  plain({ $ref: "#/$defs/maybe" }, fc.option(fc.integer()), true),
];

const CHAIN: JsonObject = {
  type: "object",
  properties: { size: { type: "integer" }, next: { $ref: "#/$defs/chain" } },
  required: ["size"],
};

/** A recursive schema: a chain of any length, the last link without `next`. */
const chain: Node = {
  schema: { $ref: "#/$defs/chain" },
  values: fc.array(fc.integer(), { minLength: 1, maxLength: 4 }).map((sizes) => {
    let value: object | undefined;
    let withNulls: object | null = null;
    for (const size of sizes) {
      value = value === undefined ? { size } : { size, next: value };
      withNulls = { size, next: withNulls };
    }
    return { value, withNulls, back: value };
  }),
  isNullable: false,
  hasAddedNulls: true,
  isAmbiguous: false,
};

const $defs = { text: { type: "string" }, maybe: { type: ["integer", "null"] }, chain: CHAIN };

interface Member {
  readonly name: string;
  readonly node: Node;
  readonly isOptional: boolean;
}

function objectOf(members: readonly Member[], isSplit: boolean): Node {
  const part = (some: readonly Member[]): JsonObject => ({
    type: "object",
    properties: Object.fromEntries(some.map(({ name, node }) => [name, node.schema])),
    required: some.filter(({ isOptional }) => !isOptional).map(({ name }) => name),
  });
  const half = Math.floor(members.length / 2);
  const values = fc
    .tuple(
      ...members.map(({ node, isOptional }) => fc.tuple(node.values, isOptional ? fc.boolean() : fc.constant(true))),
    )
    .map((filled) => {
      const value: [string, unknown][] = [];
      const withNulls: [string, unknown][] = [];
      const back: [string, unknown][] = [];
      for (const [index, { name, node }] of members.entries()) {
        const [member, isThere] = filled[index] ?? [undefined, false];
        if (isThere) value.push([name, member?.value]);
        withNulls.push([name, isThere ? member?.withNulls : null]);
        if (isThere || node.isNullable) back.push([name, isThere ? member?.back : null]);
      }
      return {
        value: Object.fromEntries(value),
        withNulls: Object.fromEntries(withNulls),
        back: Object.fromEntries(back),
      };
    });
  return {
    schema: isSplit
      ? { type: "object", allOf: [part(members.slice(0, half)), part(members.slice(half))] }
      : { ...part(members), additionalProperties: false },
    values,
    isNullable: false,
    hasAddedNulls: members.some(({ node, isOptional }) => node.hasAddedNulls || (isOptional && !node.isNullable)),
    isAmbiguous: members.some(({ node }) => node.isAmbiguous),
  };
}

const names = fc.constantFrom("a", "b", "kind", "type", "$ref", "a/b", "~c", "d%20", "über", "0");

const { node } = fc.letrec<{ node: Node; object: Node; list: Node; choice: Node; tagged: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...scalars, chain),
    tie("object"),
    tie("list"),
    tie("choice"),
    tie("tagged"),
  ),
  object: fc
    .tuple(
      fc.uniqueArray(fc.record({ name: names, node: tie("node"), isOptional: fc.boolean() }), {
        selector: ({ name }) => name,
        maxLength: 3,
      }),
      fc.boolean(),
    )
    .map(([members, isSplit]) => objectOf(members, isSplit)),
  list: tie("node").map(({ schema, values, hasAddedNulls, isAmbiguous }) => ({
    schema: { type: "array", items: schema },
    isNullable: false,
    hasAddedNulls,
    values: fc.array(values, { maxLength: 3 }).map((items) => ({
      value: items.map(({ value }) => value),
      withNulls: items.map(({ withNulls }) => withNulls),
      back: items.map(({ back }) => back),
    })),
    isAmbiguous,
  })),
  choice: fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((nodes) => ({
    schema: { anyOf: nodes.map(({ schema }) => schema) },
    values: fc.oneof(...nodes.map(({ values }) => values)),
    isNullable: nodes.some(({ isNullable }) => isNullable),
    hasAddedNulls: nodes.some(({ hasAddedNulls }) => hasAddedNulls),
    isAmbiguous:
      nodes.some(({ isAmbiguous }) => isAmbiguous) ||
      (nodes.length > 1 && nodes.some(({ hasAddedNulls }) => hasAddedNulls)),
  })),
  tagged: fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((nodes) => {
    const branches = nodes.map((payload, index) =>
      objectOf(
        [
          { name: "payload", node: payload, isOptional: index % 2 === 0 },
          { name: "tag", node: plain({ const: `t${index}` }, fc.constant(`t${index}`)), isOptional: false },
        ],
        false,
      ),
    );
    return {
      schema: { oneOf: branches.map(({ schema }) => schema) },
      values: fc.oneof(...branches.map(({ values }) => values)),
      isNullable: false,
      hasAddedNulls: branches.some(({ hasAddedNulls }) => hasAddedNulls),
      isAmbiguous: branches.some(({ isAmbiguous }) => isAmbiguous),
    };
  }),
}));

/** Schemas of objects, with one value each. */
export const schemasWithValues: fc.Arbitrary<SchemaWithValue> = fc
  .uniqueArray(fc.record({ name: names, node, isOptional: fc.boolean() }), {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 3,
  })
  .chain((members) => {
    const { schema, values, isAmbiguous } = objectOf(members, false);
    return values.map((pair) => ({ schema: { ...schema, $defs }, ...pair, isAmbiguous }));
  });
