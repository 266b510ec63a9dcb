/** The end-to-end tests of what a logger is told, and of what it is never told; and of subscriptions. */

import { AsyncLocalStorage } from "node:async_hooks";
import { Codex, type CodexOptions, type Logger, type NotificationOf, UsageError } from "codex-embed";
import { fail, message, shell, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

interface Line {
  readonly level: keyof Logger;
  readonly fields: object;
  readonly text: string;
}

class Recorder implements Logger {
  readonly lines: Line[] = [];
  debug = (fields: object, text: string) => this.#add("debug", fields, text);
  info = (fields: object, text: string) => this.#add("info", fields, text);
  warn = (fields: object, text: string) => this.#add("warn", fields, text);
  error = (fields: object, text: string) => this.#add("error", fields, text);

  of(level: keyof Logger): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  line(text: string): Line | undefined {
    return this.lines.find((line) => line.text === text);
  }

  #add(level: keyof Logger, fields: object, text: string): void {
    this.lines.push({ level, fields, text });
  }
}

describe("a logger", () => {
  test("hears of a start, a turn with an approved command and a failed turn, and nothing of their content", async () => {
    verifies("logger");
    const logger = new Recorder();
    const options: CodexOptions = { logger, handlers: { approveCommand: () => "accept" } };
    await using bench = await startTestCodex({ ...options, streamMaxRetries: 1 });
    const usage = { input: 10, output: 2 };
    const escalate = { justification: "secret-reason" };
    bench.model.enqueue(
      shell("echo secret-command", { escalate }),
      message("secret-answer", { usage }),
      fail(500, { message: "secret-failure" }),
      fail(500, { message: "secret-failure" }),
    );
    const thread = await bench.codex.startThread({
      developerInstructions: "secret-instructions",
      sandbox: "read-only",
    });
    const result = await thread.run("secret-prompt");
    await thread.run("secret-prompt").catch(() => {});
    await bench.codex.close();

    expect(logger.of("info")).toEqual([
      "Connected to the runtime",
      "Turn started",
      "Turn completed",
      "Turn started",
      "Turn failed",
      "The client is closed",
    ]);
    expect(logger.line("Connected to the runtime")?.fields).toMatchObject({
      runtimeVersion: bench.codex.metadata.runtimeVersion,
      pid: expect.any(Number),
      durationMs: expect.any(Number),
    });
    const ids = { threadId: thread.id, turnId: result.id };
    expect(logger.line("Turn completed")?.fields).toMatchObject({
      ...ids,
      status: "completed",
      durationMs: expect.any(Number),
      usage: { inputTokens: 10, outputTokens: 2 },
    });
    expect(logger.line("Turn failed")?.fields).toMatchObject({ status: "failed", error: expect.any(String) });
    expect(logger.of("debug")).toEqual(
      expect.arrayContaining(["The runtime asks", "What the runtime asked is settled"]),
    );
    const asked = { ...ids, method: "item/commandExecution/requestApproval", itemId: expect.any(String) };
    expect(logger.line("The runtime asks")?.fields).toMatchObject(asked);
    expect(logger.line("Item ended")?.fields).toMatchObject({ ...ids, type: "commandExecution", exitCode: 0 });
    expect(logger.line("The model failed; the runtime tries again")?.fields).toMatchObject({
      error: expect.any(String),
    });
    expect(JSON.stringify(logger.lines)).not.toContain("secret");
  });

  test("hears of a turn in the async context of its caller", async () => {
    verifies("async-context");
    const tenant = new AsyncLocalStorage<string>();
    const heard: string[] = [];
    const note = (_: object, text: string) => {
      if (/^(Turn|Item|The runtime asks)/.test(text)) heard.push(`${text}: ${tenant.getStore()}`);
    };
    const logger = { debug: note, info: note, warn: note, error: note };
    await using bench = await startTestCodex({ logger, handlers: { approveCommand: () => "decline" } });
    bench.model.enqueue(shell("true", { escalate: { justification: "Needed." } }), message("Done."));
    const thread = await tenant.run("opener", () => bench.codex.startThread({ sandbox: "read-only" }));
    await tenant.run("caller", () => thread.run("Hi"));
    expect(heard.toSorted()).toEqual(
      ["Item ended", "Item started", "The runtime asks", "Turn completed", "Turn started"].map(
        (text) => `${text}: caller`,
      ),
    );
  });

  test("hears of a start that fails and of a crash", async () => {
    verifies("logger");
    const logger = new Recorder();
    await using bench = await startTestCodex({ logger, restart: "on-crash" });
    process.kill(bench.codex.pid ?? 0, "SIGKILL");
    await expect.poll(() => bench.codex.status).toBe("idle");
    expect(logger.line("The runtime ended; the next call starts it")?.fields).toMatchObject({ signal: "SIGKILL" });
    await bench.codex.start();
    expect(logger.of("debug")).toContain("Connected to the runtime again");

    const silent = new Recorder();
    const broken = new Codex({ codexBin: process.execPath, launchArgs: ["-e", "process.exit(3)"], logger: silent });
    await expect(broken.start()).rejects.toThrow();
    expect(silent.of("info")).toEqual(["The runtime did not start"]);
    await broken.close();
  });

  test("that throws, and one that keeps what it gets, change nothing", async () => {
    const throwing = () => {
      throw new Error("The log is full.");
    };
    const logger = { debug: throwing, info: throwing, warn: throwing, error: throwing };
    await using bench = await startTestCodex({ logger });
    bench.model.enqueue(message("Hello."));
    expect((await (await bench.codex.startThread()).run("Hi")).finalResponse).toBe("Hello.");
  });
});

