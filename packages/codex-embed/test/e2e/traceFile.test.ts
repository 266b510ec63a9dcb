/** Tests of the trace file: what is in it, what is not, and that it never gets in the way. */

import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Codex, UsageError } from "codex-embed";
import {
  createTestHome,
  message,
  ScriptedModel,
  shell,
  startTestCodex,
  step,
  type TestCodexOptions,
  usage,
} from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runNode } from "../support/cli.js";
import { rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "codex-embed-trace-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Line {
  readonly t: number;
  readonly dir?: "in" | "out";
  readonly frame?: { readonly method?: string; readonly params?: unknown; readonly result?: unknown } | string | null;
  readonly turn?: { readonly kind: string; readonly status: string };
  readonly truncatedBytes?: number;
}

async function linesOf(path: string): Promise<Line[]> {
  const text = await readFile(path, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function methodsOf(lines: readonly Line[]): unknown[] {
  return lines.map(({ frame }) => (typeof frame === "object" ? frame?.method : undefined));
}

/** Runs one turn with a trace. */
async function traced(options: Pick<TestCodexOptions, "traceFile">, prompt: string): Promise<void> {
  await using bench = await startTestCodex({ ...options });
  bench.model.enqueue(shell("echo secret-command"), step(message("secret-answer"), usage({ input: 10, output: 2 })));
  await bench.codex.loginApiKey("live-0123456789");
  await (await bench.codex.startThread()).run(prompt);
}

test("has one line for each message and each turn, without credentials, for its owner alone", async () => {
  verifies("trace-file");
  const path = join(folder, "whole.jsonl");
  const key = "sk-proj-abcdefghijklmnop";
  await traced({ traceFile: path }, `Use ${key} and ${"x".repeat(300_000)}.`);
  const lines = await linesOf(path);
  expect(methodsOf(lines.filter(({ dir }) => dir === "out"))).toEqual(
    expect.arrayContaining(["initialize", "account/login/start", "thread/start"]),
  );
  expect(methodsOf(lines.filter(({ dir }) => dir === "in"))).toEqual(
    expect.arrayContaining(["turn/started", "item/completed", "turn/completed"]),
  );
  const login = lines.find(({ frame }) => typeof frame === "object" && frame?.method === "account/login/start");
  expect(login?.frame).toMatchObject({ params: { type: "apiKey", apiKey: "[redacted]" } });
  const text = await readFile(path, "utf8");
  expect(text).not.toContain("live-0123456789");
  expect(text).not.toContain("abcdefghijklmnop");
  expect(text).toContain("secret-answer");
  const cut = lines.filter(({ truncatedBytes }) => truncatedBytes !== undefined);
  expect(cut.length).toBeGreaterThan(0);
  for (const { truncatedBytes, frame } of cut) {
    expect(truncatedBytes).toBeGreaterThan(300_000);
    expect(frame).toEqual(expect.stringContaining('"method":'));
  }
  expect(lines.filter(({ turn }) => turn !== undefined)).toMatchObject([
    { t: expect.any(Number), turn: { kind: "turn", status: "completed", usage: { turn: { inputTokens: 10 } } } },
  ]);
  if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("without content holds what happened and no text of it", async () => {
  verifies("trace-file");
  const path = join(folder, "bare.jsonl");
  await traced({ traceFile: { path, content: false } }, "secret-prompt");
  const text = await readFile(path, "utf8");
  expect(text).not.toContain("secret");
  expect(text).not.toContain("live-");
  expect(methodsOf(await linesOf(path))).toEqual(expect.arrayContaining(["turn/start", "turn/completed"]));
});

test("is rotated at its size, and loses nothing when two clients write to it at once", async () => {
  verifies("trace-file");
  const path = join(folder, "rotated.jsonl");
  const traceFile = { path, maxBytes: 5_000, files: 100 };
  await Promise.all([traced({ traceFile }, "One."), traced({ traceFile }, "Two.")]);
  const names = (await readdir(folder)).filter((name) => name.startsWith("rotated")).toSorted();
  expect(names.length).toBeGreaterThan(2);
  expect(names.every((name) => /^rotated\.jsonl(?:\.\d+)?$/.test(name))).toBe(true);
  const lines = (await Promise.all(names.map((name) => linesOf(join(folder, name))))).flat();
  expect(lines.filter(({ turn }) => turn !== undefined)).toHaveLength(2);
  for (const method of ["initialize", "turn/start", "turn/started", "turn/completed"]) {
    expect([method, methodsOf(lines).filter((name) => name === method)]).toEqual([method, [method, method]]);
  }

  await traced({ traceFile: { path, maxBytes: 5_000, files: 2 } }, "Three.");
  const last = [...(await linesOf(path)), ...(await linesOf(`${path}.1`))];
  expect(last.filter(({ turn }) => turn !== undefined)).toHaveLength(1);
});

test("has the last messages of a program that exits in the middle", async () => {
  verifies("trace-file");
  const traceFile = join(folder, "exit.jsonl");
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model });
  const { codexHome, env, workspace: cwd } = home;
  model.enqueue(message("Done."));
  const fixture = fileURLToPath(new URL("../fixtures/exitTraced.ts", import.meta.url));
  const options = JSON.stringify({ codexHome, env, cwd, inheritEnv: false, traceFile });
  const { code, stderr } = await runNode(["--import", "tsx", fixture, options]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(methodsOf(await linesOf(traceFile))).toContain("turn/completed");
});

test("that cannot be written fails the start, and starts nothing", async () => {
  verifies("trace-file");
  const path = join(folder, "missing", "trace.jsonl");
  const codex = new Codex({ traceFile: path });
  const error = await rejection(codex.start(), UsageError);
  expect(error.message).toContain(`traceFile: ${path} cannot be written (ENOENT)`);
  expect(codex.pid).toBeUndefined();
  await codex.close();
  const blocked = await rejection(new Codex({ traceFile: folder }).start(), UsageError);
  expect(blocked.message).toContain("(not a file)");

  for (const traceFile of [5, "", {}, { path: "x", files: 0 }, { path: "x", maxByte: 1 }, "~nobody/x"]) {
    expect(() => new Codex({ traceFile: untyped<string>(traceFile) })).toThrow(UsageError);
  }
});

test.runIf(process.platform === "linux")("of a full disk costs one warning, and no turn", async () => {
  verifies("trace-file");
  const warnings: string[] = [];
  const path = join(folder, "full.jsonl");
  await writeFile(path, "");
  const logger = {
    debug: () => {},
    info: () => {},
    warn: (_: object, text: string) => void warnings.push(text),
    error: () => {},
  };
  await using bench = await startTestCodex({ traceFile: path, logger });
  // From now on the path leads to a device that is always full, which a rotation by someone else brings about.
  await rm(path);
  await symlink("/dev/full", path);
  bench.model.enqueue(message("Hello."), message("Again."));
  const thread = await bench.codex.startThread();
  expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  await expect.poll(() => warnings).toHaveLength(1);
  expect(warnings[0]).toContain("can no longer be written");
  expect((await thread.run("Hi")).finalResponse).toBe("Again.");
  expect(warnings).toHaveLength(1);
});
