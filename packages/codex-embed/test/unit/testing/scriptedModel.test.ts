/** The scripted model as a server: queues, routes, records, limits and its end. */

import { afterEach, beforeEach, expect, test } from "vitest";
import { fail, gate, message, ScriptError, ScriptedModel, shell, silence, step } from "../../../src/testing/index.js";
import { verifies } from "../../support/verifies.js";
import { ask, open, requestBody, types } from "./ask.js";

let model: ScriptedModel;
beforeEach(async () => {
  model = await ScriptedModel.start();
});
afterEach(() => model.close());

const textOf = (events: readonly unknown[]): string => JSON.stringify(events);

test("listens on the loopback interface alone", () => {
  expect(model.baseUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
});

test("answers requests with the steps in their order", async () => {
  model.enqueue(message("one"), message("two"));
  expect(textOf((await ask(model.baseUrl)).events)).toContain('"text":"one"');
  expect(textOf((await ask(model.baseUrl)).events)).toContain('"text":"two"');
  model.assertComplete();
});

test("numbers ids in the order of the script, whatever the order of the requests", async () => {
  const late = model.when((request) => request.lastUserText() === "late");
  late.enqueue(shell("ls"));
  model.enqueue(shell("pwd"));
  expect(textOf((await ask(model.baseUrl, requestBody("early"))).events)).toContain('"call_id":"call_2"');
  expect(textOf((await ask(model.baseUrl, requestBody("late"))).events)).toContain('"call_id":"call_1"');
});

test("gives new ids when one part is used twice", async () => {
  const part = message("same");
  model.enqueue(part, part);
  expect(textOf((await ask(model.baseUrl)).events)).toContain('"id":"msg_1"');
  expect(textOf((await ask(model.baseUrl)).events)).toContain('"id":"msg_2"');
});

test("routes concurrent requests by what they carry", async () => {
  for (const thread of ["a", "b", "c"]) {
    model.when((request) => request.threadId === thread).enqueue(message(`for ${thread}`));
  }
  const answers = await Promise.all(["c", "a", "b"].map((thread) => ask(model.baseUrl, requestBody("x", thread))));
  expect(answers.map(({ events }) => /for (.)/.exec(textOf(events))?.[1])).toEqual(["c", "a", "b"]);
  model.assertComplete();
});

test("falls back from an empty route to the main queue, and then to the responder", async () => {
  model.when(() => true).enqueue(message("route"));
  model.enqueue(message("main"));
  model.respondWith((request) => message(`made for ${request.index}`));
  const texts = [await ask(model.baseUrl), await ask(model.baseUrl), await ask(model.baseUrl)];
  expect(texts.map(({ events }) => /"text":"([^"]+)"/.exec(textOf(events))?.[1])).toEqual([
    "route",
    "main",
    "made for 2",
  ]);
  model.assertComplete();
});

test("replies to every request that a filter accepts, after its steps and before the main queue", async () => {
  verifies("scripted-replies");
  model.enqueue(message("main"));
  const asked = model.when((request) => request.lastUserText() === "who");
  asked.reply((request) => message(`reply ${request.index}`)).enqueue(message("first"));
  model.when(() => true).reply(message("never mind"));
  const texts: (string | undefined)[] = [];
  for (const prompt of ["who", "who", "what", "who"]) {
    const { events } = await ask(model.baseUrl, requestBody(prompt));
    texts.push(/"text":"([^"]+)"/.exec(textOf(events))?.[1]);
  }
  expect(texts).toEqual(["first", "reply 1", "never mind", "reply 3"]);
  expect(() => model.assertComplete()).toThrow("Unused steps of the script: message.");
});

test("replies need not be used", () => {
  verifies("scripted-replies");
  model.when(() => true).reply(message("never asked"));
  model.assertComplete();
});

test("refuses a request that no step is left for, and remembers it", async () => {
  verifies("script-mismatch");
  const answer = await ask(model.baseUrl);
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toEqual({
    error: {
      message: "ScriptedModel has no step left for request 0 (thread thread-1).",
      type: "scripted_model",
      code: "no_step_left",
    },
  });
  expect(() => model.assertComplete()).toThrow("no step left for request 0");
});

