/**
 * Damaged traffic, as a broken or hostile runtime could write it. Whatever it says, no reader throws, no promise is left
 * unhandled, everything settles, and healthy turns and requests on the same connection come out exactly right.
 */

import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Handlers, JsonRpcError, type TurnEvent, TurnFailedError } from "../../../src/index.js";
import { agentMessage, turnRecord } from "../../support/events.js";
import { FakeClient, turnOfTheLoop } from "../../support/fakeClient.js";
import { readAll } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

type Json = { [key: string]: unknown };
const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

/** Messages of the runtime: recorded ones, and at the end requests and notices that no recording came upon. */
const MESSAGES = readFileSync(new URL("../../fixtures/messages.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n");

/** Text that stands for what `JSON.stringify` cannot write. */
const UNWRITABLE: Readonly<Record<string, string>> = {
  "@infinite": "1e999",
  "@integer": "123456789012345678901234567890",
  "@deepList": `${"[".repeat(20_000)}0${"]".repeat(20_000)}`,
  "@deepObject": `${'{"a":'.repeat(400)}0${"}".repeat(400)}`,
  "@twice": '{"id":1,"id":2,"type":"x","type":5}',
};
// biome-ignore format: one a line would fill a page
const STRANGE: readonly unknown[] = [
  null, true, 0, -1, 1.5, "", "__proto__", "\ud800", "a\u2028b\r\n\0", [], [null], {}, [{}, 5, "x", null],
  "x".repeat(100_000), { type: "agentMessage" }, ...Object.keys(UNWRITABLE),
];
const KEYS = ["__proto__", "constructor", "toString", "then", "length", "id", "method"];

/** One change of a value somewhere in a message. */
const change = fc.record({
  at: fc.nat(),
  how: fc.oneof(
    fc.constantFrom("drop" as const, "otherType" as const, "copy" as const),
    fc.record({ value: fc.constantFrom(...STRANGE) }),
    fc.record({ key: fc.constantFrom(...KEYS) }),
  ),
  from: fc.nat(),
});

/** One step of the runtime: a damaged or misdirected line, and whether a healthy line and a turn of the loop follow. */
const step = fc.record({
  message: fc.constantFrom(...MESSAGES),
  target: fc.constantFrom("damaged", "damaged", "damaged", "unknown", "healthyThread", "healthyTurn", "almostReply"),
  item: fc.nat(7),
  changes: fc.array(change, { maxLength: 3 }),
  text: fc.option(
    fc.record({ from: fc.nat(), length: fc.nat(200), insert: fc.constantFrom("", "\0", "\r", '"', "\\", "\ufffd") }),
    { freq: 3 },
  ),
  repeats: fc.constantFrom(1, 1, 1, 2),
  healthy: fc.option(fc.nat(4), { freq: 3 }),
  yields: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Place {
  readonly holder: object;
  readonly key: string;
}

function placesIn(holder: object): Place[] {
  return Object.entries(holder).flatMap(([key, value]: [string, unknown]) => [
    { holder, key },
    ...(typeof value === "object" && value !== null ? placesIn(value) : []),
  ]);
}

/** Makes `__proto__` a member like any other, which an assignment does not. */
function set(holder: object, key: string, value: unknown): void {
  if (Array.isArray(holder) && !/^\d+$/.test(key)) return;
  Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
}

function otherType(value: unknown): unknown {
  if (typeof value === "string") return value.length;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "true" : 0;
  return Array.isArray(value) ? Object.fromEntries(value.entries()) : isJson(value) ? Object.values(value) : {};
}

function applyChanges(message: Json, changes: Step["changes"]): void {
  for (const { at, how, from } of changes) {
    const places = placesIn(message);
    const place = places[at % places.length];
    const other = places[from % places.length];
    if (place === undefined || other === undefined) return;
    const { holder, key } = place;
    const value: unknown = Reflect.get(holder, key);
    if (how === "drop" && Array.isArray(holder)) holder.splice(Number(key), 1);
    else if (how === "drop") Reflect.deleteProperty(holder, key);
    else if (how === "otherType") set(holder, key, otherType(value));
    else if (how === "copy") set(holder, key, structuredClone(Reflect.get(other.holder, other.key)));
    else if ("key" in how) set(holder, how.key, value);
    else set(holder, key, structuredClone(how.value));
  }
}

function writeDamaged(message: Json, text: Step["text"]): string {
  let line = JSON.stringify(message);
  for (const [name, written] of Object.entries(UNWRITABLE)) line = line.replaceAll(`"${name}"`, written);
  if (text === null) return line;
  const from = text.from % (line.length + 1);
  return line.slice(0, from) + text.insert + line.slice(from + text.length);
}

/** Gives the recorded ids new values from a small set, so that messages relate to each other. */
function rename(holder: object, threadId: string, turnId: string, item: number): void {
  for (const [key, value] of Object.entries(holder)) {
    if (typeof value === "object" && value !== null) rename(value, threadId, turnId, item);
    if (key === "receiverThreadIds") Reflect.set(holder, key, [`unknown-${item}`]);
    if (typeof value !== "string") continue;
    if (key === "threadId" || key === "conversationId") Reflect.set(holder, key, threadId);
    else if (/threadId$|^sessionId$/i.test(key)) Reflect.set(holder, key, `unknown-${item}`);
    else if (/^(?:rootT|t)urnId$/.test(key) || (key === "id" && "itemsView" in holder))
      Reflect.set(holder, key, turnId);
    else if (key === "itemId" || (key === "id" && "type" in holder)) Reflect.set(holder, key, `item-${item}`);
    else if (key === "id" && "sessionId" in holder) Reflect.set(holder, key, threadId);
  }
}

const HANDLERS: Handlers = {
  approveCommand: () => "accept",
  approveFileChange: () => "accept",
  answerQuestions: () => ({ q: "yes" }),
  generateAttestation: () => "token",
};

/** A connected client with turns and requests in flight, and the runtime that the test plays for it. */
class Scene {
  readonly #client: FakeClient;
  readonly #answered = new Set<unknown>();
  /** Promises about the damaged turn and request: however they settle, they must. */
  readonly #damaged = new Map<string, Promise<unknown>>();
  readonly #settled = new Set<string>();
  #damagedIds: unknown[] = [];
  #healthyIds: unknown[] = [];
  readonly #healthy: Json[][] = [];
  #verify: () => Promise<void> = async () => {};

  private constructor(client: FakeClient) {
    this.#client = client;
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await FakeClient.connect({ handlers: HANDLERS }));
    await scene.#startDamaged();
    await scene.#startHealthy();
    return scene;
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const each of steps) {
      const line = this.#lineOf(each);
      for (let count = 0; count < each.repeats; count++) if (line !== null) this.#client.transport.receiveText(line);
      if (each.healthy !== null) this.#receiveHealthy(each.healthy);
      if (each.yields) await this.#turn();
    }
    while (this.#healthy.some((queue) => queue.length > 0))
      for (const queue of [0, 1, 2, 3, 4]) this.#receiveHealthy(queue);
  }

  /** Checks the healthy turns and requests, ends the damaged ones, and closes the client. */
  async finish(): Promise<void> {
    await this.#verify();
    const { transport, runtime } = this.#client;
    for (const id of this.#damagedIds) transport.receive({ id, result: { turn: named("damaged", "inProgress") } });
    for (let loops = 0; loops < 5; loops++) await this.#turn();
    transport.receive({
      method: "turn/completed",
      params: { threadId: "damaged", turn: named("damaged", "completed") },
    });
    for (let loops = 0; loops < 5; loops++) await this.#turn();
    expect([...this.#settled]).toEqual(expect.arrayContaining(["start", "request"]));
    await runtime.close();
    for (let loops = 0; loops < 5; loops++) await turnOfTheLoop();
    expect([...this.#settled].toSorted()).toEqual([...this.#damaged.keys()].toSorted());
  }

  /** Lets everything happen that can, and answers the requests that the client makes on its own. */
  async #turn(): Promise<void> {
    await turnOfTheLoop();
    const { transport } = this.#client;
    const kept = new Set([...this.#damagedIds, ...this.#healthyIds]);
    for (const { id, method, params } of transport.sent) {
      if (method === undefined || id === undefined || kept.has(id) || this.#answered.has(id)) continue;
      this.#answered.add(id);
      const threadId = isJson(params) ? params["threadId"] : undefined;
      const thread = { id: threadId, status: { type: "idle" }, turns: [], parentThreadId: "unknown-1" };
      transport.receive({ id, result: method === "thread/read" ? { thread } : {} });
    }
  }

  /** Gives what a promise resolves with; rejects when it does not settle although nothing is left to happen. */
  async #settle<T>(what: string, promise: Promise<T>): Promise<T> {
    const gaveUp = new AbortController();
    const loops = async (): Promise<never> => {
      for (let count = 0; count < 100 && !gaveUp.signal.aborted; count++) await this.#turn();
      throw new Error(`${what} did not settle`);
    };
    try {
      return await Promise.race([promise, loops()]);
    } finally {
      gaveUp.abort();
    }
  }

  #watch(name: string, promise: Promise<unknown>): void {
    this.#damaged.set(name, promise);
    promise.then(
      () => this.#settled.add(name),
      () => this.#settled.add(name),
    );
  }

  async #startDamaged(): Promise<void> {
    const thread = await this.#client.thread("damaged");
    const begun = thread.startTurn("Go").then((turn) => {
      this.#watch("result", turn.result());
      this.#watch("events", readAll(turn));
      this.#watch("text", readAll(turn.textStream()));
    });
    this.#watch("start", begun);
    this.#watch("request", this.#client.runtime.request("thread/name/set", { threadId: "damaged", name: "N" }));
    this.#damagedIds = [await this.#idOf("turn/start", "damaged"), await this.#idOf("thread/name/set", "damaged")];
    this.#client.transport.receive({ id: this.#damagedIds[0], result: { turn: named("damaged", "inProgress") } });
    await turnOfTheLoop();
  }

  async #startHealthy(): Promise<void> {
    const { runtime, transport } = this.#client;
    const threads = [await this.#client.thread("healthy"), await this.#client.thread("failing")] as const;
    const turns = threads.map((thread) => thread.startTurn("Go"));
    const named = (threadId: string) => runtime.request("thread/name/set", { threadId, name: "N" });
    const replies = Promise.allSettled([named("healthy-1"), named("healthy-2")]);
    const ids = [
      await this.#idOf("turn/start", "healthy"),
      await this.#idOf("turn/start", "failing"),
      await this.#idOf("thread/name/set", "healthy-1"),
      await this.#idOf("thread/name/set", "healthy-2"),
    ];
    this.#healthyIds = ids;
    const told = [linesOf("healthy", ids[0]), linesOf("failing", ids[1])] as const;
    const ask = { threadId: "ask", turnId: "ask-turn", itemId: "ask-item" };
    this.#healthy.push(
      ...told.map((lines) => [...lines]),
      [{ id: ids[2], result: { thread: { id: "healthy-1" } } }],
      [{ id: ids[3], error: { code: -32600, message: "There is no healthy-2." } }],
      [{ id: "ask", method: "item/commandExecution/requestApproval", params: { ...ask, command: "true", cwd: "/" } }],
    );
    const ended = turns.map(async (turn) => {
      const handle = await turn;
      const [{ events }, outcome] = await Promise.all([
        readAll<TurnEvent>(handle),
        handle.result().catch((error: unknown) => error),
      ]);
      return { events, outcome };
    });
    this.#verify = async () => {
      const [completed, failed] = await this.#settle("the healthy turns", Promise.all(ended));
      expect(merged(completed?.events)).toEqual(merged(told[0].slice(1)));
      expect(merged(failed?.events)).toEqual(merged(told[1].slice(1)));
      expect(completed?.outcome).toEqual({
        id: "healthy-turn",
        threadId: "healthy",
        status: "completed",
        finalResponse: "Über 😀",
        text: "Über 😀",
        items: [agentMessage("healthy-item", "Über 😀")],
        usage: null,
        diff: null,
        plan: null,
        changes: null,
        output: undefined,
        startedAt: 100,
        completedAt: null,
        durationMs: null,
      });
      expect(TurnFailedError.isInstance(failed?.outcome) && failed.outcome.message).toContain("Bad luck");
      const [reply, refusal] = await this.#settle("the healthy requests", replies);
      expect(reply).toEqual({ status: "fulfilled", value: { thread: { id: "healthy-1" } } });
      expect(JsonRpcError.isInstance(Reflect.get(refusal, "reason"))).toBe(true);
      const isAnswered = (): boolean => transport.sent.some(({ id }) => id === "ask");
      for (let loops = 0; loops < 100 && !isAnswered(); loops++) await this.#turn();
      expect(transport.sent.filter(({ id }) => id === "ask")).toEqual([{ id: "ask", result: { decision: "accept" } }]);
    };
  }

  async #idOf(method: string, threadId: string): Promise<unknown> {
    for (;;) {
      const sent = this.#client.transport.sent.find(
        ({ method: name, params }) => name === method && isJson(params) && params["threadId"] === threadId,
      );
      if (sent !== undefined) return sent.id;
      await turnOfTheLoop();
    }
  }

  #receiveHealthy(queue: number): void {
    const message = this.#healthy[queue]?.shift();
    if (message !== undefined) this.#client.transport.receive(message);
  }

  /** Null for a line that would be a well-formed reply to a healthy request, or to one of the client's own. */
  #lineOf({ message: source, target, item, changes, text }: Step): string | null {
    const message: unknown = JSON.parse(source);
    if (!isJson(message)) throw new Error(`Not an object: ${source}`);
    const isReply = !("method" in message);
    if (target === "almostReply") {
      const id = Number(this.#healthyIds[item % this.#healthyIds.length]);
      const almost = [String(id), ` ${id}`, [id], { id }, id + 0.5, -id - 1, true, null][item];
      return JSON.stringify({ id: almost, result: { turn: { id: "none" } } });
    }
    // Another client's turn on the thread rightly keeps ours from starting.
    const isForeignStart = message["method"] === "turn/started";
    if (target === "healthyThread" && !isForeignStart) rename(message, "healthy", "foreign-turn", item);
    else if (target === "healthyTurn") rename(message, `unknown-${item}`, "healthy-turn", item);
    else rename(message, target === "damaged" ? "damaged" : `unknown-${item}`, `${target}-turn`, item);
    if (isReply) message["id"] = target === "damaged" ? this.#damagedIds[item % 2] : 2 ** 40 + item;
    else if ("id" in message) message["id"] = item % 2 === 0 ? item : `q${item}`;
    const isDirectedAtHealthy = target === "healthyThread" || target === "healthyTurn";
    if (isDirectedAtHealthy) return JSON.stringify(message);
    applyChanges(message, changes);
    const line = writeDamaged(message, text);
    return this.#isReplyToOther(line) ? null : line;
  }

  #isReplyToOther(line: string): boolean {
    try {
      const message: unknown = JSON.parse(line);
      if (!isJson(message) || typeof message["method"] === "string") return false;
      const { id } = message;
      return typeof id === "number" && id >= 0 && id < 2 ** 31 && !this.#damagedIds.includes(id);
    } catch {
      return false;
    }
  }
}

