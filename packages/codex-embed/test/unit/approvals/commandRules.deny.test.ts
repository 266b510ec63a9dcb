/** Tests what a deny rule finds in a command, what it declines because it cannot be read, and what it leaves alone. */

import { describe, expect, test } from "vitest";
import { askAbout, ENGINES, shown } from "../../support/approvals.js";

describe.each(ENGINES)("a deny rule of %s", (_, decide) => {
  const commands = { allow: ["echo **", "git **", "rm **"], deny: ["rm", "git push"] };

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
    expect(await decide(commands, script)).toMatchObject({ decision: "decline", by: "rule" });
  });

  test.each(["echo rm", "git status", "echo 'rm x'"])("leaves %j alone", async (script) => {
    expect((await decide(commands, script)).decision).toBe("accept");
  });
});

const commands = { deny: ["rm", "git push"] };

describe.each(ENGINES)("a deny rule of %s finds rm in", (_, decide) => {
  test.each([
    // Programs whose arguments end in a command, with options before it.
    "taskset 1 rm x",
    "prlimit --nofile=1 rm x",
    "setpriv --reuid 1 --clear-groups rm x",
    "chrt -f 10 rm x",
    "chrt -o rm x",
    "choom -n 5 rm x",
    "sudo -u root -n rm x",
    "sudo --unknown value rm x",
    "doas rm x",
    "nsenter -t 1 -m rm x",
    "unshare -r --fork rm x",
    "chroot / rm x",
    "strace -f -o out rm x",
    "strace -o '|rm x' ls",
    "systemd-run --user --scope rm x",
    "busybox rm x",
    "busybox sh -c 'rm x'",
    "ld-linux-x86-64.so.2 /bin/rm x",
    "/lib64/ld-linux-x86-64.so.2 --argv0 a /bin/rm x",
    "perf stat -e cycles rm x",
    "docker exec -it web rm x",
    "docker run --rm -v a:b image rm x",
    "kubectl exec pod -- rm x",
    "npx rm x",
    "npx -p a rm x",
    "npm exec -- rm x",
    "npm exec -c 'rm x'",
    "npm x --call='rm x'",
    "npm --prefix a exec rm x",
    "npm run x --script-shell=/bin/rm",
    "pnpm exec rm x",
    "pnpm dlx rm x",
    "yarn dlx rm x",
    "poetry run rm x",
    "uv run rm x",
    "nix-shell --run 'rm x'",
    "find . -name a -exec rm {} +",
    "find . -execdir sh -c 'rm x' \\;",
    "fd -e a -x rm",
    "fd --exec=rm",
    "xargs -a f -I{} sh -c 'rm {}'",
    "xargs git",
    "ls | xargs -n1 -P4 rm",
    // Programs that have a script among their arguments.
    "split --filter='rm x' f",
    "split -n 2 --filter 'rm x' f",
    "sort --compress-program=rm f",
    "sort --compress=/bin/rm f",
    "tar xf a --to-command='rm x'",
    "tar cf a --use-compress-program 'rm x' b",
    "tar -I'rm x' -cf a b",
    "tar cf a --checkpoint-action=exec='rm x' b",
    "rsync -e 'rm x' a b:c",
    "rsync --rsh='sh -c \"rm x\"' a b:c",
    "ssh -o ProxyCommand='rm x' host",
    "ssh -oProxyCommand='rm x' host",
    "ssh host rm x",
    "ssh host 'cd a && rm x'",
    "scp -S rm a b:c",
    "watch -n 1 rm x",
    "flock f -c 'rm x'",
    "script -c 'rm x' f",
    "su -c 'rm x'",
    "su root -c 'rm x'",
    "runuser -u a -- rm x",
    "man -P 'rm x' ls",
    "env -S 'rm x'",
    "env -S'rm x'",
    "capsh -- -c 'rm x'",
    "concurrently 'ls' 'rm x'",
    "nodemon -x 'rm x' a",
    "tmux new-session -d 'rm x'",
    "rg --pre rm x",
    "make CC='rm x'",
    "make --eval='$(shell rm x)'",
    "install -s --strip-program=rm a b",
    "start-stop-daemon --start --exec /bin/rm -- x",
    // git
    "git -c alias.q='!rm x' q",
    "git -c core.pager='rm x' -p log",
    "git -c core.fsmonitor='rm x' status",
    "git -c core.sshCommand='rm x' fetch",
    "git -c alias.p=push p",
    "git config alias.q '!rm x'",
    "git config --global core.pager 'rm x'",
    "git submodule foreach 'rm x'",
    "git submodule foreach --recursive rm x",
    "git bisect run rm x",
    "git rebase -x 'rm x' main",
    "git rebase --exec='rm x' main",
    "git difftool -x 'rm x'",
    "git filter-branch --tree-filter 'rm x' HEAD",
    "git grep -Orm x",
    "git grep --open-files-in-pager=rm x",
    "git fetch --upload-pack='rm x' a",
    "git clone -u 'rm x' a b",
    "git clone 'ext::rm% x' b",
    "git -C a -c b.c=d --no-pager push",
    // Builtins and expansions of bash.
    "compgen -C 'rm x'",
    "complete -C 'rm x' q",
    "mapfile -C 'rm x' -c 1 a",
    "PS4='$(rm x)'",
    "PS4='$(rm x)' bash -xc :",
    "export PS4='$(rm x)'",
    "PROMPT_COMMAND=rm bash -i s",
    "GIT_PAGER='rm x' git log",
    "PAGER=rm man ls",
    "GIT_SSH_COMMAND='rm x' git fetch",
    "GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=alias.q GIT_CONFIG_VALUE_0='!rm x' git q",
    "env GIT_PAGER='rm x' git log",
    "test -v 'a[$(rm x)]'",
    "[ -v 'a[$(rm x)]' ]",
    "[[ -v 'a[$(rm x)]' ]]",
    "[[ 'a[$(rm x)]' -eq 0 ]]",
    "(( a['$(rm x)'] ))",
    "echo $(( a['$(rm x)'] ))",
    "echo ${x:'a[$(rm x)]'}",
    "printf -v 'a[$(rm x)]' 1",
    "read 'a[$(rm x)]'",
    "unset 'a[$(rm x)]'",
    "declare 'a[$(rm x)]=1'",
    "let 'a[`rm x`]=1'",
    "x='a[$(rm x)]'; echo $((x))",
    "x='$(rm x)'; echo \"${x@P}\"",
    "hash -p /bin/rm q; q x",
    "alias q='rm x'",
    "trap 'rm x' EXIT",
    "eval rm x",
    "coproc rm x",
    "exec -a q rm x",
    "f() { rm x; }; f",
    // Other shells.
    "zsh -c '=rm x'",
    "zsh -c 'noglob rm x'",
    "zsh -c 'repeat 2 rm x'",
    "zsh -c 'ls; - rm x'",
    "dash -c \"echo $'\\\\'; rm x #'\"",
    "fish -c 'rm x'",
    "pwsh -Command 'rm x'",
    "cmd.exe /c 'rm x'",
    "powershell -NoProfile -c 'ls; C:\\\\bin\\\\rm.exe x'",
  ])("%j", async (script) => {
    expect(await decide(commands, script)).toMatchObject({ decision: "decline", by: "rule" });
  });

  test.each([
    "echo rm x | sh",
    "sh < f",
    "bash -s",
    "curl x | sudo bash",
    "python3 -c 'import os'",
    "python3 -m timeit 'x'",
    "python3",
    "python3 - <<'E'\nimport os\nE",
    "node -e 'x'",
    "node --eval=x",
    "node -r a -pe x",
    "perl -ne 'x' f",
    "ruby -e x",
    "php -r x",
    "awk 'BEGIN { system(x) }'",
    "awk '{ print | x }'",
    "sed 's/a/b/e' f",
    "sed -n '1e ls' f",
    "vim -c ':!x' f",
    "gdb -ex run",
    "parallel x ::: y",
    "make -f - ",
    "find . -exec {} \\;",
    "sqlite3 f '.shell x'",
    "psql -c '\\\\! x'",
    "less +!x f",
    "timeout $T x",
    "sudo $X",
    'bash "$F"',
    "source /dev/stdin",
    'eval "$X"',
    "if true; then",
    "pwsh -EncodedCommand eA==",
    "pwsh -c '& x'",
    "zsh -c 'echo ${(e)x}'",
    "zsh -c 'ls *(e:x:)'",
    "<<E ".repeat(200),
    "$(".repeat(200),
    "(".repeat(20_000),
    "f() ".repeat(15_000),
    "a".repeat(70_000),
  ])("%.60j, as it cannot be read", async (script) => {
    expect(await decide(commands, script)).toMatchObject({ decision: "decline", by: "rule" });
  });

  test.each([
    "ls docs/rm",
    "git log -- tools/rm",
    "echo hi > out/rm",
    "cat < in/rm",
    "cat /bin/sh /bin/rm",
    "grep -rn 'rm -rf' src",
    "cp a/rm b/rm",
    "sudo cat docs/rm",
    "env A=1 ls rm",
    "timeout 5 cat rm",
    "xargs cat rm",
    "find . -name rm -exec cat {} +",
    "command -v rm",
    "git rm x",
    "git add rm push",
    "git stash push",
    "git commit -m 'rm; $(rm x)\nrm x'",
    "git -c user.name='R M' commit -m rm",
    "npm rm x",
    "npm run rm",
    "docker rm x",
    "docker run --name rm image ls",
    "cat > f.md <<'E'\nrm x\n`rm` (\nE",
    "cat <<E\nrm $x\nE",
    "python3 rm.py rm",
    "python3 -m pytest -c rm tests",
    "node a.js -e rm",
    "bash rm.sh -c rm",
    "bash <<'E'\nls rm\nE",
    "for rm in a b; do echo $rm; done",
    "case rm in rm) ls;; esac",
    "[[ -f rm && $x == rm ]]",
    "x=rm; ls $x",
    'x="$y rm"; ls',
    "arr=(rm x)",
    "sed -i 's/rm/x/g; /^rm$/d' f",
    "awk -F'|' '/rm|x/ { print $1 }' f",
    "tar xzf a -C rm",
    "ssh host ls rm",
    "git submodule foreach git status",
    "make rm",
    "echo $(ls rm) `ls rm` <(ls rm)",
    "NODE_OPTIONS=--max-old-space-size=1 TARGET=docs/rm npm run build",
    "psql -c 'select rm from x'",
    "diff <(ls a) <(ls rm)",
    "printf '%s' rm",
    "ls # rm x",
    "true '; rm x'",
  ])("not in %j", async (script) => {
    const { decision, reason } = await decide(commands, script);
    expect({ decision, why: decision === "accept" ? "" : reason }).toEqual({ decision: "accept", why: "" });
  });
});

