/** Tests what an allow rule covers: one plain command, in its folder, without options that it does not name. */

import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "codex-embed";
import { type ApprovalRulesOptions, approvalRules } from "codex-embed/approvals";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAbout, context, shown } from "../../support/approvals.js";

const decide = (options: ApprovalRulesOptions, script: string) => askAbout(options, shown(script));

describe("an allow rule", () => {
  const commands = {
    allow: ["git status", "npm test **", ["grep", "a b", "*.txt"], "git log --oneline -n* **", "up *"],
  };

  test.each([
    "git status",
    '"git" status',
    "'git' 'status'",
    "git\\ status".replace("\\ ", " "),
    "  git   status  ",
    "npm test",
    "npm test a b/c",
    "git log --oneline -n5",
    "git log --oneline -n 5 src",
    "up a",
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
    "git status --porcelain",
    "npm test --prefix /tmp/x",
    "npm test --prefix=/tmp/x",
    "npm test a --script-shell=/tmp/x",
    "npm test -- --watch",
    "npm test -- a",
    "npm test --",
    "npm test -",
    "npm test +a",
    "npm test NODE_OPTIONS=--import=/tmp/x",
    "npm test '-c' x",
    "npm test \\-c x",
    "up --help",
    "up -",
    "up A=b",
    "git log --output=/etc/x -n5",
    "git log --oneline -p",
    "git log -n5 --oneline",
    "git log --oneline -n5 --output=x",
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
    expect((await askAbout({ commands }, command)).decision).toBe("decline");
  });

  test("does not cover a command that asks for further permissions, nor a question about a host", async () => {
    const additionalPermissions = { network: { enabled: true }, fileSystem: null };
    expect((await askAbout({ commands }, shown("git status"), { additionalPermissions })).decision).toBe("decline");
    const networkApprovalContext = { host: "evil.example", protocol: "https" };
    expect((await askAbout({ commands }, shown("git status"), { networkApprovalContext })).decision).toBe("decline");
  });
});

describe("the folder of an allowed command", () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "rules-folder-")));
    for (const name of ["project", "project/sub", "project2"]) mkdirSync(join(folder, name));
    symlinkSync(join(folder, "project"), join(folder, "link"));
    symlinkSync(join(folder, "project2"), join(folder, "project", "out"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function decideIn(where: string | null, list: { cwd?: string | string[] }, threadCwd: string | null) {
    const rules = approvalRules({ commands: { allow: ["ls"], ...list } });
    const request = {
      kind: "command",
      threadId: "t",
      turnId: "u",
      itemId: "i",
      startedAtMs: 1,
      environmentId: null,
    } as const;
    return rules.approveCommand({ ...request, command: shown("ls"), cwd: where }, { ...context, threadCwd });
  }
  const at = (...parts: string[]) => join(folder, ...parts);

  test.each([
    ["the thread's", "project", "accept"],
    ["the thread's, by a link", "link", "accept"],
    ["the thread's, spelled with dots", "project/sub/..", "accept"],
    ["one below", "project/sub", "decline"],
    ["one beside that begins alike", "project2", "decline"],
    ["a link in the thread's that leads out", "project/out", "decline"],
    ["dots behind a link", "project/out/../project", "decline"],
    ["the one above", ".", "decline"],
  ])("is by default the thread's alone: %s", async (_what, name, expected) => {
    expect(await decideIn(`${folder}/${name}`, {}, at("project"))).toBe(expected);
  });

  test("is not covered when either is not known, relative, or on another machine", async () => {
    expect(await decideIn(null, {}, at("project"))).toBe("decline");
    expect(await decideIn(at("project"), {}, null)).toBe("decline");
    expect(await decideIn(null, {}, null)).toBe("decline");
    expect(await decideIn("project", {}, "project")).toBe("decline");
    const elsewhere = { environmentId: "remote" };
    expect((await askAbout({ commands: { allow: ["ls"] } }, shown("ls"), elsewhere)).decision).toBe("decline");
  });

  test("is one of commands.cwd when there are some, and the thread's does not count then", async () => {
    const cwd = [at("project2"), at("project", "s*")];
    expect(await decideIn(at("project2"), { cwd }, at("project"))).toBe("accept");
    expect(await decideIn(at("project", "out"), { cwd }, null)).toBe("accept");
    expect(await decideIn(at("project", "sub"), { cwd }, null)).toBe("accept");
    expect(await decideIn(at("project"), { cwd }, at("project"))).toBe("decline");
    expect(await decideIn(at("project", "sub"), { cwd: at("project") }, null)).toBe("decline");
    expect(await decideIn(at("project", "sub"), { cwd: at("link", "**") }, null)).toBe("accept");
    expect(await decideIn(at("project"), { cwd: [] }, at("project"))).toBe("decline");
  });

  test("that cannot be one is refused", () => {
    expect(() => approvalRules({ commands: { cwd: "project" } })).toThrow(UsageError);
    expect(() => approvalRules({ commands: { cwd: [""] } })).toThrow(UsageError);
    // @ts-expect-error a folder is text
    expect(() => approvalRules({ commands: { cwd: 7 } })).toThrow(UsageError);
  });

  test("says so in the reason", async () => {
    const { why } = await askAbout({ commands: { allow: ["ls"] } }, shown("ls"), { cwd: "/elsewhere" });
    expect(why?.reason).toContain("working directory of the thread");
  });
});
