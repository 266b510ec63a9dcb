/** Guards of outputs, prompts, stops, sessions, compactions and sub-agents; and what happens when one cannot be asked. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { access } from "node:fs/promises";
import { Server } from "node:http";
import { join } from "node:path";
import { GuardError, type Guards } from "codex-embed";
import { delay, gate, message, shell, startTestCodex, step } from "codex-embed/testing";
import { expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { cast, spawn, waitFor } from "../support/cast.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench();

/** Whether the model was last sent this text in a thread. */
const wasSent = (threadId: string, text: string): boolean => {
  const last = bench.model.requests.filter((request) => request.threadId === threadId).at(-1);
  return JSON.stringify(last?.body).includes(text);
};

test("afterTool replaces an output, and adds context to one", async () => {
  verifies("guard-events");
  const outputs: unknown[] = [];
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: {
        afterTool: (call, { output }) => {
          outputs.push(output);
          return call.kind === "command" && call.script.includes("secret")
            ? { replace: "REDACTED" }
            : { context: "NOTE" };
        },
      },
    },
    shell("echo se''cret; : secret"),
    shell("echo plain"),
    message("ok"),
  );
  await thread.run("go");
  expect(outputs).toEqual(["secret\n", "plain\n"]);
  expect(wasSent(thread.id, "REDACTED")).toBe(true);
  expect(wasSent(thread.id, "Output:\\nsecret")).toBe(false);
  expect(wasSent(thread.id, "NOTE")).toBe(true);
});

test("a failing afterTool withholds the output", async () => {
  verifies("guards-closed");
  const thread = await bench.threadWith(
    { ephemeral: true, guards: { afterTool: () => Promise.reject(new Error("broken")) } },
    shell("echo se''cret"),
    message("ok"),
  );
  await thread.run("go");
  expect(wasSent(thread.id, "Output:\\nsecret")).toBe(false);
  expect(wasSent(thread.id, "withheld")).toBe(true);
});

test("onPrompt denies a prompt, and adds context to one", async () => {
  verifies("guard-events");
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: { onPrompt: ({ text }) => (text === "bad" ? { deny: "No." } : { context: "PROMPT-NOTE" }) },
    },
    message("ok"),
  );
  expect((await thread.run("bad")).finalResponse ?? "").toBe("");
  expect((await thread.run("good")).finalResponse).toBe("ok");
  expect(wasSent(thread.id, "PROMPT-NOTE")).toBe(true);
});

test("onStop continues a turn until it is content", async () => {
  verifies("guard-events");
  const stops: unknown[] = [];
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: {
        onStop: (stop) => {
          stops.push(stop);
          return stop.rounds < 2 ? { continueWith: `Tests fail ${stop.rounds}.` } : undefined;
        },
      },
    },
    message("one"),
    message("two"),
    message("three"),
  );
  expect((await thread.run("go")).finalResponse).toBe("three");
  expect(stops).toEqual([
    { answer: "one", rounds: 0 },
    { answer: "two", rounds: 1 },
    { answer: "three", rounds: 2 },
  ]);
  expect(wasSent(thread.id, "Tests fail 1.")).toBe(true);
});

test("a failing onStop ends the turn, and the thread stays usable", async () => {
  verifies("guards-closed");
  let isBroken = true;
  const onStop: Guards["onStop"] = () => {
    if (isBroken) throw new Error("broken");
  };
  const thread = await bench.threadWith({ ephemeral: true, guards: { onStop } }, message("one"), message("two"));
  expect(await rejection(thread.run("go"), GuardError)).toMatchObject({ code: "GUARD_FAILED", threadId: thread.id });
  isBroken = false;
  expect((await thread.run("go")).finalResponse).toBe("two");
});

