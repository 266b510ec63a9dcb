/** Tests that whatever ends first, an answer, an abort, a close or the connection, every promise settles once, and typed. */

import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CodexError } from "../../../src/errors/base.js";
import { TransportClosedError } from "../../../src/errors/connection.js";
import { Connection } from "../../../src/rpc/connection.js";
import { completed, delta, started, threadId, turnRecord } from "../../support/events.js";
import { FakeClient, turnOfTheLoop } from "../../support/fakeClient.js";
import { FakeTransport } from "../../support/fakeTransport.js";
import { verifies } from "../../support/verifies.js";

const escaped: unknown[] = [];
const note = (reason: unknown) => void escaped.push(reason);
beforeEach(() => void process.on("unhandledRejection", note));
afterEach(() => {
  process.off("unhandledRejection", note);
  expect(escaped.splice(0)).toEqual([]);
});

/** Notes how a promise settles. */
function settling(promise: Promise<unknown>): { readonly how: unknown[] } {
  const how: unknown[] = [];
  promise.then(
    (value) => how.push({ value }),
    (error: unknown) => how.push({ error }),
  );
  return { how };
}

async function readAll(source: AsyncIterable<unknown>): Promise<void> {
  for await (const each of source) void each;
}

interface Step {
  readonly kind: "reply" | "reply again" | "abort" | "end";
  readonly call: number;
}

test("each request settles by what comes first: its answer, its abort, or the end", async () => {
  const CALLS = 70;
  const call = fc.nat(CALLS - 1);
  const kind = fc.constantFrom("reply" as const, "reply again" as const, "abort" as const);
  const steps = fc.tuple(
    fc.array(fc.record({ kind, call }), { maxLength: 200 }),
    fc.array(fc.record({ kind, call }), { maxLength: 10 }),
  );
  await fc.assert(
    fc.asyncProperty(steps, async ([before, after]) => {
      const transport = new FakeTransport();
      const connection = new Connection(
        transport,
        { notification: () => {}, request: async () => ({}), refuse: () => null, diagnostic: () => {} },
        { maxFrameBytes: 1_000 },
      );
      const controllers = Array.from({ length: CALLS }, () => new AbortController());
      const heard: number[] = [];
      const calls = controllers.map(({ signal }, index) =>
        settling(connection.request("a", { index }, { signal, onResult: () => void heard.push(index) })),
      );
      const expected = new Map<number, unknown>();
      const answered: number[] = [];
      const isSent = (id: number) => transport.sent.some((message) => message.id === id);
      let isOver = false;
      const all: readonly Step[] = [...before, { kind: "end", call: 0 }, ...after];
      for (const step of all) {
        const isSettled = expected.has(step.call);
        if (step.kind === "abort") {
          controllers[step.call]?.abort(`aborted ${step.call}`);
          if (!isSettled && !isOver) expected.set(step.call, { error: `aborted ${step.call}` });
        } else if (step.kind === "end") {
          transport.end({ exitCode: 1 });
          isOver = true;
        } else if (isSent(step.call) && !isOver) {
          transport.receive({ id: step.call, result: `${step.kind} ${step.call}` });
          if (isSettled) continue;
          expected.set(step.call, { value: `${step.kind} ${step.call}` });
          answered.push(step.call);
        }
      }
      await connection.closed;
      await turnOfTheLoop();
      expect(heard).toEqual(answered);
      for (const [index, { how }] of calls.entries()) {
        expect(how).toEqual([expected.get(index) ?? { error: expect.any(TransportClosedError) }]);
      }
    }),
  );
});

const ACTIONS = ["reply", "started", "delta", "completed", "abort", "close", "end", "request", "ask"] as const;

test("a turn, its readers and everything around it settle in every order of answer, abort, close and end", async () => {
  verifies("settles-once");
  const actions = fc.shuffledSubarray([...ACTIONS], { minLength: 1 });
  const pauses = fc.array(fc.boolean(), { minLength: ACTIONS.length, maxLength: ACTIONS.length });
  await fc.assert(
    fc.asyncProperty(actions, pauses, async (order, waits) => {
      const client = await FakeClient.connect({ handlers: { approveCommand: () => new Promise(() => {}) } });
      const { transport, runtime } = client;
      const thread = await client.thread(threadId);
      const controller = new AbortController();
      const reason = new Error("The caller has had enough.");
      const begun = thread.startTurn("Go", { signal: controller.signal });
      const all = [settling(begun), settling(runtime.request("account/logout", undefined))];
      void begun.then(
        (turn) => {
          all.push(settling(turn.result()), settling(readAll(turn)), settling(readAll(turn.textStream())));
          all.push(settling(turn.interrupt()), settling(readAll(turn.agents())));
        },
        () => {},
      );
      const id = await client.requestId("turn/start");
      const act: Record<(typeof ACTIONS)[number], () => void> = {
        reply: () => transport.receive({ id, result: { turn: turnRecord("inProgress") } }),
        started: () => transport.receive(started()),
        delta: () => transport.receive(delta("x")),
        completed: () => transport.receive(completed()),
        abort: () => controller.abort(reason),
        close: () => all.push(settling(runtime.close())),
        end: () => transport.end({ exitCode: 1 }),
        request: () => all.push(settling(runtime.request("account/logout", undefined))),
        ask: () =>
          transport.receive({ id: "q", method: "item/commandExecution/requestApproval", params: { threadId } }),
      };
      for (const [index, action] of order.entries()) {
        act[action]();
        if (waits[index]) await turnOfTheLoop();
      }
      await runtime.close();
      for (let turns = 0; turns < 5; turns++) await turnOfTheLoop();
      for (const { how } of all) {
        expect(how).toHaveLength(1);
        for (const end of how) {
          const isTyped = typeof end === "object" && end !== null && "error" in end;
          if (isTyped && end.error !== reason) expect(end.error).toBeInstanceOf(CodexError);
        }
      }
      expect(transport.sent.filter((message) => message.id === "q")).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
