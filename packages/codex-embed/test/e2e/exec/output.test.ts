import { OutputValidationError } from "codex-embed/exec";
import { message } from "codex-embed/testing";
import { expect, expectTypeOf, test } from "vitest";
import * as z from "zod";
import { ExecBench, rejection } from "../../support/execBench.js";

test("a JSON Schema reaches the model as it is, and the answer stays text", async () => {
  const bench = await ExecBench.start();
  const outputSchema = {
    type: "object",
    properties: { status: { type: "string", enum: ["ok", "not ok"] } },
    required: ["status"],
    additionalProperties: false,
  } as const;
  bench.model.enqueue(message('{"status":"ok"}'));
  const turn = await bench.thread().run("x", { outputSchema });
  expect(turn.finalResponse).toBe('{"status":"ok"}');
  expect(turn).not.toHaveProperty("parsed");
  expect(bench.model.requests[0]?.outputSchema()).toEqual(outputSchema);
});

test("a schema of zod reaches the model in its strict form, and the answer is parsed", async () => {
  const bench = await ExecBench.start();
  const outputSchema = z.object({ at: z.string().transform((text) => new Date(text)), note: z.string().optional() });
  bench.model.enqueue(message('{"at":"2026-01-02T00:00:00Z","note":null}'), message('{"at":5}'), message("Sorry."));
  const thread = bench.thread();
  const { parsed } = await thread.run("x", { outputSchema });
  expectTypeOf(parsed).toEqualTypeOf<{ at: Date; note?: string | undefined }>();
  expect(parsed).toEqual({ at: new Date("2026-01-02T00:00:00Z") });
  expect(bench.model.requests[0]?.outputSchema()).toMatchObject({ required: ["at", "note"] });
  const error = await rejection(thread.run("x", { outputSchema }));
  expect(error).toBeInstanceOf(OutputValidationError);
  expect(error).toMatchObject({ text: '{"at":5}', issues: [{ path: ["at"] }] });
  expect(error).toHaveProperty("stack", expect.stringContaining("output.test.ts"));
  expect(await rejection(thread.run("x", { outputSchema }))).toMatchObject({ text: "Sorry." });
});