test("sessions, compactions and sub-agents have their guards", async () => {
  verifies("guard-events");
  await using own = await startTestCodex();
  cast(own.model, {
    root: [spawn("a", "child"), waitFor("a"), message("done"), message("summary")],
    child: [message("child one"), message("child two")],
  });
  const seen: unknown[] = [];
  const thread = await own.codex.startThread({
    guards: {
      onSessionStart: ({ source }) => {
        seen.push(["session", source]);
        return { context: "SESSION-NOTE" };
      },
      onSubagentStart: (_, { agent }) => {
        seen.push(["start", agent.kind]);
        return { context: "AGENT-NOTE" };
      },
      onSubagentStop: ({ answer, rounds }, { agent }) => {
        seen.push(["stop", agent.kind, answer]);
        return rounds === 0 ? { continueWith: "More." } : undefined;
      },
      beforeCompact: ({ trigger }) => void seen.push(["before", trigger]),
      afterCompact: ({ trigger }) => void seen.push(["after", trigger]),
    },
  });
  expect((await thread.run("root")).finalResponse).toBe("done");
  await thread.compact();
  expect(seen).toEqual([
    ["session", "startup"],
    ["start", "subagent"],
    ["stop", "subagent", "child one"],
    ["stop", "subagent", "child two"],
    ["before", "manual"],
    ["after", "manual"],
  ]);
  const bodies = JSON.stringify(own.model.requests.map(({ body }) => body));
  expect(bodies.includes("SESSION-NOTE")).toBe(true);
  expect(bodies.includes("AGENT-NOTE")).toBe(true);
});

test("an interrupt aborts the signal of a guard, and its call does not run", async () => {
  verifies("guards");
  const asked = gate();
  let aborted: Promise<void> | undefined;
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: {
        beforeTool: async (_, { signal }): Promise<"allow"> => {
          aborted = new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
          asked.open();
          await aborted;
          return "allow";
        },
      },
    },
    shell("touch interrupted.txt"),
  );
  const turn = await thread.startTurn("go");
  await asked.opened;
  await turn.interrupt();
  await aborted;
  expect((await turn.outcome()).status).toBe("interrupted");
  await expect(access(join(bench.workspace, "interrupted.txt"))).rejects.toThrow();
});

test("a call that a steer overtakes during its guard does not run", async () => {
  verifies("guards");
  const asked = gate();
  const steered = gate();
  const thread = await bench.threadWith(
    {
      ephemeral: true,
      guards: {
        beforeTool: async () => {
          asked.open();
          await steered.opened;
          return { deny: "Never." };
        },
      },
    },
    shell("touch steered.txt"),
    message("ok"),
  );
  const turn = await thread.startTurn("go");
  await asked.opened;
  await turn.steer("STEERED");
  steered.open();
  expect((await turn.result()).finalResponse).toBe("ok");
  await expect(access(join(bench.workspace, "steered.txt"))).rejects.toThrow();
  expect(wasSent(thread.id, "STEERED")).toBe(true);
});

test("without the way to the guards the turn ends before its next call, and no turn follows", async () => {
  verifies("guards-closed");
  await using own = await startTestCodex();
  const servers = new Set<Server>();
  const note = (event: unknown): void => {
    const server = typeof event === "object" && event !== null && "server" in event ? event.server : null;
    const request = typeof event === "object" && event !== null && "request" in event ? event.request : null;
    const headers = typeof request === "object" && request !== null && "headers" in request ? request.headers : null;
    if (
      server instanceof Server &&
      typeof headers === "object" &&
      headers !== null &&
      "x-codex-embed-guards" in headers
    ) {
      servers.add(server);
    }
  };
  subscribe("http.server.request.start", note);
  try {
    own.model.enqueue(
      shell("touch first.txt"),
      step(message({ deltas: ["wait", delay(200)] }), shell("touch second.txt")),
      shell("touch third.txt"),
      message("ok"),
    );
    const thread = await own.codex.startThread({
      guards: {
        beforeTool: () => undefined,
        afterTool: () => {
          setImmediate(() => {
            for (const server of servers) {
              server.close();
              server.closeAllConnections();
            }
          });
          return undefined;
        },
      },
    });
    expect(await rejection(thread.run("go"), GuardError)).toMatchObject({ code: "GUARD_UNREACHABLE" });
    await expect(access(join(own.workspace, "third.txt"))).rejects.toThrow();
    expect(await rejection(thread.run("again"), GuardError)).toMatchObject({ code: "GUARD_UNREACHABLE" });
  } finally {
    unsubscribe("http.server.request.start", note);
  }
});
