/** Checkpoints with real git and real folders: what is recorded, what is restored, and what is left alone. */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "codex-embed";
import { CheckpointError, checkpoint, openCheckpoint, RestoreConflictError } from "codex-embed/checkpoints";
import { afterEach, describe, expect, test, vi } from "vitest";
import { rejection, untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";
import { contentOf, makeFolders } from "./folders.js";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

/** A project with everything that a folder may hold. */
const PROJECT = String.raw`
  git init -q .
  printf 'ignored/\n*.log\n' > .gitignore
  echo a > a.txt; echo s > secret; chmod 600 secret; printf '#!/bin/sh\n' > run.sh; chmod 755 run.sh
  mkdir -p src/deep ignored empty/inner nested; chmod 700 src/deep
  echo b > src/b.ts; echo c > src/deep/c.ts; printf '\0\1\2' > src/bin; seq 1 40 > src/long.txt
  echo i > ignored/i; echo log > tracked.log; git add -f tracked.log
  ln -s src/b.ts link; ln -s /nowhere dangling
  echo 'ü' > 'ünïcode "quoted"'; echo n > $'new\nline'; echo t > $'tab\tname'; echo o > ':(top)x'; echo d > -dash
  echo bs > 'back\slash'; printf x > $'bad\377name'
  cd nested; git init -q .; echo '*.tmp' > .gitignore; echo n > n.txt; echo t > t.tmp; echo k > kept.tmp; git add -f kept.tmp
`;

describe("changes and restore", () => {
  test("bring back every kind of file exactly, and leave ignored files alone", async () => {
    verifies("checkpoint-restore");
    const { cwd, codexHome, sh } = makeFolders(PROJECT);
    const was = contentOf(cwd);
    const before = await checkpoint(cwd, { codexHome });
    expect(await before.changes()).toEqual([]);
    sh(String.raw`
      echo 2 > a.txt; echo changed > secret; rm -r src empty; ln -s /etc src; chmod 644 run.sh
      rm link; mkdir link; echo file > link/file; rm dangling; echo file > dangling
      echo x >> tracked.log; echo x > ignored/new; echo x > other.log; echo x >> nested/n.txt; echo x > nested/new.tmp; rm nested/kept.tmp
      mv 'ünïcode "quoted"' moved; rm $'new\nline' -- -dash; echo x >> ':(top)x'; rm $'bad\377name'
      mkdir -p new/folder other/empty; echo x > new/folder/file
    `);
    const changes = await before.changes();
    expect(Object.fromEntries(changes.map(({ path, kind }) => [path, kind]))).toEqual({
      "-dash": "delete",
      ":(top)x": "update",
      "a.txt": "update",
      "bad�name": "delete",
      dangling: "update",
      link: "delete",
      "link/file": "add",
      moved: "rename",
      "nested/kept.tmp": "delete",
      "nested/n.txt": "update",
      "new\nline": "delete",
      "new/folder/file": "add",
      "run.sh": "update",
      secret: "update",
      src: "add",
      "src/b.ts": "delete",
      "src/bin": "delete",
      "src/deep/c.ts": "delete",
      "src/long.txt": "delete",
      "tracked.log": "update",
    });
    expect(changes).toContainEqual({
      path: "moved",
      from: 'ünïcode "quoted"',
      kind: "rename",
      additions: 0,
      deletions: 0,
    });
    expect(changes).toContainEqual({ path: "src/bin", kind: "delete", additions: null, deletions: null });
    const diff = await before.diff();
    expect(diff).toContain("-a\n+2\n");
    expect(diff).toContain("rename to moved");
    await before.restore();
    const ignored = { "ignored/new": "644 x\n", "other.log": "644 x\n", "nested/new.tmp": "644 x\n" };
    expect(contentOf(cwd)).toEqual({ ...was, ...ignored });
    expect(await before.changes()).toEqual([]);
    expect(sh("git status --short --ignored=no -- a.txt src | head -1")).toContain("??");
  });

  test("touch nothing of the project's repository", async () => {
    verifies("checkpoint-project-untouched");
    const { cwd, codexHome, sh } = makeFolders(String.raw`
      git init -q .
      echo '*.txt filter=loud text eol=crlf' > .gitattributes
      git config filter.loud.clean 'touch ../ran; cat'; git config filter.loud.smudge 'touch ../ran; cat'
      git config core.fsmonitor 'touch ../ran'; git config core.autocrlf true
      for hook in pre-commit post-checkout post-index-change; do
        printf '#!/bin/sh\ntouch ../ran\n' > .git/hooks/$hook; chmod 755 .git/hooks/$hook
      done
      printf 'a\r\nb\n' > mixed.txt
    `);
    const state = () => sh("find .git -type f -exec sha256sum {} + | sort; find .git -printf '%p %m %T@\n' | sort");
    const was = state();
    vi.stubEnv("GIT_DIR", join(cwd, ".git"));
    vi.stubEnv("GIT_OBJECT_DIRECTORY", join(cwd, ".git", "objects"));
    vi.stubEnv("GIT_INDEX_FILE", join(cwd, ".git", "index"));
    const before = await checkpoint(cwd, { codexHome });
    sh("printf 'c\r\n' > mixed.txt; rm .gitattributes");
    expect((await before.changes()).map(({ path }) => path)).toEqual([".gitattributes", "mixed.txt"]);
    await before.restore();
    expect(contentOf(cwd)["mixed.txt"]).toBe("644 a\r\nb\n");
    await before.discard();
    expect(state()).toBe(was);
    expect(existsSync(join(cwd, "..", "ran"))).toBe(false);
  });

  test("follow the rules of the repository around the workspace, unless they ignore the workspace itself", async () => {
    const { cwd, codexHome, sh } = makeFolders(String.raw`
      git init -q .; printf 'out/\n' > .gitignore; echo 'private' > .git/info/exclude
      mkdir -p app/out out/app/out; echo x > app/out/x; echo y > app/private; echo z > app/z; echo w > out/app/w
    `);
    const inside = await checkpoint(join(cwd, "app"), { codexHome });
    sh("echo 2 > app/out/x; echo 2 > app/private; echo 2 > app/z");
    expect((await inside.changes()).map(({ path }) => path)).toEqual(["z"]);
    const ignored = await checkpoint(join(cwd, "out", "app"), { codexHome });
    sh("echo 2 > out/app/w");
    expect((await ignored.changes()).map(({ path }) => path)).toEqual(["w"]);
  });

  test("follow a file of the checkpoint that is ignored by now", async () => {
    const { cwd, codexHome, sh } = makeFolders("mkdir d; echo 1 > a; echo 1 > b; echo 1 > d/x");
    const before = await checkpoint(cwd, { codexHome });
    sh(
      "printf 'a\nb\nd\nnew\n' > .gitignore; echo 2 > b; echo 2 > new; rm -r d; mkdir ../d; echo 1 > ../d/x; ln -s ../d d",
    );
    const changes = Object.fromEntries((await before.changes()).map(({ path, kind }) => [path, kind]));
    expect(changes).toEqual({ ".gitignore": "add", b: "update", "d/x": "delete" });
    expect(await rejection(before.restore(), RestoreConflictError)).toMatchObject({ paths: ["d"] });
    sh("rm d");
    await before.restore();
    expect(contentOf(cwd)).toEqual({ a: "644 1\n", b: "644 1\n", "d/": "755", "d/x": "644 1\n", new: "644 2\n" });
  });

  test("never take an ignored file for a new one, whatever becomes of the rule", async () => {
    verifies("checkpoint-ignored-kept");
    const { cwd, codexHome, sh } = makeFolders(String.raw`
      printf 'env\nbuild/\n' > .gitignore; echo secret > env; mkdir build app; echo x > build/x; cd app; git init -q .
      echo data > .gitignore; echo mine > data
    `);
    const was = contentOf(cwd);
    const before = await checkpoint(cwd, { codexHome });
    sh("rm .gitignore; rm -r app/.git app/.gitignore; echo y > build/y; echo z > new");
    const changes = Object.fromEntries((await before.changes()).map(({ path, kind }) => [path, kind]));
    expect(changes).toEqual({ ".gitignore": "delete", "app/.gitignore": "delete", new: "add" });
    await before.restore();
    expect(contentOf(cwd)).toEqual({ ...was, "build/y": "644 y\n" });
  });

  test("see a change of the same length, however soon it comes", async () => {
    const { cwd, codexHome } = makeFolders("echo a > a");
    const before = await checkpoint(cwd, { codexHome });
    for (const text of ["b", "c", "d"]) {
      writeFileSync(join(cwd, "a"), `${text}\n`);
      await checkpoint(cwd, { codexHome });
      expect(await before.diff()).toContain(`-a\n+${text}\n`);
    }
  });

  test("restore only what is asked for", async () => {
    const { cwd, codexHome, sh } = makeFolders("mkdir one two; echo 1 > one/a; echo 1 > one/b; echo 1 > two/a");
    const before = await checkpoint(cwd, { codexHome });
    sh("echo 2 > one/a; echo 2 > one/b; echo 2 > two/a");
    expect(await before.restore({ paths: ["one/b", join(cwd, "two")] })).toEqual(["one/b", "two/a"]);
    expect((await before.changes()).map(({ path }) => path)).toEqual(["one/a"]);
    for (const paths of [["../out"], [""], ["/etc"]]) {
      expect(() => before.restore({ paths })).toThrow(UsageError);
    }
    expect(() => before.restore(untyped({ path: ["one"] }))).toThrow(/unknown option path\. Did you mean paths\?/);
  });
});

describe("a restore", () => {
  test("refuses to lose what changed since the last look, and names it; force overwrites it", async () => {
    verifies("checkpoint-conflict");
    const { cwd, codexHome, sh } = makeFolders("echo 1 > a; echo 1 > b");
    const before = await checkpoint(cwd, { codexHome });
    sh("echo 2 > a; echo 2 > b");
    await before.changes();
    sh("echo 'of the user' > b; echo mine > c");
    const error = await rejection(before.restore(), RestoreConflictError);
    expect(error).toMatchObject({ code: "RESTORE_CONFLICT", paths: ["b", "c"] });
    expect(contentOf(cwd)["a"]).toBe("644 2\n");
    expect(await before.restore({ paths: ["a"] })).toEqual(["a"]);
    await before.diff();
    sh("echo again > b");
    expect(await before.restore({ force: true })).toEqual(["b", "c"]);
    expect(contentOf(cwd)).toEqual({ a: "644 1\n", b: "644 1\n" });
  });

  test("never removes an ignored file that is in the way", async () => {
    const { cwd, codexHome, sh } = makeFolders("echo '*.keep' > .gitignore; echo 1 > a; mkdir d; echo 1 > d/x");
    const before = await checkpoint(cwd, { codexHome });
    sh("rm a; mkdir a; echo mine > a/my.keep; echo 2 > d/x");
    const error = await rejection(before.restore({ force: true }), RestoreConflictError);
    expect(error.paths).toEqual(["a/my.keep"]);
    expect(error.message).toContain("Move it away");
    expect(contentOf(cwd)["d/x"]).toBe("644 2\n");
    sh("rm -r d; mkdir other.keep; ln -s other.keep d.keep; ln -s d.keep d; echo d >> .gitignore");
    const link = await rejection(before.restore({ paths: ["d"], force: true }), RestoreConflictError);
    expect(link.paths).toEqual(["d"]);
  });

  test("writes through no symbolic link that was planted", async () => {
    verifies("checkpoint-links");
    const { cwd, codexHome, sh } = makeFolders("mkdir -p d/e ../outside; echo 1 > d/e/x; echo theirs > ../outside/x");
    const before = await checkpoint(cwd, { codexHome });
    sh("rm -r d/e; ln -s ../../outside d/e");
    await before.restore();
    expect(contentOf(cwd)).toMatchObject({ "d/e/": "755", "d/e/x": "644 1\n" });
    expect(contentOf(join(cwd, "..", "outside"))).toEqual({ x: "644 theirs\n" });
  });

  test("that was cut off is repeated, also by another program", { timeout: 120_000 }, async () => {
    verifies("checkpoint-repeat");
    const { cwd, codexHome, sh } = makeFolders("for i in $(seq 1 400); do echo $i > f$i; done");
    const was = contentOf(cwd);
    const before = await checkpoint(cwd, { codexHome });
    sh("for i in $(seq 1 400); do echo changed > f$i; done; touch -d '2000-01-01' f*");
    const program = fileURLToPath(new URL("../../fixtures/restore.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", program, cwd, before.id, codexHome], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("close", resolve));
    // The program kills itself in the middle of its restore.
    await ended;
    expect(child.signalCode).toBe("SIGKILL");
    const left = await before.changes();
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(400);
    writeFileSync(join(cwd, ".codex-embed-restore-0123456789ab"), "left");
    await before.restore();
    expect(contentOf(cwd)).toEqual(was);
  });

  test("runs once at a time, and a second one finds nothing left to do", async () => {
    const { cwd, codexHome, sh } = makeFolders("echo 1 > a");
    const before = await checkpoint(cwd, { codexHome });
    sh("echo 2 > a");
    expect(await Promise.all([before.restore(), before.restore()])).toEqual([["a"], []]);
  });
});

describe("checkpoint()", () => {
  test("refuses a folder that is too large before it records anything", async () => {
    verifies("checkpoint-limits");
    const { cwd, codexHome, sh } = makeFolders("mkdir d; for i in 1 2 3; do echo 123456789 > d/$i; done");
    const many = await rejection(checkpoint(cwd, { codexHome, maxFiles: 2 }), CheckpointError);
    expect(many).toMatchObject({ code: "CHECKPOINT_TOO_LARGE", message: expect.stringContaining("more than 2 files") });
    const large = await rejection(checkpoint(cwd, { codexHome, maxBytes: 29 }), CheckpointError);
    expect(large).toMatchObject({
      code: "CHECKPOINT_TOO_LARGE",
      message: expect.stringContaining("more than 29 bytes"),
    });
    const before = await checkpoint(cwd, { codexHome, maxFiles: 3, maxBytes: 30 });
    sh("for i in 4 5 6 7; do echo 123456789 > d/$i; done");
    expect(await before.changes()).toHaveLength(4);
    const root = await rejection(checkpoint("/", { codexHome }), CheckpointError);
    expect(root.code).toBe("CHECKPOINT_TOO_LARGE");
  });

  test("says what to install when there is no git", async () => {
    const { cwd, codexHome } = makeFolders();
    vi.stubEnv("PATH", cwd);
    const error = await rejection(checkpoint(cwd, { codexHome }), CheckpointError);
    expect(error).toMatchObject({ code: "GIT_NOT_FOUND", message: expect.stringContaining("Install Git 2.30") });
  });

  test("refuses bad options and folders", async () => {
    const { cwd, codexHome } = makeFolders("echo x > file");
    await rejection(checkpoint(cwd, untyped({ codexHome, maxfiles: 1 })), UsageError);
    await rejection(checkpoint(cwd, { codexHome, maxFiles: 0 }), UsageError);
    await rejection(checkpoint(untyped(7), { codexHome }), UsageError);
    await rejection(checkpoint(join(cwd, "file"), { codexHome }), UsageError);
    await rejection(checkpoint(cwd, { codexHome: join(cwd, "file") }), UsageError);
    await rejection(checkpoint(cwd, { codexHome: cwd }), UsageError);
    await rejection(openCheckpoint(cwd, "../../x", { codexHome }), UsageError);
    await rejection(openCheckpoint(cwd, "0-0.0", { codexHome }), CheckpointError);
  });

  test("leaves out the runtime's home, pipes, and what it cannot know without a .gitignore", async () => {
    const { cwd, sh } = makeFolders("mkdir home; echo secret > home/auth.json; mkfifo pipe; echo x > x");
    const before = await checkpoint(cwd, { codexHome: join(cwd, "home") });
    sh("echo changed > home/auth.json; rm pipe; echo 2 > x");
    expect((await before.changes()).map(({ path }) => path)).toEqual(["x"]);
    await before.restore();
    expect(contentOf(cwd)).toMatchObject({ x: "644 x\n", "home/auth.json": "644 changed\n" });
    sh("mkfifo .gitignore");
    await rejection(before.changes(), CheckpointError);
  });

  test("leaves nothing behind when the last one is discarded", async () => {
    verifies("checkpoint-discard");
    const { cwd, codexHome, sh } = makeFolders("echo 1 > a");
    const first = await checkpoint(cwd, { codexHome });
    sh("echo 2 > a");
    const second = await checkpoint(cwd, { codexHome });
    await first.discard();
    expect(await rejection(first.restore(), CheckpointError)).toMatchObject({ code: "CHECKPOINT_GONE" });
    sh("echo 3 > a");
    expect(await second.restore()).toEqual(["a"]);
    await second.discard();
    await second.discard();
    expect(readdirSync(codexHome)).toEqual([]);
    await checkpoint(cwd, { codexHome });
  });

  test("removes what was not used for a week, of other workspaces too", async () => {
    const { cwd, codexHome } = makeFolders("mkdir one two");
    const old = await checkpoint(join(cwd, "one"), { codexHome });
    const root = join(codexHome, "codex-embed", "checkpoints");
    const state = join(root, readdirSync(root)[0] ?? "", old.id.split(".")[0] ?? "", "state");
    const anHour = 60 * 60;
    const ago = (days: number) => Date.now() / 1000 - days * 24 * anHour;
    const later = (hours: number) => vi.setSystemTime(Date.now() + hours * anHour * 1000);
    vi.useFakeTimers({ toFake: ["Date"] });
    utimesSync(state, ago(6), ago(6));
    later(2);
    await checkpoint(join(cwd, "two"), { codexHome });
    expect(existsSync(state)).toBe(true);
    utimesSync(state, ago(8), ago(8));
    await checkpoint(join(cwd, "two"), { codexHome });
    expect(existsSync(state), "it looks once an hour").toBe(true);
    later(2);
    await checkpoint(join(cwd, "two"), { codexHome });
    expect(existsSync(state)).toBe(false);
    expect(await rejection(old.changes(), CheckpointError)).toMatchObject({ code: "CHECKPOINT_GONE" });
  });

  test("does without an index that is damaged, and says what it was for when its folder cannot be used", async () => {
    const { cwd, codexHome } = makeFolders("echo 1 > a");
    const before = await checkpoint(cwd, { codexHome });
    const root = join(codexHome, "codex-embed", "checkpoints");
    const folder = join(root, readdirSync(root)[0] ?? "", before.id.split(".")[0] ?? "");
    writeFileSync(join(folder, "index"), "damaged");
    expect(await before.changes()).toEqual([]);
    const other = makeFolders("echo 1 > a");
    mkdirSync(other.codexHome);
    writeFileSync(join(other.codexHome, "codex-embed"), "a file");
    const error = await rejection(checkpoint(other.cwd, { codexHome: other.codexHome }), CheckpointError);
    expect(error).toMatchObject({ code: "CHECKPOINT_FAILED", message: expect.stringContaining(other.codexHome) });
  });

  test("works many times at once in one workspace", async () => {
    const { cwd, codexHome, sh } = makeFolders("for i in $(seq 1 50); do echo $i > f$i; done");
    const all = await Promise.all(Array.from({ length: 6 }, () => checkpoint(cwd, { codexHome })));
    sh("echo changed > f7");
    const changes = await Promise.all(all.map((each) => each.changes()));
    expect(changes.map((found) => found.map(({ path }) => path))).toEqual(all.map(() => ["f7"]));
    const late = await Promise.allSettled([...all.map((each) => each.discard()), checkpoint(cwd, { codexHome })]);
    expect(late.map(({ status }) => status)).toEqual(late.map(() => "fulfilled"));
  });
});
