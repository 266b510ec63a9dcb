/** The end-to-end tests of approvals: what a handler is asked, what its answer does, and what happens without one. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  approveAll,
  type CommandApprovalRequest,
  type CommandDecision,
  declineAll,
  type FileChangeApprovalRequest,
  type HandlerContext,
  type HandlerErrorEvent,
  type Handlers,
  type Thread,
} from "codex-embed";
import { applyPatch, gate, message, type Part, shell, step } from "codex-embed/testing";
import { describe, expect, test, vi } from "vitest";
import { SharedBench } from "../support/bench.js";
import { itemsOf, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const warnings: string[] = [];
const log = (_fields: object, text: string) => void warnings.push(text);
const bench = new SharedBench({
  sandbox: "workspace-write",
  spawn: wiretap.spawn,
  logger: { debug: () => {}, info: () => {}, warn: log, error: log },
});

let count = 0;

/** A command that asks to write a file outside of the sandbox. */
function asking(path: string, callId = `ask-${count++}`): Part {
  return shell(`touch ${path}`, { escalate: { justification: "Needed." }, callId });
}

const outside = (): string => join(bench.codexHome, `outside-${count++}`);

const threadOf = (handlers: Handlers | undefined, ...steps: Part[]): Promise<Thread> =>
  bench.threadWith({ ephemeral: true, handlers }, ...steps);

/** The messages that the client sent as answers. */
const answers = () => wiretap.messages.filter(({ method }) => method === undefined);

/** Who decides in a thread, as the runtime tells it. */
async function inForce({ id: threadId }: Thread) {
  const { approvalPolicy, approvalsReviewer } = await bench.codex.request("thread/resume", { threadId });
  return [approvalPolicy, approvalsReviewer];
}

describe("a command", () => {
  test("the request says what would run, where, and what may be answered", async () => {
    verifies("approval-request");
    const path = outside();
    const asked: [CommandApprovalRequest, HandlerContext][] = [];
    const approveCommand: Handlers["approveCommand"] = (request, context) => {
      asked.push([request, context]);
      return "accept";
    };
    const thread = await threadOf({ approveCommand }, asking(path, "said"), message("Done."));
    const result = await thread.run("Go.");
    const [request, context] = asked[0] ?? [];
    expect(asked).toHaveLength(1);
    expect(request).toMatchObject({
      command: expect.stringContaining(`touch ${path}`),
      cwd: bench.workspace,
      reason: "Needed.",
      commandActions: [{ type: "unknown", command: `touch ${path}` }],
      proposedExecpolicyAmendment: ["touch", path],
      availableDecisions: ["accept", { acceptWithExecpolicyAmendment: expect.anything() }, "cancel"],
    });
    expect(context).toMatchObject({ threadId: thread.id, turnId: result.id, itemId: "said" });
    expect(context?.signal.aborted).toBe(false);
    expect(existsSync(path)).toBe(true);
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ status: "completed" }]);
  });

  test.each<[CommandDecision, number]>([
    ["accept", 2],
    ["acceptForSession", 1],
  ])("%s: asked %i times for the same command twice", async (decision, times) => {
    const path = outside();
    const approveCommand = vi.fn(() => decision);
    const thread = await threadOf({ approveCommand }, asking(path), asking(path), message("Done."));
    await thread.run("Go.");
    expect(approveCommand).toHaveBeenCalledTimes(times);
    expect(existsSync(path)).toBe(true);
  });

  test("acceptWithExecpolicyAmendment: the rule is kept, and what it covers is not asked for again", async () => {
    const [first, second] = [outside(), outside()];
    const approveCommand = vi.fn(
      (): CommandDecision => ({
        acceptWithExecpolicyAmendment: { execpolicy_amendment: ["mkdir", "-p"] },
      }),
    );
    const make = (path: string) => shell(`mkdir -p ${path}`, { escalate: { justification: "Needed." } });
    const thread = await threadOf({ approveCommand }, make(first), make(second), message("Done."));
    await thread.run("Go.");
    expect(approveCommand).toHaveBeenCalledTimes(1);
    expect([first, second].map((path) => existsSync(path))).toEqual([true, true]);
    expect(await readFile(join(bench.codexHome, "rules", "default.rules"), "utf8")).toContain('["mkdir", "-p"]');
  });

  test("decline: the model is told, and the turn goes on", async () => {
    const path = outside();
    const thread = await threadOf(
      { approveCommand: () => Promise.resolve("decline") },
      asking(path, "no"),
      message("Done."),
    );
    const result = await thread.run("Go.");
    expect(result).toMatchObject({ status: "completed", finalResponse: "Done." });
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ status: "declined" }]);
    expect(bench.requestsOf(thread)[1]?.toolOutput("no")).toContain("rejected by user");
    expect(existsSync(path)).toBe(false);
  });

  test("cancel: the turn ends, and the model is not asked again", async () => {
    const path = outside();
    const thread = await threadOf({ approveCommand: () => "cancel" }, asking(path));
    expect((await thread.run("Go.")).status).toBe("interrupted");
    expect(bench.requestsOf(thread)).toHaveLength(1);
    expect(existsSync(path)).toBe(false);
  });

  test("two at once: the handlers run side by side, and each answer goes to its own", async () => {
    const [first, second] = [outside(), outside()];
    const holds = new Map(["one", "two"].map((id) => [id, gate()]));
    const bothAsked = gate();
    const asked = new Set<string>();
    const approveCommand: Handlers["approveCommand"] = async ({ itemId }) => {
      if (asked.add(itemId).size === 2) bothAsked.open();
      await holds.get(itemId)?.opened;
      return itemId === "one" ? "accept" : "decline";
    };
    const both = step(asking(first, "one"), asking(second, "two"));
    const thread = await bench.threadWith({ ephemeral: true, handlers: { approveCommand } }, both, message("Done."));
    const turn = await thread.startTurn("Go.");
    await bothAsked.opened;
    const before = answers().length;
    holds.get("two")?.open();
    for await (const event of turn) {
      if (event.method === "item/completed" && event.params.item.id === "two") break;
    }
    expect(answers()).toHaveLength(before + 1);
    holds.get("one")?.open();
    const items = itemsOf(await turn.result(), "commandExecution").map(({ id, status }) => `${id} ${status}`);
    expect(items.toSorted()).toEqual(["one completed", "two declined"]);
    expect([first, second].map((path) => existsSync(path))).toEqual([true, false]);
  });
});

