/** The end-to-end tests of how the runtime's refusals reach the caller: class, code, message and stack. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  Codex,
  CodexError,
  InternalRpcError,
  InvalidParamsError,
  InvalidRequestError,
  JsonRpcError,
  MethodNotFoundError,
  RequestTimeoutError,
  serveAppServer,
  type Thread,
  ThreadNotFoundError,
  TransportClosedError,
  UsageError,
} from "codex-embed";
import { fail, message, startTestCodex, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();
const unknownId = "01a1fd66-02d7-7593-a9c6-feaaeddd2600";
const thisFile = basename(import.meta.url);

/** Sends what the types forbid. */
function send(method: string, params?: unknown): Promise<unknown> {
  return bench.codex.request(untyped<"thread/read">(method), untyped(params));
}

describe("the table of replies", () => {
  type Row = readonly [
    what: string,
    method: string,
    params: unknown,
    type: abstract new (...args: never[]) => JsonRpcError,
    code: string,
    rpcCode: number,
  ];
  const rows: readonly Row[] = [
    ["an unknown method", "no/such/method", {}, MethodNotFoundError, "METHOD_NOT_FOUND", -32600],
    ["no params where some are needed", "thread/read", undefined, InvalidParamsError, "INVALID_PARAMS", -32600],
    ["a missing field", "thread/read", {}, InvalidParamsError, "INVALID_PARAMS", -32600],
    ["a field of the wrong type", "thread/read", { threadId: 5 }, InvalidParamsError, "INVALID_PARAMS", -32600],
    [
      "a value that is none of several",
      "thread/list",
      { sortDirection: "x" },
      InvalidParamsError,
      "INVALID_PARAMS",
      -32600,
    ],
    [
      "a kind that is none of several",
      "account/login/start",
      { type: "x" },
      InvalidParamsError,
      "INVALID_PARAMS",
      -32600,
    ],
    ["a policy that is none", "thread/start", { approvalPolicy: "x" }, InvalidParamsError, "INVALID_PARAMS", -32600],
    ["a relative path", "fs/readFile", { path: "relative" }, InvalidParamsError, "INVALID_PARAMS", -32600],
    ["a file that is not there", "fs/readFile", { path: "/no/such/file" }, InternalRpcError, "INTERNAL", -32603],
    ["a malformed id", "thread/read", { threadId: "x" }, InvalidRequestError, "INVALID_REQUEST", -32600],
    [
      "a second handshake",
      "initialize",
      { clientInfo: { name: "x", version: "1" } },
      InvalidRequestError,
      "INVALID_REQUEST",
      -32600,
    ],
    ["a bad cursor", "thread/list", { cursor: "x" }, InvalidRequestError, "INVALID_REQUEST", -32600],
    [
      "what the store cannot do",
      "thread/items/list",
      { threadId: unknownId },
      MethodNotFoundError,
      "METHOD_NOT_FOUND",
      -32601,
    ],
  ];

  test.each(rows)("%s", async (_what, method, params, type, code, rpcCode) => {
    const error = await rejection(send(method, params), type);
    expect(error).toBeInstanceOf(JsonRpcError);
    expect(error).toMatchObject({ name: type.name, code, rpcCode, method });
    expect(error.message.startsWith(`${method} failed: `)).toBe(true);
    expect(error.message.length).toBeLessThan(700);
  });

  const unknownThread: readonly (readonly [method: string, params: object])[] = [
    ["thread/read", {}],
    ["thread/resume", {}],
    ["thread/fork", {}],
    ["thread/archive", {}],
    ["thread/unarchive", {}],
    ["thread/delete", {}],
    ["thread/name/set", { name: "x" }],
    ["thread/compact/start", {}],
    ["thread/turns/list", {}],
    ["thread/goal/set", { objective: "x" }],
    ["thread/goal/get", {}],
    ["thread/inject_items", { items: [] }],
    ["thread/shellCommand", { command: "true" }],
    ["thread/settings/update", {}],
    ["thread/revert", { beforeTurnId: unknownId }],
    ["thread/queue/list", {}],
    ["thread/backgroundTerminals/list", {}],
    ["review/start", { target: { type: "uncommittedChanges" } }],
    ["turn/start", { input: [] }],
    ["turn/steer", { expectedTurnId: unknownId, input: [{ type: "text", text: "x" }] }],
    ["turn/interrupt", { turnId: unknownId }],
  ];

  test.each(unknownThread)("%s of an unknown thread", async (method, params) => {
    const error = await rejection(send(method, { threadId: unknownId, ...params }), ThreadNotFoundError);
    expect(error.code).toBe("THREAD_NOT_FOUND");
    expect(error.message).toContain(unknownId);
  });
});

