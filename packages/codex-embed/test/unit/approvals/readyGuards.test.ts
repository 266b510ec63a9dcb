import { UsageError } from "codex-embed";
import { limitCalls, redactOutput, requirePassing } from "codex-embed/approvals";
import { describe, expect, test } from "vitest";
import type { GuardContext } from "../../../src/guards/types.js";
import { commandCall, guardContext } from "../../support/approvals.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const call = commandCall("ls");

describe("limitCalls", () => {
  const guards = () => limitCalls({ perTurn: 2 });
  const denies = async (limit: ReturnType<typeof guards>, given: Partial<GuardContext>) =>
    (await limit.beforeTool(call, { ...guardContext, ...given })) !== undefined;

  test("denies calls over the limit, counted per turn and agent", async () => {
    verifies("ready-guards");
    const limit = guards();
    const seen: boolean[] = [];
    for (const callId of ["a", "b", "c", "a"]) seen.push(await denies(limit, { callId }));
    expect(seen).toEqual([false, false, true, false]);
    const subagent = { kind: "subagent", threadId: "s", type: null } as const;
    expect(await denies(limit, { callId: "d", agent: subagent })).toBe(false);
    expect(await denies(limit, { callId: "e", threadId: "t2" })).toBe(false);
    expect(await denies(limit, { callId: "f" })).toBe(true);
    expect(await denies(limit, { callId: "g", turnId: "u2" })).toBe(false);
  });

  test("counts calls without an id, and denies all at 0", async () => {
    const limit = guards();
    const seen: boolean[] = [];
    for (let i = 0; i < 3; i++) seen.push(await denies(limit, { callId: null }));
    expect(seen).toEqual([false, false, true]);
    expect(await denies(limitCalls({ perTurn: 0 }), {})).toBe(true);
  });
});

describe("redactOutput", () => {
  const read = async (pattern: Parameters<typeof redactOutput>[0], output: Parameters<typeof JSON.stringify>[0]) =>
    redactOutput(pattern).afterTool(call, { output: untyped(output) }, guardContext);

  test("hides every match of strings and expressions, and leaves other output alone", async () => {
    verifies("ready-guards");
    expect(await read("key", "a key, a key")).toEqual({ replace: "a [redacted], a [redacted]" });
    expect(await read(/k\w+/i, "a Key, a kit")).toEqual({ replace: "a [redacted], a [redacted]" });
    expect(await read(["a", /b/g], "abc")).toEqual({ replace: "[redacted][redacted]c" });
    expect(await read("a.c", "abc")).toBeUndefined();
    expect(await read(["key"], { n: 1, list: [null, "ok"] })).toBeUndefined();
  });

  test("finds matches in structured output as the strings are, not as JSON escapes them", async () => {
    const output = { content: [{ type: "text", text: 'say "key"\n' }], key: 1 };
    const decision = await read('"key"\n', output);
    expect(decision).toEqual({
      replace: JSON.stringify({ ...output, content: [{ type: "text", text: "say [redacted]" }] }),
    });
    expect(await read("key", { key: 1 })).toEqual({ replace: '{"[redacted]":1}' });
  });

  test("writes the replacement as it is", async () => {
    const guards = redactOutput("x", { replacement: "$&" });
    expect(await guards.afterTool(call, { output: "x" }, guardContext)).toEqual({ replace: "$&" });
  });
});

test.each<[make: () => unknown, message: RegExp]>([
  [() => limitCalls(untyped({})), /^limitCalls: perTurn is undefined/],
  [() => limitCalls({ perTurn: 1.5 }), /^limitCalls: perTurn is 1\.5; it must be an integer ≥ 0/],
  [() => redactOutput(""), /^redactOutput: pattern is an empty string/],
  [() => redactOutput(/x*/), /^redactOutput: pattern matches the empty string/],
  [() => redactOutput(/x/y), /^redactOutput: pattern is sticky/],
  [() => redactOutput("x", untyped({ with: "y" })), /^redactOutput: unknown option with/],
  [() => requirePassing(" "), /^requirePassing: command is/],
  [() => requirePassing([]), /^requirePassing: command is an array/],
  [() => requirePassing("x", { timeoutMs: 0 }), /^requirePassing: timeoutMs is 0/],
  [() => requirePassing("x", untyped({ timeout: 5 })), /^requirePassing: unknown option timeout\. Use timeoutMs/],
])("bad options are refused: %s", (make, message) => {
  expect(make).toThrow(UsageError);
  expect(make).toThrow(message);
});
