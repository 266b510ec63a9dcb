import { expect, test } from "vitest";
import {
  delay,
  disconnect,
  fail,
  gate,
  malformed,
  message,
  ScriptError,
  shell,
  silence,
  step,
} from "../../../src/testing/index.js";

test("refuses a part behind the end of the response", () => {
  expect(() => step(disconnect(), message("x"))).toThrow("disconnect() ends the response");
  expect(() => step(silence(), gate())).toThrow(ScriptError);
});

test("refuses an HTTP failure behind output, but not behind a pause", () => {
  expect(() => step(message("x"), fail(500))).toThrow("only gates and delays can precede it");
  expect(() => step(message("x"), malformed("body"))).toThrow(ScriptError);
  expect(step(gate(), delay(1), fail(500)).parts).toHaveLength(3);
  expect(step(message("x"), malformed()).parts).toHaveLength(2);
});

test("takes options before the parts, and no parts at all", () => {
  expect(step()).toEqual({ kind: "step", parts: [], options: {} });
  expect(step({ endTurn: false })).toEqual({ kind: "step", parts: [], options: { endTurn: false } });
});

test("cuts a text into pieces, never inside a character", () => {
  expect(message("abcdefg", { deltas: 3 }).pieces).toEqual(["ab", "cd", "efg"]);
  expect(message("🦊🦊🦊", { deltas: 2 }).pieces).toEqual(["🦊", "🦊🦊"]);
  expect(message("ab", { deltas: 10 }).pieces).toEqual(["a", "b"]);
  expect(message("ab", { deltas: 0 }).pieces).toEqual([]);
  expect(message("").pieces).toEqual([]);
  expect(() => message("ab", { deltas: -1 })).toThrow(ScriptError);
});

test("makes the text out of the deltas, unless there is one", () => {
  expect(message({ deltas: ["a", gate(), "b"] }).text).toBe("ab");
  expect(message("other", { deltas: ["a"] }).text).toBe("other");
});

test("refuses a delay that is no time", () => {
  expect(() => delay(-1)).toThrow(ScriptError);
  expect(() => delay(Number.NaN)).toThrow(ScriptError);
});

test("runs a command without a login shell, unless told to", () => {
  expect(shell("ls").argumentsText).toBe('{"cmd":"ls","login":false}');
  expect(shell("ls", { login: true }).argumentsText).toBe('{"cmd":"ls","login":true}');
});
