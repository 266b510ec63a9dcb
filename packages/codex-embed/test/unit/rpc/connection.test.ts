/** Tests the connection: matching, the in-flight window, giving up, and the end. */

import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { type CodexError, UsageError } from "../../../src/errors/base.js";
import {
  FrameTooLargeError,
  InvalidParamsError,
  RequestTimeoutError,
  ServerBusyError,
  TransportClosedError,
  UnsupportedError,
} from "../../../src/errors/connection.js";
import type { WireNotification, WireRequest } from "../../../src/protocol/shapes.js";
import { Connection, METHODS_PROBE } from "../../../src/rpc/connection.js";
import { Gaps } from "../../../src/rpc/since.js";
import { FakeTransport } from "../../support/fakeTransport.js";

function connect(
  answer: (request: WireRequest) => Promise<unknown> = async () => ({}),
  refuse: (request: WireRequest, why: CodexError) => unknown = (_, why) => {
    throw why;
  },
) {
  const transport = new FakeTransport();
  const notifications: WireNotification[] = [];
  const diagnostics: string[] = [];
  const connection = new Connection(
    transport,
    {
      notification: (notification) => void notifications.push(notification),
      request: answer,
      refuse,
      diagnostic: (message) => void diagnostics.push(message),
    },
    { maxFrameBytes: 1000 },
  );
  return { transport, connection, notifications, diagnostics };
}

/** Lets everything that is already settled be delivered. */
const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("what the runtime knows", () => {
  const listed = (id: number, names: string) => ({
    id,
    error: { code: -32600, message: `Invalid request: unknown variant \`${METHODS_PROBE}\`, expected one of ${names}` },
  });

  test("is asked once, for all names and callers", async () => {
    const { connection, transport } = connect();
    const first = Promise.all([connection.knows("a/b", {}), connection.knows("a/c", {})]);
    transport.receive(listed(0, "`a/b`, `c`"));
    expect(await first).toEqual([true, false]);
    expect(await connection.knows("c", {})).toBe(true);
    expect(await connection.knows("constructor", {})).toBe(false);
    expect(transport.sent.map(({ method }) => method)).toEqual([METHODS_PROBE]);
  });

  test("is asked again when the reply did not come", async () => {
    const { connection, transport } = connect();
    const overloaded = connection.knows("a/b", {});
    transport.receive({ id: 0, error: { code: -32001, message: "Server overloaded; retry later." } });
    await expect(overloaded).rejects.toBeInstanceOf(ServerBusyError);
    const again = connection.knows("a/b", {});
    transport.receive(listed(1, "`a/b`"));
    expect(await again).toBe(true);
  });

  test.each([
    ["an error without a list", { error: { code: -32601, message: "Method not found" } }],
    ["a reply of another kind", { error: { code: -32600, message: "No." } }],
    ["a result", { result: {} }],
  ])("is known by its version after %s", async (_what, reply) => {
    const { connection, transport } = connect();
    const gaps = new Gaps("0.1.0", { "thread/sample": { "": "0.2.0" }, "thread/start": {} });
    connection.peer = { version: "0.1.0", gaps };
    const first = connection.knows("thread/start", {});
    transport.receive({ id: 0, ...reply });
    expect(await first).toBe(true);
    expect(await connection.knows("thread/sample", {})).toBe(false);
    expect(await connection.knows("no/such", {})).toBe(false);
    connection.peer = { version: "unknown", gaps: null };
    expect(await connection.knows("thread/sample", {})).toBe(true);
    expect(transport.sent).toHaveLength(1);
  });

  test("keeps params that it lacks from being sent", async () => {
    const { connection, transport } = connect();
    connection.peer = { version: "0.1.0", gaps: new Gaps("0.1.0", { "thread/start": { color: "0.2.0" } }) };
    await expect(connection.request("thread/start", { color: "red" })).rejects.toBeInstanceOf(UnsupportedError);
    expect(transport.sent).toEqual([]);
    const sent = connection.request("thread/start", { color: null });
    transport.reply(0, "started");
    expect(await sent).toBe("started");
  });
});

