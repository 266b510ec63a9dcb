/** Tests what an older runtime lacks: by the generated table, and by a small one that has every kind of place. */

import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../../src/errors/connection.js";
import { RUNTIME_VERSION } from "../../../src/protocol/generated/tables.js";
import { SUPPORTED_RUNTIMES } from "../../../src/protocol/runtimes.js";
import { Gaps } from "../../../src/rpc/since.js";

const TABLE = {
  "thing/old": {},
  "thing/new": { "": "0.12.0", depth: "0.13.0" },
  "thing/start": {
    title: "0.11.0",
    "options mode": "0.12.0",
    "options level =high": "0.12.0",
    "input * type=image fileId": "0.12.0",
    "input * type=audio": "0.13.0",
    "labels * color": "0.12.0",
    "sandboxPolicy type=outside": "0.12.0",
    dynamicTools: "0.12.0",
  },
};

describe("params that a runtime lacks", () => {
  const of = (params: unknown, version = "0.10.0") =>
    new Gaps(version, TABLE).unsupported("thing/start", params)?.option ?? null;

  test.each<[string, unknown, string | null]>([
    ["a field", { title: "x" }, "title"],
    ["a field that is false, 0 or empty", { title: "" }, "title"],
    ["a field that is null, which means the default", { title: null }, null],
    ["a field that is undefined", { title: undefined }, null],
    ["no field", {}, null],
    ["no params", undefined, null],
    ["params of another kind", "title", null],
    ["a field of a field", { options: { mode: 1 } }, "options.mode"],
    ["another field of a field", { options: { other: 1 } }, null],
    ["a value", { options: { level: "high" } }, 'options.level("high")'],
    ["another value", { options: { level: "low" } }, null],
    [
      "a field of one kind of item",
      { input: [{ type: "text" }, { type: "image", fileId: "f" }] },
      'input[]("image").fileId',
    ],
    ["the same field of another kind", { input: [{ type: "file", fileId: "f" }] }, null],
    ["a kind of item", { input: [{ type: "audio", url: "u" }] }, 'input[]("audio")'],
    ["what is no list", { input: "audio" }, null],
    ["a field in a record", { labels: { a: {}, b: { color: "red" } } }, "labels[].color"],
    ["a field of the wire that has another name here", { dynamicTools: [] }, "tools"],
    ["a part of such a field", { sandboxPolicy: { type: "outside" } }, 'sandbox("outside")'],
    ["an inherited name", Object.create({ title: "x" }), null],
  ])("%s", (_what, params, option) => {
    expect(of(params)).toBe(option);
  });

  test("are those that came after its version", () => {
    const params = { title: "x", options: { mode: 1 }, input: [{ type: "audio" }] };
    expect(of(params, "0.11.0")).toBe("options.mode");
    expect(of(params, "0.12.3")).toBe('input[]("audio")');
    expect(of(params, "0.13.0-alpha.1")).toBe('input[]("audio")');
    expect(of(params, "0.13.0")).toBeNull();
  });

  test("of a request that it lacks are no matter: its reply says that it lacks the request", () => {
    const gaps = new Gaps("0.10.0", TABLE);
    expect(gaps.unsupported("thing/new", {})).toBeNull();
    expect(gaps.since("thing/new")).toBe("0.12.0");
    expect(new Gaps("0.12.0", TABLE).since("thing/new")).toBeNull();
    expect(new Gaps("0.12.0", TABLE).unsupported("thing/new", { depth: 1 })).toMatchObject({ since: "0.13.0" });
  });

  test.each(["thing/old", "thing/other", "__proto__", "constructor", "toString"])("%s has none", (method) => {
    const gaps = new Gaps("0.10.0", TABLE);
    expect(gaps.unsupported(method, { title: "x", name: "x", length: 1 })).toBeNull();
    expect(gaps.since(method)).toBeNull();
  });
});

test("the error names the request, the option and both versions, and what to do", () => {
  const error = new Gaps("0.10.0", TABLE).unsupported("thing/start", { title: "a secret" });
  expect(error).toBeInstanceOf(UnsupportedError);
  expect(error).toMatchObject({
    name: "UnsupportedError",
    code: "UNSUPPORTED",
    method: "thing/start",
    option: "title",
    version: "0.10.0",
    since: "0.11.0",
    message:
      "thing/start was not sent: title needs runtime 0.11.0 or later, and this runtime is 0.10.0. " +
      "Leave it out, or run npm install @openai/codex@0.11.0.",
  });
});

test("the generated table knows what came after the oldest runtime", () => {
  const gaps = new Gaps(SUPPORTED_RUNTIMES.oldest);
  expect(gaps.unsupported("turn/start", { threadId: "t", input: [], turnTrigger: "ci" })).toMatchObject({
    option: "turnTrigger",
    version: SUPPORTED_RUNTIMES.oldest,
  });
  expect(gaps.unsupported("turn/start", { threadId: "t", input: [{ type: "image", url: "u" }] })).toBeNull();
  expect(gaps.since("thread/sample")).toMatch(/^0\.\d+\.\d+$/);
  expect(gaps.since("thread/start")).toBeNull();
  expect(new Gaps(RUNTIME_VERSION).since("thread/sample")).toBeNull();
});

test("a long list costs one look at each item", () => {
  const input = Array.from({ length: 200_000 }, () => ({ type: "text", text: "x" }));
  expect(new Gaps(SUPPORTED_RUNTIMES.oldest).unsupported("turn/start", { input })).toBeNull();
});
