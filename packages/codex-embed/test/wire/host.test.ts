/** Tests what a host program leaves behind when it ends well, by itself, by a crash, or by force. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { descendants, until } from "../support/leaks.js";
import { verifies } from "../support/verifies.js";

const host = fileURLToPath(new URL("../fixtures/host.ts", import.meta.url));

async function startHost(
  mode: string,
): Promise<{ child: ChildProcess; said: Record<string, unknown>; below: number[] }> {
  const child = spawn(process.execPath, ["--import", "tsx", host, mode], { stdio: ["ignore", "pipe", "ignore"] });
  const lines = createInterface({ input: child.stdout });
  const [line]: unknown[] = await once(lines, "line");
  const said: unknown = JSON.parse(String(line));
  if (typeof said !== "object" || said === null) throw new Error(`The host said ${String(line)}.`);
  return { child, said: { ...said }, below: child.pid === undefined ? [] : descendants(child.pid) };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a host", () => {
  test("that closes its client ends by itself, with every handle and listener gone", async () => {
    verifies("program-exit");
    const { child, said } = await startHost("closes");
    const began = performance.now();
    if (child.exitCode === null) await once(child, "exit");
    expect(performance.now() - began).toBeLessThan(1000);
    expect(child.exitCode).toBe(0);
    expect(said["after"]).toEqual(said["before"]);
    expect(said["listeners"]).toBe(0);
  });

  test.each([
    ["exits", undefined],
    ["throws", undefined],
    ["is-killed", "SIGKILL"],
    ["is-interrupted", "SIGINT"],
    ["is-terminated", "SIGTERM"],
    ["serves", "SIGKILL"],
  ] as const)("that %s in the middle of a command leaves no process", async (mode, signal) => {
    verifies("program-exit");
    const { child, said, below } = await startHost(mode);
    const runtime = Number(said["running"]);
    const watched = [...new Set([runtime, ...below])];
    if (signal !== undefined) child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    await until(() => !watched.some(alive), 5_000);
    expect(watched.filter(alive)).toEqual([]);
    await rm(dirname(String(said["folder"])), { recursive: true, force: true });
    if (typeof said["tokenFile"] === "string") await rm(dirname(said["tokenFile"]), { recursive: true, force: true });
  });
});

test("a program whose built-ins are frozen runs turns, fails with typed errors, serves and connects", async () => {
  const program = fileURLToPath(new URL("../fixtures/frozen.ts", import.meta.url));
  const child = spawn(process.execPath, ["--frozen-intrinsics", "--import", "tsx", program]);
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(errors).not.toMatch(/Error:/);
  expect(JSON.parse(output)).toEqual({
    status: "completed",
    output: { sky: "sunny" },
    errors: [true, true],
    remote: "ready",
  });
});
