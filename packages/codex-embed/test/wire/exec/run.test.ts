/** Owns the tests of one run of `codex exec` with real processes that misbehave. */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  AbortError,
  Codex,
  type CodexOptions,
  ExecError,
  ExecExitError,
  ExecTurnFailedError,
  FrameTooLargeError,
  LaunchError,
  type ThreadEvent,
} from "../../../src/exec/index.js";
import { answer, begun, completed, ended, failed, says, started, turnStarted } from "../../support/execEvents.js";
import { prints, shellRuntime } from "../../support/fakeExec.js";
import { leavesNothing } from "../../support/leaks.js";
import { verifies } from "../../support/verifies.js";
import { runs, until } from "../process/children.js";

/** A thread of a runtime that is a piece of shell script. */
function threadOf(script: string, options: CodexOptions = {}) {
  const { path, folder } = shellRuntime(script);
  return { thread: new Codex({ codexPathOverride: path, ...options }).startThread(), folder };
}

const all = (events: readonly object[]) => events.map(prints).join("");
const CONSUME = "/bin/cat > /dev/null\n";

/** Starts a child in the group and one outside of it, both deaf to SIGTERM and both with our stdout; notes their ids. */
const FAMILY = `
trap '' TERM
echo $$ > "$here/root.pid"
sh -c 'trap "" TERM; echo $$ > "$0/a.new"; mv "$0/a.new" "$0/a.pid"; while :; do sleep 1; done' "$here" &
setsid sh -c 'trap "" TERM; echo $$ > "$0/b.new"; mv "$0/b.new" "$0/b.pid"; while :; do sleep 1; done' "$here" &
while [ ! -e "$here/a.pid" ] || [ ! -e "$here/b.pid" ]; do sleep 0.01; done
${prints(started())}
`;

function familyOf(folder: string): number[] {
  return ["a.pid", "b.pid", "root.pid"].map((name) => Number(readFileSync(join(folder, name), "utf8")));
}

/** A thread of a runtime with such a family, none of which outlives a test that fails. */
function threadOfFamily() {
  const made = threadOf(`${FAMILY}\nwait`);
  onTestFinished(() => {
    if (!existsSync(join(made.folder, "root.pid"))) return;
    for (const pid of familyOf(made.folder)) if (runs(pid)) process.kill(pid, "SIGKILL");
  });
  return made;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.unreachable("It resolved."),
    (error: unknown) => error,
  );
}

describe.skipIf(process.platform === "win32")("a runtime that ends too early", () => {
  it.each<{ how: string; script: string; is: Partial<ExecExitError>; says: string[] }>([
    {
      how: "before it has read the prompt",
      script: "echo 'Error: no config' >&2; exit 2",
      is: { exitCode: 2, signal: null, stderrTail: "Error: no config\n", threadId: null },
      says: ["exited with code 2 before the turn was completed", "Error: no config"],
    },
    {
      how: "by a signal",
      script: `${prints(started("t-7"))}kill -9 $$`,
      is: { exitCode: null, signal: "SIGKILL", threadId: "t-7" },
      says: ["died by SIGKILL before"],
    },
    {
      how: "with code 0 and no word on the turn",
      script: CONSUME + all([started(), turnStarted, says("half")]),
      is: { exitCode: 0, threadId: "t-1" },
      says: ["exited with code 0 before the turn was completed"],
    },
    {
      how: "with code 0 and an error event as its last word",
      script: CONSUME + all([started(), { type: "error", message: "It is over." }]),
      is: { exitCode: 0 },
      says: ["its last error event: It is over."],
    },
    {
      how: "with code 3 after the turn was complete",
      script: CONSUME + all(answer("whole")) + "exit 3",
      is: { exitCode: 3 },
      says: ["exited with code 3 after the turn was completed"],
    },
    {
      how: "with nothing at all",
      script: CONSUME,
      is: { exitCode: 0, stderrTail: "" },
      says: ["before the turn was completed."],
    },
  ])("rejects when it ends $how", ({ script, is, says: parts }) => {
    verifies("exec-incomplete-turn");
    return leavesNothing(async () => {
      const error = await rejection(threadOf(script).thread.run("x".repeat(8 << 20)));
      expect(error).toBeInstanceOf(ExecExitError);
      expect(error).toMatchObject({ code: "EXEC_EXITED", ...is });
      for (const part of parts) expect(error).toHaveProperty("message", expect.stringContaining(part));
      expect(error).toHaveProperty("stack", expect.stringContaining("run.test.ts"));
    });
  });

  it("never puts the prompt into a message", async () => {
    const error = await rejection(threadOf("exit 1").thread.run("my secret prompt"));
    expect(JSON.stringify(error) + String(error)).not.toContain("secret");
  });

  it("has what there was of the turn, and what had begun", async () => {
    verifies("exec-incomplete-turn");
    const item = {
      id: "c",
      type: "command_execution",
      command: "ls",
      aggregated_output: "",
      status: "in_progress",
    } as const;
    const { thread } = threadOf(all([started(), says("one"), begun(item)]) + "exit 1");
    const { thread: another } = threadOf(CONSUME + all([started(), ended(item), failed("Too long.")]) + "exit 1");
    expect(await rejection(thread.run("x"))).toMatchObject({
      result: { items: [{ text: "one" }], unfinished: [item], finalResponse: "one", usage: null },
    });
    const error = await rejection(another.run("x"));
    expect(error).toBeInstanceOf(ExecTurnFailedError);
    expect(error).toMatchObject({
      code: "TURN_FAILED",
      message: "The turn failed: Too long.",
      exitCode: 1,
      result: { items: [item], unfinished: [] },
    });
    expect(ExecError.isInstance(error)).toBe(true);
    expect(another.id).toBe("t-1");
  });

  it("ends a stream with the same error, after the last event", async () => {
    const { thread } = threadOf(CONSUME + all([started(), failed("No.")]));
    const { events } = await thread.runStreamed("x");
    const seen: string[] = [];
    const read = async () => {
      for await (const event of events) seen.push(event.type);
    };
    expect(await rejection(read())).toMatchObject({ code: "TURN_FAILED", exitCode: 0 });
    expect(seen).toEqual(["thread.started", "turn.failed"]);
  });
});