describe("a deny rule for a request finds rm in", () => {
  const otherwise = { approveCommand: () => "accept" as const };

  test("what of the command is too long is never covered, and declined when something is denied", async () => {
    const long = shown(`ls ${"a".repeat(70_000)}`);
    const declined = await askAbout({ commands, otherwise }, long);
    expect(declined).toMatchObject({ decision: "decline", why: { by: "rule" } });
    expect(declined.why?.reason).toContain("too long to be read");
    const asked = await askAbout(
      { commands: { allow: ["ls **"] }, otherwise: { approveCommand: () => "cancel" } },
      long,
    );
    expect(asked).toMatchObject({ decision: "cancel", why: { by: "otherwise" } });
    expect(asked.why?.reason).toContain("too long to be read");
    expect((await askAbout({ commands: { allow: ["ls **"] } }, shown("ls a"))).decision).toBe("accept");
  });

  test("what the runtime made of the command", async () => {
    const more = { commandActions: [{ type: "unknown", command: "rm x" }], proposedExecpolicyAmendment: ["ls"] };
    expect((await askAbout({ commands, otherwise }, shown("ls"), more)).decision).toBe("decline");
    const same = { commandActions: [{ type: "unknown", command: "X=rm; $X x" }] };
    expect((await askAbout({ commands, otherwise }, shown("X=rm; $X x"), same)).decision).toBe("decline");
    const amendment = { proposedExecpolicyAmendment: ["sh", "-c", "rm x"] };
    expect((await askAbout({ commands, otherwise }, shown("ls"), amendment)).decision).toBe("decline");
  });
});
