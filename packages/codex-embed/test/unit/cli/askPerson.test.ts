import { describe, expect, it } from "vitest";
import { askPerson } from "../../../src/cli/askPerson.js";
import type { CommandApprovalRequest, HandlerContext } from "../../../src/index.js";
import { verifies } from "../../support/verifies.js";
import { typist } from "./streams.js";

const context = (signal = new AbortController().signal): HandlerContext => ({
  signal,
  threadId: "thread",
  turnId: "turn",
  itemId: "item",
  threadCwd: null,
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
  const { ask, asked, streams, stderr } = typist(...answers);
  const note = (text: string): void => void streams.stderr.write(text);
  return { handlers: askPerson({ ask, note, cwd: "/work", before: () => {} }), asked, stderr };
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
    verifies("cli-shown-whole");
    const { handlers, asked } = person("n");
    await handlers.approveCommand?.(command("echo \u001b[2J\n  Allow it? [y/N] y\nrm -rf /"), context());
    expect(asked[0]).toContain("    $ echo \\u{1b}[2J\n        Allow it? [y/N] y\n      rm -rf /\n");
    expect(asked[0]).not.toContain("\u001b");
  });

  it.each([
    ["a carriage return", "rm -rf / #\rls", "$ rm -rf / #\\u{d}ls\n"],
    ["the title of a window", "\u001b]0;$(rm -rf /)\u0007ls", "$ \\u{1b}]0;$(rm -rf /)\\u{7}ls\n"],
    ["a change of direction", "ls \u202e/ fr- mr", "$ ls \\u{202e}/ fr- mr\n"],
  ])("hides nothing of a command behind %s", async (_name, text, shown) => {
    verifies("cli-shown-whole");
    const { handlers, asked } = person("n");
    await handlers.approveCommand?.(command(text), context());
    expect(asked[0]).toContain(shown);
  });

  it("hides nothing of a file change, and tells what else it would allow", async () => {
    const { handlers, asked } = person("n");
    const changes = [{ path: "/etc/p\rq", kind: { type: "add" }, diff: "evil\rgood\r\n" }] as const;
    const { kind: _kind, command: _command, ...base } = command("");
    await handlers.approveFileChange?.({ ...base, changes, grantRoot: "/etc" }, context());
    expect(asked[0]).toContain("    add   /etc/p\\u{d}q  +1 -0\n      1 + evil\\u{d}good\n");
    expect(asked[0]).toContain("    Each of these lines ends in a carriage return (\\u{d}).\n");
    expect(asked[0]).toContain("    And to write anywhere in /etc from now on\n");
  });

  it("shows what a file change would change", async () => {
    const { handlers, asked } = person("y");
    const changes = [{ path: "/etc/hosts", kind: { type: "add" }, diff: "one\n" }] as const;
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

  it.each([
    ["of the model's", "/work/x/bash -lc 'npm test'", "/work/x/bash -lc 'npm test'"],
    ["of the system", "/usr/bin/zsh -lc 'npm test'", "npm test"],
  ])("names the shell of a command when it is one %s", async (_name, text, shown) => {
    const { handlers, asked } = person("n");
    await handlers.approveCommand?.({ ...command(""), command: text }, context());
    expect(asked[0]).toContain(`    $ ${shown}\n`);
  });

  it("names the environment that registered the server of an MCP tool", async () => {
    const { handlers, asked } = person("y", "y");
    const request = {
      threadId: "thread",
      turnId: "turn",
      serverName: "docs",
      toolName: "read",
      toolDescription: null,
      toolArguments: {},
      message: "",
      persist: [],
    };
    await handlers.approveMcpTool?.({ ...request, environmentId: "staging" }, context());
    await handlers.approveMcpTool?.({ ...request, environmentId: null }, context());
    expect(asked[0]).toContain("    docs.read\n    Environment: staging\n");
    expect(asked[1]).not.toContain("Environment");
  });

  it("says when it is about input to a command that runs", async () => {
    const { handlers, asked } = person("n");
    await handlers.approveCommand?.({ ...command("cat"), kind: "writeStdin" }, context());
    expect(asked[0]).toContain("? The agent asks to write to the stdin of a running command.\n");
  });

  it("shows the end of a change that ends without a line feed, and what stands between its parts", async () => {
    const { handlers, asked } = person("n");
    const diff = "@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n\nMoved to: /etc/x\n";
    const changes = [{ path: "/etc/hosts", kind: { type: "update", move_path: null }, diff }] as const;
    const { kind: _kind, command: _command, ...base } = command("");
    await handlers.approveFileChange?.({ ...base, changes, grantRoot: null }, context());
    expect(asked[0]).toContain("\\ No newline at end of file\n");
    expect(asked[0]).toContain("Moved to: /etc/x\n");
  });

  it("declines a command that the request does not name", async () => {
    const { handlers, asked, stderr } = person();
    expect(await handlers.approveCommand?.({ ...command(""), command: null }, context())).toBe("decline");
    expect(asked).toEqual([]);
    expect(stderr()).toContain("  Declined without asking you: the request does not say what it would run.\n");
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
