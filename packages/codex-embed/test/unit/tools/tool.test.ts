import { getEventListeners } from "node:events";
import * as v from "valibot";
import { describe, expect, test, vi } from "vitest";
import * as z from "zod";
import { UsageError } from "../../../src/errors/base.js";
import type {
  DynamicToolCallParams,
  DynamicToolCallResponse,
  JsonValue,
} from "../../../src/protocol/generated/protocol.js";
import { type Tool, type ToolContext, type ToolOptions, ToolSet, tool, toolGroup } from "../../../src/tools/tool.js";

const parameters = z.object({ city: z.string(), days: z.number().optional() });

const weather = (execute: ToolOptions<typeof parameters>["execute"], timeoutMs?: number): Tool =>
  tool({ name: "get_weather", description: "Tells the weather.", parameters, execute, timeoutMs });

const named = (name: string): Tool =>
  tool({ name, description: "d", parameters: { type: "object" }, execute: () => name });

const callOf = (args: JsonValue, name = "get_weather", namespace: string | null = null): DynamicToolCallParams => ({
  threadId: "thread",
  turnId: "turn",
  callId: "call",
  namespace,
  tool: name,
  arguments: args,
});

const text = (response: DynamicToolCallResponse) =>
  response.contentItems.map((item) => (item.type === "inputText" ? item.text : item.type)).join("|");

function session(): { signal: AbortSignal; log: (message: string) => void; logged: string[]; abort: AbortController } {
  const abort = new AbortController();
  const logged: string[] = [];
  return { signal: abort.signal, log: (message) => logged.push(message), logged, abort };
}

const answerOf = (one: Tool, args: JsonValue = { city: "Paris" }) => new ToolSet([one]).call(callOf(args), session());

describe("tool", () => {
  test.each([" ", "", "a b", "a.b", "é", "a".repeat(65), "a\n"])("refuses the name %j", (name) => {
    expect(() => named(name)).toThrow(UsageError);
    expect(() => toolGroup(name, "d", [named("x")])).toThrow(UsageError);
  });

  test.each(["a", "get_weather-2", "_", "A".repeat(64)])("takes the name %j", (name) => {
    expect(named(name).name).toBe(name);
  });

  test("refuses what cannot work", () => {
    const make = (change: Partial<ToolOptions<typeof parameters>>) => () =>
      tool({ name: "t", description: "d", parameters, execute: () => 1, ...change });
    expect(make({ description: " " })).toThrow("needs a description");
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      expect(make({ timeoutMs })).toThrow("timeoutMs");
    }
    expect(() => tool({ name: "t", description: "d", parameters: v.object({}), execute: () => 1 })).toThrow(
      "The parameters of the tool t is a valibot schema that cannot be converted to JSON Schema.",
    );
    expect(() => Reflect.apply(tool, undefined, [{ name: "t", description: "d", parameters }])).toThrow("execute");
    expect(() => toolGroup("crm", "d", [])).toThrow("has no tools");
    expect(() => toolGroup("crm", "", [named("a")])).toThrow("needs a description");
    expect(() => toolGroup("crm", "d", [named("a"), named("a")])).toThrow('The tool group crm contains "a" twice');
  });
});