describe("requests", () => {
  test("resolve with the answer of the same id, in any order", async () => {
    const { connection, transport } = connect();
    const first = connection.request("a", { x: 1 });
    const second = connection.request("b", undefined);
    expect(transport.sent).toEqual([
      { method: "a", id: 0, params: { x: 1 } },
      { method: "b", id: 1 },
    ]);
    transport.reply(1, "second");
    transport.reply(0, "first");
    expect(await Promise.all([first, second])).toEqual(["first", "second"]);
  });

  test("run onResult before the next message is read", async () => {
    const { connection, transport, notifications } = connect();
    let seenBefore = -1;
    const call = connection.request("turn/start", {}, { onResult: () => (seenBefore = notifications.length) });
    transport.reply(0, {});
    transport.receive({ method: "turn/started", params: {} });
    await call;
    expect(seenBefore).toBe(0);
    expect(notifications).toHaveLength(1);
  });

  test("reject with a typed error", async () => {
    const { connection, transport } = connect();
    const call = connection.request("thread/start", { secret: "hunter2" });
    transport.receive({ id: 0, error: { code: -32602, message: "too long", data: { max: 1 } } });
    const error = await call.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidParamsError);
    expect(error).toMatchObject({ method: "thread/start", rpcCode: -32602, data: { max: 1 } });
    expect(String(error)).not.toContain("hunter2");
  });

  test("that are not JSON reject with UsageError and send nothing", async () => {
    const { connection, transport } = connect();
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    await expect(connection.request("a", loop)).rejects.toBeInstanceOf(UsageError);
    expect(transport.sent).toEqual([]);
  });

  test("over the window of 64 wait their turn, in order, and all are answered", async () => {
    const { connection, transport } = connect();
    const calls = Array.from({ length: 200 }, (_, index) => connection.request("a", { index }));
    expect(transport.sent).toHaveLength(64);
    for (let index = 0; index < 200; index++) transport.reply(index, index);
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });
});

