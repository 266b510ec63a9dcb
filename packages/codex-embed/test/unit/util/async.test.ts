import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_TIMER_MS, pause, TimeLimitError, timeLimit, withLimits } from "../../../src/util/async.js";

const never = new Promise<never>(() => {});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("withLimits", () => {
  test("settles as the promise does, and leaves no listener and no timer", async () => {
    const { signal } = new AbortController();
    expect(await withLimits(Promise.resolve(1), { signal, timeoutMs: 10 })).toBe(1);
    const failure = new Error("no");
    await expect(withLimits(Promise.reject(failure), { signal, timeoutMs: 10 })).rejects.toBe(failure);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("rejects with the signal's reason, also when it has aborted already", async () => {
    const controller = new AbortController();
    const limited = withLimits(never, { signal: controller.signal, timeoutMs: 10 });
    controller.abort("enough");
    await expect(limited).rejects.toBe("enough");
    await expect(withLimits(never, { signal: controller.signal })).rejects.toBe("enough");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("rejects with what onTimeout returns when the time is up", async () => {
    const { signal } = new AbortController();
    const late = new Error("late");
    const limited = withLimits(never, { signal, timeoutMs: 10, onTimeout: () => late });
    vi.advanceTimersByTime(10);
    await expect(limited).rejects.toBe(late);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test.each([null, undefined, MAX_TIMER_MS + 1, Number.POSITIVE_INFINITY])(
    "sets no timer for %s",
    async (timeoutMs) => {
      const limited = withLimits(Promise.resolve(1), { timeoutMs });
      expect(vi.getTimerCount()).toBe(0);
      expect(await limited).toBe(1);
    },
  );
});

test("timeLimit aborts with the parent's reason or a TimeLimitError, whichever is first", () => {
  const parent = new AbortController();
  const [cut, timed] = [timeLimit("limitMs", 10, parent.signal), timeLimit("limitMs", 5, parent.signal)];
  vi.advanceTimersByTime(5);
  parent.abort("closed");
  expect(cut.signal.reason).toBe("closed");
  expect(timed.signal.reason).toBeInstanceOf(TimeLimitError);
  expect(timed.signal.reason).toMatchObject({ limit: "limitMs (5 ms)", limitMs: 5 });
  for (const limit of [cut, timed]) limit.stop();
  expect(vi.getTimerCount()).toBe(0);
  expect(getEventListeners(parent.signal, "abort")).toEqual([]);
});

test("pause ends early when its promise settles either way, and clears its timer", async () => {
  await pause(10, Promise.resolve());
  await pause(10, Promise.reject(new Error("no")));
  expect(vi.getTimerCount()).toBe(0);
});
