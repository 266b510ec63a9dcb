import { describe, expect, test } from "vitest";
import { readAnyArgument, readInvocation, scriptsInPair } from "../../../src/approvals/invocation.js";
import { wildcardText } from "../../../src/approvals/patterns.js";
import { commandName, readScript } from "../../../src/approvals/shell.js";

/** What the first command of a script runs; its positions as the words that they point to. */
function invocationOf(script: string) {
  const [command] = readScript(script).commands;
  const word = command?.words[0];
  if (command === undefined || word === undefined) throw new Error("There is no command.");
  const { positions, words, ...rest } = readInvocation(commandName(word).plain ?? "", command, 0);
  return { ...rest, starts: positions.map((at) => wildcardText((words ?? command.words)[at]?.text ?? [])), words };
}

describe("finds the command that follows", () => {
  test.each([
    ["env A=1 rm x", ["rm"]],
    ["sudo -u root rm x", ["rm"]],
    ["timeout -k 1 5 rm x", ["rm"]],
    ["busybox rm x", ["rm"]],
    ["docker exec -it web rm x", ["rm"]],
    ["kubectl exec -n a pod -- rm x", ["rm"]],
    ["git bisect run rm x", ["rm"]],
    ["find . -name a -exec rm {} + -ok ls {} \\;", ["rm", "ls"]],
    ["fd -e a -x rm", ["rm"]],
  ])("in %j", (script, starts) => {
    expect(invocationOf(script).starts).toEqual(expect.arrayContaining(starts));
  });

  test.each(["ls rm", "git add rm", "cat rm", "npm run rm", "docker rm x", "python3 a.py rm", "bash a.sh rm"])(
    "and none in %j",
    (script) => {
      const { starts, scripts, fragments, problem } = invocationOf(script);
      expect([starts, scripts, fragments, problem]).toEqual([[], [], [], undefined]);
    },
  );
});

describe("finds the scripts", () => {
  test.each([
    ["sh -c 'rm x'", ["rm x"]],
    ["bash -euc 'rm x' a b", ["rm x"]],
    ["eval rm '\"x\"'", ['rm "x"']],
    ["ssh host rm x", ["rm x"]],
    ["su -c 'rm x'", ["rm x"]],
    ["trap 'rm x' EXIT INT", ["rm x"]],
    ["tar xf a --to-command='rm x'", ["rm x"]],
    ["man -P '|rm x' ls", ["rm x"]],
    ["bash <<'E'\nrm x\nE", ["rm x\n"]],
    ["pwsh -c 'rm x'", ["rm x"]],
    ["cmd /c 'C:\\rm.exe x'", ["C:/rm.exe x"]],
    ["git -c alias.q='!rm $(x)' q", ["rm $(x)"]],
  ])("in %j", (script, scripts) => {
    expect(invocationOf(script)).toMatchObject({ scripts: expect.arrayContaining(scripts) });
    expect(invocationOf(script).problem).toBeUndefined();
  });

  test.each([
    ["git -c core.pager='rm x' log", "rm x"],
    ["git config alias.q '!rm x'", "rm x"],
    ["git config alias.q push", "git push"],
    ["git clone 'ext::rm% x' a", "rm x"],
    ["ssh -o 'ProxyCommand rm x' host", "rm x"],
    ["alias q='rm x'", "rm x"],
    ["concurrently 'rm x' ls", "rm x"],
    ["env 'rm x'", "rm x"],
    ["test -v 'a[$(rm x)]'", "a[$(rm x)]"],
    ["tmux new-session 'rm x'", "rm x"],
    ["fd --exec=rm", "rm"],
  ])("that could be one in %j", (script, fragment) => {
    expect(invocationOf(script).fragments).toContain(fragment);
  });

  test("and the variables", () => {
    expect(invocationOf("env PAGER=rm ls").variables).toEqual([{ name: "PAGER", value: "rm" }]);
    expect(invocationOf("make CC='rm x'").variables).toEqual([{ name: "CC", value: "rm x" }]);
  });
});

describe("cannot read", () => {
  test.each([
    "sh",
    "bash -s",
    "bash /dev/stdin",
    "bash <(cat f)",
    "bash <(cat f) <<< ls",
    'bash "$f"',
    'eval "$x" $y',
    "sudo $x",
    "git $x",
    "python3 -c x",
    "python3 -m timeit x",
    "python3",
    "node --eval x",
    "perl -ne x",
    "awk 'BEGIN { system(x) }'",
    "awk '{ print | x }'",
    "awk '{ x | getline }'",
    "awk -f /dev/stdin",
    'awk "$x"',
    "sed '1e ls' f",
    "sed 's/a/b/e' f",
    "sed 's/a/b/w x\n1e ls' f",
    "sed -f - f",
    "sed -if '1e ls' f",
    "sqlite3 f '.shell x'",
    "psql",
    "less +!x f",
    "vim +!x f",
    "tar cfI out rm x",
    "make -f -",
    "make --eval x",
    "pwsh -c '& x'",
    "pwsh -EncodedCommand eA==",
    "find . -exec {} \\;",
    "parallel x ::: y",
  ])("%j", (script) => {
    expect(invocationOf(script).problem).toEqual(expect.any(String));
  });

  test.each([
    "bash a.sh",
    "python3 a.py",
    "python3 -m pytest",
    "node --version",
    "awk '/a|b/ || $1 > 5 { print $2 }' f",
    "awk -F '|' -f a.awk -",
    "sed -n '/a/,$p; s/b/c/g' f",
    "sed -f a.sed f",
    "sqlite3 f 'select 1'",
    "psql -c 'select 1'",
    "less f",
    "vim f",
    "tar xzf a",
    "make -f a.mk b",
    "sudo -V",
  ])("but can read %j", (script) => {
    expect(invocationOf(script).problem).toBeUndefined();
  });
});

test("xargs puts unknown words behind the command and in the place of its marker", () => {
  const texts = (script: string) =>
    invocationOf(script)
      .words?.map(({ text }) => wildcardText(text))
      .join(" ");
  expect(texts("xargs rm a")).toBe("xargs rm a *");
  expect(texts("xargs -I{} rm a{}b")).toBe("xargs -I{} rm a*b *");
});

test("a command with an unknown name could run each of its arguments", () => {
  const [command] = readScript("$x a 'b c'").commands;
  const found = readAnyArgument(command?.words ?? [], 0);
  expect(found).toMatchObject({ positions: [1, 2], fragments: ["b c"] });
});

test.each([
  ["key=rm x", ["rm x"]],
  ["key rm x", ["rm x"]],
  ["alias.q=!rm x", ["rm x"]],
  ["alias.q=push", ["push", "git push"]],
  ["user.name=R M", []],
  ["key=", []],
  ["no pair", ["pair"]],
  ["'=x", []],
])("the scripts in the pair %j are %j", (text, scripts) => {
  expect(scriptsInPair(text)).toEqual(scripts);
});
