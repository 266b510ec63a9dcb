/** Tests how threads are taken up again: which requests are made, and what becomes of decisions that nobody asks for again. */

import { describe, expect, test } from "vitest";
import {
  type CloseReason,
  FrameTooLargeError,
  JsonRpcError,
  ServerBusyError,
  TransportClosedError,
} from "../../../src/errors/connection.js";
import { RequestBroker } from "../../../src/requests/broker.js";
import { Recovery, type RecoveryRequest } from "../../../src/runtime/recovery.js";
import { Router } from "../../../src/stream/router.js";
import { ThreadSandboxes, ThreadUpdates } from "../../../src/stream/threadMemory.js";
import { started, threadId, turnId, turnRecord } from "../../support/events.js";
import { untyped } from "../../support/turns.js";

const loss: CloseReason = {
  initiator: "runtime",
  exitCode: null,
  signal: null,
  stderrTail: "",
  error: new Error("cut"),
};

function bench(answers: Readonly<Record<string, (params: unknown) => unknown>>, { experimentalApi = true } = {}) {
  const router = new Router();
  const asked: AbortSignal[] = [];
  const broker = new RequestBroker(
    {
      approveCommand: (_, { signal }) => {
        asked.push(signal);
        return new Promise(() => {});
      },
    },
    { handlerError: () => {}, knows: () => true, contextOf: () => null, parentOf: async () => null, settled: () => {} },
  );
  const updates = new ThreadUpdates();
  const recovery = new Recovery(router, broker, { sandboxes: new ThreadSandboxes(), updates }, experimentalApi);
  const made: string[] = [];
  const request: RecoveryRequest = async (method, params) => {
    made.push(method);
    return untyped(await answers[method]?.(params));
  };
  return { router, broker, recovery, updates, made, request, asked };
}

const refusal = new JsonRpcError("REQUEST_FAILED", "thread/resume", { code: -32600, message: "no rollout found" });
const approval = { method: "item/commandExecution/requestApproval", params: { threadId, turnId, itemId: "c1" } };
const page = (...turns: object[]) => ({ initialTurnsPage: { data: turns, nextCursor: null } });

test("a decision that is not asked for again is void, one that is asked for again is not", async () => {
  for (const again of [true, false]) {
    const { broker, recovery, made, request, asked } = bench({
      "thread/resume": () => page(turnRecord("inProgress")),
      "thread/read": () => {
        if (again) void broker.answer({ id: 7, ...approval });
        return {};
      },
    });
    recovery.keep(threadId, true);
    void broker.answer({ id: 7, ...approval });
    await new Promise(setImmediate);
    recovery.suspend();
    await recovery.resubscribeAll(request, loss);
    expect(made).toEqual(["thread/resume", "thread/read"]);
    expect(asked.map(({ aborted }) => aborted)).toEqual([!again]);
  }
});

test("settings that may not be stored are sent again behind the resume, as one update", async () => {
  const sent: unknown[] = [];
  const { recovery, updates, made, request } = bench({
    "thread/resume": () => page(),
    "thread/settings/update": (params) => void sent.push(params),
  });
  recovery.keep(threadId, true);
  updates.note({ threadId, model: "one", effort: "low" });
  updates.note({ threadId, model: "two" });
  recovery.suspend();
  await recovery.resubscribeAll(request, loss);
  await recovery.wake(threadId, request);
  expect(made.filter((method) => method !== "thread/loaded/list")).toEqual(["thread/resume", "thread/settings/update"]);
  expect(sent).toEqual([{ threadId, model: "two", effort: "low" }]);
});