test("names the steps that were not used, and not what they say", () => {
  verifies("script-mismatch");
  model.enqueue(message("secret"), step(message("secret"), shell("secret")));
  model.when(() => false).enqueue(fail(500));
  const complain = (): void => model.assertComplete();
  expect(complain).toThrow(ScriptError);
  expect(complain).toThrow("Unused steps of the script: message, step(message, call of exec_command), fail.");
});

test("turns a throwing script into an answer and a complaint", async () => {
  model.respondWith(() => {
    throw new Error("responder broke");
  });
  expect((await ask(model.baseUrl)).status).toBe(400);
  expect(() => model.assertComplete()).toThrow("responder broke");
});

test.each([
  ["a body that is not JSON", "{nope", 400, "not a JSON object"],
  ["a body that is no object", "[]", 400, "not a JSON object"],
])("refuses %s", async (_name, body, status, complaint) => {
  model.enqueue(message("unused"));
  expect((await ask(model.baseUrl, body)).status).toBe(status);
  expect(() => model.assertComplete()).toThrow(complaint);
  expect(model.requests).toHaveLength(0);
});

test("refuses what is not a request for a response", async () => {
  const response = await fetch(`${model.baseUrl}/models`);
  expect(response.status).toBe(404);
  expect(() => model.assertComplete()).toThrow("but received GET /v1/models");
});

test("refuses a body above the limit, and serves one at the limit", async () => {
  const body = JSON.stringify(requestBody("x".repeat(5000)));
  await using small = await ScriptedModel.start({ maxRequestBytes: body.length });
  small.enqueue(message("ok"));
  expect((await ask(small.baseUrl, `${body} `)).status).toBe(413);
  expect((await ask(small.baseUrl, body)).status).toBe(200);
});

test("hands out a request by its number, before and after it came", async () => {
  model.enqueue(message("a"), message("b"));
  const second = model.request(1);
  await ask(model.baseUrl, requestBody("first"));
  await ask(model.baseUrl, requestBody("second"));
  expect((await second).lastUserText()).toBe("second");
  expect((await model.request(0)).lastUserText()).toBe("first");
  expect(model.requests.map(({ index }) => index)).toEqual([0, 1]);
});

test("rejects what waits for a request or a gate when the model closes", async () => {
  const never = gate();
  model.enqueue(step(never, message("x")));
  const waiting = expect(model.request(0)).rejects.toThrow(
    "Request 0 never arrived: the model closed after 0 requests",
  );
  await model.close();
  await waiting;
  await expect(model.request(3)).rejects.toThrow(ScriptError);
  await expect(never.reached).rejects.toThrow("The gate was not reached");
});

test("lets a gate that nobody watches go without a word", async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  model.enqueue(gate());
  await model.close();
  // Node reports an unhandled rejection after the microtasks, before the next timer phase.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", listen);
  expect(unhandled).toEqual([]);
});

test("ends open connections when it closes, at once and as often as asked", async () => {
  model.enqueue(silence());
  const response = await open(model.baseUrl);
  const cut = expect(response.text()).rejects.toThrow();
  await Promise.all([model.close(), model.close(), model[Symbol.asyncDispose]()]);
  await cut;
  await expect(open(model.baseUrl)).rejects.toThrow();
  await expect(model.requests[0]?.ended).resolves.toBe("cut off");
});

test("tells an answered request from one that was cut off", async () => {
  const hold = gate();
  model.enqueue(message("all"), step(hold, message("never seen")));
  await ask(model.baseUrl);
  const response = await open(model.baseUrl);
  await hold.reached;
  await response.body?.cancel();
  await expect(model.requests[0]?.ended).resolves.toBe("answered");
  await expect(model.requests[1]?.ended).resolves.toBe("cut off");
});

test("serves many requests at once from the responder", async () => {
  model.respondWith((request) => message(request.lastUserText() ?? "", { deltas: 50 }));
  const texts = Array.from({ length: 64 }, (_, index) => `text number ${index}`);
  const answers = await Promise.all(texts.map((text) => ask(model.baseUrl, requestBody(text))));
  for (const [index, { events }] of answers.entries()) {
    expect(textOf(events)).toContain(`"text":"text number ${index}"`);
    expect(types(events).at(-1)).toBe("response.completed");
  }
  expect(model.requests).toHaveLength(64);
});