const named = (threadId: string, status: "inProgress" | "completed" | "failed") =>
  turnRecord(status, { id: `${threadId}-turn`, rootTurnId: `${threadId}-turn` });

/** The reply to `turn/start` and all that a turn tells, in order. The turn named "failing" fails. */
function linesOf(threadId: string, id: unknown): Json[] {
  const at = { threadId, turnId: `${threadId}-turn` };
  const itemId = `${threadId}-item`;
  const failure = { message: "Bad luck", codexErrorInfo: null, additionalDetails: null, misalignment: null };
  const end = { ...named(threadId, threadId === "failing" ? "failed" : "completed") };
  if (threadId === "failing") end.error = failure;
  return [
    { id, result: { turn: named(threadId, "inProgress") } },
    { method: "turn/started", params: { threadId, turn: named(threadId, "inProgress") } },
    { method: "item/started", params: { ...at, item: agentMessage(itemId, ""), startedAtMs: 1 } },
    ...["Üb", "er ", "😀"].map((delta) => ({ method: "item/agentMessage/delta", params: { ...at, itemId, delta } })),
    { method: "item/completed", params: { ...at, item: agentMessage(itemId, "Über 😀"), completedAtMs: 2 } },
    { method: "turn/completed", params: { threadId, turn: end } },
  ];
}

