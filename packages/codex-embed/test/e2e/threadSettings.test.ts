/** Settings in the middle of a thread: `update`, and plan mode. */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Codex, InvalidRequestError, ThreadNotFoundError, TransportClosedError, UsageError } from "codex-embed";
import { gate, message, type RecordedRequest, shell, startTestCodex, step, toolCall } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { itemsOf, nextNotification, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

const modelOf = (request: RecordedRequest | undefined) => request?.body["model"];
const effortOf = (request: RecordedRequest | undefined) => {
  const reasoning: unknown = request?.body["reasoning"];
  return typeof reasoning === "object" && reasoning !== null ? Reflect.get(reasoning, "effort") : undefined;
};

describe("update", () => {
  test("holds from the next turn on; the turn in flight keeps its settings", async () => {
    verifies("thread-update");
    const held = gate();
    const thread = await bench.thread(
      step(message({ deltas: ["Wait. ", held] }), shell("echo hi")),
      message("One."),
      message("Two."),
    );
    const turn = await thread.startTurn("First.");
    await held.reached;
    await thread.update({ model: "other-model", effort: "high" });
    held.open();
    await turn.result();
    await thread.run("Second.");
    const requests = bench.requestsOf(thread);
    expect(requests.map(modelOf)).toEqual(["mock-model", "mock-model", "other-model"]);
    expect(requests.map(effortOf)).toEqual(["medium", "medium", "high"]);
  });

  test("takes the names of a turn, and the folder counts at once", async () => {
    const thread = await bench.thread(shell("pwd"), message("Done."));
    const folder = join(bench.workspace, "below");
    await mkdir(folder);
    const updated = nextNotification(bench.codex, "thread/settings/updated", ({ threadId }) => threadId === thread.id);
    await thread.update({ sandbox: "read-only", approvalMode: "deny_all", cwd: "below", summary: "concise" });
    expect(thread.cwd).toBe(folder);
    expect((await updated).threadSettings).toMatchObject({
      cwd: folder,
      sandboxPolicy: { type: "readOnly" },
      approvalPolicy: "never",
      summary: "concise",
    });
    const [command] = itemsOf(await thread.run("Go."), "commandExecution");
    expect(command?.aggregatedOutput).toBe(`${folder}\n`);
  });

  test("refuses what cannot work before anything is sent", async () => {
    const thread = await bench.thread();
    for (const [options, words] of [
      [{ sandboxMode: "read-only" }, "Use sandbox."],
      [{ sandbox: "everything" }, "update: sandbox is an unknown string"],
      [{ cwd: "/does/not/exist" }, "not an existing folder"],
      [{ planMode: "yes" }, "update: planMode is a string"],
      [{ outputSchema: {} }, "unknown option outputSchema"],
      [{ planMode: true, collaborationMode: { mode: "plan", settings: {} } }, "Pass one of them"],
    ] as const) {
      expect((await rejection(thread.update(untyped(options)), UsageError)).message).toContain(words);
    }
    await rejection(thread.update({ permissions: ":nonsense" }), InvalidRequestError);
    expect(thread.cwd).toBe(bench.workspace);
  });

  test("needs the experimental part of the protocol, and a thread that is loaded", async () => {
    await using own = await startTestCodex({ experimentalApi: false });
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread();
    for (const call of [() => thread.update({ effort: "low" }), () => thread.run("Hi", { planMode: true })]) {
      expect((await rejection(call(), UsageError)).message).toContain("Remove experimentalApi: false");
    }
    await thread.run("Hi");
    const other = await bench.threadWith({}, message("Hello."));
    await other.run("Hi");
    await other.archive();
    await rejection(other.update({ effort: "low" }), ThreadNotFoundError);
  });

  test("outlasts a crash that follows at once", async () => {
    verifies("thread-update-lasts");
    await using own = await startTestCodex({ restart: "on-crash" });
    const { codex, model } = own;
    model.respondWith(() => message("Hello."));
    const thread = await codex.startThread({ sandbox: "workspace-write" });
    await thread.run("First.");
    await thread.update({ sandbox: "read-only", model: "other-model" });
    await thread.update({ effort: "low" });
    const gone = nextStatus(codex, "idle");
    if (codex.pid !== undefined) process.kill(codex.pid, "SIGKILL");
    await gone;
    await thread.run("Second.");
    expect(modelOf(model.requests.at(-1))).toBe("other-model");
    expect(effortOf(model.requests.at(-1))).toBe("low");
    const { sandbox } = await codex.request("thread/resume", { threadId: thread.id, excludeTurns: true });
    expect(sandbox.type).toBe("readOnly");
    await codex.close();
    await using second = await Codex.launch(own.codexOptions);
    expect((await second.resumeThread(thread.id)).model).toBe("other-model");
  });

  test("a turn that the crash cuts has the settings, and those of its own come before them", async () => {
    verifies("thread-update-lasts");
    await using own = await startTestCodex({ restart: "on-crash" });
    const { codex, model } = own;
    model.respondWith(() => message("Hello."));
    for (const [options, expected] of [
      [{}, "other-model"],
      [{ model: "third-model" }, "third-model"],
    ] as const) {
      const thread = await codex.startThread();
      await thread.run("First.");
      await thread.update({ model: "other-model" });
      const held = gate();
      model.enqueue(message({ deltas: ["Half", held] }));
      const turn = await thread.startTurn("Cut.", options);
      await held.reached;
      const gone = nextStatus(codex, "idle");
      if (codex.pid !== undefined) process.kill(codex.pid, "SIGKILL");
      await gone;
      held.open();
      await rejection(turn.result(), TransportClosedError);
      await thread.run("Second.");
      expect(modelOf(model.requests.at(-1))).toBe(expected);
    }
  });

  test("a fork has the sandbox at once, whether or not its notification has come", async () => {
    await using own = await startTestCodex({ optOutNotifications: ["thread/settings/updated"] });
    const { codex, model } = own;
    model.respondWith(() => message("Hello."));
    for (const update of [{ sandbox: "read-only" }, { permissions: ":read-only" }] as const) {
      const thread = await codex.startThread({ sandbox: "workspace-write" });
      await thread.run("First.");
      await thread.update(update);
      const fork = await thread.fork();
      const { sandbox } = await codex.request("thread/resume", { threadId: fork.id, excludeTurns: true });
      expect(sandbox.type).toBe("readOnly");
    }
  });
});

function nextStatus(codex: Codex, status: Codex["status"]): Promise<void> {
  return new Promise((resolve) => {
    const subscription = codex.on("status", ({ params }) => {
      if (params.status !== status) return;
      subscription[Symbol.dispose]();
      resolve();
    });
  });
}

describe("plan mode", () => {
  const PLAN = "First this.\n<proposed_plan>\n# Plan\n1. Do it\n</proposed_plan>";
  const isPlanning = (request: RecordedRequest | undefined) =>
    request
      ?.developerTexts()
      .findLast((text) => text.startsWith("<collaboration_mode>"))
      ?.includes("# Plan Mode") ?? false;

  test("tells the model to plan, and the plan is an item", async () => {
    verifies("plan-mode");
    const thread = await bench.thread(message(PLAN), message("Not yet."), message("Done."));
    const planned = await thread.run("Make a plan.", { planMode: true });
    expect(itemsOf(planned, "plan").map(({ text }) => text)).toEqual(["# Plan\n1. Do it\n"]);
    expect(planned.text).toBe("First this.\n");
    await thread.run("Why?");
    await thread.run("Do it.", { planMode: false });
    expect(bench.requestsOf(thread).map(isPlanning)).toEqual([true, true, false]);
  });

  test("keeps the model and the effort of the thread, and takes those of the turn", async () => {
    verifies("plan-mode");
    const thread = await bench.thread(message("One."), message("Two."), message("Three."), message("Four."));
    await thread.run("First.", { effort: "high", model: "other-model" });
    await thread.run("Second.", { planMode: true });
    await thread.run("Third.", { planMode: true, effort: "low", model: "third-model" });
    await thread.update({ planMode: false });
    await thread.run("Fourth.");
    const requests = bench.requestsOf(thread);
    expect(requests.map(modelOf)).toEqual(["other-model", "other-model", "third-model", "third-model"]);
    expect(requests.map(effortOf)).toEqual(["high", "high", "low", "low"]);
    expect(requests.map(isPlanning)).toEqual([false, true, true, false]);
  });

  test("lets the agent ask", async () => {
    const question = {
      id: "which",
      header: "Which",
      question: "Which one?",
      options: [
        { label: "A", description: "a" },
        { label: "B", description: "b" },
      ],
    };
    const thread = await bench.threadWith(
      {
        ephemeral: true,
        handlers: { answerQuestions: ({ questions }) => Object.fromEntries(questions.map(({ id }) => [id, "B"])) },
      },
      toolCall("request_user_input", { questions: [question] }, { callId: "question" }),
      message("Done."),
    );
    await thread.run("Plan it.", { planMode: true });
    expect(bench.requestsOf(thread).at(-1)?.toolOutput("question")).toContain('"B"');
  });

  test("with collaborationMode as well it is refused", async () => {
    const thread = await bench.thread();
    const settings = { model: "mock-model", reasoning_effort: null, developer_instructions: null };
    const both = { planMode: true, collaborationMode: { mode: "plan", settings } } as const;
    expect((await rejection(thread.run("Hi", both), UsageError)).message).toContain("Pass one of them");
  });
});