describe("a file change", () => {
  const patch = (path: string) => `*** Begin Patch\n*** Add File: ${path}\n+hello\n*** End Patch`;

  test.each([
    ["accept", true, "completed"],
    ["acceptForSession", true, "completed"],
    ["decline", false, "declined"],
  ] as const)("%s: the request carries path, kind and diff", async (decision, exists, status) => {
    const path = outside();
    const asked: FileChangeApprovalRequest[] = [];
    const approveFileChange: Handlers["approveFileChange"] = (request) => {
      asked.push(request);
      return decision;
    };
    const callId = `patch-${count++}`;
    const thread = await threadOf({ approveFileChange }, applyPatch(patch(path), { callId }), message("Done."));
    const result = await thread.run("Go.");
    expect(asked).toMatchObject([{ itemId: callId, changes: [{ path, kind: { type: "add" }, diff: "hello\n" }] }]);
    expect(itemsOf(result, "fileChange")).toMatchObject([{ status }]);
    expect(result.finalResponse).toBe("Done.");
    expect(existsSync(path)).toBe(exists);
  });

  test("cancel: nothing is written, the turn ends, and the model is not asked again", async () => {
    const path = outside();
    const thread = await threadOf({ approveFileChange: () => "cancel" }, applyPatch(patch(path)));
    expect((await thread.run("Go.")).status).toBe("interrupted");
    expect(bench.requestsOf(thread)).toHaveLength(1);
    expect(existsSync(path)).toBe(false);
  });

  test("in the workspace: nobody is asked", async () => {
    const path = join(bench.workspace, "inside.txt");
    const approveFileChange = vi.fn(() => "decline" as const);
    const thread = await threadOf({ approveFileChange }, applyPatch(patch(path)), message("Done."));
    await thread.run("Go.");
    expect(approveFileChange).not.toHaveBeenCalled();
    expect(existsSync(path)).toBe(true);
  });
});

