import { describe, expect, test } from "vitest";
import { readArguments } from "../../../src/approvals/arguments.js";
import { ANY, literal, wildcardText } from "../../../src/approvals/patterns.js";
import type { ScriptWord } from "../../../src/approvals/shell.js";

/** A command line as words. `$x` is an unquoted expansion, `"$x"` a quoted one. */
function words(line: string): ScriptWord[] {
  return line.split(" ").map((text) => {
    if (text === "$x") return { text: [ANY], splits: true };
    if (text === '"$x"') return { text: [ANY], splits: false };
    return { text: literal(text), splits: false };
  });
}

function read(line: string, usage: string) {
  const all = words(line);
  const { operands, scripts, pairs, files, assignments, ...rest } = readArguments(all, 0, usage);
  const textOf = (at: number) => wildcardText(all[at]?.text ?? []);
  return {
    ...rest,
    operands: operands.map(textOf),
    assignments: assignments.map(textOf),
    scripts: scripts.map(wildcardText),
    pairs: pairs.map(wildcardText),
    files: files.map(wildcardText),
  };
}

describe("finds where the command starts", () => {
  test.each([
    ["p rm x", "command", ["rm"]],
    ["p -a rm x", "-a command", ["rm"]],
    ["p -n 5 rm x", "-n: command", ["rm"]],
    ["p -n5 rm x", "-n: command", ["rm"]],
    ["p -an5 rm x", "-a -n: command", ["rm"]],
    ["p --name 5 rm", "--name: command", ["rm"]],
    ["p --name=5 rm", "--name: command", ["rm"]],
    ["p --na 5 rm", "--name: command", ["rm"]],
    ["p -t rm", "-t~ command", ["rm"]],
    ["p -t5 rm", "-t~ command", ["rm"]],
    ["p -0777 rm", "-0% command", ["rm"]],
    ["p -o value rm", "-o> command", ["rm"]],
    ["p -- rm x", "-a: command", ["rm"]],
    ["p 5 rm x", "1 command", ["rm"]],
    ["p rm x", "? command", ["rm", "x"]],
    ["p A=1 B=2 rm", "vars command", ["rm"]],
    ["p -10 rm", "-n: command", ["rm"]],
  ])("%j with the usage %j", (line, usage, operands) => {
    expect(read(line, usage).operands).toEqual(operands);
  });

  test("and considers that an unknown option takes the next operand", () => {
    expect(read("p -u root rm x", "command").operands).toEqual(["root", "rm"]);
    expect(read("p --user=root rm x", "command").operands).toEqual(["rm"]);
    expect(read("p -u -v a b c d", "command").operands).toEqual(["a", "b", "c"]);
  });

  test("and gives up after too many unknown options", () => {
    expect(read(`p ${"-u ".repeat(20)}rm`, "command").isUnsure).toBe(false);
    expect(read(`p ${"-u ".repeat(21)}rm`, "command").isUnsure).toBe(true);
  });
});

describe("reads the values of options", () => {
  test.each([
    ["p -c script", "-c$ command", { scripts: ["script"] }],
    ["p -cscript", "-c$ command", { scripts: ["script"] }],
    ["p --comm=script", "--command$ command", { scripts: ["script"] }],
    ["p -ac script", "-a -c$", { scripts: ["script"] }],
    ["p -o key=script", "-o=", { pairs: ["key=script"] }],
    ["p -f file", "-f&", { files: ["file"] }],
    ["p A=1 rm", "vars command", { assignments: ["A=1"] }],
    ["p -e code", "-e#", { code: "-e" }],
    ["p --eval=code", "--eval#", { code: "--eval" }],
    ["p -c script", "-c@ file", { isScript: true, operands: ["script"] }],
    ["p -s", "-s< file", { readsInput: true }],
    ["p -V", "-V. command", { isSettled: true }],
    ["p -m module -e rm", "-m! -e# file", { isSettled: true, code: undefined, operands: [] }],
  ])("%j with the usage %j", (line, usage, expected) => {
    expect(read(line, usage)).toMatchObject(expected);
  });

  test("and prefers one that runs something if an abbreviation matches several", () => {
    expect(read("p --com rm", "--comment: --command$").scripts).toEqual(["rm"]);
  });
});

describe("is unsure", () => {
  test.each([
    ["an unquoted expansion before the command", "p $x rm", "-a: command"],
    ["an unquoted expansion as the value of an option", "p -a $x rm", "-a: command"],
  ])("about %s", (_, line, usage) => {
    expect(read(line, usage).isUnsure).toBe(true);
  });

  test("but not about a quoted expansion: it is one word, which could be an option with a value", () => {
    expect(read('p "$x" a b', "command")).toMatchObject({ isUnsure: false, operands: ["*", "a"] });
  });

  test("nor about what follows the command", () => {
    expect(read("p rm $x", "command").isUnsure).toBe(false);
  });
});

test("reads no further than the command, so that nested programs take linear time", () => {
  expect(read(`p rm ${"x ".repeat(1_000)}`, "-a: command").read).toBeLessThan(5);
});
