/** Tests the broker of the runtime's requests: who is asked, that each is answered once, and when an answer is void. */

import { describe, expect, test, vi } from "vitest";
import type { CloseReason } from "../../../src/errors/connection.js";
import type { FileUpdateChange } from "../../../src/protocol/generated/protocol.js";
import { RequestBroker } from "../../../src/requests/broker.js";
import type { HandlerContext, Handlers } from "../../../src/requests/handlers.js";
import type { HandlerErrorEvent, Notification } from "../../../src/stream/events.js";
import { completed, itemCompleted, itemStarted, threadId, turnId, turnRecord } from "../../support/events.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const at = { threadId, turnId, itemId: "item-1", startedAtMs: 1 };
const command = (id: number | string, over: object = {}) => ({
  id,
  method: "item/commandExecution/requestApproval",
  params: { ...at, kind: "command", command: "ls", ...over },
});
const fileChange = (id: number) => ({ id, method: "item/fileChange/requestApproval", params: { ...at } });
const changes: FileUpdateChange[] = [{ path: "/a", kind: { type: "add" }, diff: "a\n" }];
const changeItem = { type: "fileChange", id: "item-1", changes, status: "inProgress" } as const;
const closed: CloseReason = { initiator: "runtime", exitCode: 1, signal: null, stderrTail: "" };

function brokerOf(
  handlers: Handlers,
  parentOf: (threadId: string) => Promise<string | null> = async () => null,
  knows: (threadId: string) => boolean = () => true,
) {
  const errors: HandlerErrorEvent["params"][] = [];
  const settled: string[] = [];
  const broker = new RequestBroker(handlers, {
    handlerError: ({ params }) => errors.push(params),
    knows,
    contextOf: () => null,
    parentOf,
    settled: (thread, turn) => settled.push(`${thread}/${turn}`),
  });
  return { broker, errors, settled };
}

/** A handler that waits until the test decides. */
function undecided<T>() {
  const contexts: HandlerContext[] = [];
  const resolves: ((decision: T) => void)[] = [];
  const handler = (_: unknown, context: HandlerContext) => {
    contexts.push(context);
    return new Promise<T>((resolve) => resolves.push(resolve));
  };
  return { handler, contexts, decide: (decision: T) => resolves.forEach((resolve) => resolve(decision)) };
}

const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

const resolvedElsewhere = (requestId: number | string): Notification => ({
  method: "serverRequest/resolved",
  params: { threadId, requestId },
});

describe("a request without an answer", () => {
  test.each<[string, Handlers, string]>([
    ["that no handler takes", {}, "Nothing handles item/commandExecution/requestApproval."],
    [
      "whose handler returned nothing",
      { approveCommand: untyped(() => {}) },
      "The handler of item/commandExecution/requestApproval returned nothing. Return an answer from approveCommand.",
    ],
    [
      "whose handler resolved with nothing",
      { approveCommand: untyped(async () => {}) },
      "The handler of item/commandExecution/requestApproval returned nothing. Return an answer from approveCommand.",
    ],
    [
      "whose handler returned what is no answer",
      { approveCommand: untyped(() => null) },
      "The handler of item/commandExecution/requestApproval returned what is no answer to it.",
    ],
  ])("%s is declined, and told as it is", async (_, handlers, says) => {
    const { broker, errors } = brokerOf(handlers);
    expect(await broker.answer(command(1))).toEqual({ decision: "decline" });
    expect(errors).toMatchObject([{ error: { code: "REQUEST_DECLINED", message: says } }]);
  });
});

