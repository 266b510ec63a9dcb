/** Tests what TypeScript infers from schemas: of a tool's arguments, and of a typed answer. */

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { type PreparedOutput, prepareArguments, prepareOutput } from "../../src/schema/prepare.js";
import { type InferOutput, type JsonSchema, type Schema, type SchemaResult } from "../../src/schema/types.js";
import { type ToolResult } from "../../src/tools/result.js";
import { type ToolContext, tool } from "../../src/tools/tool.js";
import { verifies } from "../support/verifies.js";

interface City {
  city: string;
  days?: number | undefined;
}

const zod = z.object({ city: z.string(), days: z.number().optional() });
const valibot = toStandardJsonSchema(v.object({ city: v.string(), days: v.optional(v.number()) }));
const arktype = type({ city: "string", "days?": "number" });
const json = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const named = { name: "t", description: "d" };

test("the output of a schema", () => {
  expectTypeOf<InferOutput<typeof zod>>().toEqualTypeOf<City>();
  expectTypeOf<InferOutput<typeof valibot>>().toEqualTypeOf<City>();
  expectTypeOf<InferOutput<typeof arktype>>().toEqualTypeOf<{ city: string; days?: number }>();
  expectTypeOf<InferOutput<typeof json>>().toBeUnknown();
  expectTypeOf<InferOutput<Schema<City>>>().toBeUnknown();
  const transformed = z.object({ at: z.string().transform((text) => new Date(text)), days: z.number().default(3) });
  expectTypeOf<InferOutput<typeof transformed>>().toEqualTypeOf<{ at: Date; days: number }>();
});

test("an answer", () => {
  verifies("inferred-types");
  expectTypeOf(prepareOutput(zod, "w")).resolves.toEqualTypeOf<PreparedOutput<City>>();
  expectTypeOf<PreparedOutput<City>["parse"]>().returns.resolves.toEqualTypeOf<SchemaResult<City>>();
  expectTypeOf(prepareOutput(json, "w")).resolves.toEqualTypeOf<PreparedOutput<unknown>>();
  expectTypeOf(prepareArguments(zod, "w").validate).returns.resolves.toEqualTypeOf<SchemaResult<City>>();
});

test("the arguments of a tool", () => {
  verifies("inferred-types");
  tool({
    ...named,
    parameters: zod,
    execute: (args, context) => {
      expectTypeOf(args).toEqualTypeOf<City>();
      expectTypeOf(context).toEqualTypeOf<ToolContext>();
      return args.city;
    },
  });
  tool({ ...named, parameters: valibot, execute: (args) => void expectTypeOf(args).toEqualTypeOf<City>() });
  tool({
    ...named,
    parameters: arktype,
    execute: async (args) => void expectTypeOf(args).toEqualTypeOf<{ city: string; days?: number }>(),
  });
  tool({ ...named, parameters: json, execute: (args) => void expectTypeOf(args).toBeUnknown() });
  tool({
    ...named,
    parameters: { type: "object", properties: { a: { type: "string" } }, "x-mine": 1 },
    execute: (args) => void expectTypeOf(args).toBeUnknown(),
  });
  tool({
    ...named,
    parameters: z.toJSONSchema(mini.object({ city: mini.string() })),
    execute: (args) => void expectTypeOf(args).toEqualTypeOf<{ city: string }>(),
  });
});

test("what may be a schema", () => {
  interface DraftSchema {
    $id?: string;
    type?: "object" | "string" | ("object" | "string")[];
    properties?: Record<string, DraftSchema | boolean>;
  }
  expectTypeOf<DraftSchema>().toExtend<JsonSchema>();
  expectTypeOf<z.core.JSONSchema.JSONSchema>().toExtend<JsonSchema>();
  expectTypeOf(zod).toExtend<Schema<City>>();
  expectTypeOf<string>().not.toExtend<Schema>();
  expectTypeOf<(typeof json)[]>().not.toExtend<Schema>();
});

test("what a tool may return", () => {
  interface Report {
    readonly title: string;
  }
  expectTypeOf<Report>().toExtend<ToolResult>();
  expectTypeOf<void>().toExtend<ToolResult>();
  expectTypeOf<{ type: "image"; image: Uint8Array }>().toExtend<ToolResult>();
  expectTypeOf<bigint>().not.toExtend<ToolResult>();
  expectTypeOf<symbol>().not.toExtend<ToolResult>();
});
