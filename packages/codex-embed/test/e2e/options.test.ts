/** The end-to-end tests of the options of clients, threads and turns: that they reach the runtime. */

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { Codex, MethodNotFoundError, UsageError } from "codex-embed";
import { message, shell, startTestCodex, step } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { TESTED_RUNTIME } from "../support/runtimes.js";
import { eventsOf, itemsOf, methodsOf, readAll, rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench({
  clientName: "my-app",
  clientTitle: "My App",
  clientVersion: "9.8.7",
  config: { model_reasoning_effort: "high" },
  configOverrides: ['model_verbosity="high"'],
  env: { E2E_VARIABLE: "from the client" },
});

async function firstRequest(thread: { readonly id: string; run(text: string): Promise<unknown> }) {
  bench.script(thread, message("Hello."));
  await thread.run("Hi");
  const request = bench.requestsOf(thread)[0];
  if (request === undefined) throw new Error("The model was not asked.");
  return request;
}

describe("of the client", () => {
  test("name, title and version: in the metadata and to the provider", async () => {
    const { metadata } = bench.codex;
    expect(metadata.userAgent).toMatch(/^my-app\/.*\(my-app; 9\.8\.7\)$/);
    expect(metadata.codexHome).toBe(bench.codexHome);
    expect(metadata.runtimeVersion).toBe(TESTED_RUNTIME);
    const { headers } = await firstRequest(await bench.thread());
    expect(headers).toMatchObject({ originator: "my-app" });
  });

  test.each(["My app", "my-app/1.2.3", "x/1.23.4 y", "日本"])(
    "the name %j is no matter for the handshake",
    async (clientName) => {
      await using codex = await Codex.launch({ ...bench.codexOptions, clientName });
      expect(codex.metadata.userAgent.startsWith(`${clientName}/`)).toBe(true);
      expect(codex.metadata.runtimeVersion).toBe(TESTED_RUNTIME);
    },
  );

  test("a name that cannot be a header is the caller's mistake, not the runtime's", async () => {
    const error = await rejection(Codex.launch({ ...bench.codexOptions, clientName: "two\nlines" }), UsageError);
    expect(error.message).toContain("clientName");
  });

  test("no limit for the start and for requests", async () => {
    await using codex = await Codex.launch({
      ...bench.codexOptions,
      startupTimeoutMs: Number.POSITIVE_INFINITY,
      requestTimeoutMs: Number.POSITIVE_INFINITY,
    });
    expect(await codex.models()).toHaveLength(1);
  });

  test("config and configOverrides reach the model", async () => {
    verifies("config");
    const { body } = await firstRequest(await bench.thread());
    expect(body).toMatchObject({ model: "mock-model", reasoning: { effort: "high" }, text: { verbosity: "high" } });
  });

  test("nested config, with all types of values", async () => {
    verifies("config");
    await using own = await startTestCodex({
      config: {
        model_context_window: 50_000,
        tools: { update_plan: { enabled: false } },
        shell_environment_policy: { set: { QUOTED: 'a "b"\n= [c]', EMOJI: "😀" } },
        project_doc_fallback_filenames: ["OTHER.md"],
      },
    });
    await writeFile(join(own.workspace, "OTHER.md"), "Read me too.");
    own.model.enqueue(shell('printf %s "$QUOTED$EMOJI"'), message("Ok.", { usage: { input: 1, output: 1 } }));
    const result = await (await own.codex.startThread({ ephemeral: true })).run("Hi");
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ aggregatedOutput: 'a "b"\n= [c]😀' }]);
    expect(result.usage?.contextWindow).toBe(47_500);
    expect(own.model.requests[0]?.toolNames()).not.toContain("update_plan");
    expect(own.model.requests[0]?.userTexts().join()).toContain("Read me too.");
  });

  test("env reaches commands; the environment of this process only with inheritEnv", async () => {
    verifies("env");
    process.env["E2E_INHERITED"] = "inherited";
    try {
      const seen: (string | null | undefined)[] = [];
      for (const inheritEnv of [false, true]) {
        await using codex = await Codex.launch({ ...bench.codexOptions, inheritEnv });
        const thread = await codex.startThread({ ephemeral: true });
        bench.script(thread, shell("echo $E2E_VARIABLE $E2E_INHERITED"), message("Ok."));
        seen.push(itemsOf(await thread.run("Hi"), "commandExecution")[0]?.aggregatedOutput);
      }
      expect(seen).toEqual(["from the client\n", "from the client inherited\n"]);
    } finally {
      delete process.env["E2E_INHERITED"];
    }
  });

  test("codexHome is created when it is missing", async () => {
    const codexHome = join(bench.workspace, "new", "home");
    const { CODEX_HOME: _, ...env } = bench.codexOptions.env ?? {};
    await using codex = await Codex.launch({ ...bench.codexOptions, env, codexHome });
    expect(codex.metadata.codexHome).toBe(codexHome);
    expect((await stat(codexHome)).isDirectory()).toBe(true);
  });

  test("cwd is the default working directory of threads", async () => {
    const cwd = join(bench.workspace, "elsewhere");
    await mkdir(cwd);
    await using codex = await Codex.launch({ ...bench.codexOptions, cwd });
    expect((await codex.startThread({ ephemeral: true })).cwd).toBe(cwd);
    expect((await codex.startThread({ ephemeral: true, cwd: bench.workspace })).cwd).toBe(bench.workspace);
  });

  test("experimentalApi: false takes the experimental part away, and says so", async () => {
    await using codex = await Codex.launch({ ...bench.codexOptions, experimentalApi: false });
    const { id: threadId } = await codex.startThread({ ephemeral: true });
    const error = await rejection(codex.request("thread/queue/list", { threadId }), MethodNotFoundError);
    expect(error).toMatchObject({ code: "EXPERIMENTAL_API_REQUIRED", rpcCode: -32600 });
  });

  test("enable and disable switch features", async () => {
    await using codex = await Codex.launch({ ...bench.codexOptions, enable: ["goals"], disable: ["multi_agent"] });
    const { data } = await codex.request("experimentalFeature/list", {});
    const enabled = new Map(data.map(({ name, enabled: isOn }) => [name, isOn]));
    expect([enabled.get("goals"), enabled.get("multi_agent")]).toEqual([true, false]);
  });
});

