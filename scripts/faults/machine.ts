/** The rows of a machine that fails: a full disk under the runtime's home, and a clock that jumps. */

import { execFile } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gate, message } from "codex-embed/testing";
import { type Case, named, type Row, rejected } from "./cases.js";
import type { Stage } from "./stage.js";

const HOUR_MS = 3_600_000;
const DEADLINE_MS = 300;

/** The home lies on a real file system of 8 MiB that only the runtime sees, and that goes with it. */
const MOUNT = 'mount -t tmpfs -o size=8m tmpfs "$CODEX_HOME" && cp -a "$SEED/." "$CODEX_HOME"';
const onSmallDisk = (prepare: string): string =>
  `exec unshare --user --map-root-user --mount /bin/sh -c '${prepare} && exec "$RUNTIME" "$@"' sh "$@"`;
const FILL = '{ head -c 16m /dev/zero > "$CODEX_HOME/filler" 2>/dev/null; true; }';

/** Whether this machine lets a file system be mounted where only one process sees it. */
export async function canMount(): Promise<boolean> {
  const script = "mount -t tmpfs -o size=1m tmpfs /mnt";
  return promisify(execFile)("unshare", ["--user", "--map-root-user", "--mount", "/bin/sh", "-c", script]).then(
    () => true,
    () => false,
  );
}

/** The file that takes all the room, by the way on which this process can see it. */
async function fillerOf(stage: Stage): Promise<string> {
  return join(`/proc/${await stage.runtime()}/root`, stage.home.codexHome, "filler");
}

/** Writes until there is no room for a single byte. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (let size = 64 * 1024; size >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(size));
      } catch {
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

const fullWhileItRuns: Case = {
  mode: "full while it runs",
  expected: "turn `completed`, stored nowhere; `read()`: `InternalRpcError`; with room again, thread goes on",
  options: { wrapper: onSmallDisk(MOUNT) },
  run: async (stage) => {
    const codex = await stage.start();
    const thread = await codex.startThread({ cwd: stage.home.workspace });
    await thread.run("First.");
    const filler = await fillerOf(stage);
    fill(filler);
    const at = performance.now();
    const { status } = await thread.run("Second.");
    const error = await rejected(thread.read({ includeTurns: true }));
    const ms = performance.now() - at;
    rmSync(filler);
    const { finalResponse } = await thread.run("Third.");
    const after = finalResponse === "After." ? "thread goes on" : "thread is lost";
    return {
      outcome: `turn \`${status}\`, stored nowhere; \`read()\`: ${named(error)}; with room again, ${after}`,
      ms,
      errors: [error],
    };
  },
};

const fullFromTheStart: Case = {
  mode: "full from the start",
  expected: "`LaunchError` (HANDSHAKE_FAILED)",
  options: { wrapper: onSmallDisk(`${MOUNT} && ${FILL}`) },
  run: async (stage) => {
    const at = performance.now();
    const error = await rejected(stage.start());
    return { outcome: named(error), ms: performance.now() - at, errors: [error] };
  },
};

/** Runs with a clock of this program that is an hour on, and then an hour back, in the place of the true one. */
async function withJumpingClock<T>(body: (jump: (byMs: number) => void) => Promise<T>): Promise<T> {
  const trueNow = Date.now;
  try {
    return await body((byMs) => {
      Date.now = () => trueNow() + byMs;
    });
  } finally {
    Date.now = trueNow;
  }
}

const clockJump: Case = {
  mode: `deadlineMs: ${DEADLINE_MS}, idleTimeoutMs: 60000; \`Date\` an hour on, then back`,
  expected: "first turn `completed`; second: `TurnDeadlineError` at its time",
  run: (stage) =>
    withJumpingClock(async (jump) => {
      const codex = await stage.start();
      const thread = await codex.startThread({ cwd: stage.home.workspace });
      const [half, never] = [gate(), gate()];
      stage.model.enqueue(message({ deltas: ["Half", half, "."] }), message({ deltas: ["Half", never] }));
      const first = await thread.startTurn("Go.", { deadlineMs: 60_000, idleTimeoutMs: 60_000 });
      await half.reached;
      jump(HOUR_MS);
      // What is due by the wrong clock would be due now, or at the next event.
      await codex.models();
      half.open();
      const { status } = await first.result();
      // The deadline counts from the call.
      const at = performance.now();
      const second = await thread.startTurn("Go.", { deadlineMs: DEADLINE_MS, idleTimeoutMs: 60_000 });
      await never.reached;
      jump(-HOUR_MS);
      const error = await rejected(second.result());
      const ms = performance.now() - at;
      const isInTime = ms >= DEADLINE_MS * 0.9 && ms < DEADLINE_MS + 2_000;
      return {
        outcome: `first turn \`${status}\`; second: ${named(error)} ${isInTime ? "at its time" : "at the wrong time"}`,
        ms,
        errors: [error],
      };
    }),
};

/** The row of the full disk, where one can be made. */
export const fullDisk = (isPossible: boolean): Row => ({
  fault: "disk full at codexHome",
  cases: () => (isPossible ? [fullWhileItRuns, fullFromTheStart] : "no file system can be mounted here"),
});

/** The row of the clock. */
export const jumpingClock: Row = { fault: "clock jump", cases: () => [clockJump] };