describe("without the experimental API", () => {
  const awaitedThread = (answers: Readonly<Record<string, (params: unknown) => unknown>>) => {
    const { router, recovery, made, request } = bench(answers, { experimentalApi: false });
    recovery.keep(threadId, true);
    const told: string[] = [];
    router
      .reserve(threadId)
      .claim(turnId, { push: ({ method }) => void told.push(method), touch: () => {}, fail: () => {} });
    recovery.suspend();
    return { recovery, made, request, told };
  };
  const resumed = (params: unknown) => {
    expect(params).not.toHaveProperty("initialTurnsPage");
    return params;
  };

  test("the history of a thread with an awaited turn is read whole, with the items in flight", async () => {
    const { recovery, made, request, told } = awaitedThread({
      "thread/resume": (params) => {
        expect(resumed(params)).toMatchObject({ excludeTurns: false });
        return { thread: { turns: [turnRecord("completed")] } };
      },
    });
    await recovery.resubscribeAll(request, loss);
    expect(made).toEqual(["thread/resume"]);
    expect(told).toContain("turn/completed");
  });

  test("a history over maxFrameBytes is listed instead", async () => {
    const { recovery, made, request, told } = awaitedThread({
      "thread/resume": (params) => {
        if (!Reflect.get(Object(resumed(params)), "excludeTurns")) throw new FrameTooLargeError(1);
        return {};
      },
      "thread/turns/list": () => ({ data: [turnRecord("completed")], nextCursor: null }),
    });
    await recovery.resubscribeAll(request, loss);
    expect(made).toEqual(["thread/resume", "thread/resume", "thread/turns/list"]);
    expect(told).toContain("turn/completed");
  });

  test("an idle thread is resumed without its history", async () => {
    const answers = {
      "thread/resume": (params: unknown) => expect(resumed(params)).toMatchObject({ excludeTurns: true }),
    };
    const list = { "thread/turns/list": () => ({ data: [], nextCursor: null }) };
    const { recovery, made, request } = bench({ ...answers, ...list }, { experimentalApi: false });
    recovery.keep(threadId, true);
    recovery.suspend();
    await recovery.resubscribeAll(request, loss);
    await recovery.wake(threadId, request);
    expect(made.filter((method) => method !== "thread/loaded/list")).toEqual(["thread/resume", "thread/turns/list"]);
  });
});

test("earlier turns are asked for until the one that is awaited is among them", async () => {
  const { router, recovery, made, request } = bench({
    "thread/resume": () => ({
      initialTurnsPage: { data: [turnRecord("completed", { id: "b", rootTurnId: "b" })], nextCursor: "2" },
    }),
    "thread/turns/list": () => ({ data: [turnRecord("completed")], nextCursor: "3" }),
  });
  recovery.keep(threadId, true);
  const told: string[] = [];
  router
    .reserve(threadId)
    .claim(turnId, { push: ({ method }) => void told.push(method), touch: () => {}, fail: () => {} });
  recovery.suspend();
  await recovery.resubscribeAll(request, loss);
  expect(made).toEqual(["thread/resume", "thread/turns/list"]);
  expect(told).toEqual(["turn/started", "reconnected", "turn/completed"]);
});

test("a runtime that is too busy is no refusal: it can be tried again", async () => {
  let isBusy = true;
  const { router, recovery, request } = bench({
    "thread/resume": () => {
      if (isBusy) throw new ServerBusyError("SERVER_BUSY", "thread/resume", { code: -32001, message: "Busy." });
      return page(turnRecord("completed"));
    },
  });
  recovery.keep(threadId, true);
  const told: string[] = [];
  router
    .reserve(threadId)
    .claim(turnId, { push: ({ method }) => void told.push(method), touch: () => {}, fail: () => {} });
  recovery.suspend();
  await expect(recovery.resubscribeAll(request, loss)).rejects.toThrow(ServerBusyError);
  isBusy = false;
  await recovery.resubscribeAll(request, loss);
  expect(told).toEqual(["turn/started", "reconnected", "turn/completed"]);
});

test.each(["found detached", "lost with the connection"])(
  "a thread whose first turn has just begun, %s, is resumed as soon as it can be",
  async (how) => {
    let refusals = 2;
    const { router, recovery, made, request } = bench({
      "thread/resume": () => {
        if (refusals-- > 0) throw refusal;
        return page(turnRecord("inProgress"));
      },
    });
    recovery.keep(threadId, true);
    const told: string[] = [];
    const failures: unknown[] = [];
    router.reserve(threadId).claim(turnId, {
      push: ({ method }) => void told.push(method),
      touch: () => {},
      fail: (error) => void failures.push(error),
    });
    if (how === "found detached") await recovery.attach(threadId, request);
    else {
      recovery.suspend();
      await recovery.resubscribeAll(request, loss);
    }
    expect([made.length, told, failures]).toEqual([3, ["turn/started", "reconnected"], []]);
  },
);