describe("a subscription", () => {
  test.each<[unknown, string]>([
    ["turn/complete", 'on: the protocol has no notification "turn/complete". Did you mean "turn/completed"?'],
    ["turn.completed", 'Did you mean "turn/completed"?'],
    ["message", 'Use "*" for all notifications'],
    ["configWarning", "on: this client's optOutNotifications leave out configWarning"],
    [5, "on: method is a number. Give a string."],
  ])("to %j, which never comes, is refused", (name, says) => {
    verifies("subscription-names");
    const codex = new Codex({ optOutNotifications: ["configWarning"] });
    const subscribe = () => codex.on(untyped<"status">(name), () => {});
    expect(subscribe).toThrow(UsageError);
    expect(subscribe).toThrow(says);
  });

  test.each(["rawResponseItem/completed", "rawResponse/completed"] as const)("to %s is refused by default", (name) => {
    expect(() => new Codex().on(name, () => {})).toThrow(`on: this client's optOutNotifications leave out "${name}"`);
    new Codex({ optOutNotifications: [] }).on(name, () => {});
  });

  test("to * delivers every notification and what the client tells itself", async () => {
    verifies("subscription-names");
    await using bench = await startTestCodex();
    const all: NotificationOf<"*">[] = [];
    const one: unknown[] = [];
    using _all = bench.codex.on("*", (notification) => all.push(notification));
    using _one = bench.codex.on("turn/completed", ({ params }) => one.push(params));
    bench.model.enqueue(message("Hello."));
    const thread = await bench.codex.startThread();
    await thread.run("Hi");
    await bench.codex.close();
    expect(all.map(({ method }) => method)).toEqual(
      expect.arrayContaining(["thread/started", "turn/started", "item/completed", "turn/completed", "status"]),
    );
    const ended = all.flatMap((event) => (event.method === "turn/completed" ? [event.params] : []));
    expect(ended).toEqual(one);
  });

  test("without a handler that is a function is refused", async () => {
    const codex = new Codex();
    const subscribe = async () => codex.on("turn/started", untyped(undefined));
    expect((await rejection(subscribe(), UsageError)).message).toBe("on: handler is undefined. Give a function.");
  });
});
