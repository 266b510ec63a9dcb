/** The arguments of the tools, without a server around them. */

import { tmpdir } from "node:os";
import { describe, expect, test } from "vitest";
import { settingsOf } from "../../src/options.js";
import { readReply, readStart } from "../../src/tools.js";

describe("arguments", () => {
  const settings = settingsOf({ roots: [tmpdir()], maxPromptBytes: 10 }, "test");
  const issues = (read: object): string => JSON.stringify("issues" in read ? read.issues : []);

  test.each([
    [null, "must be an object"],
    [[], "must be an object"],
    ["text", "must be an object"],
    [{}, "prompt is missing"],
    [{ prompt: null }, "prompt is missing"],
    [{ prompt: "\u00e9".repeat(6) }, "prompt has 12 bytes; this server takes 10 at most"],
    [{ prompt: "a\0b" }, "prompt contains a NUL character"],
    [{ prompt: "p", cwd: 1 }, "cwd must be a string"],
    [{ prompt: "p", config: [] }, "config must be an object"],
    [{ prompt: "p", "base-instructions": "x".repeat(11) }, "base-instructions has 11 bytes"],
    [{ prompt: "p", "compact-prompt": "x" }, "the runtime uses its own"],
    [
      { prompt: "p", "dangerously-bypass": true },
      'unknown argument \\"dangerously-bypass\\": this tool takes prompt, cwd, model',
    ],
  ])("that are no good are told of: %j", (given, told) => {
    expect(issues(readStart(given, settings))).toContain(told);
  });

  test("never show what they hold", () => {
    const secret = "hunter2-hunter2-hunter2";
    const told = issues(readStart({ prompt: secret, cwd: 1, config: secret, model: [secret] }, settings));
    expect(told).toContain("config must be an object");
    expect(told).not.toContain("hunter2");
  });

  test("may name the thread as they used to", () => {
    expect(readReply({ conversationId: "a", prompt: "p" }, settings)).toEqual({
      value: { threadId: "a", prompt: "p" },
    });
    expect(readReply({ threadId: "a", conversationId: "a", prompt: "p" }, settings)).toHaveProperty("value");
    expect(issues(readReply({ threadId: "a", conversationId: "b", prompt: "p" }, settings))).toContain("differ");
    expect(issues(readReply({ prompt: "p" }, settings))).toContain("threadId is missing");
    expect(issues(readReply({ threadId: "a", prompt: "p", sandbox: "danger-full-access" }, settings))).toContain(
      'unknown argument \\"sandbox\\"',
    );
  });
});