test("a thread that cannot be resumed is lost with its turn; without one it is left for later", async () => {
  const answers = {
    "thread/resume": () => {
      throw refusal;
    },
  };
  const idle = bench(answers);
  idle.recovery.keep(threadId, true);
  idle.recovery.suspend();
  await idle.recovery.resubscribeAll(idle.request, loss);
  await idle.recovery.wake(threadId, idle.request);
  expect(idle.recovery.isDetached(threadId)).toBe(true);
  expect(() => idle.router.reserve(threadId)).not.toThrow();

  const busy = bench(answers);
  busy.recovery.keep(threadId, true);
  const failures: unknown[] = [];
  busy.router
    .reserve(threadId)
    .claim(turnId, { push: () => {}, touch: () => {}, fail: (error) => void failures.push(error) });
  busy.recovery.suspend();
  await busy.recovery.resubscribeAll(busy.request, loss);
  expect(failures).toMatchObject([{ maybeAccepted: true, cause: refusal }]);
  expect(failures[0]).toBeInstanceOf(TransportClosedError);
  expect(() => busy.router.reserve(threadId)).toThrow("could not be resumed");
});

describe("an idle thread", () => {
  test("is not resumed before it is used, and then once", async () => {
    const { router, recovery, made, request } = bench({
      "thread/loaded/list": () => ({ data: [], nextCursor: null }),
      "thread/resume": () => page(turnRecord("completed")),
    });
    recovery.keep(threadId, true);
    recovery.suspend();
    await recovery.resubscribeAll(request, loss);
    expect([made, recovery.isDormant(threadId)]).toEqual([["thread/loaded/list"], true]);
    expect(router.isBusy(threadId)).toBe(false);
    await Promise.all([recovery.wake(threadId, request), recovery.wake(threadId, request)]);
    await recovery.wake(threadId, request);
    expect([made, recovery.isDormant(threadId)]).toEqual([["thread/loaded/list", "thread/resume"], false]);
  });

  test("that is reserved for a turn before it is taken up keeps its turn, also when it cannot be resumed", async () => {
    const { router, recovery, request } = bench({
      "thread/loaded/list": () => ({ data: [], nextCursor: null }),
      "thread/resume": () => {
        throw refusal;
      },
    });
    recovery.keep(threadId, true);
    recovery.suspend();
    await recovery.resubscribeAll(request, loss);
    const reservation = router.reserve(threadId);
    await recovery.wake(threadId, request);
    const failures: unknown[] = [];
    reservation.claim(turnId, { push: () => {}, touch: () => {}, fail: (error) => void failures.push(error) });
    expect([failures, recovery.isDetached(threadId)]).toEqual([[], true]);
  });

  test("is as dormant as before when its resume is not answered, and what comes meanwhile is not held back", async () => {
    let isLost = true;
    const { router, recovery, request } = bench({
      "thread/loaded/list": () => ({ data: [], nextCursor: null }),
      "thread/resume": () => {
        if (isLost) throw new TransportClosedError(loss);
        return page(turnRecord("completed"));
      },
    });
    recovery.keep(threadId, true);
    recovery.suspend();
    await recovery.resubscribeAll(request, loss);
    await expect(recovery.wake(threadId, request)).rejects.toThrow(TransportClosedError);
    expect(recovery.isDormant(threadId)).toBe(true);
    const told: string[] = [];
    const stop = router.follow(threadId, { push: ({ method }) => void told.push(method), fail: () => {} }, threadId);
    router.dispatch(started(), 0);
    expect(told).toEqual(["turn/started"]);
    stop();
    isLost = false;
    await recovery.wake(threadId, request);
    expect(recovery.isDormant(threadId)).toBe(false);
  });

  test("that the runtime still has loaded is taken up in the background, one after the other", async () => {
    let inFlight = 0;
    let most = 0;
    const ids = ["a", "b", "c", "d"];
    const { recovery, made, request } = bench({
      "thread/loaded/list": () => ({ data: ["x", "a", "b", "c"], nextCursor: null }),
      "thread/resume": async () => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await new Promise(setImmediate);
        inFlight -= 1;
        return page();
      },
    });
    for (const id of ids) recovery.keep(id, true);
    recovery.suspend();
    await recovery.resubscribeAll(request, loss);
    while (recovery.isDormant("c")) await new Promise(setImmediate);
    expect(ids.map((id) => recovery.isDormant(id))).toEqual([false, false, false, true]);
    expect([made.length, most]).toEqual([4, 1]);
  });
});
