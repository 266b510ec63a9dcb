/** What a caller may have, without a server around it. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApprovalMode, Sandbox } from "codex-embed";
import { afterAll, describe, expect, test } from "vitest";
import { assertUnmoved, withinCaps } from "../../src/caps.js";
import { settingsOf } from "../../src/options.js";
import { readStart, startSchema } from "../../src/tools.js";

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
  const settings = settingsOf({ roots: [root], ...options }, "test");
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
    const { properties } = startSchema(settingsOf({ roots: [root], maxSandbox }, "test"));
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

  test("must not be replaced while its thread is there", () => {
    const folder = join(root, "replaced");
    mkdirSync(folder);
    assertUnmoved(folder);
    rmSync(folder, { recursive: true });
    expect(() => assertUnmoved(folder)).toThrow("was removed or replaced");
    symlinkSync(base, folder);
    expect(() => assertUnmoved(folder)).toThrow("was removed or replaced");
    rmSync(folder);
  });

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
