import { beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { readArguments } from "../../../src/approvals/arguments.js";
import { literal } from "../../../src/approvals/patterns.js";
import type * as Programs from "../../../src/approvals/programs.js";

/** A fresh copy for each test: the module remembers which programs it has warned about. */
let programs: typeof Programs;
let emitWarning: MockInstance<typeof process.emitWarning>;
beforeEach(async () => {
  vi.resetModules();
  programs = await import("../../../src/approvals/programs.js");
  emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  emitWarning.mockClear();
});

const warnings = () => emitWarning.mock.calls.map(([message]) => String(message));

describe("the warning about allowed programs", () => {
  test("names all of them at once, and has a type and a code", () => {
    programs.warnOfPrograms(["git", "npm", "git", "/usr/bin/make", "./build.sh", "env", "ls", "df"], "approvalRules");
    expect(warnings()).toEqual([expect.stringContaining("has git, npm, /usr/bin/make, ./build.sh, env. ")]);
    expect(emitWarning.mock.calls[0]?.[1]).toEqual({ type: "CodexEmbedWarning", code: "ALLOWED_PROGRAM" });
  });

  test("comes once for each program", () => {
    programs.warnOfPrograms(["git"], "approvalRules");
    programs.warnOfPrograms(["git"], "approvalRules");
    expect(warnings()).toHaveLength(1);
    programs.warnOfPrograms(["git", "npm"], "approvalRules");
    expect(warnings()).toEqual([expect.stringContaining("has git. "), expect.stringContaining("has npm. ")]);
  });

  test.each([
    "npx",
    "pnpm",
    "yarn",
    "bun",
    "cargo",
    "go",
    "python3",
    "python3.12",
    "pytest",
    "node",
    "sh",
    "sudo",
    "xargs",
    "mvn",
    "GIT",
    "C:\\tools\\npm.cmd",
    "/opt/git",
    "scripts/check",
    "..\\check",
  ])("is for %s", (name) => {
    programs.warnOfPrograms([name], "approvalRules");
    expect(warnings()).toHaveLength(1);
  });

  test.each(["ls", "cat", "date", "df", "grep", "systemctl", "/usr/bin/pg_isready", "C:\\bin\\where.exe"])(
    "is not for %s",
    (name) => {
      programs.warnOfPrograms([name], "approvalRules");
      expect(warnings()).toEqual([]);
    },
  );
});

describe("the table of programs", () => {
  test.each(["bash", "env", "sudo", "xargs", "git", "npm", "docker", "python", "make", "."])("has %s", (name) => {
    expect(programs.usageOf(name)).toBeDefined();
  });

  test("ignores a version at the end of a name", () => {
    expect(programs.usageOf("python3.12")).toBe(programs.usageOf("python"));
    expect(programs.usageOf("lua5.4")).toBe(programs.usageOf("lua"));
  });

  test.each(["ls", "cat", "", "constructor", "__proto__", "toString"])("does not have %j", (name) => {
    expect(programs.usageOf(name)).toBeUndefined();
  });

  const usages = (usage: Programs.Usage | Programs.Subcommands | undefined): string[] =>
    typeof usage === "object" ? Object.values(usage).flatMap(usages) : usage === undefined ? [] : [usage];
  const OPERANDS = /^(\d+|\?|vars|command|shell|script|first|scripts|file|words|code|evaluated|settings|remotes)$/;

  test.each(["bash", "env", "sudo", "xargs", "ssh", "git", "npm", "docker", "kubectl", "python", "node", "tar"])(
    "has only words in the usage of %s that its grammar knows, each once",
    (name) => {
      for (const usage of usages(programs.usageOf(name))) {
        const words = usage.split(" ").filter((word) => word !== "");
        expect(words.filter((word) => !/^[-+]/.test(word) && !OPERANDS.test(word))).toEqual([]);
        expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([]);
        expect(() => readArguments([{ text: literal(name), splits: false }], 0, usage)).not.toThrow();
      }
    },
  );
});