describe("optOutNotifications", () => {
  test("what is left out does not come; the text is whole all the same", async () => {
    await using own = await startTestCodex({
      optOutNotifications: ["item/agentMessage/delta", "thread/tokenUsage/updated"],
    });
    own.model.enqueue(step(message("Hello, you.", { deltas: 5, usage: { input: 1, output: 1 } })));
    const thread = await own.codex.startThread({ ephemeral: true });
    const turn = await thread.startTurn("Hi");
    const { events } = await readAll(turn);
    expect(eventsOf(events, "item/agentMessage/delta")).toEqual([]);
    expect(methodsOf(events)).toContain("item/completed");
    expect((await readAll(turn.textStream())).events).toEqual(["Hello, you."]);
    expect(await turn.result()).toMatchObject({ finalResponse: "Hello, you.", usage: null });
  });

  test.each(["turn/started", "turn/completed", "item/completed"])("%s cannot be left out", (method) => {
    expect(() => new Codex({ optOutNotifications: ["warning", method] })).toThrow(UsageError);
    expect(() => new Codex({ optOutNotifications: [method] })).toThrow(method);
  });

  test("account/login/completed cannot be left out either: a login would never end", () => {
    expect(() => new Codex({ optOutNotifications: ["account/login/completed"] })).toThrow(UsageError);
  });
});

describe("of a thread", () => {
  test("instructions", async () => {
    const request = await firstRequest(
      await bench.threadWith({ baseInstructions: "You are a pirate.", developerInstructions: "Be brief." }),
    );
    expect(request.developerTexts()[0]).toBe("You are a pirate.");
    expect(request.developerTexts().join("\n")).toContain("Be brief.");
  });

  test("its own config and working directory", async () => {
    const cwd = join(bench.workspace, "own");
    await mkdir(cwd);
    const thread = await bench.threadWith({ ephemeral: true, cwd, config: { model_reasoning_effort: "low" } });
    const { body } = await firstRequest(thread);
    expect(body["reasoning"]).toMatchObject({ effort: "low" });
    bench.script(thread, shell("pwd > where"), message("Ok."));
    await thread.run("Where?");
    expect(await readFile(join(cwd, "where"), "utf8")).toBe(`${cwd}\n`);
    expect(thread.cwd).toBe(cwd);
  });
});