describe("an answer", () => {
  test("is made off the reader", async () => {
    const approveCommand = vi.fn(() => "accept" as const);
    const { broker } = brokerOf({ approveCommand });
    const answer = broker.answer(command(0));
    expect(approveCommand).not.toHaveBeenCalled();
    expect(await answer).toEqual({ decision: "accept" });
  });

  test("is given once: a request that is sent again while it is pending is not asked again", async () => {
    verifies("asked-once");
    const { handler, contexts, decide } = undecided<"accept">();
    const { broker } = brokerOf({ approveCommand: handler });
    const first = broker.answer(command(0));
    await turnOfTheLoop();
    expect(await broker.answer(command(0))).toBeUndefined();
    decide("accept");
    expect(await first).toEqual({ decision: "accept" });
    expect(contexts).toHaveLength(1);
  });

  test("that a handler fails to give is reported with what it threw", async () => {
    const thrown = { not: "an Error" };
    // oxlint-disable-next-line prefer-promise-reject-errors -- that is what is tested
    const { broker, errors } = brokerOf({ approveCommand: () => Promise.reject(thrown) });
    expect(await broker.answer(command(0))).toEqual({ decision: "decline" });
    const request = "item/commandExecution/requestApproval";
    expect(errors).toEqual([{ request, threadId, turnId, error: thrown }]);
    expect(errors[0]?.error).toBe(thrown);
  });

  test("goes to its own request: ids 1 and '1' are two", async () => {
    const { handler, contexts } = undecided<"accept">();
    const { broker } = brokerOf({ approveCommand: handler });
    const answers = [broker.answer(command(1)), broker.answer(command("1"))];
    await turnOfTheLoop();
    broker.observe(resolvedElsewhere("1"));
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    broker.close(closed);
    expect(await Promise.all(answers)).toEqual([undefined, undefined]);
  });

  test("a request that this version does not know is an error", async () => {
    const { broker } = brokerOf({});
    await expect(broker.answer({ id: 0, method: "item/new/ask", params: {} })).rejects.toThrow("item/new/ask");
    await expect(broker.answer({ id: 0, method: "toString", params: {} })).rejects.toThrow("toString");
  });

  test("a request without parameters does not reach a handler as if it had some, and is answered", async () => {
    const approveCommand = vi.fn(() => "accept" as const);
    const { broker } = brokerOf({ approveCommand });
    const answer = broker.answer({ id: 0, method: "item/commandExecution/requestApproval", params: null });
    expect(await answer).toEqual({ decision: "decline" });
    expect(approveCommand).not.toHaveBeenCalled();
  });

  test("handlers see what is declared, and nothing else of the SDK's own", async () => {
    const { handler, contexts, decide } = undecided<"accept">();
    const { broker } = brokerOf({ approveCommand: handler });
    const answer = broker.answer(command(0));
    await turnOfTheLoop();
    expect(Object.keys(contexts[0] ?? {}).toSorted()).toEqual(["itemId", "signal", "threadCwd", "threadId", "turnId"]);
    decide("accept");
    await answer;
  });
});

describe("a pending request", () => {
  const ends: [string, (broker: RequestBroker) => void][] = [
    ["resolved elsewhere", (broker) => broker.observe(resolvedElsewhere(0))],
    ["the end of its turn", (broker) => broker.observe(completed("interrupted"))],
    ["the death of the runtime", (broker) => broker.close(closed)],
    ["close", (broker) => broker.close({ ...closed, initiator: "client" })],
  ];

  test.each(ends)(
    "is void by %s: the signal fires, nothing is answered, and a late answer changes nothing",
    async (_, end) => {
      verifies("asked-once");
      const { handler, contexts, decide } = undecided<"accept">();
      const { broker, errors, settled } = brokerOf({ approveCommand: handler });
      const answer = broker.answer(command(0));
      await turnOfTheLoop();
      expect(broker.isWaiting(threadId, turnId)).toBe(true);
      end(broker);
      expect(contexts[0]?.signal.aborted).toBe(true);
      expect(contexts[0]?.signal.reason).toMatchObject({ code: "REQUEST_VOID" });
      decide("accept");
      expect(await answer).toBeUndefined();
      await turnOfTheLoop();
      expect(errors).toEqual([]);
      expect(settled).toEqual([`${threadId}/${turnId}`]);
      expect(broker.isWaiting(threadId, turnId)).toBe(false);
    },
  );

  test("is not touched by the end of another turn or request", async () => {
    const { handler, contexts, decide } = undecided<"accept">();
    const { broker } = brokerOf({ approveCommand: handler });
    const answer = broker.answer(command(0));
    await turnOfTheLoop();
    broker.observe(completed("completed", { id: "turn-2" }));
    broker.observe({ method: "turn/completed", params: { threadId: "thread-2", turn: turnRecord("completed") } });
    broker.observe(resolvedElsewhere(1));
    broker.observe({ method: "serverRequest/resolved", params: { threadId: "thread-2", requestId: 0 } });
    expect([broker.isWaiting(threadId, turnId), broker.isWaiting("thread-2", turnId)]).toEqual([true, false]);
    expect(contexts[0]?.signal.aborted).toBe(false);
    decide("accept");
    expect(await answer).toEqual({ decision: "accept" });
    expect(contexts[0]?.signal.aborted).toBe(false);
  });

  test("all of them are void at close", async () => {
    const { handler, contexts } = undecided<"accept">();
    const { broker } = brokerOf({ approveCommand: handler });
    const answers = [0, 1, 2].map((id) => broker.answer(command(id, { turnId: `turn-${id}` })));
    await turnOfTheLoop();
    broker.close(closed);
    expect(await Promise.all(answers)).toEqual([undefined, undefined, undefined]);
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, true, true]);
  });

  test("a throw after the request has become void is not reported", async () => {
    const { broker, errors } = brokerOf({
      approveCommand: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("Stopped.")), { once: true });
        }),
    });
    const answer = broker.answer(command(0));
    await turnOfTheLoop();
    broker.observe(resolvedElsewhere(0));
    expect(await answer).toBeUndefined();
    await turnOfTheLoop();
    expect(errors).toEqual([]);
  });
});

