/** The end-to-end tests of typed output: what is sent, what is validated, and how a wrong answer is corrected. */

import { OutputValidationError, TurnInProgressError, UsageError } from "codex-embed";
import { gate, message, shell, step } from "codex-embed/testing";
import { describe, expect, expectTypeOf, test } from "vitest";
import * as z from "zod";
import { SharedBench } from "../support/bench.js";
import { readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({ sandbox: "workspace-write", spawn: wiretap.spawn });
const City = z.object({ city: z.string(), people: z.number().int(), mayor: z.string().optional() });
const paris = { city: "Paris", people: 2_100_000, mayor: "Anne" };

const turnsOf = (thread: { readonly id: string }) =>
  wiretap.sent("turn/start").filter(({ params }) => JSON.stringify(params).includes(thread.id));

describe("a schema of zod", () => {
  test("is sent in its strict form; the answer is validated and typed", async () => {
    verifies("output-schema");
    const thread = await bench.thread(message(JSON.stringify(paris)));
    const result = await thread.run("Which city?", { outputSchema: City });
    expectTypeOf(result.output).toEqualTypeOf<{ city: string; people: number; mayor?: string | undefined }>();
    expect(result.output).toEqual(paris);
    expect(result.finalResponse).toBe(JSON.stringify(paris));
    expect(bench.requestsOf(thread)[0]?.outputSchema()).toMatchObject({
      type: "object",
      properties: { city: { type: "string" }, mayor: { type: ["string", "null"] } },
      required: ["city", "people", "mayor"],
      additionalProperties: false,
    });
  });

  test("an optional property that the model sets to null is absent", async () => {
    const thread = await bench.thread(message(JSON.stringify({ ...paris, mayor: null })));
    const { output } = await thread.run("Which city?", { outputSchema: City });
    expect(output).toStrictEqual({ city: "Paris", people: 2_100_000 });
  });

  test("holds for its own turn alone, also through startTurn", async () => {
    const thread = await bench.thread(message(JSON.stringify(paris)), message("Plain."));
    const turn = await thread.startTurn("Which city?", { outputSchema: City });
    const [first, again] = [await turn.result(), await turn.result()];
    expect(first.output.city).toBe("Paris");
    expect(again.output).toBe(first.output);
    const plain = await thread.run("And?");
    expect(plain.output).toBeUndefined();
    expect(bench.requestsOf(thread)[1]?.outputSchema()).toBeUndefined();
  });

  test("commentary is not the answer", async () => {
    const remark = message('{"city":"Lyon"}', { phase: "commentary" });
    const thread = await bench.thread(step(message(JSON.stringify(paris)), remark));
    expect((await thread.run("Which city?", { outputSchema: City })).output).toEqual(paris);
  });

  test("defaults and transforms are applied", async () => {
    const schema = z.object({
      at: z.string().transform((text) => new Date(text)),
      tags: z.array(z.string()).default([]),
    });
    const thread = await bench.thread(message('{"at":"2026-01-01T00:00:00Z","tags":null}'));
    const { output } = await thread.run("When?", { outputSchema: schema });
    expect(output).toEqual({ at: new Date("2026-01-01T00:00:00Z"), tags: [] });
  });
});

describe("an answer that does not conform", () => {
  test.each([
    ["has a wrong type", '{"city":5,"people":1,"mayor":null}', [["city"]]],
    ["lacks a property", '{"people":1}', [["city"]]],
    ["is no JSON", "Paris, of course.", [[]]],
    ["is JSON with a text around", '```json\n{"city":"Paris","people":1}\n```', [[]]],
  ])("%s: the error carries issues and text, and not the text in its message", async (_, text, paths) => {
    verifies("output-validation-error");
    const thread = await bench.thread(message(text));
    const error = await rejection(thread.run("Which city?", { outputSchema: City }), OutputValidationError);
    expect(error.issues.map(({ path }) => path)).toEqual(paths);
    expect(error.text).toBe(text);
    expect(error.message).not.toContain("Paris");
    expect(turnsOf(thread)).toHaveLength(1);
  });

  test("is none at all", async () => {
    const thread = await bench.thread(message(""));
    const error = await rejection(thread.run("Which city?", { outputSchema: City }), OutputValidationError);
    expect(error).toMatchObject({ text: "", issues: [{ path: [] }] });
  });

  test("with repairAttempts the model is told the issues, in the same thread, with the same schema", async () => {
    verifies("repair-attempts");
    const thread = await bench.thread(message('{"city":5,"people":1,"mayor":null}'), message(JSON.stringify(paris)));
    const { output } = await thread.run("Which city?", { outputSchema: City, repairAttempts: 1 });
    expect(output).toEqual(paris);
    const [first, second] = bench.requestsOf(thread);
    expect(second?.lastUserText()).toContain("- city: ");
    expect(second?.userTexts()).toContain("Which city?");
    expect(second?.outputSchema()).toEqual(first?.outputSchema());
  });

  test("after the last attempt the last error is thrown", async () => {
    const thread = await bench.thread(message("1"), message("2"), message("3"));
    const running = thread.run("Which city?", { outputSchema: City, repairAttempts: 2 });
    expect((await rejection(running, OutputValidationError)).text).toBe("3");
    expect(turnsOf(thread)).toHaveLength(3);
  });

  test("an aborted signal ends the repair", async () => {
    const reason = new Error("The user left.");
    const controller = new AbortController();
    const hold = gate();
    const thread = await bench.thread(message("no"), message({ deltas: ["still", hold] }));
    const options = { outputSchema: City, repairAttempts: 3, signal: controller.signal };
    const running = thread.run("Which city?", options);
    await hold.reached;
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    expect(turnsOf(thread)).toHaveLength(2);
  });
});

describe("an interrupted turn", () => {
  test("has no output: the error says so", async () => {
    const hold = gate();
    const thread = await bench.thread(message({ deltas: ['{"city":', hold] }));
    const turn = await thread.startTurn("Which city?", { outputSchema: City });
    await hold.reached;
    await turn.interrupt();
    const error = await rejection(turn.result(), OutputValidationError);
    expect(error.issues).toEqual([{ message: "the turn was interrupted", path: [] }]);
  });

  test("is not repaired: whoever interrupted it wants the agent to stop", async () => {
    const thread = await bench.threadWith(
      { ephemeral: true, handlers: { approveCommand: () => "cancel" } },
      shell("true", { escalate: { justification: "Needed." } }),
    );
    bench.respond(thread, () => message(JSON.stringify(paris)));
    const [end] = await Promise.allSettled([thread.run("Go.", { outputSchema: City, repairAttempts: 1 })]);
    expect(end.status).toBe("rejected");
    expect(turnsOf(thread)).toHaveLength(1);
  });
});

describe("a JSON Schema", () => {
  const schema = {
    type: "object",
    properties: { n: { type: "integer", minimum: 1 }, note: { type: "string" } },
    required: ["n"],
  };

  test("is checked; the output is unknown", async () => {
    const thread = await bench.thread(message('{"n":1,"note":null}'), message('{"n":0,"note":null}'));
    const result = await thread.run("How many?", { outputSchema: schema });
    expectTypeOf(result.output).toEqualTypeOf<unknown>();
    expect(result.output).toStrictEqual({ n: 1 });
    const error = await rejection(thread.run("How many?", { outputSchema: schema }), OutputValidationError);
    expect(error.issues).toMatchObject([{ path: ["n"] }]);
  });
});

test.each([
  ["a record", z.record(z.string(), z.number())],
  ["a list at the root", z.array(z.string())],
  ["a JSON Schema with additional properties", { type: "object", additionalProperties: { type: "string" } }],
])("%s has no strict form: nothing is sent", async (_, outputSchema) => {
  const thread = await bench.thread();
  const sent = wiretap.messages.length;
  await rejection(thread.run("Hi", { outputSchema }), UsageError);
  await rejection(thread.startTurn("Hi", { outputSchema }), UsageError);
  expect((await readAll(thread.stream("Hi", { outputSchema }))).error).toBeInstanceOf(UsageError);
  expect(wiretap.messages).toHaveLength(sent);
});

test("of two calls at once the first gets the thread, also when its schema has to be prepared", async () => {
  const thread = await bench.thread(message(JSON.stringify(paris)));
  const [first, second] = await Promise.allSettled([
    thread.run("Which city?", { outputSchema: City }),
    thread.run("And which river?"),
  ]);
  expect(first).toMatchObject({ status: "fulfilled", value: { output: paris } });
  expect(second).toMatchObject({ status: "rejected", reason: expect.any(TurnInProgressError) });
});

test("partialOutput grows with the answer, and ends with the whole", async () => {
  verifies("partial-output");
  const [first, second] = [gate(), gate()];
  const thread = await bench.thread(
    step(
      message("Let me see.", { phase: "commentary" }),
      message({ deltas: ['{"city":"Pa', first, 'ris","people":12', second, '0,"mayor":null}'] }),
    ),
  );
  const turn = await thread.startTurn("Which city?", { outputSchema: City });
  const seen: unknown[] = [];
  for await (const value of turn.partialOutput()) {
    seen.push(value);
    first.open();
    second.open();
  }
  expect(seen[0]).toEqual({ city: "Pa" });
  expect(seen.at(-1)).toEqual({ city: "Paris", people: 120, mayor: null });
  expect((await turn.result()).output).toEqual({ city: "Paris", people: 120 });
});

test("a schema that no validator could use is refused before the model is asked", async () => {
  const thread = await bench.thread();
  const pattern = String.raw`^https\:\/\/`;
  const outputSchema = { type: "object", properties: { url: { type: "string", pattern } }, required: ["url"] };
  const error = await rejection(thread.run("Where?", { outputSchema }), UsageError);
  expect(error.message).toContain("outputSchema is not a valid JSON Schema: at #/properties/url/pattern");
  expect(bench.requestsOf(thread)).toEqual([]);
});
