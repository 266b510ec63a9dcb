/** Runs real commands for `requirePassing`. */

import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LaunchError } from "codex-embed";
import { type PassingRun, type RequirePassingOptions, requirePassing } from "codex-embed/approvals";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guardContext } from "../../support/approvals.js";
import { isAlive } from "../../support/processes.js";
import { verifies } from "../../support/verifies.js";

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "passing-")));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function stop(command: string | string[], options: RequirePassingOptions = {}, rounds = 0, signal?: AbortSignal) {
  const runs: PassingRun[] = [];
  const guards = requirePassing(command, { ...options, onRun: (run) => runs.push(run) });
  const context = { ...guardContext, cwd: folder, ...(signal === undefined ? {} : { signal }) };
  const decision = (await guards.onStop({ answer: "Done.", rounds }, context)) ?? undefined;
  return { text: decision?.continueWith, runs };
}

test("a command that passes lets the agent stop", async () => {
  verifies("require-passing");
  expect(await stop("test -d .")).toEqual({
    text: undefined,
    runs: [{ passed: true, exitCode: 0, rounds: 0, isFinal: true, threadId: "t", turnId: "u" }],
  });
  expect((await stop([process.execPath, "-e", "process.exit(0)"])).text).toBeUndefined();
});

test("a command that fails sends the agent back with the end of its output, until the rounds are used up", async () => {
  verifies("require-passing");
  const command = "echo first; echo second >&2; pwd; exit 3";
  const { text, runs } = await stop(command, { maxRounds: 2 }, 1);
  expect(text).toContain(`\`${command}\` failed with exit code 3.`);
  for (const line of ["first", "second", folder]) expect(text).toContain(line);
  expect(runs).toMatchObject([{ passed: false, exitCode: 3, isFinal: false }]);
  const last = await stop(command, { maxRounds: 2 }, 2);
  expect(last).toMatchObject({ text: undefined, runs: [{ passed: false, exitCode: 3, isFinal: true }] });
});

test("the model reads no more than tailChars of the output, also of an endless line", async () => {
  const script = "process.stdout.write('a'.repeat(3e6) + 'é'.repeat(9) + 'END'); process.exitCode = 1";
  const { text } = await stop([process.execPath, "-e", script], { tailChars: 5 });
  expect(text?.endsWith("\n\nééEND")).toBe(true);
});

test("the environment is this program's, with env over it", async () => {
  const script = 'test -n "$PATH" && test "$A" = b';
  expect((await stop(script, { env: { A: "b" } })).runs).toMatchObject([{ passed: true }]);
});

test("a command that takes too long is killed with everything that it started, and counts as failed", async () => {
  verifies("require-passing");
  const file = join(folder, "pid");
  // The limit only has to be reached after the child has started; the file tells which one that was.
  const { text, runs } = await stop(`sleep 600 & echo $! > ${file}; wait`, { timeoutMs: 2_000 });
  expect(text).toContain("was stopped after 2000 ms");
  expect(runs).toMatchObject([{ passed: false, exitCode: null }]);
  if (existsSync(file)) expect(await isAlive(Number(readFileSync(file, "utf8")))).toBe(false);
});

test("the end of the turn kills the command, and the guard rejects with the reason", async () => {
  const file = join(folder, "started");
  const controller = new AbortController();
  const watcher = watch(folder, () => {
    if (existsSync(file)) controller.abort(new Error("the turn ended"));
  });
  try {
    await expect(stop(`touch ${file}; sleep 600`, {}, 0, controller.signal)).rejects.toThrow("the turn ended");
  } finally {
    watcher.close();
  }
});

test("a command that cannot be started is an error, and an audit that throws changes nothing", async () => {
  await expect(stop(["/none/such"])).rejects.toThrow(LaunchError);
  writeFileSync(join(folder, "flag"), "");
  const guards = requirePassing("test -f flag", {
    onRun: () => {
      throw new Error("no disk");
    },
  });
  expect(await guards.onStop({ answer: null, rounds: 0 }, { ...guardContext, cwd: folder })).toBeUndefined();
});