describe("of a turn", () => {
  test("outputSchema is sent with this turn alone", async () => {
    const outputSchema = { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] };
    const thread = await bench.thread(message('{"answer":"yes"}'), message("Hello."));
    expect((await thread.run("Answer.", { outputSchema })).finalResponse).toBe('{"answer":"yes"}');
    await thread.run("Again.");
    const strict = { ...outputSchema, additionalProperties: false };
    expect(bench.requestsOf(thread).map((request) => request.outputSchema())).toEqual([strict, undefined]);
  });

  test("effort and model overrides hold for the following turns", async () => {
    const thread = await bench.thread(message("1"), message("2"));
    await thread.run("Hi", { effort: "low", model: "gpt-5.6-luna" });
    await thread.run("Again");
    expect(bench.requestsOf(thread).map(({ body }) => body)).toMatchObject([
      { reasoning: { effort: "low" }, model: "gpt-5.6-luna" },
      { reasoning: { effort: "low" }, model: "gpt-5.6-luna" },
    ]);
  });

  test("clientUserMessageId names the message, and is made when it is not given", async () => {
    const thread = await bench.thread(message("1"), message("2"));
    const named = await thread.run("Hi", { clientUserMessageId: "mine" });
    expect(itemsOf(named, "userMessage")[0]?.clientId).toBe("mine");
    const made = await thread.run("Hi");
    expect(itemsOf(made, "userMessage")[0]?.clientId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("cwd", () => {
  const bad: readonly (readonly [string, () => string | URL, string])[] = [
    ["a folder that does not exist", () => join(bench.workspace, "nowhere"), "is not an existing folder"],
    ["a relative one that does not exist", () => "no/where", 'given as "no/where"'],
    ["a file", () => import.meta.filename, "is not an existing folder"],
    ["a path below a file", () => join(import.meta.filename, "below"), "is not an existing folder"],
    ["an empty path", () => "", "cwd is empty"],
    [
      "a URL of a folder that does not exist",
      () => pathToFileURL(join(bench.workspace, "nowhere")),
      "is not an existing folder",
    ],
    ["a URL of the web", () => new URL("https://example.org/work"), "cwd is a https: URL"],
    ["a URL of another host", () => new URL("file://elsewhere/work"), "cwd is a file: URL"],
  ];

  test.each(bad)("%s is refused before anything is sent", async (_, cwd, says) => {
    verifies("cwd-checked");
    const thread = await bench.thread();
    const calls = {
      startThread: () => bench.codex.startThread({ cwd: cwd() }),
      resumeThread: () => bench.codex.resumeThread(thread.id, { cwd: cwd() }),
      forkThread: () => bench.codex.forkThread(thread.id, { cwd: cwd() }),
      fork: () => thread.fork({ cwd: cwd() }),
      run: () => thread.run("Hi", { cwd: cwd() }),
      startTurn: () => thread.startTurn("Hi", { cwd: cwd() }),
      stream: () => thread.stream("Hi", { cwd: cwd() }).next(),
    };
    for (const call of Object.values(calls)) {
      const error = await rejection(call(), UsageError);
      expect(error.message.replaceAll("which is not", "is not")).toContain(says);
    }
    // The thread was not taken.
    bench.script(thread, message("Hello."));
    expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  });

  test("may be a file: URL, a path relative to the runtime's, or null", async () => {
    verifies("cwd-checked");
    const folder = await realpath(await mkdtemp(join(bench.workspace, "a folder ")));
    expect((await bench.codex.startThread({ cwd: pathToFileURL(`${folder}/`) })).cwd).toBe(folder);
    expect((await bench.codex.startThread({ cwd: relative(bench.workspace, folder) })).cwd).toBe(folder);
    const thread = await bench.thread(message("1"), shell("pwd"), message("2"));
    await thread.run("Hi", { cwd: null });
    const turn = await thread.run("Hi", { cwd: pathToFileURL(folder) });
    expect(itemsOf(turn, "commandExecution")[0]?.aggregatedOutput?.trim()).toBe(folder);
    expect(thread.cwd).toBe(folder);
  });

  test("is not looked at when the runtime may see other files: behind a spawn hook", async () => {
    verifies("cwd-checked");
    const { codexOptions } = bench;
    await using codex = new Codex({
      ...codexOptions,
      spawn: ({ command, args, cwd, env }) => spawn(command, args, { cwd, env, stdio: "pipe" }),
    });
    expect((await codex.startThread({ cwd: "/only/in/the/container" })).cwd).toBe("/only/in/the/container");
  });
});