describe.concurrent("a file change", () => {
  const asked = (knows?: (id: string) => boolean) => {
    const approveFileChange = vi.fn<NonNullable<Handlers["approveFileChange"]>>(() => "accept");
    return { approveFileChange, ...brokerOf({ approveFileChange }, undefined, knows) };
  };
  const declined = (errors: readonly HandlerErrorEvent["params"][]) =>
    expect(errors).toMatchObject([{ threadId, turnId, error: { code: "CHANGES_UNKNOWN" } }]);
  const other: FileUpdateChange[] = [{ path: "/etc/evil", kind: { type: "add" }, diff: "evil\n" }];
  /** The start of the item of the same id, elsewhere or with other changes. */
  const startedItem = (over: object = {}, list: unknown = changes): Notification => ({
    method: "item/started",
    params: { threadId, turnId, startedAtMs: 1, item: { ...changeItem, changes: untyped(list) }, ...over },
  });

  test("is joined with the item that came before", async () => {
    const { broker, approveFileChange } = asked();
    broker.observe(itemStarted(changeItem));
    expect(await broker.answer(fileChange(0))).toEqual({ decision: "accept" });
    expect(approveFileChange.mock.calls[0]?.[0]).toEqual({ ...at, changes });
  });

  test("is joined with the item that comes after", async () => {
    const { broker, approveFileChange } = asked();
    const answer = broker.answer(fileChange(0));
    await turnOfTheLoop();
    expect(approveFileChange).not.toHaveBeenCalled();
    broker.observe(itemStarted(changeItem));
    expect(await answer).toEqual({ decision: "accept" });
    expect(approveFileChange.mock.calls[0]?.[0]).toEqual({ ...at, changes });
  });

  test.each([
    ["thread", { threadId: "thread-2" }],
    ["turn", { turnId: "turn-2" }],
  ])("is never joined with an item of the same id in another %s", async (_, elsewhere) => {
    const { broker, approveFileChange } = asked();
    broker.observe(startedItem());
    broker.observe(startedItem(elsewhere, other));
    expect(await broker.answer(fileChange(0))).toEqual({ decision: "accept" });
    expect(await broker.answer({ ...fileChange(1), params: { ...at, ...elsewhere } })).toEqual({ decision: "accept" });
    expect(approveFileChange.mock.calls.map(([request]) => request.changes)).toEqual([changes, other]);
    // The end of the one is not the end of the other.
    broker.observe({
      method: "turn/completed",
      params: { threadId: "thread-2", turn: turnRecord("completed", { id: turnId }) },
    });
    expect(await broker.answer(fileChange(2))).toEqual({ decision: "accept" });
    expect(approveFileChange.mock.calls[2]?.[0].changes).toEqual(changes);
  });

  test("shows what was known when it was asked, whatever starts under its id while its thread is looked up", async () => {
    let tell: (parent: string | null) => void = () => {};
    const approveFileChange = vi.fn<NonNullable<Handlers["approveFileChange"]>>(() => "accept");
    const { broker } = brokerOf({ approveFileChange }, () => new Promise((resolve) => (tell = resolve)));
    broker.attach("stranger", { handlers: {} });
    broker.observe(startedItem());
    const answer = broker.answer(fileChange(0));
    await turnOfTheLoop();
    broker.observe(itemCompleted(changeItem));
    broker.observe(startedItem({}, other));
    tell(null);
    expect(await answer).toEqual({ decision: "accept" });
    expect(approveFileChange.mock.calls[0]?.[0].changes).toEqual(changes);
  });

  test.each<[string, readonly Notification[]]>([
    ["never comes", []],
    ["has an empty list", [startedItem({}, [])]],
    ["has no list", [startedItem({}, null)]],
    ["has a damaged change", [startedItem({}, [...changes, { path: 7, kind: { type: "add" }, diff: "" }])]],
    ["is a draft", [{ method: "item/fileChange/patchUpdated", params: { ...at, changes } }]],
    [
      "was redrafted after its start",
      [startedItem(), { method: "item/fileChange/patchUpdated", params: { ...at, changes: other } }],
    ],
    ["is one of two in flight under one id", [startedItem(), startedItem({}, other)]],
    ["was one of two in flight", [startedItem(), startedItem({}, other), itemCompleted(changeItem), startedItem()]],
    ["is not a file change", [startedItem({ item: { ...changeItem, type: "mcpToolCall" } })]],
  ])("whose item %s is declined, and no handler is asked", async (_, heard) => {
    verifies("unknown-file-change");
    const { broker, errors, approveFileChange } = asked();
    for (const notification of heard) broker.observe(notification);
    expect(await broker.answer(fileChange(0))).toEqual({ decision: "decline" });
    expect(approveFileChange).not.toHaveBeenCalled();
    declined(errors);
  });

  test("that nobody decides on is declined at once, whether its changes are known or not", async () => {
    const { broker, errors } = brokerOf({});
    expect(await broker.answer(fileChange(0))).toEqual({ decision: "decline" });
    expect(errors).toMatchObject([{ error: { code: "REQUEST_DECLINED" } }]);
  });

  test("that is void while its item is awaited is not asked", async () => {
    const { broker, approveFileChange } = asked();
    const answer = broker.answer(fileChange(0));
    await turnOfTheLoop();
    broker.observe(resolvedElsewhere(0));
    expect(await answer).toBeUndefined();
    await turnOfTheLoop();
    expect(approveFileChange).not.toHaveBeenCalled();
  });

  test.each([
    ["its end", itemCompleted(changeItem)],
    ["the end of the turn", completed()],
  ])("the item is forgotten at %s", async (_, end) => {
    const { broker, approveFileChange } = asked();
    broker.observe(itemStarted(changeItem));
    broker.observe(end);
    const answer = broker.answer(fileChange(0));
    await turnOfTheLoop();
    expect(approveFileChange).not.toHaveBeenCalled();
    broker.close(closed);
    expect(await answer).toBeUndefined();
  });

  describe("after a gap", () => {
    const record = (over: object = {}) =>
      turnRecord("inProgress", {
        itemsView: "full",
        items: [untyped({ ...changeItem, completedAtMs: null, ...over })],
      });

    test("is not joined with what was known before: another item may have started under its id", async () => {
      verifies("unknown-file-change");
      const { broker, errors, approveFileChange } = asked();
      broker.observe(startedItem());
      broker.suspend();
      expect(await broker.answer(fileChange(0))).toEqual({ decision: "decline" });
      expect(approveFileChange).not.toHaveBeenCalled();
      declined(errors);
    });

    test("is joined with what the record has in flight, also when the item is told of once more", async () => {
      const { broker, approveFileChange } = asked();
      broker.observe(startedItem({}, other));
      broker.suspend();
      broker.learn(threadId, [record()]);
      broker.observe(startedItem());
      expect(await broker.answer(fileChange(0))).toEqual({ decision: "accept" });
      expect(approveFileChange.mock.calls[0]?.[0].changes).toEqual(changes);
    });

    test.each([
      ["an item that has ended", record({ status: "completed", completedAtMs: 5 })],
      ["an item without changes", record({ changes: [] })],
      ["a turn that has ended", { ...record(), status: "interrupted" as const }],
      ["another turn", { ...record(), id: "turn-2", rootTurnId: "turn-2" }],
    ])("is not joined with %s of the record", async (_, turn) => {
      const { broker, errors, approveFileChange } = asked();
      broker.learn(threadId, [turn]);
      expect(await broker.answer(fileChange(0))).toEqual({ decision: "decline" });
      expect(approveFileChange).not.toHaveBeenCalled();
      declined(errors);
    });

    test("is not shown an older record in place of what was heard since", async () => {
      const { broker, approveFileChange } = asked();
      broker.observe(startedItem());
      broker.learn(threadId, [record({ changes: other })]);
      expect(await broker.answer(fileChange(0))).toEqual({ decision: "accept" });
      expect(approveFileChange.mock.calls[0]?.[0].changes).toEqual(changes);
    });

    test("the decision on it stays with what was shown: the same id with other parameters is another request", async () => {
      const { handler, contexts, decide } = undecided<"accept">();
      const { broker } = brokerOf({ approveCommand: handler });
      const first = broker.answer(command(0));
      await turnOfTheLoop();
      broker.suspend();
      const second = broker.answer(command(0, { command: "rm -rf /" }));
      await turnOfTheLoop();
      expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
      decide("accept");
      expect(await Promise.all([first, second])).toEqual([undefined, { decision: "accept" }]);
    });
  });
});

