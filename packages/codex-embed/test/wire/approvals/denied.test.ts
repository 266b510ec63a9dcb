/** Holds deny rules against real bash: which scripts that bash runs `rm` from do they accept? */

import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ENGINES, numbers } from "../../support/approvals.js";
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

/** Whether bash runs `rm` when it runs the script. Here, `rm` only leaves a mark. */
function runsRm(script: string): boolean {
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

/** Whether every engine declines it. */
async function isDeclined(script: string): Promise<boolean> {
  const decided = await Promise.all(ENGINES.map(([, decide]) => decide({ deny: ["rm"] }, script)));
  return decided.every(({ decision }) => decision === "decline");
}

/** The script as one word in single quotes. */
const quoted = (script: string) => `'${script.replaceAll("'", `'\\''`)}'`;
/** The script as one word in double quotes. */
const doubled = (script: string) => `"${script.replaceAll(/["\\$`]/g, "\\$&")}"`;

/** Ways to spell a command that runs `rm`. */
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

/** Prefixes that run the simple command after them. */
/** Ways to spell a command that only mentions `rm`. */
const HARMLESS = [
  "ls rm",
  "echo 'rm x'",
  "cat < text",
  "git log -- rm",
  "grep -rn rm .",
  "printf '%s' \"rm $x\"",
  "test -f rm",
];

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

/** Ways to run a script that rules can read. */
const READABLE: readonly ((script: string) => string)[] = [
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
  (script) => `cat <<END\n$(${script})\nEND`,
  (script) => `flock -s text -c ${quoted(script)}`,
  (script) => `find . -maxdepth 0 -exec sh -c ${quoted(script)} \\;`,
  (script) => `xargs -a text -I Q sh -c ${quoted(script)}`,
  (script) => `git -c alias.q=${quoted(`!${script}`)} q`,
  (script) => `split -n 1 --filter=${quoted(script)} text`,
  (script) => `split -n 1 --filt ${quoted(script)} text`,
  (script) => `tar cf /dev/null --checkpoint=1 --checkpoint-action=${quoted(`exec=${script}`)} text`,
  (script) => `tar cf - text | tar xf - --to-command=${quoted(script)}`,
  (script) => `compgen -C ${quoted(script)}`,
  (script) => `mapfile -c 1 -C ${quoted(script)} a <<< x`,
  (script) => `PS4=${quoted(`$(${script})`)}; set -x; :`,
  (script) => `let ${quoted(`a[$(${script})]=1`)}`,
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
  (script) => `alias q=${quoted(script)}\nshopt -s expand_aliases\neval q`,
  (script) => `coproc {\n${script}\n}; wait`,
  (script) => `capsh -- -c ${quoted(script)}`,
  (script) => `env -S ${doubled(`sh -c ${quoted(script)}`)}`,
];

/** Ways to run a script that rules cannot read, or not in full. */
const UNREADABLE: readonly ((script: string) => string)[] = [
  (script) => `source <(echo ${quoted(script)})`,
  (script) => `echo ${quoted(script)} | sh`,
  (script) => `cat <<'END' | bash\n${script}\nEND`,
  (script) => `script -qc ${quoted(script)} /dev/null`,
  (script) => `awk ${quoted(`BEGIN { system(${JSON.stringify(script)}) }`)}`,
  (script) => `awk -f <(echo ${quoted(`BEGIN { system(${JSON.stringify(script)}) }`)})`,
  (script) => `x=${quoted(`BEGIN { system(${JSON.stringify(script)}) }`)}; awk "$x"`,
  (script) => `sed -f /dev/stdin text <<< ${quoted(`1e ${script}`)}`,
  (script) => `echo ${quoted(`1e ${script}`)} | sed -nf - text`,
  (script) => `sed --expr=${quoted(`1e ${script}`)} text`,
  (script) => `cp text a; sed -if ${quoted(`1e ${script}`)} a`,
  (script) => `make -f <(printf 'a:\n\t%s\n' ${quoted(script)})`,
  (script) => `BASH_ENV=/dev/stdin bash -c : <<< ${quoted(script)}`,
  (script) => `test -v ${quoted(`a[$(${script})]`)}`,
  (script) => `[[ -v ${quoted(`a[$(${script})]`)} ]]`,
  (script) => `printf -v ${quoted(`a[$(${script})]`)} 1`,
  (script) => `x=${quoted(`a[$(${script})]`)}; echo $((x))`,
  (script) => `x=${quoted(script)}; eval "$x"`,
];

const WRAPPERS = [...READABLE, ...UNREADABLE];

/** Assembles scripts at random, the same ones for the same seed. Each wrapper has its turn; more are put around some. */
function* scripts(
  seed: number,
  count: number,
  spellings: readonly string[],
  wrappers: readonly ((script: string) => string)[],
): Generator<string> {
  const below = numbers(seed);
  const one = <T>(list: readonly T[]): T => {
    const found = list[below(list.length)] ?? list[0];
    if (found === undefined) throw new Error("The list is empty.");
    return found;
  };
  for (let i = 0; i < count; i++) {
    let script = one(spellings);
    for (let layer = below(3); layer > 0; layer--) script = one(PREFIXES) + script;
    if (script.includes("-exec ")) script += " \\;";
    script = (wrappers[i % wrappers.length] ?? one(wrappers))(script);
    for (let layer = below(3); layer > 0; layer--) script = one(wrappers)(script);
    yield script;
  }
}

async function keep(all: Iterable<string>, test: (script: string) => boolean | Promise<boolean>): Promise<string[]> {
  const kept: string[] = [];
  for (const script of all) if (await test(script)) kept.push(script);
  return kept;
}

test("each way to run rm is declined", async () => {
  const all = [
    ...SPELLINGS,
    ...PREFIXES.map((prefix) => `${prefix}rm x${prefix.includes("-exec") ? " \\;" : ""}`),
    ...WRAPPERS.map((wrapper) => wrapper("rm x")),
  ];
  expect(await keep(all, async (script) => !(await isDeclined(script)))).toEqual([]);
});

test("a random script that ran rm was declined", async () => {
  verifies("deny-rules");
  const ran = await keep(scripts(7, 250, SPELLINGS, WRAPPERS), runsRm);
  expect(await keep(ran, async (script) => !(await isDeclined(script)))).toEqual([]);
  expect(ran.length).toBeGreaterThan(100);
});

/** Measured: most of them nest what rules cannot read. Raise it only to decline something that ran `rm`. */
const DECLINED_HARMLESS = 36;

test("of random harmless scripts, no more are declined than when this was measured", async () => {
  const declined = await keep(scripts(8, 1_000, HARMLESS, READABLE), isDeclined);
  expect(declined.length).toBeLessThanOrEqual(DECLINED_HARMLESS);
});
