/** Tests the approval rules, above all against what would slip past them. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ApprovalRuleDecision,
  type ApprovalRulesOptions,
  approvalRules,
  type FileChangeApprovalRequest,
  UsageError,
} from "codex-embed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { untyped } from "../../support/turns.js";

const context = { signal: new AbortController().signal, threadId: "t", turnId: "u", itemId: "i" };

/** What the runtime shows of a command that the model wants run. */
function shown(script: string): string {
  return `/bin/bash -lc '${script.replaceAll("'", `'"'"'`)}'`;
}

async function decideRaw(options: ApprovalRulesOptions, command: string | undefined, more: object = {}) {
  const decisions: ApprovalRuleDecision[] = [];
  const rules = approvalRules({ ...options, onDecision: (decision) => decisions.push(decision) });
  const decision = await rules.approveCommand?.(
    {
      kind: "command",
      threadId: "t",
      turnId: "u",
      itemId: "i",
      startedAtMs: 1,
      environmentId: "local",
      cwd: "/w",
      ...(command === undefined ? {} : { command }),
      ...more,
    },
    context,
  );
  expect(decisions).toHaveLength(1);
  return { decision, why: decisions[0] };
}

const decide = (options: ApprovalRulesOptions, script: string) => decideRaw(options, shown(script));

describe("an allow rule", () => {
  const commands = { allow: ["git status", "npm test **", ["grep", "a b", "*.txt"]] };

  test.each([
    "git status",
    '"git" status',
    "'git' 'status'",
    "git\\ status".replace("\\ ", " "),
    "  git   status  ",
    "npm test",
    "npm test -- --watch",
    "grep 'a b' notes.txt",
    'grep a\\ b "x.txt"',
  ])("covers %j", async (script) => {
    expect((await decide({ commands }, script)).decision).toBe("accept");
  });

  test.each([
    "git status; rm -rf x",
    "git status && rm x",
    "git status || rm x",
    "git status | sh",
    "git status & rm x",
    "git status &",
    "git status\nrm x",
    "git status\rrm x",
    "git status $(rm x)",
    "git status `rm x`",
    'git status "$(rm x)"',
    "git status <(rm x)",
    "git status > /etc/passwd",
    "git status >> x",
    "git status < x",
    "git status <<EOF\nEOF",
    "X=1 git status",
    "PATH=/evil git status",
    "env X=1 git status",
    "command git status",
    "bash -c 'git status'",
    "sh -c 'git status'",
    "(git status)",
    "{ git status; }",
    "! git status",
    "git statu?",
    "git stat*",
    "git {status,push}",
    "git $'status'",
    "git ~",
    "git status #x",
    "$GIT status",
    "git status 'unterminated",
    'git status "unterminated',
    "git status \\",
    "git\u00a0status",
    "git\u2003status",
    "/tmp/evil/git status",
    "./git status",
    "git -c core.pager='rm x' status",
    "git status extra",
    "git",
    "npm run test",
    "gıt status",
    "",
  ])("does not cover %j", async (script) => {
    expect((await decide({ commands }, script)).decision).toBe("decline");
  });

  test.each([
    ["a rendering in another shell", "powershell.exe -Command 'git status'"],
    ["two layers of shells", `/bin/bash -lc ${JSON.stringify(`bash -lc "git status"`)}`],
    ["something behind the script", "/bin/bash -lc 'git status' x"],
    ["something before the shell", "sudo /bin/bash -lc 'git status'"],
    ["other options of the shell", "/bin/bash --rcfile evil -c 'git status'"],
    ["no command", undefined],
  ])("does not cover %s", async (_what, command) => {
    expect((await decideRaw({ commands }, command)).decision).toBe("decline");
  });

  test("does not cover a command that asks for further permissions, nor a question about a host", async () => {
    const additionalPermissions = { network: { enabled: true }, fileSystem: null };
    expect((await decideRaw({ commands }, shown("git status"), { additionalPermissions })).decision).toBe("decline");
    const networkApprovalContext = { host: "evil.example", protocol: "https" };
    expect((await decideRaw({ commands }, shown("git status"), { networkApprovalContext })).decision).toBe("decline");
  });
});

describe("a deny rule", () => {
  const options: ApprovalRulesOptions = {
    commands: { allow: ["echo **", "git **", "rm **"], deny: ["rm", "git push"] },
    otherwise: { approveCommand: () => "accept" },
  };

  test.each([
    "rm x",
    "/bin/rm x",
    "'r'm x",
    "r\\m x",
    "echo a; rm x",
    "echo a && rm x",
    "echo $(rm x)",
    "echo `rm x`",
    'echo "$(rm x)"',
    "echo a\nrm x",
    "env X=1 rm x",
    "X=1 rm x",
    "command rm x",
    "exec rm x",
    "nohup rm x",
    "sudo rm x",
    "time rm x",
    "ls | xargs rm",
    "sh -c 'rm x'",
    'bash -lc "rm x"',
    "(rm x)",
    "if true; then rm x; fi",
    "rm",
    "git push --force",
    "git push",
  ])("wins over everything for %j", async (script) => {
    const { decision, why } = await decide(options, script);
    expect(decision).toBe("decline");
    expect(why).toMatchObject({ by: "rule", decision: "decline", kind: "command" });
  });

  test.each(["echo rm", "git status", "echo 'rm x'"])("leaves %j alone", async (script) => {
    expect((await decide(options, script)).decision).toBe("accept");
  });
});

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
    const answer = await rules.approveCommand?.({ ...request, environmentId: null, command: shown("ls") }, context);
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
    expect((await decideRaw({ network }, shown("curl x"), { networkApprovalContext })).decision).toBe(expected);
  });
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
