/** What a cassette compares and translates, where a real session cannot show it at will. */

import { expect, test } from "vitest";
import { answerOf } from "../../../src/testing/cassetteAnswer.js";
import { Tape } from "../../../src/testing/cassetteTape.js";
import { firstDifference, show, World } from "../../../src/testing/cassetteWorld.js";

const user = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
const answer = { status: 200, events: [] };

test("the order of members does not matter", () => {
  const tape = new Tape([{ thread: 1, kind: "turn", conversation: [{ a: 1, b: { c: 2, d: 3 } }], answer }]);
  expect(tape.take("live", "turn", [{ b: { d: 3, c: 2 }, a: 1 }])?.answer).toBe(answer);
});

test("equal requests get the answers of their own thread, oldest first, and each answer once", () => {
  const entry = (thread: number) => ({ thread, kind: "turn", conversation: ["same"], answer: { status: thread } });
  const tape = new Tape([entry(1), entry(2), entry(2), entry(1)]);
  const statuses = ["x", "y", "x", "y", "z"].map((id) => tape.take(id, "turn", ["same"])?.answer.status);
  expect(statuses).toEqual([1, 2, 1, 2, undefined]);
});

test("a request of another kind is another request", () => {
  const tape = new Tape([{ thread: 1, kind: "guardian", conversation: [], answer }]);
  expect(tape.take("live", "turn", [])).toBeNull();
  expect(tape.left).toHaveLength(1);
});

test("a value that the end of a delta cuts is hidden, and shown as that of the replay", () => {
  const recorded = new World();
  recorded.setFolders({ workspace: "/home/ann/work" });
  const delta = (text: string) => ({ type: "response.output_text.delta", item_id: "msg_1", delta: text });
  const events = ["In /home/a", "nn/wo", "rk/src"].map(delta);
  const kept = answerOf({ status: 200, events }, recorded.hider(recorded.read([])));
  expect(kept.events).toEqual([delta("In ‹workspace›/src")]);
  const now = new World();
  now.setFolders({ workspace: "/srv/b" });
  expect(show("In ‹workspace›/src", now.read([]))).toBe("In /srv/b/src");
});

test("a path that only begins like a folder is left alone", () => {
  const world = new World();
  world.setFolders({ workspace: "/work", home: "/work/home" });
  const { conversation } = world.read([user("/work/home/a /workshop /work")]);
  expect(conversation).toEqual([user("‹home›/a /workshop ‹workspace›")]);
});

test("a path of Windows is recognised in JSON too", () => {
  const world = new World();
  world.setFolders({ workspace: "C:\\work" });
  const reading = world.read([]);
  const call = JSON.stringify({ cmd: "type C:\\work\\a.txt" });
  expect(world.hider(reading)(call)).toBe('{"cmd":"type ‹workspace.json›\\\\a.txt"}');
  expect(show(world.hider(reading)(call), reading)).toBe(call);
});

test("a difference in a long text is shown where it is", () => {
  const difference = firstDifference(["x".repeat(1000) + "a"], ["x".repeat(1000) + "b"]);
  expect(difference?.path).toBe("input.0");
  expect(difference?.recorded).toBe(`"…${"x".repeat(40)}a"`);
});