describe("ToolSet", () => {
  test("advertises tools and groups", () => {
    const set = new ToolSet([weather(() => "sunny"), toolGroup("crm", "Customers.", [named("find"), named("add")])]);
    const inputSchema = { type: "object" };
    expect(set.specs).toStrictEqual([
      {
        type: "function",
        name: "get_weather",
        description: "Tells the weather.",
        inputSchema: {
          type: "object",
          properties: { city: { type: "string" }, days: { type: "number" } },
          required: ["city"],
        },
      },
      {
        type: "namespace",
        name: "crm",
        description: "Customers.",
        tools: [
          { type: "function", name: "find", description: "d", inputSchema },
          { type: "function", name: "add", description: "d", inputSchema },
        ],
      },
    ]);
  });

  test("refuses two of one name, and what is no tool", () => {
    expect(() => new ToolSet([named("a"), named("a")])).toThrow('contains "a" twice');
    expect(() => new ToolSet([named("a"), toolGroup("a", "d", [named("b")])])).toThrow('contains "a" twice');
    expect(() => Reflect.construct(ToolSet, [[{ name: "a", description: "d" }]])).toThrow(UsageError);
    expect(() => new ToolSet([named("a"), toolGroup("b", "d", [named("a")])])).not.toThrow();
  });

  test("finds the tool of a call by its group and name", async () => {
    const set = new ToolSet([named("a"), toolGroup("g", "d", [named("b")])]);
    const answers = [callOf({}, "a"), callOf({}, "b", "g"), callOf({}, "b"), callOf({}, "a", "g"), callOf({}, "g")];
    expect(answers.map((call) => set.has(call))).toStrictEqual([true, true, false, false, false]);
    const responses = await Promise.all(answers.map((call) => set.call(call, session())));
    expect(responses.map(({ success }) => success)).toStrictEqual([true, true, false, false, false]);
    expect(responses.map(text)).toStrictEqual([
      "a",
      "b",
      "The tool b is not available in this session.",
      "The tool g.a is not available in this session.",
      "The tool g is not available in this session.",
    ]);
  });

  test("gives the tool its validated arguments and its context", async () => {
    const seen: unknown[] = [];
    const upper = z.object({ city: z.string().transform((city) => city.toUpperCase()) });
    const one = tool({
      name: "get_weather",
      description: "d",
      parameters: upper,
      execute: (args, { signal, log, ...ids }) => {
        log(`asked for ${args.city}`);
        seen.push(args, ids, signal.aborted);
        return "sunny";
      },
    });
    const context = session();
    expect(await new ToolSet([one]).call(callOf({ city: "Paris" }), context)).toStrictEqual({
      success: true,
      contentItems: [{ type: "inputText", text: "sunny" }],
    });
    expect(seen).toStrictEqual([{ city: "PARIS" }, { threadId: "thread", turnId: "turn", callId: "call" }, false]);
    expect(context.logged).toStrictEqual(["asked for PARIS"]);
  });

  test("tells the model what is wrong with its arguments, and does not execute", async () => {
    const execute = vi.fn(() => "never");
    const response = await answerOf(weather(execute), { city: 5, days: "many" });
    expect(response.success).toBe(false);
    expect(text(response).split("\n")).toStrictEqual([
      "The arguments of get_weather do not conform to its parameters:",
      expect.stringMatching(/^- city: .*string/),
      expect.stringMatching(/^- days: .*number/),
      "Correct them and call get_weather again.",
    ]);
    expect(text(await answerOf(weather(execute), null))).toContain("- (root): ");
    expect(execute).not.toHaveBeenCalled();
  });

  const thrown: readonly (readonly [what: string, value: unknown, message: string])[] = [
    ["an error", new Error("no such city"), "get_weather failed: no such city"],
    ["an error without words", new TypeError(""), "get_weather failed: TypeError"],
    ["a string", "no luck", "get_weather failed: no luck"],
    ["nothing", undefined, "get_weather failed: undefined"],
    ["what has no string", Object.create(null), "get_weather failed: unknown error"],
  ];
  test.each(thrown)("answers when the tool throws %s: the message, no stack", async (_, value, message) => {
    const throws = weather(() => {
      throw value;
    });
    const rejects = weather(() => Promise.reject(value));
    for (const one of [throws, rejects]) {
      expect(await answerOf(one)).toStrictEqual({
        success: false,
        contentItems: [{ type: "inputText", text: message }],
      });
    }
  });

  test("answers when the schema itself fails", async () => {
    const broken = tool({
      name: "get_weather",
      description: "d",
      parameters: { $id: "app:/a", type: "object", properties: { a: { $ref: "elsewhere.json" } } },
      execute: () => "never",
    });
    expect(text(await answerOf(broken))).toContain("get_weather failed: The parameters of the tool get_weather");
  });

  test("answers when the time is over, and tells the tool", async () => {
    let reason: unknown;
    const slow = weather(
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(new Error("stopped"));
          });
        }),
      20,
    );
    expect(await answerOf(slow)).toStrictEqual({
      success: false,
      contentItems: [{ type: "inputText", text: "get_weather timed out after 20 ms." }],
    });
    expect(reason).toMatchObject({ name: "TimeoutError" });
  });

  test("answers at once when the session ends, also for a tool that does not listen", async () => {
    const contexts: ToolContext[] = [];
    const deaf = weather((_, context) => {
      contexts.push(context);
      return new Promise(() => {});
    });
    const context = session();
    const answer = new ToolSet([deaf]).call(callOf({ city: "Paris" }), context);
    await vi.waitUntil(() => contexts.length === 1);
    context.abort.abort(new Error("turn over"));
    expect(text(await answer)).toBe("The call of get_weather was cancelled.");
    expect(contexts[0]?.signal.reason).toStrictEqual(new Error("turn over"));
    expect(getEventListeners(context.signal, "abort")).toHaveLength(0);
  });

  test("does not begin when the session has ended", async () => {
    const execute = vi.fn(() => "never");
    const context = session();
    context.abort.abort();
    expect(await new ToolSet([weather(execute)]).call(callOf({ city: "Paris" }), context)).toMatchObject({
      success: false,
    });
    expect(execute).not.toHaveBeenCalled();
  });

  test("does not execute when the session ends while the arguments are checked", async () => {
    const execute = vi.fn(() => "never");
    const gate = manualGate();
    const one = tool({
      name: "get_weather",
      description: "d",
      parameters: z.object({ city: z.string().refine(() => gate.promise) }),
      execute,
    });
    const context = session();
    const answer = new ToolSet([one]).call(callOf({ city: "Paris" }), context);
    context.abort.abort();
    expect(await answer).toMatchObject({ success: false });
    gate.resolve(true);
    await new Promise(setImmediate);
    expect(execute).not.toHaveBeenCalled();
  });

  test("leaves neither a timer nor a listener behind", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const context = session();
    const set = new ToolSet([weather(() => "sunny", 60_000)]);
    for (let count = 0; count < 20; count += 1) await set.call(callOf({ city: "Paris" }), context);
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout")).toHaveLength(before);
    expect(getEventListeners(context.signal, "abort")).toHaveLength(0);
  });

  test("answers parallel calls apart from each other", async () => {
    const gate = manualGate();
    const set = new ToolSet([weather(async ({ city }) => (city === "slow" ? (await gate.promise, city) : city))]);
    const slow = set.call(callOf({ city: "slow" }), session());
    expect(text(await set.call(callOf({ city: "quick" }), session()))).toBe("quick");
    gate.resolve(true);
    expect(text(await slow)).toBe("slow");
  });
});

function manualGate(): { promise: Promise<boolean>; resolve: (value: boolean) => void } {
  let resolve: (value: boolean) => void = () => {};
  const promise = new Promise<boolean>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
