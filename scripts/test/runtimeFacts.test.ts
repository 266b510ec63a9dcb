/** The tests of the side-by-side comparison of two runtimes. */

import { expect, test } from "vitest";
import { RUNTIME_VERSION } from "../../packages/codex-embed/src/protocol/index.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";
import { compareRuns, leastDifference, sharedLines } from "../facts/compare.js";
import { normalize } from "../facts/normalize.js";
import { PROBES } from "../facts/probes.js";
import { observe } from "../facts/side.js";
import { locateBinary } from "../generate/runtime.js";
import { ROOT } from "../release/repository.js";

const heard = (...messages: [method: string, params: unknown][]) =>
  normalize(
    messages.map(([method, params]) => ({ method, params })),
    new Map([["/tmp/a", "<workspace>"]]),
  );

test("ids, times, paths and ports are no difference; a value and a missing member are", () => {
  verifies("runtime-facts");
  const said = (id: string, more: object) =>
    heard(["item/completed", { turnId: id, item: { type: "plan", cwd: "/tmp/a/x", startedAtMs: 5, ...more } }]);
  const one = said("01a1febd-ae44-7c12-9b3e-52c58b0a1b9b", { url: "http://127.0.0.1:1/v1", completedAtMs: 7 });
  const other = said("01a1febd-af3f-78c2-861b-7a15f3fab1e5", { url: "http://127.0.0.1:2/v1", completedAtMs: 8 });
  expect(compareRuns(one, other)).toEqual([]);
  const odd = said("01a1febd-af3f-78c2-861b-7a15f3fab1e5", { url: "http://127.0.0.1:2/v1", completedAtMs: null, n: 1 });
  expect(compareRuns(one, odd)).toEqual([
    "~ item/completed plan: item.completedAtMs is <time>, then null",
    "~ item/completed plan: item.n is absent, then 1",
  ]);
});

test("messages that only one side sends are told, and the rest is still compared", () => {
  const one = heard(["a", {}], ["diff", { n: 1 }], ["diff", { n: 2 }], ["z", { v: true }]);
  const other = heard(["a", {}], ["diff", { n: 1 }], ["new", {}], ["z", { v: false }]);
  expect(compareRuns(one, other)).toEqual(["- diff", "+ new", "~ z: v is true, then false"]);
});

test("what comes in another order from run to run is no difference", () => {
  const [ab, ba] = [heard(["a", {}], ["b", {}]), heard(["b", {}], ["a", {}])];
  expect(leastDifference([ab, ba], [ba])).toEqual([]);
  expect(leastDifference([ab], [ba])).toHaveLength(2);
  expect([...sharedLines([["x", "y"], ["x", "x"], ["z"]])]).toEqual(["x"]);
});

test("every probe of the pinned runtime ends its turn, and the failures say why", async () => {
  verifies("runtime-facts");
  const [side] = await observe([{ version: RUNTIME_VERSION, codexBin: locateBinary(ROOT) }], 1);
  const last = Object.keys(PROBES).map((name) => side?.runs.get(name)?.[0]?.at(-1)?.label);
  expect(last).toEqual(last.map(() => "turn/completed"));
  const end = (name: string) => side?.runs.get(name)?.[0]?.at(-1)?.values;
  expect(end("a message")?.get("turn.status")).toBe('"completed"');
  expect(end("an interrupt")?.get("turn.status")).toBe('"interrupted"');
  expect(end("401")?.get("turn.error.codexErrorInfo.httpConnectionFailed.httpStatusCode")).toBe("401");
  expect(side?.runs.get("an approved command")?.[0]?.map(({ label }) => label)).toContain(
    "item/commandExecution/requestApproval",
  );
  expect(side?.request[0]?.values.get("tools.exec_command")).toBe('"offered"');
  expect([side?.startMs.length, side?.turnMs.length]).toEqual([1, 5]);
}, 300_000);