describe.skipIf(process.platform === "win32")("a runtime that does not end", () => {
  it("is not waited for after it said that the turn failed", () =>
    leavesNothing(async () => {
      const { thread } = threadOf(CONSUME + all([started(), failed("No.")]) + "exec sleep 600");
      expect(await rejection(thread.run("x"))).toMatchObject({ code: "TURN_FAILED", signal: "SIGTERM" });
    }));

  it("is not waited for by way of a child that holds its stdout", () =>
    leavesNothing(async () => {
      const { thread } = threadOf(CONSUME + all(answer("done")) + "sleep 600 &");
      expect(await thread.run("x")).toMatchObject({ finalResponse: "done" });
    }));

  it("is not waited for after it closed its output", () =>
    leavesNothing(async () => {
      const { thread } = threadOf(`${CONSUME}${all(answer("done"))}exec sleep 600 >&-`);
      expect(await rejection(thread.run("x"))).toMatchObject({ code: "EXEC_EXITED", signal: "SIGTERM" });
    }));

  it("is ended with all that it started when the signal aborts, and the turn is let go", () =>
    leavesNothing(async () => {
      const { thread, folder } = threadOfFamily();
      const controller = new AbortController();
      const { events } = await thread.runStreamed("x", { signal: controller.signal });
      expect(await events.next()).toMatchObject({ value: { type: "thread.started" } });
      const reading = rejection(events.next());
      const begin = performance.now();
      controller.abort(new Error("Enough."));
      const error = await reading;
      expect(performance.now() - begin).toBeLessThan(4_000);
      expect(error).toBeInstanceOf(AbortError);
      expect(error).toMatchObject({
        name: "AbortError",
        code: "ABORT_ERR",
        cause: new Error("Enough."),
        signal: "SIGKILL",
        threadId: "t-1",
      });
      expect(familyOf(folder).filter(runs)).toEqual([]);
      expect(await events.next()).toEqual({ done: true, value: undefined });
    }));

  it("is ended with all that it started when the reader leaves", () =>
    leavesNothing(async () => {
      const { thread, folder } = threadOfFamily();
      const { events } = await thread.runStreamed("x");
      for await (const _ of events) break;
      expect(familyOf(folder).filter(runs)).toEqual([]);
    }));

  it("is ended when the reader leaves while it waits for an event, and both are let go", () =>
    leavesNothing(async () => {
      const { thread, folder } = threadOfFamily();
      const { events } = await thread.runStreamed("x");
      expect(await events.next()).toMatchObject({ value: { type: "thread.started" } });
      const reading = events.next();
      expect(await events.return()).toEqual({ done: true, value: undefined });
      expect(await reading).toEqual({ done: true, value: undefined });
      expect(familyOf(folder).filter(runs)).toEqual([]);
    }));

  it("is not started when the reader leaves before it has read", async () => {
    const { thread, folder } = threadOf('touch "$here/started"');
    const { events } = await thread.runStreamed("x");
    expect(await events.return()).toEqual({ done: true, value: undefined });
    expect(await events.next()).toEqual({ done: true, value: undefined });
    expect(existsSync(join(folder, "started"))).toBe(false);
  });

  it("is not started, or ended, when the reader leaves while it starts", () =>
    leavesNothing(async () => {
      const { thread } = threadOf("exec sleep 600");
      const { events } = await thread.runStreamed("x", { outputSchema: { type: "object" } });
      const reading = events.next();
      expect(await events.return()).toEqual({ done: true, value: undefined });
      expect(await reading).toEqual({ done: true, value: undefined });
    }));

  it("is never started when the signal has aborted before, nor before a stream is read", async () => {
    const { thread, folder } = threadOf('touch "$here/started"');
    const error = await rejection(thread.run("x", { signal: AbortSignal.abort("why") }));
    expect(error).toMatchObject({ name: "AbortError", cause: "why", exitCode: null, signal: null });
    await thread.runStreamed("x");
    expect(existsSync(join(folder, "started"))).toBe(false);
  });

  it("tells its thread even when the abort was faster than the reader", async () => {
    const controller = new AbortController();
    const script = `${CONSUME}printf 'Hello\\n%s\\n' '${JSON.stringify(started())}'\nexec sleep 600`;
    const { thread } = threadOf(script, { onUnreadableLine: () => controller.abort() });
    expect(await rejection(thread.run("x", { signal: controller.signal }))).toMatchObject({ threadId: "t-1" });
    expect(thread.id).toBe("t-1");
  });

  it("is aborted while it starts", () =>
    leavesNothing(async () => {
      const { thread } = threadOf("exec sleep 600");
      const controller = new AbortController();
      const running = rejection(thread.run("x", { signal: controller.signal }));
      controller.abort();
      expect(await running).toMatchObject({ name: "AbortError", cause: controller.signal.reason });
    }));
});