describe("giving up", () => {
  test("an aborted request rejects with the signal's reason; its late answer is dropped in silence", async () => {
    const { connection, transport, diagnostics } = connect();
    const controller = new AbortController();
    const call = connection.request("a", {}, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    transport.reply(0, {});
    expect(diagnostics).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("what was given up on is forgotten in time: of the latest thousand, a late answer is known", async () => {
    const { connection, transport, diagnostics } = connect();
    for (let index = 0; index < 1_100; index++) {
      const controller = new AbortController();
      const call = connection.request("a", {}, { signal: controller.signal });
      controller.abort("enough");
      await expect(call).rejects.toBe("enough");
    }
    for (const index of [1_099, 100, 99, 0]) transport.reply(index, {});
    expect(diagnostics).toHaveLength(2);
    transport.reply(1_099, {});
    expect(diagnostics).toHaveLength(3);
  });

  test("a signal that is already aborted sends nothing", async () => {
    const { connection, transport } = connect();
    await expect(connection.request("a", {}, { signal: AbortSignal.abort("no") })).rejects.toBe("no");
    expect(transport.sent).toEqual([]);
  });

  test("a timeout says whether the request may have been accepted", async () => {
    const { connection } = connect();
    const sent = connection.request("a", {}, { timeoutMs: 1 });
    await expect(sent).rejects.toMatchObject({ maybeAccepted: true, method: "a", timeoutMs: 1 });
    await expect(sent).rejects.toBeInstanceOf(RequestTimeoutError);
    for (let index = 0; index < 64; index++) void connection.request("busy", {});
    await expect(connection.request("b", {}, { timeoutMs: 1 })).rejects.toMatchObject({ maybeAccepted: false });
  });

  test("frees the place in the window", async () => {
    const { connection, transport } = connect();
    const controller = new AbortController();
    const given = Array.from({ length: 64 }, () => connection.request("a", {}, { signal: controller.signal }));
    const waiting = connection.request("b", {});
    const dropped = connection.request("c", {}, { signal: controller.signal });
    controller.abort("stop");
    await Promise.allSettled([...given, dropped]);
    expect(transport.sent.at(-1)).toMatchObject({ method: "b" });
    expect(transport.sent).toHaveLength(65);
    transport.reply(64, "done");
    expect(await waiting).toBe("done");
    for (let index = 0; index < 64; index++) transport.reply(index, {});
    const next = Array.from({ length: 65 }, () => connection.request("d", {}));
    expect(transport.sent).toHaveLength(65 + 64);
    transport.end({});
    await Promise.allSettled(next);
  });
});

describe("a request that the runtime can cancel", () => {
  const cancelMethod = "search/cancel";

  test("is cancelled by its id when it is given up, and its late answer is dropped in silence", async () => {
    const { connection, transport, diagnostics } = connect();
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = connection.request("search", {}, { signal, cancelMethod });
    const late = connection.request("search", {}, { timeoutMs: 1, cancelMethod });
    await expect(late).rejects.toBeInstanceOf(RequestTimeoutError);
    controller.abort(new Error("Enough."));
    await expect(aborted).rejects.toBe(signal.reason);
    expect(transport.sent.slice(2)).toEqual([
      { method: cancelMethod, id: 2, params: { requestId: 1 } },
      { method: cancelMethod, id: 3, params: { requestId: 0 } },
    ]);
    transport.receive({ id: 2, error: { code: -32600, message: "unknown" } });
    transport.reply(3, {});
    transport.receive({ id: 0, error: { code: -32600, message: "search cancelled" } });
    await turnOfTheLoop();
    expect(diagnostics).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("is not cancelled when it has ended, or was never sent", async () => {
    const { connection, transport } = connect();
    const controller = new AbortController();
    const options = { signal: controller.signal, cancelMethod };
    const done = connection.request("search", {}, options);
    transport.reply(0, "found");
    expect(await done).toBe("found");
    const others = Array.from({ length: 64 }, () => connection.request("a", {}));
    const waiting = connection.request("search", {}, options);
    controller.abort(new Error("Enough."));
    await expect(waiting).rejects.toBe(controller.signal.reason);
    for (let index = 1; index <= 64; index++) transport.reply(index, null);
    await Promise.all(others);
    expect(transport.sent).toHaveLength(65);
  });
});

test("parts of a result go to the request that they name, while it is in flight", async () => {
  const { connection, transport, notifications, diagnostics } = connect();
  const parts: unknown[] = [];
  const listener = (name: string) => ({
    method: "search/partial",
    receive: ({ data }: { readonly data?: unknown }) => {
      if (data === "damaged") throw new TypeError("Damaged.");
      parts.push([name, data]);
    },
  });
  const first = connection.request("search", {}, { partial: listener("first") });
  const second = connection.request("search", {}, { partial: listener("second") });
  const part = (requestId: unknown, data: string, method = "search/partial") =>
    transport.receive({ method, params: { requestId, data } });
  part(1, "a");
  part(0, "b");
  part(0, "another subject", "request/resolved");
  part("0", "another id");
  part(7, "nobody's");
  part(1, "damaged");
  transport.receive({ method: "search/partial" });
  part(1, "c");
  transport.reply(1, null);
  await second;
  part(1, "too late");
  transport.reply(0, null);
  await first;
  expect(parts).toEqual([
    ["second", "a"],
    ["first", "b"],
    ["second", "c"],
  ]);
  expect(notifications).toHaveLength(8);
  expect(diagnostics).toEqual(["Skipped a notification that cannot be understood"]);
});

describe("requests of the runtime", () => {
  test("are answered once with what the receiver resolves to, in parallel", async () => {
    const { transport } = connect(async (request) => ({ decided: request.method }));
    transport.receive({ id: 0, method: "ask", params: {} });
    transport.receive({ id: "s1", method: "ask2", params: {} });
    await turnOfTheLoop();
    expect(transport.sent).toEqual([
      { id: 0, result: { decided: "ask" } },
      { id: "s1", result: { decided: "ask2" } },
    ]);
  });

  test("that the receiver rejects are answered as an error that reveals nothing", async () => {
    const { transport } = connect(() => Promise.reject(new Error("password")));
    transport.receive({ id: 3, method: "ask", params: {} });
    await turnOfTheLoop();
    expect(transport.sent).toEqual([{ id: 3, error: { code: -32603, message: expect.any(String) } }]);
    expect(JSON.stringify(transport.sent)).not.toContain("password");
  });
});

const CUT = "a 😀".slice(0, 3);
const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`);

describe("a request that the runtime could not read", () => {
  test.each<[what: string, params: unknown, where: string]>([
    ["a text that was cut inside a character", { input: [{ text: CUT }] }, "input[0].text contains"],
    ["a name that was cut inside a character", { env: { [CUT]: "x" } }, "env has a property whose name contains"],
    ["nesting over 127 levels, the message included", nested(127), "a.a.a.a.a.a.a.a… is nested too deep"],
    ["no number", { limit: Number.NaN }, "limit is NaN"],
    ["a BigInt", { limit: 1n }, "limit is a bigint"],
    ["a function", { limit: () => 1 }, "limit is a function"],
    ["undefined in a list", { ids: [undefined] }, "ids[0] is undefined"],
    ["a Map", { env: new Map() }, "env is a Map"],
  ])("rejects with UsageError that names the place, and sends nothing: %s", async (_, params, where) => {
    const { connection, transport } = connect();
    const error: unknown = await connection.request("turn/start", params).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(`turn/start was not sent: ${where}`);
    expect(String(error)).not.toContain(CUT);
    expect(transport.sent).toEqual([]);
  });

  test("is none for what looks like it", async () => {
    const { connection, transport } = connect();
    const params = { text: JSON.stringify(CUT), left: undefined, deep: nested(125) };
    void connection.request("a", params);
    expect(transport.sent).toMatchObject([{ params: { text: JSON.stringify(CUT), deep: {} } }]);
  });
});

describe("an answer that the runtime could not read", () => {
  test("gets U+FFFD for half a character, in names too, so that the turn goes on", async () => {
    const { transport } = connect(async () => ({ [CUT]: [CUT, JSON.stringify(CUT)] }));
    transport.receive({ id: 3, method: "ask", params: {} });
    await turnOfTheLoop();
    expect(transport.sent).toEqual([{ id: 3, result: { "a \ufffd": ["a \ufffd", JSON.stringify(CUT)] } }]);
  });

  const large = "x".repeat(2_000);
  const unreadable: [what: string, answer: () => unknown, why: string][] = [
    ["a number without bound", () => ({ large: 1n }), "large is a bigint"],
    ["what is nested too deep to be written", () => nested(100_000), "is nested too deep"],
    ["what is nested deeper than the runtime reads", () => nested(127), "is nested too deep"],
    ["no number", () => ({ at: Number.NaN }), "at is NaN"],
    ["more than the connection takes", () => ({ large }), "too large"],
  ];

  test.each(unreadable)("is refused in place of it, with the reason: %s", async (_, answer, why) => {
    const { transport } = connect(
      async () => answer(),
      ({ method }, { message }) => ({ declined: method, why: message }),
    );
    transport.maxSentBytes = 1_000;
    transport.receive({ id: 3, method: "ask", params: {} });
    await turnOfTheLoop();
    const result = { declined: "ask", why: expect.stringContaining(why) };
    expect(transport.sent).toEqual([{ id: 3, result }]);
  });

  test.each(unreadable)("is an error where there is no refusal, and nothing escapes: %s", async (_, answer) => {
    const { transport } = connect(async () => answer());
    transport.maxSentBytes = 1_000;
    transport.receive({ id: 3, method: "ask", params: {} });
    await turnOfTheLoop();
    expect(transport.sent).toEqual([{ id: 3, error: { code: -32603, message: expect.any(String) } }]);
  });
});

describe("what does not belong on the wire", () => {
  test("is a diagnostic, never fatal", async () => {
    const { connection, transport, diagnostics } = connect();
    for (const line of ["hello", "[1]", "null", "{", '{"id":99,"result":1}', '{"neither":1}'])
      transport.receiveText(line);
    expect(diagnostics).toHaveLength(6);
    const call = connection.request("a", {});
    transport.reply(0, "still here");
    expect(await call).toBe("still here");
  });

  test("an answer over the limit fails its own request alone", async () => {
    const { connection, transport } = connect();
    const large = connection.request("big", {});
    const other = connection.request("small", {});
    transport.receiveOversize('{"id":0,"result":{"data":"', 5000);
    transport.reply(1, "fine");
    await expect(large).rejects.toBeInstanceOf(FrameTooLargeError);
    await expect(large).rejects.toThrow(/big/);
    expect(await other).toBe("fine");
  });

  test("any other message over the limit ends the connection with that reason", async () => {
    const { connection, transport } = connect();
    const call = connection.request("a", {});
    transport.receiveOversize('{"method":"turn/completed","params":{', 5000);
    await expect(call).rejects.toMatchObject({ cause: expect.any(FrameTooLargeError) });
    expect(await connection.closed).toMatchObject({ initiator: "runtime", error: expect.any(FrameTooLargeError) });
  });
});

describe("the end", () => {
  test("rejects everything pending with its reason, and everything new at once", async () => {
    const { connection, transport } = connect();
    const calls = Array.from({ length: 65 }, () => connection.request("a", {}));
    transport.end({ exitCode: 3, stderrTail: "boom" });
    const errors = await Promise.all(calls.map((call) => call.catch((error: unknown) => error)));
    for (const error of errors) expect(error).toBeInstanceOf(TransportClosedError);
    expect(errors[0]).toMatchObject({ exitCode: 3, stderrTail: "boom", method: "a", maybeAccepted: true });
    expect(errors[64]).toMatchObject({ maybeAccepted: false });
    expect(String(errors[0])).toMatch(
      /exited with code 3 while a was in progress\. It may have been .* check before.*boom/s,
    );
    expect(String(errors[64])).toMatch(/exited with code 3 before a was sent\. Create a new client, .*boom/s);
    await expect(connection.request("b", {})).rejects.toBeInstanceOf(TransportClosedError);
    expect(connection.closeReason).toMatchObject({ exitCode: 3 });
  });
});