describe("a thread's deciders", () => {
  test("are forgotten by detach and by the end of the thread", async () => {
    const { broker } = brokerOf({ approveCommand: () => "accept" });
    let id = 0;
    for (const forget of [
      () => broker.detach(threadId),
      () => broker.observe({ method: "thread/closed", params: { threadId } }),
    ]) {
      broker.attach(threadId, { handlers: { approveCommand: () => "decline" } });
      expect(await broker.answer(command(id++))).toEqual({ decision: "decline" });
      forget();
      expect(await broker.answer(command(id++))).toEqual({ decision: "accept" });
    }
  });

  test("decide for no other thread", async () => {
    const { broker } = brokerOf({ approveCommand: () => "accept" });
    broker.attach("thread-2", { handlers: { approveCommand: () => "decline" } });
    expect(await broker.answer(command(0))).toEqual({ decision: "accept" });
  });
});

describe("a sub-agent's request", () => {
  const parents: Readonly<Record<string, string>> = { [threadId]: "parent", parent: "grandparent" };
  const parentOf = (id: string) => Promise.resolve(parents[id] ?? null);

  test("goes to the nearest thread above that has deciders, and each parent is looked up once", async () => {
    const lookUp = vi.fn(parentOf);
    const client = vi.fn(() => "accept" as const);
    const { broker } = brokerOf({ approveCommand: client }, lookUp);
    broker.attach("grandparent", { handlers: { approveCommand: () => "cancel" } });
    expect(await broker.answer(command(0))).toEqual({ decision: "cancel" });
    broker.attach("parent", { handlers: { approveCommand: () => "decline" } });
    expect(await broker.answer(command(1))).toEqual({ decision: "decline" });
    expect(lookUp.mock.calls).toEqual([[threadId], ["parent"]]);
    expect(client).not.toHaveBeenCalled();
  });

  test("goes to the client when no thread above has deciders; nothing is looked up when none has any", async () => {
    const lookUp = vi.fn(parentOf);
    const { broker } = brokerOf({ approveCommand: () => "accept" }, lookUp);
    expect(await broker.answer(command(0))).toEqual({ decision: "accept" });
    expect(lookUp).not.toHaveBeenCalled();
    broker.attach("stranger", { handlers: { approveCommand: () => "cancel" } });
    expect(await broker.answer(command(1))).toEqual({ decision: "accept" });
    expect(lookUp.mock.calls).toEqual([[threadId], ["parent"], ["grandparent"]]);
  });

  test("is declined when it cannot be told whose it is, and asked about anew the next time", async () => {
    const unreadable = new Error("Not now.");
    const lookUp = vi.fn(parentOf).mockRejectedValueOnce(unreadable);
    const client = vi.fn(() => "accept" as const);
    const { broker, errors } = brokerOf({ approveCommand: client }, lookUp);
    broker.attach("parent", { handlers: { approveCommand: () => "acceptForSession" } });
    expect(await broker.answer(command(0))).toEqual({ decision: "decline" });
    expect(errors).toMatchObject([{ error: unreadable }]);
    expect(await broker.answer(command(1))).toEqual({ decision: "acceptForSession" });
    expect(client).not.toHaveBeenCalled();
  });

  test("goes to the client when the threads above go around in a circle", async () => {
    const circle = vi.fn(async (id: string) => {
      if (circle.mock.calls.length > 3) throw new Error("This goes on for ever.");
      return id === threadId ? "other" : threadId;
    });
    const { broker } = brokerOf({ approveCommand: () => "accept" }, circle);
    broker.attach("stranger", { handlers: { approveCommand: () => "cancel" } });
    expect(await broker.answer(command(0))).toEqual({ decision: "accept" });
    expect(circle.mock.calls).toEqual([[threadId], ["other"]]);
  });

  test("that is void by the time its parent is known reaches nobody", async () => {
    let tell: (parent: string | null) => void = () => {};
    const client = vi.fn(() => "accept" as const);
    const { broker } = brokerOf({ approveCommand: client }, () => new Promise((resolve) => (tell = resolve)));
    broker.attach("stranger", { handlers: { approveCommand: client } });
    const answer = broker.answer(command(0));
    await turnOfTheLoop();
    broker.observe(resolvedElsewhere(0));
    tell("stranger");
    expect(await answer).toBeUndefined();
    await turnOfTheLoop();
    expect(client).not.toHaveBeenCalled();
  });
});

