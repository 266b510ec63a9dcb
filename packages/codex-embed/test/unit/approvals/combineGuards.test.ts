import { UsageError } from "codex-embed";
import { combineGuards, guardRules, limitCalls } from "codex-embed/approvals";
import { describe, expect, test } from "vitest";
import type { BeforeToolDecision, GuardedCall, GuardedStop, Guards } from "../../../src/guards/types.js";
import { commandCall, guardContext } from "../../support/approvals.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const call = commandCall("ls");
const before = (decide: (call: GuardedCall) => BeforeToolDecision): Guards => ({ beforeTool: decide });
const ask = async (guards: Guards, about: GuardedCall = call) => guards.beforeTool?.(about, guardContext);
const result = { output: "one two" };

describe("beforeTool of a combination", () => {
  test("denies with the first denial, and asks no further", async () => {
    verifies("ready-guards");
    const asked: number[] = [];
    const note = (id: number, decision: BeforeToolDecision) =>
      before(() => {
        asked.push(id);
        return decision;
      });
    const guards = combineGuards(note(1, "allow"), note(2, { deny: "no" }), note(3, { deny: "never" }));
    expect(await ask(guards)).toEqual({ deny: "no" });
    expect(asked).toEqual([1, 2]);
    expect(await ask(combineGuards(note(1, undefined), note(2, "allow"), note(3, undefined)))).toBe("allow");
    expect(await ask(combineGuards(note(1, undefined), {}))).toBeUndefined();
  });

  test("asks the others about the input that will run", async () => {
    const rules = guardRules({ commands: { deny: ["rm"] } });
    const bends = before(() => ({ input: { command: "rm x" } }));
    expect(await ask(combineGuards(rules, bends))).toHaveProperty("deny");
    expect(await ask(combineGuards(bends, rules))).toHaveProperty("deny");
    const wraps = before((each) => ({ input: { command: `nice ${each.kind === "command" ? each.script : ""}` } }));
    expect(await ask(combineGuards(rules, wraps, limitCalls({ perTurn: 1 })))).toEqual({
      input: { command: "nice ls" },
    });
  });

  test("denies when two guards replace the input in turn", async () => {
    const writes = (command: string) => before(() => ({ input: { command } }));
    expect(await ask(combineGuards(writes("a"), writes("b")))).toHaveProperty("deny");
  });

  test("shows the new arguments of a tool, and refuses what it cannot show", async () => {
    const seen: unknown[] = [];
    const watches = before((each) => {
      seen.push("arguments" in each ? each.arguments : each.input);
      return undefined;
    });
    const changes = before(() => ({ input: { id: 2 } }));
    const mcp: GuardedCall = { kind: "mcp", server: "s", tool: "t", arguments: { id: 1 }, input: { id: 1 } };
    expect(await ask(combineGuards(watches, changes), mcp)).toEqual({ input: { id: 2 } });
    expect(await ask(combineGuards(watches, changes), { kind: "other", name: "o", input: {} })).toEqual({
      input: { id: 2 },
    });
    expect(seen).toEqual([{ id: 1 }, { id: 2 }, {}, { id: 2 }]);
    await expect(ask(combineGuards(watches, changes))).rejects.toThrow(UsageError);
    const patch: GuardedCall = { kind: "patch", files: [], patch: "", cwd: "/w", input: {} };
    await expect(ask(combineGuards(watches, changes), patch)).rejects.toThrow(UsageError);
  });

  test("passes on what a guard throws, so that the call is denied", async () => {
    const fails = before(() => {
      throw new Error("no database");
    });
    await expect(
      ask(
        combineGuards(
          fails,
          before(() => "allow"),
        ),
      ),
    ).rejects.toThrow("no database");
  });
});

test("afterTool passes on what the guards before left, and keeps context beside it", async () => {
  const replaces = (from: string, to: string): Guards => ({
    afterTool: (_call, { output }) => ({ replace: (typeof output === "string" ? output : "").replace(from, to) }),
  });
  const adds: Guards = { afterTool: () => ({ context: "Note." }) };
  const after = async (...guards: Guards[]) => combineGuards(...guards).afterTool?.(call, result, guardContext);
  expect(await after(replaces("one", "1"), adds, replaces("two", "2"))).toEqual({ replace: "1 2\n\nNote." });
  expect(await after(adds, adds)).toEqual({ context: "Note.\n\nNote." });
  expect(await after({ afterTool: () => undefined }, {})).toBeUndefined();
});

test("onPrompt denies first, and joins context; so do the starts", async () => {
  const adds: Guards = {
    onPrompt: () => ({ context: "A" }),
    onSessionStart: () => ({ context: "S" }),
    onSubagentStart: () => undefined,
  };
  const denies: Guards = { onPrompt: () => ({ deny: "no" }) };
  const both = combineGuards(adds, adds);
  expect(await both.onPrompt?.({ text: "x" }, guardContext)).toEqual({ context: "A\n\nA" });
  expect(await both.onSessionStart?.({ source: "startup" }, guardContext)).toEqual({ context: "S\n\nS" });
  expect(await both.onSubagentStart?.({ type: null }, guardContext)).toBeUndefined();
  expect(await combineGuards(adds, denies).onPrompt?.({ text: "x" }, guardContext)).toEqual({ deny: "no" });
});

test("the first continueWith counts, and compactions reach every guard", async () => {
  const told: string[] = [];
  const stop = (id: string, text?: string): Guards => ({
    onStop: () => {
      told.push(id);
      return text === undefined ? undefined : { continueWith: text };
    },
    onSubagentStop: () => undefined,
    beforeCompact: () => void told.push(`${id} before`),
    afterCompact: () => void told.push(`${id} after`),
  });
  const guards = combineGuards(stop("a"), stop("b", "More."), stop("c", "Never."));
  const end: GuardedStop = { answer: null, rounds: 0 };
  expect(await guards.onStop?.(end, guardContext)).toEqual({ continueWith: "More." });
  expect(await guards.onSubagentStop?.(end, guardContext)).toBeUndefined();
  expect(told).toEqual(["a", "b"]);
  await guards.beforeCompact?.({ trigger: "auto" }, guardContext);
  await guards.afterCompact?.({ trigger: "auto" }, guardContext);
  expect(told.slice(2)).toEqual(["a before", "b before", "c before", "a after", "b after", "c after"]);
});

test("a combination has only the members that its guards have", () => {
  expect(Object.keys(combineGuards({ onStop: () => undefined }, { afterTool: undefined }))).toEqual(["onStop"]);
  expect(() => combineGuards(untyped(null))).toThrow(/^combineGuards: argument 1 is not an object/);
});