/** The events without deltas, and the text of the deltas: a reader that lags sees adjacent deltas as one. */
function merged(events: readonly object[] = []): unknown {
  const plain: Json[] = JSON.parse(JSON.stringify(events));
  const isDelta = ({ method }: Json): boolean => method === "item/agentMessage/delta";
  const text = plain.filter(isDelta).map(({ params }) => (isJson(params) ? params["delta"] : null));
  return { events: plain.filter((event) => !isDelta(event)), text: text.join("") };
}

async function withoutEscapes(body: () => Promise<void>): Promise<void> {
  const escaped: unknown[] = [];
  const note = (error: unknown): void => void escaped.push(error);
  process.on("unhandledRejection", note).on("uncaughtException", note);
  try {
    await body();
    await turnOfTheLoop();
  } finally {
    process.off("unhandledRejection", note).off("uncaughtException", note);
  }
  expect(escaped).toEqual([]);
}

test("damaged messages harm neither the client nor healthy turns and requests beside them", async () => {
  verifies("damaged-messages");
  const steps = fc.array(step, { minLength: 20, maxLength: 80, size: "max" });
  const property = fc.asyncProperty(steps, (drawn) =>
    withoutEscapes(async () => {
      const scene = await Scene.open();
      await scene.play(drawn);
      await scene.finish();
    }),
  );
  await fc.assert(property, { numRuns: 100 });
});

test("damaged messages do not accumulate in memory", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const usedBytes = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const drawn = fc.sample(step, { numRuns: 2_000, seed: 1 });
  const scene = await Scene.open();
  await scene.play(drawn);
  const before = usedBytes();
  for (let round = 0; round < 3; round++) await scene.play(drawn);
  expect(usedBytes() - before).toBeLessThan(4 * 1024 * 1024);
  await scene.finish();
});
