import { UsageError } from "codex-embed";
import { type ApprovalRuleDecision, type ApprovalRulesOptions, approvalRules } from "codex-embed/approvals";
import { describe, expect, test } from "vitest";
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

describe("a handler in otherwise", () => {
  async function decisionOf(answer: unknown) {
    const otherwise = { approveCommand: () => untyped<"accept">(answer) };
    return (await decide({ otherwise }, "ls")).why;
  }

  test.each([
    ["accept", "accept"],
    ["acceptForSession", "accept"],
    [{ acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls"] } }, "accept"],
    ["decline", "decline"],
    ["cancel", "decline"],
    ["nonsense", "decline"],
    [null, "decline"],
    [7, "decline"],
  ])("that answers %j is reported as %s", async (answer, decision) => {
    expect(await decisionOf(answer)).toMatchObject({ decision, by: "otherwise" });
  });

  test("that throws is reported as a denial, and its error reaches the caller", async () => {
    const decisions: ApprovalRuleDecision[] = [];
    const rules = approvalRules({
      otherwise: { approveCommand: () => Promise.reject(new Error("no terminal")) },
      onDecision: (decision) => decisions.push(decision),
    });
    const request = { kind: "command", threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1, environmentId: null };
    await expect(async () => rules.approveCommand(untyped({ ...request, command: "ls" }), context)).rejects.toThrow(
      "no terminal",
    );
    expect(decisions).toMatchObject([{ decision: "decline", by: "otherwise" }]);
  });

  test("is not asked about what a rule decides", async () => {
    const otherwise = { approveCommand: () => Promise.reject(new Error("asked")) };
    expect((await decide({ commands: { allow: ["ls"] }, otherwise }, "ls")).decision).toBe("accept");
    expect((await decide({ commands: { deny: ["ls"] }, otherwise }, "ls")).decision).toBe("decline");
  });
});

describe("permissions", () => {
  async function ask(permissions: object, options: ApprovalRulesOptions) {
    const rules = approvalRules(options);
    const request = { threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1, cwd: "/w", environmentId: "local" };
    return rules.approvePermissions(untyped({ ...request, reason: null, permissions }), context);
  }

  test("are granted as they were asked for, for the turn", async () => {
    const fileSystem = { read: ["/w/a"], write: null };
    const options = { paths: { allow: ["/w/**"] }, network: { allow: ["*"] } };
    expect(await ask({ network: { enabled: true }, fileSystem }, options)).toEqual({
      permissions: { network: { enabled: true }, fileSystem },
      scope: "turn",
    });
    expect(await ask({ network: { enabled: false }, fileSystem }, options)).toEqual({
      permissions: { fileSystem },
      scope: "turn",
    });
  });

  test("are declined if one of them is not allowed, or nothing is asked for", async () => {
    const fileSystem = { read: ["/w/a"], write: null };
    expect(await ask({ network: { enabled: true }, fileSystem }, { paths: { allow: ["/w/**"] } })).toBe("decline");
    expect(await ask({ network: null, fileSystem: null }, { network: { allow: ["*"] } })).toBe("decline");
  });
});

test("a question about a host is of the kind network, and its subject is the host", async () => {
  const networkApprovalContext = { host: "a.test", protocol: "https" };
  const { decision, why } = await askAbout({ network: { allow: ["a.test"] } }, "curl a", { networkApprovalContext });
  expect(decision).toBe("accept");
  expect(why).toMatchObject({ kind: "network", subject: "a.test", by: "rule", rule: "a.test" });
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