describe("the working directory of a thread", () => {
  const parentOf = async (id: string) => (id === threadId ? "parent" : null);

  async function seenCwd(prepare: (broker: RequestBroker) => void, lookUp = parentOf): Promise<string | null> {
    const seen: HandlerContext[] = [];
    const approveCommand: Handlers["approveCommand"] = (_request, context) => {
      seen.push(context);
      return "accept";
    };
    const { broker } = brokerOf({ approveCommand }, lookUp);
    prepare(broker);
    await broker.answer(command(0));
    const [context] = seen;
    if (context === undefined) throw new Error("Nobody was asked.");
    return context.threadCwd;
  }
  const updated = (id: string, cwd: string) =>
    ({ method: "thread/settings/updated", params: { threadId: id, threadSettings: { cwd } } }) as Notification;

  test("is what the client opened it in, or has given it since", async () => {
    expect(await seenCwd((broker) => broker.attach(threadId, { cwd: "/a" }))).toBe("/a");
    const moved = await seenCwd((broker) => {
      broker.attach(threadId, { cwd: "/a" });
      broker.attach(threadId, { handlers: {} });
      broker.observe(updated(threadId, "/b"));
    });
    expect(moved).toBe("/b");
  });

  test("of a sub-agent is that of the nearest thread above that the client has opened, whoever decides", async () => {
    expect(await seenCwd((broker) => broker.attach("parent", { cwd: "/p" }))).toBe("/p");
    const stranger = { handlers: { approveCommand: () => "cancel" as const }, cwd: "/s" };
    const beside = await seenCwd((broker) => {
      broker.attach("stranger", stranger);
      broker.attach("parent", { cwd: "/p" });
      broker.observe(updated(threadId, "/chosen/by/the/agent"));
    });
    expect(beside).toBe("/p");
  });

  test("is null when it is not known", async () => {
    expect(await seenCwd(() => {})).toBeNull();
    expect(await seenCwd((broker) => broker.attach("stranger", { cwd: "/s" }))).toBeNull();
    const failing = () => Promise.reject(new Error("Not now."));
    expect(await seenCwd((broker) => broker.attach("stranger", { cwd: "/s" }), failing)).toBeNull();
    const gone = await seenCwd((broker) => {
      broker.attach(threadId, { cwd: "/a" });
      broker.detach(threadId);
    });
    expect(gone).toBeNull();
  });
});
