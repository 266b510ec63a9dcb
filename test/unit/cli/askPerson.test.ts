/** Owns the unit tests of asking the person at the terminal. */

import type { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { askPerson } from "../../../src/cli/askPerson.js";
import { painter } from "../../../src/cli/render/style.js";
import { withTerminal } from "../../../src/cli/terminal.js";
import type { CommandApprovalRequest, HandlerContext } from "../../../src/index.js";
import { keptStreams } from "./streams.js";

const context = (signal = new AbortController().signal): HandlerContext => ({
  signal,
  threadId: "thread",
  turnId: "turn",
  itemId: "item",
});
const command = (text: string): CommandApprovalRequest => ({
  kind: "command",
  threadId: "thread",
  turnId: "turn",
  itemId: "item",
  startedAtMs: 0,
  environmentId: null,
  command: `/bin/bash -lc '${text}'`,
  cwd: "/work",
  reason: "Because.",
});

/** Answers the questions in order; `asked` holds what was shown before each. */
function person(...answers: string[]) {
  let shown = "";
  const asked: string[] = [];
  const handlers = askPerson({
    ask: async (question, signal) => {
      signal.throwIfAborted();
      asked.push(shown + question);
      shown = "";
      return answers.shift() ?? "";
    },
    note: (text) => void (shown += text),
    paint: painter(false),
    cwd: "/work",
    before: () => {},
  });
  return { handlers, asked };
}

describe("asking the person", () => {
  it.each([
    ["y", "accept"],
    ["Yes ", "accept"],
    ["", "decline"],
    ["n", "decline"],
    ["yeah", "decline"],
    ["a", "decline"],
  ])("takes %j for %s", async (answer, decision) => {
    const { handlers, asked } = person(answer);
    expect(await handlers.approveCommand?.(command("npm install"), context())).toBe(decision);
    expect(asked).toEqual([
      "\n? The agent asks to run a command outside its sandbox.\n    $ npm install\n    In /work\n    Reason: Because.\n" +
        "  Allow it? [y/N] ",
    ]);
  });

  it("shows a command whole, each line apart, without what would steer the terminal", async () => {
    const { handlers, asked } = person("n");
    await handlers.approveCommand?.(command("echo \u001b[2J\n  Allow it? [y/N] y\nrm -rf /"), context());
    expect(asked[0]).toContain("    $ echo \\u{1b}[2J\n      Allow it? [y/N] y\n    rm -rf /\n");
    expect(asked[0]).not.toContain("\u001b");
  });

  it.each([
    ["a carriage return", "rm -rf / #\rls", "$ rm -rf / #\\u{d}ls\n"],
    ["the title of a window", "\u001b]0;$(rm -rf /)\u0007ls", "$ \\u{1b}]0;$(rm -rf /)\\u{7}ls\n"],
    ["a change of direction", "ls \u202e/ fr- mr", "$ ls \\u{202e}/ fr- mr\n"],
  ])("hides nothing of a command behind %s", async (_name, text, shown) => {
    const { handlers, asked } = person("n");
    await handlers.approveCommand?.(command(text), context());
    expect(asked[0]).toContain(shown);
  });

  it("hides nothing of a file change, and tells what else it would allow", async () => {
    const { handlers, asked } = person("n");
    const changes = [{ path: "/etc/p\rq", kind: { type: "add" as const }, diff: "evil\rgood\r\n" }];
    const { kind: _kind, command: _command, ...base } = command("");
    await handlers.approveFileChange?.({ ...base, changes, grantRoot: "/etc" }, context());
    expect(asked[0]).toContain("    add   /etc/p\\u{d}q  +1 -0\n      1 + evil\\u{d}good\n");
    expect(asked[0]).toContain("    And to write to all of /etc from now on\n");
  });

  it("shows what a file change would change", async () => {
    const { handlers, asked } = person("y");
    const changes = [{ path: "/etc/hosts", kind: { type: "add" as const }, diff: "one\n" }];
    const { kind: _kind, command: _command, ...base } = command("");
    expect(await handlers.approveFileChange?.({ ...base, changes, grantRoot: null }, context())).toBe("accept");
    expect(asked[0]).toContain("    add   /etc/hosts  +1 -0\n      1 + one\n");
  });

  it("grants the permissions that were asked for, or none", async () => {
    const { handlers, asked } = person("y", "n");
    const request = {
      threadId: "thread",
      turnId: "turn",
      itemId: "item",
      environmentId: null,
      startedAtMs: 0,
      cwd: "/work",
      reason: null,
      permissions: { network: { enabled: true }, fileSystem: null },
    };
    const granted = { permissions: { network: { enabled: true } } };
    expect(await handlers.approvePermissions?.(request, context())).toEqual(granted);
    expect(await handlers.approvePermissions?.(request, context())).toBe("decline");
    expect(asked[0]).toContain('    Network: {"enabled":true}\n');
  });

  it("asks one after the other", async () => {
    const { handlers, asked } = person("y", "n");
    const both = [command("first"), command("second")].map(async (request) =>
      handlers.approveCommand?.(request, context()),
    );
    expect(await Promise.all(both)).toEqual(["accept", "decline"]);
    expect(asked.map((text) => /\$ (\w+)/.exec(text)?.[1])).toEqual(["first", "second"]);
  });

  it("skips a question whose answer nobody wants any more", async () => {
    const { handlers, asked } = person("y");
    const gone = handlers.approveCommand?.(command("gone"), context(AbortSignal.abort(new Error("The turn is over."))));
    await expect(gone).rejects.toThrow("The turn is over.");
    expect(await handlers.approveCommand?.(command("next"), context())).toBe("accept");
    expect(asked).toHaveLength(1);
  });

  it("passes the agent's questions on, and no secret", async () => {
    const { handlers, asked } = person("2", "free text");
    const options = [
      { label: "Red", description: "like fire" },
      { label: "Blue", description: "like water" },
    ];
    const base = { header: "H", isOther: true, isSecret: false };
    const questions = [
      { ...base, id: "color", question: "Which?", options },
      { ...base, id: "secret", question: "The password?", options: null, isSecret: true },
      { ...base, id: "text", question: "Why?", options: null },
    ];
    const ids = { threadId: "thread", turnId: "turn", itemId: "item" };
    const request = { ...ids, questions, isBlocking: true, autoResolutionMs: null };
    expect(await handlers.answerQuestions?.(request, context())).toEqual({ color: "Blue", text: "free text" });
    expect(asked[0]).toContain("    Which?\n    1. Red: like fire\n    2. Blue: like water\n");
  });
});

describe("the terminal's question", () => {
  const ask = (before: string, whenAsked: (stdin: PassThrough) => void, signal = new AbortController().signal) => {
    const { streams, stdin, stderr } = keptStreams({ tty: true });
    let answer: unknown;
    stdin.write(before);
    streams.stderr.once("data", () => whenAsked(stdin));
    const done = withTerminal(async (terminal) => {
      answer = await terminal.ask?.("Well? ", signal).catch((error: unknown) => error);
      return 0;
    }, streams);
    return done.then(() => ({ answer, stderr: stderr() }));
  };

  it("resolves with the line", async () => {
    expect(await ask("", (stdin) => stdin.write("yes\n"))).toEqual({ answer: "yes", stderr: "Well? " });
  });

  it("does not take for an answer what was typed before it was put", async () => {
    expect(await ask("yes\n", (stdin) => stdin.write("no\n"))).toEqual({ answer: "no", stderr: "Well? " });
  });

  it("takes the end of input for an empty line", async () => {
    expect(await ask("", (stdin) => stdin.end())).toMatchObject({ answer: "" });
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
