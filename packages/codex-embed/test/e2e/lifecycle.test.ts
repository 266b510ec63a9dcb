/** Owns the end-to-end tests of a client from its start to its end, on the pinned runtime. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  Codex,
  FrameTooLargeError,
  LaunchError,
  StreamOverflowError,
  TransportClosedError,
  UsageError,
} from "codex-embed";
import { gate, message, silence, startTestCodex, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { isAlive } from "../support/processes.js";
import { readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const bench = new SharedBench();

describe("start", () => {
  test("nothing happens before the first use; concurrent first uses start one runtime", async () => {
    verifies("lazy-start");
    const wiretap = new Wiretap();
    let spawned = 0;
    await using codex = new Codex({
      ...bench.codexOptions,
      spawn: (request) => {
        spawned += 1;
        return wiretap.spawn(request);
      },
    });
    expect(spawned).toBe(0);
    expect(() => codex.metadata).toThrow(UsageError);
    expect(codex.pid).toBeUndefined();
    const [models, , same] = await Promise.all([codex.models(), codex.startThread({ ephemeral: true }), codex.start()]);
    expect(models).toHaveLength(1);
    expect(same).toBe(codex);
    expect(spawned).toBe(1);
    expect(wiretap.messages.slice(0, 2).map(({ method }) => method)).toEqual(["initialize", "initialized"]);
    expect(wiretap.sent("initialize")).toHaveLength(1);
    expect(codex.metadata.platformFamily).toBe("unix");
  });

  test("a binary that is not there: LaunchError, and a later call tries again", async () => {
    const codex = new Codex({ ...bench.codexOptions, codexBin: "/no/such/codex" });
    for (const call of [() => codex.start(), () => codex.models(), () => codex.startThread()]) {
      const error = await rejection(call(), LaunchError);
      expect(error.code).toBe("BINARY_NOT_FOUND");
      expect(error.message).toContain("/no/such/codex");
    }
    await codex.close();
    await rejection(codex.start(), TransportClosedError);
  });

  test("a home whose configuration cannot be read starts, and says so when a thread is started", async () => {
    await using own = await startTestCodex();
    await writeFile(join(own.codexHome, "config.toml"), "model = [broken");
    await using codex = await Codex.launch(own.codexOptions);
    await expect(codex.startThread()).rejects.toMatchObject({
      code: "INVALID_REQUEST",
      message: expect.stringContaining("failed to load configuration"),
    });
  });
});

describe("close", () => {
  test("without a start, during it, twice and at once", async () => {
    verifies("close-any-time");
    const never = new Codex(bench.codexOptions);
    await never.close();
    expect(await never.closed).toMatchObject({ initiator: "client" });
    await rejection(never.start(), TransportClosedError);

    const early = new Codex(bench.codexOptions);
    const starting = rejection(early.start(), TransportClosedError);
    await Promise.all([early.close(), early.close()]);
    await starting;
    await early.close();
    expect(early.pid === undefined || !(await isAlive(early.pid))).toBe(true);
  });

  test("during a turn: the turn rejects, its readers too, the process is gone", async () => {
    verifies("close-any-time");
    const codex = await Codex.launch(bench.codexOptions);
    const pid = codex.pid ?? Number.NaN;
    const thread = await codex.startThread({ ephemeral: true });
    bench.respond(thread, () => silence());
    const turn = await thread.startTurn("Hi");
    const reading = readAll(turn);
    const ended = rejection(turn.result(), TransportClosedError);
    await codex.close();
    const error = await ended;
    expect(error).toMatchObject({ code: "TRANSPORT_CLOSED", exitCode: 0, maybeAccepted: true });
    expect((await reading).error).toBe(error);
    expect(await isAlive(pid)).toBe(false);
    expect(await codex.closed).toMatchObject({ initiator: "client", exitCode: 0 });
  });

  test("a runtime that dies by itself: closed tells how, and the client stays closed", async () => {
    const codex = await Codex.launch(bench.codexOptions);
    const pending = rejection(codex.request("command/exec", { command: ["sleep", "600"] }), TransportClosedError);
    process.kill(codex.pid ?? Number.NaN, "SIGKILL");
    expect(await codex.closed).toMatchObject({ initiator: "runtime", signal: "SIGKILL", exitCode: null });
    expect(await pending).toMatchObject({ method: "command/exec", maybeAccepted: true, signal: "SIGKILL" });
    await rejection(codex.models(), TransportClosedError);
    await codex.close();
  });
});

describe("limits", () => {
  test("an answer over maxFrameBytes fails that request alone", async () => {
    verifies("frame-too-large");
    await using codex = await Codex.launch({ ...bench.codexOptions, maxFrameBytes: 300_000 });
    const path = join(bench.workspace, "big");
    await writeFile(path, Buffer.alloc(400_000));
    const error = await rejection(codex.request("fs/readFile", { path }), FrameTooLargeError);
    expect(error).toMatchObject({ code: "FRAME_TOO_LARGE", limitBytes: 300_000 });
    expect(await codex.models()).toHaveLength(1);
  });

  test("a notification over maxFrameBytes ends the connection, and says so", async () => {
    verifies("frame-too-large");
    await using codex = await Codex.launch({ ...bench.codexOptions, maxFrameBytes: 300_000 });
    const thread = await codex.startThread({ ephemeral: true });
    bench.script(thread, message("x".repeat(400_000), { deltas: 0 }));
    const error = await rejection(thread.run("Hi"), TransportClosedError);
    expect(error.cause).toBeInstanceOf(FrameTooLargeError);
    expect(error.message).toContain("maxFrameBytes");
  });

  test("a reader that falls behind streamBufferBytes ends with StreamOverflowError; the turn does not", async () => {
    verifies("stream-overflow");
    await using codex = await Codex.launch({ ...bench.codexOptions, streamBufferBytes: 20_000 });
    const thread = await codex.startThread({ ephemeral: true });
    const hold = gate();
    const messages = Array.from({ length: 50 }, (_, index) => message(`${index}`.repeat(500)));
    bench.script(thread, step(message("First."), hold, ...messages));
    const turn = await thread.startTurn("Hi");
    const slow = turn[Symbol.asyncIterator]();
    expect((await slow.next()).value?.method).toBe("turn/started");
    hold.open();
    const result = await turn.result();
    expect(result.items).toHaveLength(52);
    const error = await rejection(
      readAll({ [Symbol.asyncIterator]: () => slow }).then(throwError),
      StreamOverflowError,
    );
    expect(error).toMatchObject({ code: "STREAM_OVERFLOW", limitBytes: 20_000 });
    expect((await readAll(turn)).error).toBeInstanceOf(StreamOverflowError);
    bench.script(thread, message("Next."));
    expect((await readAll((await thread.startTurn("Again")).textStream())).events.join("")).toBe("Next.");
  });
});

function throwError({ error }: { error: unknown }): never {
  throw error;
}