describe.skipIf(process.platform === "win32")("the output", () => {
  const strange = "line\u2028paragraph\u2029next\u0085 \ufeff\u{1f600} \ud83c\udfff";

  it("is split at line feeds alone, wherever the pipe cuts it", async () => {
    const line = JSON.stringify(says(strange));
    const bytes = Buffer.from(`${line}\n`);
    const pieces = Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, "0")}`);
    const script = `${CONSUME}${prints(started())}${pieces.map((piece) => `/usr/bin/printf '${piece}'`).join("\n")}\n${prints(completed())}`;
    expect(await threadOf(script).thread.run("x")).toMatchObject({ finalResponse: strange });
  });

  it("is read to a last line without a line feed", async () => {
    const script = `${CONSUME}${all([started(), says("x")])}printf %s '${JSON.stringify(completed())}'`;
    expect(await threadOf(script).thread.run("x")).toMatchObject({ finalResponse: "x", usage: { input_tokens: 1 } });
  });

  it("may hold lines that are no events: they are reported and skipped", async () => {
    const lines: string[] = [];
    const onUnreadableLine = (line: string) => {
      lines.push(line);
      throw new Error("An observer that fails.");
    };
    const script = `${CONSUME}echo 'Hello!'\necho\necho '{"type":7}'\n${all(answer("fine"))}echo null`;
    const { thread } = threadOf(script, { onUnreadableLine });
    expect(await thread.run("x")).toMatchObject({ finalResponse: "fine" });
    expect(lines).toEqual(["Hello!", '{"type":7}', "null"]);
  });

  it("may hold events and items of kinds that are not known: they are passed on", async () => {
    const novel = { type: "novel.event", extra: { deep: [1] } };
    const item = { id: "n", type: "novel_item", extra: true };
    const { thread } = threadOf(CONSUME + all([started(), novel, { type: "item.completed", item }, completed()]));
    const { events } = await thread.runStreamed("x");
    const seen: ThreadEvent[] = [];
    for await (const event of events) seen.push(event);
    expect(seen).toEqual([started(), novel, { type: "item.completed", item }, completed()]);
    expect((await thread.run("x")).items).toEqual([item]);
  });

  it("is cut off when an event is too large", () =>
    leavesNothing(async () => {
      const script = `${CONSUME}${all([started(), says("x".repeat(5_000))])}exec sleep 600`;
      const { thread } = threadOf(script, { maxFrameBytes: 4_096 });
      const error = await rejection(thread.run("x"));
      expect(error).toBeInstanceOf(FrameTooLargeError);
      expect(error).toMatchObject({ limitBytes: 4_096 });
    }));

  it("is taken in while the reader is busy, so that the runtime can end", async () => {
    const script = `${CONSUME}${prints(started())}i=0; while [ $i -lt 2000 ]; do printf '%s\\n' '${JSON.stringify(says("x".repeat(200)))}'; i=$((i+1)); done\n${prints(completed())}touch "$here/done"`;
    const { thread, folder } = threadOf(script);
    const { events } = await thread.runStreamed("x");
    let count = 0;
    for await (const _ of events) {
      if (count++ === 0) await until(() => existsSync(join(folder, "done")));
    }
    expect(count).toBe(2_002);
  });

  it("on stderr is handed over as it comes, and never printed", async () => {
    const stderr: string[] = [];
    const script = `${CONSUME}echo 'api_key=abcdef' >&2\n${all([started()])}exit 4`;
    const error = await rejection(threadOf(script, { onStderr: (text) => stderr.push(text) }).thread.run("x"));
    expect(stderr.join("")).toBe("api_key=abcdef\n");
    expect(error).toMatchObject({ stderrTail: "api_key=[redacted]\n" });
  });
});

describe.skipIf(process.platform === "win32")("around the process", () => {
  it("removes the schema's folder, however the turn ends", async () => {
    const { folder } = shellRuntime("");
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    vi.stubEnv("TMPDIR", temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    const outputSchema = { type: "object" };
    await threadOf(CONSUME + all(answer("{}"))).thread.run("x", { outputSchema });
    await rejection(threadOf("exit 1").thread.run("x", { outputSchema }));
    await rejection(new Codex({ codexPathOverride: "/nowhere" }).startThread().run("x", { outputSchema }));
    await rejection(threadOf("").thread.run("x", { outputSchema, signal: AbortSignal.abort() }));
    const { events } = await threadOf(prints(started()) + "exec sleep 600").thread.runStreamed("x", { outputSchema });
    expect(await events.next()).toMatchObject({ value: { type: "thread.started" } });
    const names = (where: string) => readdirSync(where).filter((name) => name.startsWith("codex-output-schema"));
    expect(names(temporary)).toHaveLength(1);
    await events.return();
    expect(names(temporary)).toEqual([]);
    const { thread } = threadOf("");
    vi.stubEnv("TMPDIR", join(folder, "missing"));
    expect(await rejection(thread.run("x", { outputSchema }))).toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("TMPDIR"),
    });
  });

  it.each<{ what: string; codex: CodexOptions; turn: object; says: string }>([
    { what: "a limit of nothing", codex: { maxFrameBytes: 0 }, turn: {}, says: "maxFrameBytes is 0" },
    { what: "a limit that is no number", codex: { maxFrameBytes: Number.NaN }, turn: {}, says: "maxFrameBytes is NaN" },
    { what: "no limit", codex: { maxFrameBytes: Infinity }, turn: {}, says: "maxFrameBytes is Infinity" },
    {
      what: "a signal that is none",
      codex: {},
      turn: { signal: new AbortController() },
      says: "run: signal is an AbortController. Give its .signal.",
    },
  ])("refuses $what before it starts anything", async ({ codex, turn, says: part }) => {
    verifies("exec-thread-id");
    const { path, folder } = shellRuntime('touch "$here/started"');
    const call = async () => new Codex({ codexPathOverride: path, ...codex }).startThread().run("x", turn);
    const error = await rejection(call());
    expect(error).toMatchObject({ code: "USAGE", message: expect.stringContaining(part) });
    expect(existsSync(join(folder, "started"))).toBe(false);
  });

  it("says where it looked for a runtime that is not there", async () => {
    const { folder } = shellRuntime("");
    const thread = new Codex({ codexPathOverride: join(folder, "missing") }).startThread();
    const error = await rejection(thread.run("x"));
    expect(error).toBeInstanceOf(LaunchError);
    expect(error).toMatchObject({ code: "BINARY_NOT_FOUND", tried: [{ path: join(folder, "missing") }] });
  });

  it("starts the process by the hook, when there is one", async () => {
    const seen: (readonly string[])[] = [];
    const { thread } = threadOf(CONSUME + all(answer("hooked")), {
      spawn({ command, args, env }) {
        seen.push(args);
        return spawn(command, args, { env, stdio: "pipe" });
      },
    });
    expect(await thread.run("x")).toMatchObject({ finalResponse: "hooked" });
    expect(seen).toEqual([["exec", "--experimental-json"]]);
  });

  it("runs fifty turns at once on one signal, without a warning and without leaving anything", () =>
    leavesNothing(async () => {
      const warnings: Error[] = [];
      const onWarning = (warning: Error) => warnings.push(warning);
      process.on("warning", onWarning);
      const { signal } = new AbortController();
      const { path } = shellRuntime(CONSUME + all(answer("one of many")));
      const codex = new Codex({ codexPathOverride: path });
      const turns = await Promise.all(Array.from({ length: 50 }, () => codex.startThread().run("x", { signal })));
      process.off("warning", onWarning);
      expect(turns.every(({ finalResponse }) => finalResponse === "one of many")).toBe(true);
      expect(warnings).toEqual([]);
    }));
});