test("a message reads as sentences: what failed, why, what to do", async () => {
  verifies("error-messages");
  const error = await rejection(bench.codex.readThread(unknownId), ThreadNotFoundError);
  expect(error.message).toMatch(/^thread\/read failed: .*[.!?] Resume it first with resumeThread\(id\)/);
});

test("resumeThread of an unknown thread does not advise to resume it", async () => {
  const error = await rejection(bench.codex.resumeThread(unknownId), ThreadNotFoundError);
  expect(error.message).not.toContain("Resume it first");
  expect(error.message).toContain("listThreads()");
});

describe("the advice fits what has become of the thread", () => {
  const gone = "It was deleted. Start a new thread with startThread().";
  const archived = "It is archived. Call unarchiveThread(id), then resumeThread(id).";
  const resumable = "Resume it first with resumeThread(id)";

  async function stored(): Promise<Thread> {
    const thread = await bench.codex.startThread();
    bench.script(thread, message("Hello."));
    await thread.run("Hi");
    return thread;
  }

  const uses = (thread: Thread) => ({
    run: () => thread.run("Hi"),
    fork: () => thread.fork(),
    resumeThread: () => bench.codex.resumeThread(thread.id),
    readThread: () => bench.codex.readThread(thread.id, { includeTurns: true }),
    setName: () => thread.setName("Name"),
    archive: () => thread.archive(),
  });

  test("deleted, also by a request of the program's own: it is gone", async () => {
    verifies("thread-not-found");
    for (const remove of [
      (id: string) => bench.codex.deleteThread(id),
      (threadId: string) => bench.codex.request("thread/delete", { threadId }),
    ]) {
      const thread = await stored();
      await remove(thread.id);
      for (const use of Object.values(uses(thread))) {
        const error = await rejection(use(), ThreadNotFoundError);
        expect(error.code).toBe("THREAD_NOT_FOUND");
        expect(error.message).toContain(gone);
        expect(error.message).not.toMatch(/resume/i);
      }
    }
  });

  test("archived: unarchive it; unarchived: resume it; resumed: it runs", async () => {
    verifies("thread-not-found");
    const thread = await stored();
    await thread.archive();
    const { run, setName } = uses(thread);
    for (const use of [run, setName]) {
      const error = await rejection(use(), ThreadNotFoundError);
      expect(error.code).toBe("THREAD_ARCHIVED");
      expect(error.message).toContain(archived);
    }
    await bench.codex.unarchiveThread(thread.id);
    expect((await rejection(run(), ThreadNotFoundError)).message).toContain(resumable);
    const resumed = await bench.codex.resumeThread(thread.id);
    bench.script(resumed, message("Again."));
    expect((await resumed.run("Hi")).finalResponse).toBe("Again.");
  });

  test("unsubscribed: resume it, unless it was deleted or archived since", async () => {
    verifies("thread-not-found");
    const threads = [await stored(), await stored(), await stored()] as const;
    for (const thread of threads) await thread.unsubscribe();
    await bench.codex.archiveThread(threads[1].id);
    await bench.codex.deleteThread(threads[2].id);
    const says = await Promise.all(
      threads.map(async (thread) => (await rejection(thread.run("Hi"), UsageError)).message),
    );
    expect(says).toEqual([
      expect.stringContaining("Call codex.resumeThread(id) first."),
      expect.stringContaining("unarchiveThread(id)"),
      expect.stringContaining("It was deleted. Start a new one with codex.startThread()."),
    ]);
  });

  test("ephemeral: there is nothing to resume", async () => {
    verifies("thread-not-found");
    const thread = await bench.thread();
    const archive = await rejection(thread.archive(), ThreadNotFoundError);
    expect(archive.message).toContain("It is ephemeral");
    await thread.unsubscribe();
    const run = await rejection(thread.run("Hi"), UsageError);
    expect(run.message).toContain("is ephemeral and was not stored");
    expect(run.message).not.toContain("resume");
  });

  test("another client's deletion is heard of too", async () => {
    verifies("thread-not-found");
    const { env, inheritEnv } = bench.codexOptions;
    await using server = await serveAppServer({ codexHome: bench.codexHome, env, inheritEnv, cwd: bench.workspace });
    await using one = await server.connect();
    await using other = await server.connect();
    await other.start();
    const thread = await one.startThread();
    bench.script(thread, message("Hello."));
    await thread.run("Hi");
    await other.deleteThread(thread.id);
    expect((await rejection(thread.run("Hi"), ThreadNotFoundError)).message).toContain(gone);
  });
});

