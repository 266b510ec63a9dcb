/** Runs scripts in bash: each that ran a denied program must have been declined. */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAbout, numbers, shown } from "../../support/approvals.js";
import { verifies } from "../../support/verifies.js";

let folder: string;
let mark: string;

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "denied-")));
  mark = join(folder, "ran");
  for (const name of ["bin", "cwd"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "bin", "rm"), `#!/bin/sh\n: > '${mark}'\n`);
  chmodSync(join(folder, "bin", "rm"), 0o755);
  writeFileSync(join(folder, "cwd", "text"), "x\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether the script ran `rm`, which does nothing here but leave a mark. */
function runs(script: string): boolean {
  rmSync(mark, { force: true });
  spawnSync("/bin/bash", ["-c", script], {
    cwd: join(folder, "cwd"),
    env: { PATH: `${join(folder, "bin")}:${process.env["PATH"] ?? ""}`, HOME: folder },
    timeout: 3_000,
    killSignal: "SIGKILL",
    input: "",
    stdio: ["pipe", "ignore", "ignore"],
  });
  return existsSync(mark);
}

async function isDeclined(script: string): Promise<boolean> {
  const otherwise = { approveCommand: () => "accept" as const };
  const { decision } = await askAbout({ commands: { deny: ["rm"] }, otherwise }, shown(script));
  return decision === "decline";
}

/** The script as one word. */
const quoted = (script: string) => `'${script.replaceAll("'", `'\\''`)}'`;
/** The script as one word in double quotes. */
const doubled = (script: string) => `"${script.replaceAll(/["\\$`]/g, "\\$&")}"`;

const SPELLINGS = [
  "rm x",
  "r\\m x",
  "'rm' x",
  `"r"'m' x`,
  "$'\\x72m' x",
  '$"rm" x',
  "r\\\nm x",
  "../bin/rm x",
  "$(echo rm) x",
  "`echo rm` x",
  "{rm,x}",
  "../bin/r? x",
  "../bin/[r]m x",
  ">/dev/null rm x",
  "rm<text x",
];

/** What runs the simple command that follows it. */
const PREFIXES = [
  "env ",
  "env -- A=1 ",
  'env -i PATH="$PATH" ',
  "env -u B -C . ",
  "nice ",
  "nice -n 1 ",
  "nice -1 ",
  "nohup ",
  "setsid -w ",
  "stdbuf -o0 ",
  "stdbuf --output=0 ",
  "timeout 5 ",
  "timeout -k 1 --signal TERM 5 ",
  "command ",
  "command -p -- env ",
  "exec ",
  "exec -a q ",
  "builtin command ",
  "taskset 1 ",
  "taskset -c 0 ",
  "chrt -o 0 ",
  "chrt --other 0 ",
  "prlimit ",
  "prlimit --nofile=100 ",
  "prlimit -n100 ",
  "setpriv ",
  "setpriv --no-new-privs ",
  "choom -n 0 -- ",
  "choom -n 0 ",
  "ionice ",
  "ionice -c 3 ",
  "ionice -c3 -t ",
  "flock -s text ",
  "flock --shared --timeout 1 text ",
  "setarch x86_64 ",
  "setarch -R ",
  "linux64 ",
  "unshare ",
  "A=1 ",
  "A=1 B+=2 ",
  "a[0]=1 ",
  "2>&1 ",
  "! ",
  "time ",
  "time -p ",
  "xargs -a text ",
  "xargs -n 1 -a text ",
  "xargs -I Q -a text ",
  "find . -maxdepth 0 -exec ",
];

/** What runs a script. */
const WRAPPERS: readonly ((script: string) => string)[] = [
  (script) => `sh -c ${quoted(script)}`,
  (script) => `bash -c ${doubled(script)}`,
  (script) => `bash -euc ${quoted(script)} a b`,
  (script) => `bash -o posix -c ${quoted(script)}`,
  (script) => `bash --norc +x -c -- ${quoted(script)}`,
  (script) => `eval ${quoted(script)}`,
  (script) => `eval ${doubled(script)}`,
  (script) => `builtin eval -- ${quoted(script)}`,
  (script) => `trap ${quoted(script)} EXIT`,
  (script) => `bash <<'END'\n${script}\nEND`,
  (script) => `bash -s a <<'END'\n${script}\nEND`,
  (script) => `bash <<< ${quoted(script)}`,
  (script) => `. /dev/stdin <<< ${quoted(script)}`,
  (script) => `source <(echo ${quoted(script)})`,
  (script) => `echo ${quoted(script)} | sh`,
  (script) => `cat <<'END' | bash\n${script}\nEND`,
  (script) => `cat <<END\n$(${script})\nEND`,
  (script) => `flock -s text -c ${quoted(script)}`,
  (script) => `script -qc ${quoted(script)} /dev/null`,
  (script) => `find . -maxdepth 0 -exec sh -c ${quoted(script)} \\;`,
  (script) => `xargs -a text -I Q sh -c ${quoted(script)}`,
  (script) => `git -c alias.q=${quoted(`!${script}`)} q`,
  (script) => `split -n 1 --filter=${quoted(script)} text`,
  (script) => `split -n 1 --filt ${quoted(script)} text`,
  (script) => `tar cf /dev/null --checkpoint=1 --checkpoint-action=${quoted(`exec=${script}`)} text`,
  (script) => `tar cf - text | tar xf - --to-command=${quoted(script)}`,
  (script) => `awk ${quoted(`BEGIN { system(${JSON.stringify(script)}) }`)}`,
  (script) => `compgen -C ${quoted(script)}`,
  (script) => `mapfile -c 1 -C ${quoted(script)} a <<< x`,
  (script) => `PS4=${quoted(`$(${script})`)}; set -x; :`,
  (script) => `test -v ${quoted(`a[$(${script})]`)}`,
  (script) => `[[ -v ${quoted(`a[$(${script})]`)} ]]`,
  (script) => `printf -v ${quoted(`a[$(${script})]`)} 1`,
  (script) => `let ${quoted(`a[$(${script})]=1`)}`,
  (script) => `x=${quoted(`a[$(${script})]`)}; echo $((x))`,
  (script) => `: $(${script})`,
  (script) => `echo "$(${script})"`,
  (script) => `echo "\${x:-$(${script})}"`,
  (script) => `cat <(${script})`,
  (script) => `(${script}\n)`,
  (script) => `{ ${script}\n}`,
  (script) => `f() {\n${script}\n}; f`,
  (script) => `if ${script}\nthen :; fi`,
  (script) => `for i in 1; do\n${script}\ndone`,
  (script) => `case x in x)\n${script}\n;; esac`,
  (script) => `while ${script}\ndo break; done`,
  (script) => `true &&\n${script}`,
  (script) => `true |\n${script}`,
  (script) => `: # '\n${script}`,
  (script) => `x=${quoted(script)}; eval "$x"`,
  (script) => `alias q=${quoted(script)}\nshopt -s expand_aliases\neval q`,
  (script) => `coproc {\n${script}\n}; wait`,
  (script) => `capsh -- -c ${quoted(script)}`,
  (script) => `env -S ${doubled(`sh -c ${quoted(script)}`)}`,
];

test("whatever ran rm was declined, in scripts put together at random", async () => {
  verifies("deny-rules");
  const below = numbers(7);
  const one = <T>(list: readonly T[]): T => {
    const [first] = list;
    const found = list[below(list.length)] ?? first;
    if (found === undefined) throw new Error("The list is empty.");
    return found;
  };
  const missed: string[] = [];
  let ran = 0;
  for (let i = 0; i < 300; i++) {
    let script = one(SPELLINGS);
    for (let layer = below(3); layer > 0; layer--) script = one(PREFIXES) + script;
    if (script.includes("-exec ")) script += " \\;";
    // Each wrapper has its turn; a few of them are put around it.
    script = (WRAPPERS[i % WRAPPERS.length] ?? one(WRAPPERS))(script);
    for (let layer = below(3); layer > 0; layer--) script = one(WRAPPERS)(script);
    if (!runs(script)) continue;
    ran++;
    if (!(await isDeclined(script))) missed.push(script);
  }
  expect(missed).toEqual([]);
  expect(ran).toBeGreaterThan(120);
});

describe("each way to run rm is declined", () => {
  test.each(PREFIXES)("%j", async (prefix) => {
    const script = `${prefix}rm x${prefix.includes("-exec") ? " \\;" : ""}`;
    expect(await isDeclined(script)).toBe(true);
  });

  test.each(WRAPPERS.map((wrapper) => wrapper("rm x")))("%j", async (script) => {
    expect(await isDeclined(script)).toBe(true);
  });

  test.each(SPELLINGS)("%j", async (script) => {
    expect(await isDeclined(script)).toBe(true);
  });
});
