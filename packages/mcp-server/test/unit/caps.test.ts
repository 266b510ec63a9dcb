/** The caps, and the reading of arguments, without a server around them. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApprovalMode, Sandbox } from "codex-embed";
import { afterAll, describe, expect, test } from "vitest";
import { offers } from "../../src/caller.js";
import { withinCaps } from "../../src/caps.js";
import { settingsOf } from "../../src/options.js";
import { carriesToken } from "../../src/token.js";
import { readReply, readStart, startSchema } from "../../src/toolInputs.js";

const base = realpathSync(mkdtempSync(join(tmpdir(), "codex-embed-caps-")));
const root = join(base, "root");
mkdirSync(join(root, "below", "..dots"), { recursive: true });
mkdirSync(join(base, "root-next"));
writeFileSync(join(root, "file"), "");
symlinkSync(base, join(root, "out"));
symlinkSync(join(root, "below"), join(base, "root-next", "in"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** The settings of a thread that these arguments come to. */
function start(asked: object, options: object = {}): object {
  const settings = settingsOf({ roots: [root], ...options });
  const read = readStart({ prompt: "p", ...asked }, settings);
  if (!("value" in read)) throw new Error(JSON.stringify(read.issues));
  return withinCaps(read.value, settings);
}

describe("the sandbox", () => {
  const names = ["read-only", "workspace-write", "danger-full-access"];
  const caps: readonly Sandbox[] = ["read-only", "workspace-write", "full-access"];

  test.each(caps.map((maxSandbox, cap) => ({ maxSandbox, cap })))("is at most $maxSandbox", ({ maxSandbox, cap }) => {
    for (const [index, sandbox] of names.entries()) {
      const asked = () => start({ sandbox }, { maxSandbox });
      if (index <= cap) expect(asked()).toMatchObject({ sandbox: caps[index] });
      else expect(asked).toThrow(`sandbox "${sandbox}" goes beyond what this server allows: ${maxSandbox} at most.`);
    }
    expect(start({}, { maxSandbox })).toMatchObject({ sandbox: caps[Math.min(cap, 1)] });
    const { properties } = startSchema(settingsOf({ roots: [root], maxSandbox }));
    expect(properties["sandbox"]).toMatchObject({ enum: names.slice(0, cap + 1) });
  });

  test.each(["", "constructor", "__proto__", "Read-Only", "full"])("is none that is unknown: %j", (sandbox) => {
    expect(() => start({ sandbox }, { maxSandbox: "full-access" })).toThrow("it must be one of");
  });

  test("is read-only when the operator says nothing, and who is asked is the caller's user", () => {
    expect(start({})).toEqual({ cwd: root, sandbox: "read-only", approvalMode: "ask" });
  });
});

test.each<[ApprovalMode, string | undefined, string]>([
  ["ask", undefined, "ask"],
  ["ask", "on-request", "ask"],
  ["ask", "never", "deny_all"],
  ["auto_review", undefined, "auto_review"],
  ["auto_review", "on-request", "auto_review"],
  ["auto_review", "never", "deny_all"],
  ["deny_all", undefined, "deny_all"],
  ["deny_all", "never", "deny_all"],
])("with approvals at %s, a caller that asks for %s gets %s", (approvalMode, policy, mode) => {
  expect(start({ "approval-policy": policy }, { approvalMode })).toMatchObject({ approvalMode: mode });
});

describe("the folder", () => {
  test.each([
    [undefined, root],
    ["", root],
    [".", root],
    ["below", join(root, "below")],
    ["below/..dots", join(root, "below", "..dots")],
    ["below/..", root],
    [root, root],
    [join(base, "root-next", "in"), join(root, "below")],
    ["out/root/below", join(root, "below")],
  ])("%j is below the roots", (cwd, real) => {
    expect(start({ cwd })).toMatchObject({ cwd: real });
  });

  test.each(["..", "/", "out", "out/root-next", join(base, "root-next"), "file", "missing", "below/../../root-next"])(
    "%j is not",
    (cwd) => {
      expect(() => start({ cwd })).toThrow("cwd is not a folder that this server works in");
    },
  );

  test("may be below any of the roots", () => {
    const roots = [root, join(base, "root-next")];
    expect(start({ cwd: join(base, "root-next") }, { roots })).toMatchObject({ cwd: join(base, "root-next") });
  });
});

describe("the configuration", () => {
  test("takes the model's settings and nothing else", () => {
    const config = { model_reasoning_effort: "low", model_verbosity: "high" };
    expect(start({ config })).toMatchObject({ config });
    expect(start({ config: {} })).toMatchObject({ config: {} });
    expect(() => start({ config: { model_verbosity: 1 } })).toThrow("config.model_verbosity must be a string");
    for (const key of [
      "sandbox_mode",
      "approval_policy",
      "mcp_servers",
      "features",
      "model_providers",
      "model_provider",
      "shell_environment_policy",
      "notify",
      "projects",
      "permissions",
      "__proto__x",
      "model_reasoning_effort.x",
    ]) {
      expect(() => start({ config: { [key]: "x" } })).toThrow(`config holds ${JSON.stringify(key)}`);
    }
  });
});

describe("arguments", () => {
  const settings = settingsOf({ roots: [root], maxPromptBytes: 10 });
  const issues = (read: object): string => JSON.stringify("issues" in read ? read.issues : []);

  test.each([
    [null, "must be an object"],
    [[], "must be an object"],
    ["text", "must be an object"],
    [{}, "prompt is missing"],
    [{ prompt: null }, "prompt is missing"],
    [{ prompt: "\u00e9".repeat(6) }, "prompt has 12 bytes; this server takes 10 at most"],
    [{ prompt: "a\0b" }, "prompt holds a NUL character"],
    [{ prompt: "p", cwd: 1 }, "cwd must be a string"],
    [{ prompt: "p", config: [] }, "config must be an object"],
    [{ prompt: "p", "base-instructions": "x".repeat(11) }, "base-instructions has 11 bytes"],
    [{ prompt: "p", "compact-prompt": "x" }, "the runtime's own is used"],
    [{ prompt: "p", "dangerously-bypass": true }, "is not taken: this tool takes prompt, cwd, model"],
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
      'sandbox\\" is not taken',
    );
  });
});

test.each<[unknown, boolean, boolean]>([
  [undefined, false, false],
  [null, false, false],
  ["form", false, false],
  [{}, true, false],
  [{ form: {} }, true, false],
  [{ url: {} }, false, true],
  [{ form: {}, url: {} }, true, true],
])("a client with the elicitation %j can show forms: %s, and links: %s", (capability, form, url) => {
  expect([offers(capability, "form"), offers(capability, "url")]).toEqual([form, url]);
});

test.each([
  ["Bearer the-token", true],
  ["bearer the-token", true],
  ["Bearer  the-token ", true],
  ["Bearer the-toke", false],
  ["Bearer the-token2", false],
  ["the-token", false],
  ["Basic the-token", false],
  ["Bearer ", false],
  ["", false],
  [undefined, false],
])("the header %j carries the token: %s", (header, carries) => {
  expect(carriesToken(header, "the-token")).toBe(carries);
});
