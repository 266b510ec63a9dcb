import { describe, expect, test } from "vitest";
import { wildcardText } from "../../../src/approvals/patterns.js";
import { asScript, commandName, readScript, shellWords, simpleCommand } from "../../../src/approvals/shell.js";

describe("shellWords, for allow patterns", () => {
  test.each([
    ["git status", ["git", "status"]],
    ["  git\tstatus ", ["git", "status"]],
    ["'git' \"status\"", ["git", "status"]],
    ["g'i't st\"at\"us", ["git", "status"]],
    ['grep \'a b;c\' "d\\"e" f\\ g', ["grep", "a b;c", 'd"e', "f g"]],
    ["a '' \"\"", ["a", "", ""]],
    ["a \"x\\y\" '\\'", ["a", "x\\y", "\\"]],
    ["a b=c --d=e", ["a", "b=c", "--d=e"]],
    ["echo 'a\nb' 'ä' é", ["echo", "a\nb", "ä", "é"]],
  ])("reads %j", (text, words) => {
    expect(shellWords(text)).toEqual({ words });
  });

  test.each([...Array.from(";&|<>$`(){}*?[~!#^"), "\n", "\r", "\0", "\u00a0", "\u2003", "\u200b", "\u202e", "\u0085"])(
    "refuses %j outside quotes",
    (char) => {
      expect(shellWords(`a b${char}c`)).toHaveProperty("refused");
      if (char !== "\0") expect(shellWords(`a 'b${char}c'`)).toEqual({ words: ["a", `b${char}c`] });
    },
  );

  test.each(["$", "`", "!"])("refuses %s in double quotes", (char) => {
    expect(shellWords(`a "b${char}c"`)).toHaveProperty("refused");
  });

  test.each(["", " ", "a 'b", 'a "b', "a \\", "a \\\n b", 'a "b\\\nc"', "A=1 b", "=b", "a =b", "a\0b", "a '\0'"])(
    "refuses %j",
    (text) => {
      expect(shellWords(text)).toHaveProperty("refused");
    },
  );
});

describe("simpleCommand, for allow patterns", () => {
  test.each([
    "git status",
    "/bin/bash -lc 'git status'",
    "bash -c 'git status'",
    "/usr/bin/zsh -l -c 'git status'",
    "/opt/homebrew/bin/bash -lc 'git status'",
  ])("reads %j", (command) => {
    expect(simpleCommand(command)).toEqual({ words: ["git", "status"] });
  });

  test("takes a shell that is given a file for a program like any other", () => {
    expect(simpleCommand("bash build.sh")).toEqual({ words: ["bash", "build.sh"] });
  });

  test.each([
    "/tmp/bash -lc 'git status'",
    "./bash -lc 'git status'",
    "bash -ic 'git status'",
    "bash '-l -c' 'git status'",
    "bash -lc",
    "bash -lc 'git status' more",
    "bash -lc '-c'",
    "bash +c 'git status'",
    "BASH.EXE -c 'git status'",
    "fish -c 'git status'",
    "fish.exe build",
    "xonsh -c 'git status'",
    "pwsh -Command 'git status'",
    "C:\\\\Windows\\\\cmd.exe /c dir",
    "bash -lc 'sh -c \"git status\"'",
    "bash -lc 'git status; rm x'",
  ])("refuses %j", (command) => {
    expect(simpleCommand(command)).toHaveProperty("refused");
  });
});

describe("readScript, for deny patterns", () => {
  const commandsOf = (script: string) =>
    readScript(script).commands.map(({ words }) => words.map(({ text }) => wildcardText(text)).join(" "));

  test.each([
    ["a b; c && d || e | f & g", ["a b", "c", "d", "e", "f", "g"]],
    ["a $(b `c`)", ["a *", "b *", "c"]],
    ['"a$(b)" c', ["a* c", "b"]],
    ["if a; then b; else c; fi", ["a", "b", "c"]],
    ["case $(a) in b) c;; esac", ["a", "c"]],
    ["f() { a; }; (b); { c; }", ["a", "b", "c"]],
    ["a <(b) >(c)", ["a /dev/fd/* /dev/fd/*", "b", "c"]],
    ["a <<E\n$(b)\nE", ["a", "b"]],
    ["X=$(a) b", ["a", "b"]],
    ["echo ${x:-$(a)} $((1 + $(b)))", ["a", "b", "echo * *"]],
    ["r\\m $'\\x72m' 'r'm", ["rm rm rm"]],
    ["a # b", ["a"]],
    ["a 'b; c'", ["a b; c"]],
  ])("finds the commands of %j", (script, expected) => {
    expect(commandsOf(script).sort()).toEqual([...expected].sort());
  });

  test("tells the input, and what stands in a substitution", () => {
    const { commands } = readScript("sh <<'E'\nrm x\nE\ncat <<< \"$(b)\"");
    expect(commands.find(({ words }) => words[0] && asScript(words[0]) === "sh")?.input).toContain("rm x");
    expect(commands.filter(({ isSubstituted }) => isSubstituted)).toHaveLength(1);
  });

  test("tells the variables", () => {
    const { variables } = readScript("A=1 b; C='d e'; F=(g h)");
    expect(variables.map(({ name, value }) => `${name}=${value}`).sort()).toEqual(["A=1", "C=d e", "F=g", "F=h"]);
  });

  test("tells which quoted text bash expands a second time", () => {
    expect(readScript("[[ -v 'a[$(rm x)]' ]]").evaluated).toEqual(["a[$(rm x)]"]);
    expect(readScript("echo '$(rm x)'").evaluated).toEqual([]);
  });

  test.each([
    ["what is not valid bash", "if true; then"],
    ["flags of an expansion in zsh", "echo ${(e)x}"],
    ["qualifiers of a glob in zsh", "ls *(e:x:)"],
    ["too many here-documents", "<<E ".repeat(200)],
    ["deep nesting", "$(".repeat(100) + ")".repeat(100)],
    ["nesting deeper than the stack", "(".repeat(20_000)],
  ])("has a problem with %s", (_, script) => {
    expect(readScript(script).problem).toEqual(expect.any(String));
  });

  test.each(["a", "", "a $x ${y:-z} $((1 + 2)) *.ts", "cat <<E\nb\nE"])("has no problem with %j", (script) => {
    expect(readScript(script).problem).toBeUndefined();
  });

  test("knows which words could be several", () => {
    const [command] = readScript('a $x "$x" "$@" <(b) *').commands;
    expect(command?.words.map(({ splits }) => splits)).toEqual([false, true, false, true, false, true]);
  });
});

describe("commandName", () => {
  const nameOf = (script: string) => {
    const word = readScript(script).commands.find(({ isSubstituted }) => !isSubstituted)?.words[0];
    if (word === undefined) throw new Error("There is no command.");
    return commandName(word);
  };

  test.each([
    ["rm", "rm"],
    ["RM.EXE", "rm"],
    ["/usr/bin/rm", "rm"],
    ["'C:\\bin\\rm.cmd'", "rm"],
    ["=rm", "rm"],
    ["./a.sh", "a.sh"],
  ])("of %s is %s", (script, plain) => {
    expect(nameOf(script).plain).toBe(plain);
  });

  test.each(["$x", "r$x", "/bin/$x", "$x/rm$y", "/proc/self/exe", "/dev/fd/3", "<(echo rm)"])(
    "of %s is not known",
    (script) => {
      expect(nameOf(script).plain).toBeUndefined();
    },
  );

  test("is that of the folder's file if only the folder is unknown", () => {
    expect(nameOf('"$x"/rm').plain).toBe("rm");
  });
});
