import type { ApprovalRulesOptions } from "codex-embed/approvals";
import { beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import type * as CommandRules from "../../../src/approvals/commandRules.js";
import { commandsIn } from "../../../src/approvals/commandRules.js";
import { wildcardText } from "../../../src/approvals/patterns.js";
import { askAbout, shown } from "../../support/approvals.js";

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

describe("the reason of an unmatched command", () => {
  const commands = { allow: ["ls"] };
  test.each([
    ["ls; rm x", {}, "it contains ; outside quotes"],
    ["cat", {}, "no pattern of commands.allow matches the command"],
    ["ls", { cwd: "/elsewhere" }, "the command does not run in the working directory of the thread"],
    ["ls", { cwd: null }, "the folder of the command is unknown"],
    ["ls", { environmentId: "remote" }, "the command runs on another machine"],
    ["ls", { kind: "terminalInput" }, 'the request is of the kind "terminalInput"'],
  ])("of %j in %j says: %s", async (script, more, reason) => {
    const { decision, why } = await askAbout({ commands }, shown(script), more);
    expect(decision).toBe("decline");
    expect(why?.reason).toMatch(/^No rule matches: .* Declined by default\.$/);
    expect(why?.reason).toContain(reason);
  });

  test("also says so if nothing is allowed at all", async () => {
    const { why } = await askAbout({}, shown("ls"));
    expect(why?.reason).toBe("No rule matches: commands.allow is empty. Declined by default.");
  });
});

describe("commandsIn", () => {
  function found(script: string, isScript = true): string[] {
    const source = { commands: [], scripts: isScript ? [script] : [], fragments: isScript ? [] : [script] };
    return [...commandsIn(source)].flatMap((each) =>
      "output" in each
        ? []
        : "problem" in each
          ? `! ${each.problem}`
          : each.words
              .slice(each.start)
              .map(({ text }) => wildcardText(text))
              .join(" "),
    );
  }

  test.each([
    ["sudo env rm x", ["sudo env rm x", "env rm x", "rm x"]],
    ["sh -c 'a; eval \"b c\"'", ['sh -c a; eval "b c"', "a", "eval b c", "b c"]],
    ["git-push origin", ["git-push origin", "git push origin"]],
    ["PAGER='a b' less", ["less", "a b"]],
    ["x='a b'", ["a b"]],
  ])("yields every command of %j", (script, expected) => {
    expect(found(script)).toEqual(expect.arrayContaining(expected));
  });

  test("reports what cannot be read of a script, and not of text that need not be one", () => {
    expect(found("if a")).toContain("! it is not valid bash");
    expect(found("it's", false)).toEqual(["its"]);
    expect(found("$x rm", false)).toEqual([]);
    expect(found("$x rm")).toEqual(["* rm", "rm"]);
  });

  test("stops at too many scripts and at too many words", () => {
    const long = `eval '${"a ".repeat(30_000)}'; `;
    expect(found(Array.from({ length: 6 }, (_, i) => `${long}${i}`).join("")).at(-1)).toContain("too many scripts");
    expect(found("find . -exec ".repeat(4_000)).at(-1)).toContain("too many of its words");
  });
});

describe("the warning about allowed programs", () => {
  /** A fresh copy for each test: a program is warned about once in a process. */
  let rules: typeof CommandRules;
  let emitWarning: MockInstance<typeof process.emitWarning>;
  beforeEach(async () => {
    vi.resetModules();
    rules = await import("../../../src/approvals/commandRules.js");
    emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    emitWarning.mockClear();
  });
  const warnings = () => emitWarning.mock.calls.map(([message]) => String(message));

  test("names those of allow patterns, and none of deny patterns", () => {
    const allow = ["git status", "npm test **", "git log", "/usr/bin/make", ["./build.sh"], "env **", "ls **", "df -h"];
    rules.commandRules({ allow, deny: ["cargo"] });
    expect(warnings()).toEqual([expect.stringContaining("has git, npm, /usr/bin/make, ./build.sh, env. ")]);
  });

  test.each(["ls **", "cat *", "date", "df -h", "grep a **", "systemctl status *", "git --version", "node -v"])(
    "is not for %s",
    (pattern) => {
      rules.commandRules({ allow: [pattern], deny: ["git push"] });
      expect(warnings()).toEqual([]);
    },
  );

  test("is for a program with more than its version", () => {
    rules.commandRules({ allow: ["git --version *"] });
    expect(warnings()).toHaveLength(1);
  });
});