describe("nobody decides", () => {
  const bad: [string, Handlers["approveCommand"]][] = [
    ["no handler", undefined],
    [
      "a throw",
      () => {
        throw new Error("My handler is broken.");
      },
    ],
    ["a rejection", () => Promise.reject(new Error("My handler is broken."))],
    ...["yes", "", true, null, undefined, {}, ["accept"], { decision: "accept" }, { accept: true }].map(
      (value): [string, Handlers["approveCommand"]] => [
        `the answer ${JSON.stringify(value)}`,
        () => untyped<CommandDecision>(value),
      ],
    ),
  ];

  test.each(bad)("%s: declined, reported once, and the turn goes on", async (_, approveCommand) => {
    verifies("unanswered-requests");
    const path = outside();
    const thread = await bench.threadWith(
      { ephemeral: true, approvalMode: "ask", handlers: { approveCommand } },
      asking(path),
      message("Done."),
    );
    const seen: HandlerErrorEvent["params"][] = [];
    using _subscription = bench.codex.on("handlerError", ({ params }) => {
      if (params.threadId === thread.id) seen.push(params);
    });
    const before = answers().length;
    const result = await thread.run("Go.");
    expect(result.finalResponse).toBe("Done.");
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ status: "declined" }]);
    expect(answers().slice(before)).toMatchObject([{ result: { decision: "decline" } }]);
    expect(seen).toMatchObject([
      { request: "item/commandExecution/requestApproval", turnId: result.id, error: expect.any(Error) },
    ]);
    expect(existsSync(path)).toBe(false);
  });

  test("declineAll declines and reports nothing; approveAll approves commands and changes", async () => {
    verifies("approve-and-decline-all");
    const reports = vi.fn();
    using _subscription = bench.codex.on("handlerError", reports);
    for (const [handlers, exists] of [
      [declineAll, false],
      [approveAll, true],
    ] as const) {
      const [touched, patched] = [outside(), outside()];
      const change = applyPatch(`*** Begin Patch\n*** Add File: ${patched}\n+x\n*** End Patch`);
      const thread = await threadOf(handlers, asking(touched), change, message("Done."));
      expect((await thread.run("Go.")).finalResponse).toBe("Done.");
      expect([touched, patched].map((path) => existsSync(path))).toEqual([exists, exists]);
    }
    expect(reports).not.toHaveBeenCalled();
  });
});

describe("who decides", () => {
  const byClient: (string | undefined)[] = [];
  const decided = new SharedBench({
    sandbox: "workspace-write",
    handlers: {
      approveCommand: ({ threadId }) => {
        byClient.push(threadId);
        return "accept";
      },
    },
  });
  const run = async (handlers: Handlers | undefined) => {
    const path = join(decided.codexHome, `decided-${count++}`);
    const thread = await decided.threadWith({ ephemeral: true, handlers }, asking(path), message("Done."));
    await thread.run("Go.");
    return { path, asked: byClient.includes(thread.id) };
  };

  test("the thread's handler goes before the client's", async () => {
    const { path, asked } = await run({ approveCommand: () => "decline" });
    expect([asked, existsSync(path)]).toEqual([false, false]);
  });

  test.each<[string, Handlers | undefined]>([
    ["no handlers", undefined],
    ["handlers for other requests", { approveFileChange: () => "decline" }],
    ["a handler that is undefined", { approveCommand: undefined }],
  ])("with %s of the thread, the client's is asked", async (_, handlers) => {
    const { path, asked } = await run(handlers);
    expect([asked, existsSync(path)]).toEqual([true, true]);
  });

  test("handlers may be an object of a class: its methods are asked, as methods", async () => {
    class Judge {
      readonly decision = "decline";
      approveCommand(): CommandDecision {
        return this.decision;
      }
    }
    const { path, asked } = await run(new Judge());
    expect([asked, existsSync(path)]).toEqual([false, false]);
  });

  test("with approval handlers the runtime asks the user by default, else a reviewer", async () => {
    verifies("default-approval-mode");
    const users: Handlers = { answerQuestions: () => ({}) };
    for (const [handlers, reviewer] of [
      [undefined, "auto_review"],
      [users, "auto_review"],
      [approveAll, "user"],
    ] as const) {
      const thread = await bench.threadWith({ handlers }, message("Hello."));
      await thread.run("Hi");
      expect(await inForce(thread)).toEqual(["on-request", reviewer]);
    }
  });

  test("handlers that will not be asked: one warning", async () => {
    const about = () => warnings.filter((text) => text.includes("will not be asked"));
    await bench.threadWith({ ephemeral: true, handlers: approveAll });
    expect(about()).toEqual([]);
    const thread = await bench.threadWith({ ephemeral: true, approvalMode: "deny_all", handlers: approveAll });
    await bench.threadWith({ ephemeral: true, approvalMode: "auto_review", handlers: approveAll });
    expect(about()).toEqual([expect.stringContaining(thread.id)]);
  });
});
