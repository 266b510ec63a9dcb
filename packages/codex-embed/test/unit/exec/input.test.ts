/** The input of a turn, and the schema of its answer. */

import { type } from "arktype";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { UsageError } from "../../../src/errors/base.js";
import { OutputValidationError } from "../../../src/errors/turn.js";
import { planOutput } from "../../../src/exec/client.js";
import { toPrompt } from "../../../src/exec/commandLine.js";

describe("toPrompt", () => {
  it("joins the texts and gathers the images", () => {
    expect(toPrompt("as\nit is")).toEqual({ text: "as\nit is", images: [] });
    expect(
      toPrompt([
        { type: "local_image", path: "a.png" },
        { type: "text", text: "one" },
        { type: "text", text: "" },
        { type: "local_image", path: "b.png" },
      ]),
    ).toEqual({ text: "one\n\n", images: ["a.png", "b.png"] });
    expect(toPrompt([])).toEqual({ text: "", images: [] });
  });

  it.each<[unknown, string]>([
    [undefined, "must be a string or an array"],
    [5, "must be a string or an array"],
    [{ type: "text", text: "a" }, "must be a string or an array"],
    [["text"], "Part 0"],
    [[{ type: "text", text: "a" }, { type: "text" }], "Part 1"],
    [[{ type: "local_image" }], "Part 0"],
    [[{ type: "external", source: "ci", content: "a" }], "Part 0"],
    [[{ type: "image", path: "a" }], "Part 0"],
    [[null], "Part 0"],
    [[{ type: "local_image", path: "a,b.png" }], 'Part 0 of the input is the image "a,b.png"'],
  ])("refuses %j", (input, message) => {
    const call = () => Reflect.apply(toPrompt, undefined, [input]);
    expect(call).toThrow(UsageError);
    expect(call).toThrow(message);
  });
});

describe("planOutput", () => {
  it("passes a JSON Schema on as it is, and checks nothing", async () => {
    const schema = { type: "object", properties: { a: { type: "string" } } };
    expect(await planOutput(schema)).toEqual({ wire: schema, parse: undefined });
    expect(await planOutput(undefined)).toBeUndefined();
  });

  it.each([
    ["zod", z.object({ at: z.string(), days: z.number().optional() })],
    ["arktype", type({ at: "string", "days?": "number" })],
  ])("brings a schema of %s to the strict form, and reads the answer", async (_, schema) => {
    const plan = await planOutput(schema);
    expect(plan?.wire).toMatchObject({ required: ["at", "days"], additionalProperties: false });
    expect(await plan?.parse?.('{"at":"x","days":null}')).toEqual({ at: "x" });
    await expect(plan?.parse?.('{"at":1}')).rejects.toBeInstanceOf(OutputValidationError);
    await expect(plan?.parse?.("")).rejects.toMatchObject({ text: "" });
  });

  it.each([[null], [[]], ["x"], [5], [true], [() => 1], [new Date(0)], [new Map()]])("refuses %j", async (schema) => {
    await expect(planOutput(schema)).rejects.toThrow(UsageError);
  });
});