describe("parameters never enter a message", () => {
  const secret = "sk-secret-0123456789";
  const leaks: readonly (readonly [what: string, method: string, params: object])[] = [
    ["a text for a flag", "thread/start", { ephemeral: secret }],
    ["a text for one of several values", "thread/list", { sortDirection: secret }],
    ["a text for a kind", "account/login/start", { type: secret, apiKey: "x" }],
    ["a text for a list", "turn/start", { threadId: unknownId, input: secret }],
    ["a text for a number", "thread/list", { limit: secret }],
    ["a text for a flag of the configuration", "thread/start", { config: { features: { goals: secret } } }],
    [
      "a text for a table of the configuration",
      "thread/start",
      { config: { mcp_servers: { x: { command: "x", env: secret } } } },
    ],
    ["a text for a choice of the configuration", "thread/start", { config: { approval_policy: secret } }],
    ["a key of the wrong type", "account/login/start", { type: "apiKey", apiKey: { [secret]: secret } }],
  ];

  test.each(leaks)("%s", async (_what, method, params) => {
    const error = await rejection(send(method, params), JsonRpcError);
    expect(error.message).not.toContain(secret);
    expect(error.stack).not.toContain(secret);
  });
});

describe("the stack names the caller", () => {
  test("of requests", async () => {
    verifies("error-stack");
    const thread = await bench.thread();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => bench.codex.request("thread/read", { threadId: unknownId, includeTurns: false }),
      () => bench.codex.request("fs/readFile", { path: "/no/such/file" }),
      () => bench.codex.readThread(unknownId),
      () => bench.codex.resumeThread(unknownId),
      () => bench.codex.startThread({ config: { model_provider: "nobody" } }),
      () => bench.codex.rateLimits(),
      () => bench.codex.deleteThread(unknownId),
      () => bench.codex.request("command/exec", { command: ["sleep", "5"] }, { timeoutMs: 10 }),
      () => thread.setName("ephemeral threads have none"),
      () => thread.startTurn("x".repeat(1_048_577)),
      () => thread.startTurn({ type: "image", url: "https://example.com" }),
      () => thread.startGoal("ephemeral threads have none"),
      () => thread.sample("ephemeral threads have no history"),
      () => thread.read({ includeTurns: true }),
    ];
    for (const call of calls) {
      const error = await rejection(call(), CodexError);
      expect(error.stack, call.toString()).toContain(thisFile);
      expect(error.stack?.startsWith(`${error.name}: ${error.message}`)).toBe(true);
    }
  });

  test("of requests that are made at once or joined with others", async () => {
    verifies("error-stack");
    const request = () => bench.codex.request("fs/readFile", { path: "/no/such/file" });
    const calls: readonly (() => Promise<unknown>)[] = [
      () => Promise.all([request(), request()]),
      () => request().finally(() => {}),
      () => request().then(() => {}),
    ];
    for (const call of calls) {
      const caught: unknown = await (async function theCaller() {
        try {
          return await call();
        } catch (error) {
          return error;
        }
      })();
      if (!CodexError.isInstance(caught)) throw new Error(`It was ${String(caught)}.`);
      expect(caught.stack, call.toString()).toContain("theCaller");
      expect(caught.stack?.startsWith(`${caught.name}: ${caught.message}`)).toBe(true);
    }
  });

  test("of a loop over pages", async () => {
    const loop = async () => {
      for await (const _ of bench.codex.threads({ cursor: "x" }));
    };
    expect((await rejection(loop(), InvalidRequestError)).stack).toContain(thisFile);
  });

  test("of turns", async () => {
    verifies("error-stack");
    const thread = await bench.thread();
    bench.respond(thread, () => fail(500));
    const calls: readonly (() => Promise<unknown>)[] = [
      () => thread.run("Hi"),
      async () => (await thread.startTurn("Hi")).result(),
      async () => {
        for await (const _ of thread.stream("Hi"));
      },
      () => thread.compact(),
      () => thread.review({ type: "custom", instructions: "Look." }),
    ];
    for (const call of calls) {
      const error = await rejection(call(), CodexError);
      expect(error.code).toBe("TURN_FAILED");
      expect(error.stack, call.toString()).toContain(thisFile);
    }
  });
});

