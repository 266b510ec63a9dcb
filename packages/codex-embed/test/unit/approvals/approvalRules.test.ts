/** Tests the approval rules, above all against what would slip past them. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileChangeApprovalRequest, UsageError } from "codex-embed";
import { type ApprovalRulesOptions, approvalRules } from "codex-embed/approvals";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAbout, context, shown } from "../../support/approvals.js";
import { untyped } from "../../support/turns.js";

const decide = (options: ApprovalRulesOptions, script: string) => askAbout(options, shown(script));

describe("what no rule covers", () => {
  test("is declined, and the audit says why", async () => {
    const { decision, why } = await decide({}, "ls");
    expect(decision).toBe("decline");
    expect(why).toMatchObject({ by: "otherwise", subject: shown("ls"), threadId: "t" });
    expect(why?.reason.length).toBeGreaterThan(10);
  });

  test("goes to the handler in otherwise, whose answer counts", async () => {
    const otherwise = { approveCommand: () => "acceptForSession" as const };
    expect((await decide({ otherwise }, "ls")).decision).toBe("acceptForSession");
  });

  test("an audit that throws changes nothing", async () => {
    const rules = approvalRules({
      commands: { allow: ["ls"] },
      onDecision: () => {
        throw new Error("no disk");
      },
    });
    const request = { kind: "command" as const, threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1 };
    const answer = await rules.approveCommand?.(
      { ...request, environmentId: null, command: shown("ls"), cwd: "/w" },
      context,
    );
    expect(answer).toBe("accept");
  });
});

describe("paths", () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "approval-rules-")));
    for (const name of ["docs", "docs/private", "outside"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "outside", "secret"), "");
    symlinkSync(join(folder, "outside"), join(folder, "docs", "escape"));
    symlinkSync(join(folder, "outside", "secret"), join(folder, "docs", "link.md"));
    symlinkSync(join(folder, "outside", "new"), join(folder, "docs", "dangling.md"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function change(paths: readonly string[], moveTo?: string) {
    const rules = approvalRules({
      paths: { allow: [join(folder, "docs/**")], deny: [join(folder, "docs/private/**")] },
    });
    const changes = paths.map((path) => ({
      path: path.startsWith("=") ? path.slice(1) : join(folder, "docs", "x", "..", path),
      kind: { type: "update" as const, move_path: moveTo === undefined ? null : join(folder, moveTo) },
      diff: "",
    }));
    const request = { threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1, changes };
    return rules.approveFileChange?.(untyped<FileChangeApprovalRequest>(request), context);
  }

  test.each([[["a.md"]], [["a.md", "new/b.md"]]])("%j is allowed", async (paths) => {
    expect(await change(paths)).toBe("accept");
  });

  test.each([
    ["nothing known", []],
    ["one of two outside", ["a.md", "../outside/secret"]],
    ["a way out by ..", ["../outside/secret"]],
    ["a folder that is a link out", ["escape/secret"]],
    ["a file that is a link out", ["link.md"]],
    ["a link out to what is not there yet", ["dangling.md"]],
    ["what is denied", ["private/a.md"]],
    ["a relative path", ["=docs/a.md"]],
  ])("%s is declined", async (_what, paths) => {
    expect(await change(paths)).toBe("decline");
  });

  test("a move is held against both places", async () => {
    expect(await change(["a.md"], "docs/b.md")).toBe("accept");
    expect(await change(["a.md"], "outside/b.md")).toBe("decline");
  });
});

describe("hosts", () => {
  const network = { allow: ["registry.example.org", "*.inner.example.org"], deny: ["bad.inner.example.org"] };

  test.each([
    ["registry.example.org", "accept"],
    ["REGISTRY.example.ORG", "accept"],
    ["a.inner.example.org", "accept"],
    ["bad.inner.example.org", "decline"],
    ["inner.example.org.evil.test", "decline"],
    ["evilregistry.example.org", "decline"],
    ["example.org", "decline"],
  ])("%s: %s", async (host, expected) => {
    const networkApprovalContext = { host, protocol: "https" };
    expect((await askAbout({ network }, shown("curl x"), { networkApprovalContext })).decision).toBe(expected);
  });
});

describe("network.deny knows an address however it is written", () => {
  const addresses = [
    "1.2.3.4",
    "::ffff:1.2.3.4",
    "::FFFF:102:304",
    "[::ffff:1.2.3.4]",
    "0:0:0:0:0:ffff:0102:0304",
    "::ffff:1.2.3.4%eth0",
    "64:ff9b::1.2.3.4",
    "::1.2.3.4",
    "::ffff:0:1.2.3.4",
    "0x1.2.0x3.04",
    "16909060",
    "0x01020304",
    "1.2.772",
    "1.2.3.4.",
    "１.2.3.4",
    "%31.2.3.4",
  ];
  const asked = (deny: string, host: string) =>
    askAbout({ network: { deny: [deny] }, otherwise: { approveCommand: () => "accept" } }, shown("x"), {
      networkApprovalContext: { host, protocol: "https" },
    });

  test.each(addresses)("asked for as %s", async (host) => {
    for (const deny of ["1.2.3.4", "[::ffff:102:304]", "::ffff:1.2.3.4"]) {
      expect(await asked(deny, host)).toMatchObject({ decision: "decline", why: { rule: deny } });
    }
  });

  test.each(["1.2.3.5", "::ffff:1.2.3.5", "::1", "2001:db8::102:304", "fe80::1%eth0", "::fffe:1.2.3.4"])(
    "and not %s",
    async (host) => expect((await asked("1.2.3.4", host)).decision).toBe("accept"),
  );
});

test.each<[what: string, options: ApprovalRulesOptions]>([
  ["an empty command", { commands: { allow: [""] } }],
  ["a ** before the end", { commands: { allow: ["a ** b"] } }],
  ["a command that may be any", { commands: { allow: ["* status"] } }],
  ["shell syntax", { commands: { deny: ["rm; ls"] } }],
  ["a relative glob", { paths: { allow: ["docs/**"] } }],
])("%s is refused when the rules are made", (_what, options) => {
  expect(() => approvalRules(options)).toThrow(UsageError);
});
