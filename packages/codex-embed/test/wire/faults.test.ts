/** Tests what the user gets when the child process misbehaves: one typed error, no hang, nothing left behind. */

import { fileURLToPath } from "node:url";
import { Codex, type CodexOptions, LaunchError, RequestTimeoutError, TransportClosedError } from "codex-embed";
import { SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import { describe, expect, test } from "vitest";
import { leavesNothing } from "../support/leaks.js";
import { verifies } from "../support/verifies.js";

const codexBin = fileURLToPath(new URL("../fixtures/fakeRuntime.mjs", import.meta.url));

function fake(mode: string, options: CodexOptions = {}): Codex {
  return new Codex({ codexBin, ...options, env: { FAKE_MODE: mode, ...options.env } });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It did not reject.");
}

/** Uses a misbehaving runtime and closes it; nothing may be left. */
function withFake(mode: string, body: (codex: Codex) => Promise<void>, options: CodexOptions = {}): Promise<void> {
  return leavesNothing(async () => {
    const codex = fake(mode, options);
    await body(codex);
    await codex.close();
    expect(await codex.closed).toBeDefined();
  });
}

describe("at the start", () => {
  test("no binary: every place that was tried, and what to do", () => {
    verifies("missing-runtime");
    return leavesNothing(async () => {
      const error = await failure(Codex.launch({ codexBin: "/no/such/codex" }));
      expect(error).toBeInstanceOf(LaunchError);
      expect(error).toMatchObject({
        code: "BINARY_NOT_FOUND",
        tried: [{ path: "/no/such/codex", source: "codexBin" }],
      });
      expect(String(error)).toMatch(/\/no\/such\/codex/);
    });
  });

  test("a binary that exits at once: exit code and stderr, without colours and secrets", () => {
    verifies("stderr-in-error");
    return withFake("dies-at-once", async (codex) => {
      const error = await failure(codex.start());
      expect(error).toBeInstanceOf(LaunchError);
      expect(error).toMatchObject({ code: "HANDSHAKE_FAILED", cause: { exitCode: 7 } });
      expect(String(error)).toMatch(/exit code 7.*no such luck/s);
      expect(String(error)).not.toContain("abcdef0123");
      expect(String(error)).not.toContain("\u001b");
    });
  });

  test("a binary that dies at the handshake", () =>
    withFake("dies-at-handshake", async (codex) => {
      const error = await failure(codex.startThread());
      expect(error).toMatchObject({ code: "HANDSHAKE_FAILED", stderrTail: expect.stringMatching(/^cannot go on/) });
    }));

  test("a binary that never answers: startupTimeoutMs", () => {
    verifies("startup-timeout");
    return withFake(
      "silent",
      async (codex) => {
        const error = await failure(codex.start());
        expect(error).toMatchObject({ code: "HANDSHAKE_FAILED", cause: expect.any(RequestTimeoutError) });
        expect(String(error)).toContain("startupTimeoutMs");
      },
      { startupTimeoutMs: 300 },
    );
  });

  test("a program that answers something else", () =>
    withFake("no-user-agent", async (codex) => {
      expect(await failure(codex.start())).toMatchObject({ code: "HANDSHAKE_FAILED" });
    }));

  const { oldest, newest } = SUPPORTED_RUNTIMES;

  test.each([
    ["0.149.9", "0.149.9"],
    [`${oldest}-alpha.1`, `${oldest}-alpha.1`],
    ["not-a-version", "unknown (fake/not-a-version (test))"],
    ["0.0.0", "unknown (fake/0.0.0 (test))"],
  ])("a runtime of version %s is refused", (version, named) => {
    verifies("runtime-version");
    return withFake(
      "",
      async (codex) => {
        const error = await failure(codex.start());
        expect(error).toBeInstanceOf(LaunchError);
        expect(error).toMatchObject({ code: "VERSION_MISMATCH" });
        expect(String(error)).toContain(`is version ${named}; this SDK needs ${oldest} or later`);
        expect(String(error)).toContain(`npm install @openai/codex@${newest}`);
        expect(String(error)).toContain("allowVersionMismatch");
      },
      { env: { FAKE_VERSION: version } },
    );
  });

  test.each<[string, string, number, boolean?]>([
    ["the oldest accepted version", oldest, 0],
    ["a version in between", "0.163.4", 0],
    ["a prerelease of the newest tested version", `${newest}-alpha.2`, 0],
    ["another patch of the newest tested version", newest.replace(/\d+$/, "7"), 0],
    ["a version newer than every tested one", "0.999.0", 1],
    ["a version newer than every tested one", "1.0.0-beta.1", 1],
    ["a version that is too old, when that is allowed", "0.12.3", 1, true],
    ["an unknown version, when that is allowed", "not-a-version", 1, true],
  ])("%s is accepted (%s) with %d warnings", async (_what, version, count, allowVersionMismatch = false) => {
    verifies("runtime-version");
    const warnings: string[] = [];
    const say = (_fields: object, message: string) => void warnings.push(message);
    const logger = { debug: () => {}, info: () => {}, warn: say, error: say };
    const options = { env: { FAKE_VERSION: version }, logger, allowVersionMismatch };
    await withFake(
      "",
      async (codex) => {
        await codex.start();
        await codex.listThreads();
        const isKnown = version !== "not-a-version";
        expect(codex.metadata.runtimeVersion).toBe(isKnown ? version : "unknown");
        expect(codex.metadata.supportedRuntimes).toEqual(SUPPORTED_RUNTIMES);
      },
      options,
    );
    expect(warnings).toHaveLength(count);
    for (const warning of warnings) {
      expect(warning).toContain(version);
      expect(warning).toContain(newest);
    }
  });

  test("concurrent first uses start it once; after a failed start the next call tries again", () => {
    verifies("failed-start-retries");
    return leavesNothing(async () => {
      const starts: string[] = [];
      const codex = fake("", { onStderr: () => {}, cwd: process.cwd() });
      await Promise.all([codex.start(), codex.listThreads(), codex.startThread()]);
      starts.push(String(codex.pid));
      await codex.close();
      expect(starts).toHaveLength(1);

      const failing = fake("dies-at-once");
      const [first, second] = [failure(failing.start()), failure(failing.listThreads())];
      expect(await first).toBe(await second);
      expect(await failure(failing.start())).not.toBe(await first);
      await failing.close();
    });
  });
});

describe("while it runs", () => {
  test.each([
    [
      "dies-mid-turn",
      { exitCode: 4, signal: null, stderrTail: expect.stringMatching(/^out of luck/) },
      /exited with code 4.*out of luck/s,
    ],
    ["killed-mid-turn", { exitCode: null, signal: "SIGKILL" }, /killed by SIGKILL/],
    ["closes-stdout", {}, /ended|exited|died/],
  ])("%s: result and readers reject with the cause, further calls at once", (mode, properties, message) =>
    withFake(mode, async (codex) => {
      const thread = await codex.startThread();
      const turn = await thread.startTurn("go");
      const seen: string[] = [];
      const readError = await failure(
        (async () => {
          for await (const event of turn) seen.push(event.method);
        })(),
      );
      const error = await failure(turn.result());
      expect(error).toBeInstanceOf(TransportClosedError);
      expect(error).toBe(readError);
      expect(error).toMatchObject({ ...properties, maybeAccepted: true });
      expect(String(error)).toMatch(message);
      expect(String(error instanceof Error && error.stack)).toContain("faults.test.ts");
      expect(seen).toEqual(["turn/started", "item/completed"]);
      expect(await failure(thread.run("again"))).toBeInstanceOf(TransportClosedError);
      expect(await codex.closed).toMatchObject({ initiator: "runtime", ...properties });
    }),
  );

  test("lines that are not JSON are diagnostics", async () => {
    const diagnostics: string[] = [];
    const say = (_fields: object, message: string) => void diagnostics.push(message);
    await withFake("noisy", async (codex) => void (await codex.start()), {
      logger: { debug: say, info: say, warn: say, error: say },
    });
    expect(diagnostics.filter((message) => message.startsWith("Skipped"))).toHaveLength(3);
  });

  test("UTF-8 that is cut into bytes, and U+2028, arrive whole", () =>
    withFake("split-bytes", async (codex) => {
      const result = await (await codex.startThread()).run("go");
      expect(result.finalResponse).toBe("Grüße \u2028 😀");
    }));

  test("a flood on stderr neither blocks nor grows without bound", () =>
    withFake("floods-stderr", async (codex) => {
      expect((await (await codex.startThread()).run("go")).status).toBe("completed");
      await codex.close();
      const { stderrTail } = await codex.closed;
      expect(stderrTail.length).toBeLessThanOrEqual(16 * 1024);
    }));

  test("a line of 64 MB arrives", () =>
    withFake("huge-answer", async (codex) => {
      const page: { data: readonly unknown[] } = await codex.listThreads();
      expect(String(page.data[0]).length).toBe(64 * 1024 * 1024);
    }));

  test("an answer over maxFrameBytes fails its request alone, any other message the connection", () =>
    leavesNothing(async () => {
      const answer = fake("huge-answer", { maxFrameBytes: 1_000_000 });
      expect(await failure(answer.listThreads())).toMatchObject({ code: "FRAME_TOO_LARGE", limitBytes: 1_000_000 });
      await answer.models();
      await answer.close();
      const other = fake("huge-notification", { maxFrameBytes: 1_000_000 });
      const thread = await other.startThread();
      expect(await failure(thread.run("go"))).toMatchObject({ cause: { code: "FRAME_TOO_LARGE" } });
      await other.close();
    }));

  test("a request that is never answered: requestTimeoutMs, and the client stays usable", () => {
    verifies("request-timeout");
    return withFake(
      "never-answers",
      async (codex) => {
        const error = await failure(codex.request("thread/list", {}));
        expect(error).toMatchObject({ code: "REQUEST_TIMEOUT", method: "thread/list", timeoutMs: 200 });
        expect(await codex.models()).toEqual([]);
      },
      { requestTimeoutMs: 200 },
    );
  });

  test("an overload that stays: reads are repeated, then RetryLimitExceededError", () =>
    withFake("busy", async (codex) => {
      expect(await failure(codex.listThreads())).toMatchObject({
        code: "RETRY_LIMIT_EXCEEDED",
        attempts: 3,
        rpcCode: -32001,
      });
    }));
});

describe("close", () => {
  test("twice is one; what is pending rejects; a later call rejects at once", () =>
    withFake("stalls", async (codex) => {
      const turn = await (await codex.startThread()).startTurn("go");
      const result = failure(turn.result());
      await Promise.all([codex.close(), codex.close()]);
      expect(await result).toBeInstanceOf(TransportClosedError);
      expect(String(await result)).toContain("The client was closed");
      expect(await failure(codex.listThreads())).toBeInstanceOf(TransportClosedError);
      expect(await failure(codex.start())).toBeInstanceOf(TransportClosedError);
      expect(await codex.closed).toMatchObject({ initiator: "client", exitCode: 0 });
    }));

  test("during the start ends the start", () =>
    withFake("silent", async (codex) => {
      const start = failure(codex.start());
      await codex.close();
      expect(await start).toBeInstanceOf(TransportClosedError);
    }));

  test("before the start starts nothing", () =>
    withFake("", async (codex) => {
      await codex.close();
      expect(await failure(codex.start())).toBeInstanceOf(TransportClosedError);
      expect(codex.pid).toBeUndefined();
      expect(await codex.closed).toMatchObject({ initiator: "client", exitCode: null });
    }));

  test("of a process that dies in the middle of it still resolves", () =>
    withFake("dies-during-close", async (codex) => {
      await codex.start();
      await codex.close();
      expect(await codex.closed).toMatchObject({ initiator: "client", exitCode: 9 });
    }));

  test("metadata before the start is a UsageError", () =>
    withFake("", async (codex) => {
      expect(() => codex.metadata).toThrow(/start/);
    }));
});