describe("requests", () => {
  test("methods without parameters", async () => {
    expect(await bench.codex.request("account/logout")).toEqual({});
    expect(await bench.codex.request("account/logout", undefined, { timeoutMs: null })).toEqual({});
    expect(await bench.codex.request("configRequirements/read")).toMatchObject({ requirements: null });
    expect(await bench.codex.request("account/gatewayOAuth/read")).toMatchObject({ providerId: "mock" });
    expect(await bench.codex.request("remoteControl/status/read")).toMatchObject({ status: "disabled" });
    expect(await bench.codex.request("memory/reset")).toEqual({});
    expect(await bench.codex.request("config/mcpServer/reload")).toEqual({});
  });

  test("a signal ends the waiting with its reason; the connection stays usable", async () => {
    const controller = new AbortController();
    const reason = new Error("Enough.");
    const command = ["sh", "-c", "sleep 600"];
    const running = bench.codex.request(
      "command/exec",
      { command, processId: "sleeper", streamStdoutStderr: true },
      { signal: controller.signal },
    );
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(bench.codex.request("thread/list", {}, { signal: controller.signal })).rejects.toBe(reason);
    expect((await bench.codex.account()).account).toBeNull();
    await bench.codex.request("command/exec/terminate", { processId: "sleeper" });
  });

  test("a timeout is an error of its own, and its late answer harms nothing", async () => {
    const params = { command: ["sh", "-c", "sleep 0.2; echo late"] };
    const error = await rejection(bench.codex.request("command/exec", params, { timeoutMs: 20 }), RequestTimeoutError);
    expect(error).toMatchObject({
      code: "REQUEST_TIMEOUT",
      method: "command/exec",
      timeoutMs: 20,
      maybeAccepted: true,
    });
    expect(error.message).not.toContain("echo late");
    const next = await bench.codex.request("command/exec", { command: ["sh", "-c", "sleep 0.3; echo next"] });
    expect(next.stdout).toBe("next\n");
  });

  test.each([Number.POSITIVE_INFINITY, 2 ** 31, null])("a timeout of %s is not a short one", async (timeoutMs) => {
    const { stdout } = await bench.codex.request(
      "command/exec",
      { command: ["sh", "-c", "sleep 0.05; echo done"] },
      { timeoutMs },
    );
    expect(stdout).toBe("done\n");
  });

  test("requestTimeoutMs holds for all requests but those that run as long as their work", async () => {
    await using codex = await Codex.launch({ ...bench.codexOptions, requestTimeoutMs: 150 });
    expect((await codex.request("command/exec", { command: ["sh", "-c", "sleep 0.3; echo done"] })).stdout).toBe(
      "done\n",
    );
    const pid = codex.pid ?? Number.NaN;
    process.kill(pid, "SIGSTOP");
    const error = await rejection(codex.request("thread/list", {}), RequestTimeoutError);
    process.kill(pid, "SIGCONT");
    expect(error).toMatchObject({ method: "thread/list", timeoutMs: 150, maybeAccepted: true });
    expect((await codex.request("thread/list", {}, { timeoutMs: null })).nextCursor).toBeNull();
  });

  test("after the end everything rejects with TransportClosedError, and says why", async () => {
    const codex = await Codex.launch(bench.codexOptions);
    const thread = await codex.startThread({ ephemeral: true });
    await codex.close();
    await codex.close();
    const calls: readonly (() => Promise<unknown>)[] = [
      () => codex.request("thread/list", {}),
      () => codex.startThread(),
      () => codex.start(),
      () => thread.run("Hi"),
      () => thread.read(),
    ];
    for (const call of calls) {
      const error = await rejection(call(), TransportClosedError);
      expect(error.message).toContain("The client was closed");
      expect(error.stack, call.toString()).toContain(thisFile);
    }
    expect(await codex.closed).toMatchObject({ initiator: "client", exitCode: 0 });
  });
});

test.skipIf(process.platform === "win32")("a runtime that has run out of files says so, and what to do", async () => {
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-files-"));
  const limited = join(folder, "codex");
  await using plain = await startTestCodex();
  await plain.codex.start();
  await writeFile(limited, `#!/bin/sh\nulimit -n 70\nexec "${plain.codex.metadata.codexBin}" "$@"\n`, { mode: 0o755 });
  await using few = await startTestCodex({ codexBin: limited });
  few.model.respondWith(() => step(message("Done.")));
  const fill = async (): Promise<never> => {
    for (;;) await (await few.codex.startThread()).run("Go.");
  };
  // A turn that fails for want of a file for its connection only says that it has no connection.
  const failure = await rejection(fill(), CodexError);
  const error = InternalRpcError.isInstance(failure) ? failure : await rejection(few.codex.models(), InternalRpcError);
  expect(error).toMatchObject({ code: "TOO_MANY_OPEN_FILES", message: expect.stringContaining("ulimit -n") });
  await rm(folder, { recursive: true });
});
