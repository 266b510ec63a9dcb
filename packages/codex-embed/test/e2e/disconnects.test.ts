/** Tests a hundred connections that are lost in the middle of turns: each turn comes to its true end, whole and once. */

import { Codex, serveAppServer, tool } from "codex-embed";
import {
  createTestHome,
  type Gate,
  gate,
  message,
  type Part,
  ScriptedModel,
  type Step,
  shell,
  step,
  toolCall,
} from "codex-embed/testing";
import { expect, test } from "vitest";
import { Proxy } from "../support/proxy.js";
import { eventsOf, itemsOf, methodsOf, readAll } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const TURNS = 25;
const THREADS = 5;
const CUTS_PER_TURN = 4;

type Work = "approval" | "tool" | "plain";

/** What waits in a turn until the connection has been cut: the model, a handler or a tool. */
interface CutTurn {
  readonly work: Work;
  readonly steps: readonly (Step | Part)[];
  readonly moments: readonly Gate[];
  readonly text: string;
}

const pending = new Map<string, { readonly moment: Gate; asked: number }>();

/** A turn with four moments; with a decision or a tool, the first is while that is awaited. */
function cutTurn(number: number): CutTurn {
  const work: Work = number % 3 === 1 ? "approval" : number % 3 === 2 ? "tool" : "plain";
  const moments = Array.from({ length: CUTS_PER_TURN }, () => gate());
  const [first, ...others] = moments;
  const callId = `call_of_${number}`;
  if (first !== undefined && work !== "plain") pending.set(callId, { moment: first, asked: 0 });
  const inText = work === "plain" ? moments : others;
  const deltas = inText.flatMap((moment, index) => [`Piece ${index} of ${number}, `, moment]);
  const answer = message({ deltas: [...deltas, "and the end."] });
  const text = `${inText.map((_, index) => `Piece ${index} of ${number}, `).join("")}and the end.`;
  const escalate = { justification: "Needed." };
  const call = work === "tool" ? toolCall("wait", {}, { callId }) : shell(`echo ${number}`, { callId, escalate });
  return { work, moments, text, steps: work === "plain" ? [answer] : [step(call), answer] };
}

async function waitFor(callId: string | null): Promise<void> {
  const call = pending.get(callId ?? "");
  if (call === undefined) throw new Error(`Nobody waits in ${callId}.`);
  call.asked += 1;
  call.moment.arrive();
  await call.moment.opened;
}

test("100 forced disconnects of streaming turns", { timeout: 120_000 }, async () => {
  verifies("hundred-disconnects");
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model });
  const { codexHome, workspace: cwd, env } = home;
  await using server = await serveAppServer({ codexHome, cwd, env, inheritEnv: false, auth: { type: "none" } });
  await using proxy = await Proxy.to(server.url);
  const wait = tool({
    name: "wait",
    description: "Waits.",
    parameters: { type: "object", properties: {} },
    execute: async (_, { callId }) => {
      await waitFor(callId);
      return "Waited.";
    },
  });
  const approveCommand = async (_: unknown, { itemId }: { itemId: string | null }) => {
    await waitFor(itemId);
    return "accept" as const;
  };
  await using codex = await Codex.connect(proxy.url, {
    reconnect: { initialDelayMs: 1, maxDelayMs: 5 },
    handlers: { approveCommand },
  });
  let losses = 0;
  codex.on("status", ({ params }) => void (losses += params.status === "reconnecting" ? 1 : 0));
  const connected = () =>
    new Promise<void>((resolve) => {
      const subscription = codex.on("status", ({ params }) => {
        if (params.status !== "ready") return;
        subscription[Symbol.dispose]();
        resolve();
      });
    });
  const threads = await Promise.all(
    Array.from({ length: THREADS }, () => codex.startThread({ cwd, sandbox: "read-only", tools: [wait] })),
  );
  for (let number = 0; number < TURNS; number++) {
    const thread = threads[number % THREADS];
    if (thread === undefined) throw new Error("There is a thread for each turn.");
    const { work, steps, moments, text } = cutTurn(number);
    model.enqueue(...steps);
    const turn = await thread.startTurn(`Turn ${number}.`);
    const reading = readAll(turn);
    const pieces = readAll(turn.textStream());
    for (const [index, moment] of moments.entries()) {
      await moment.reached;
      const isBack = connected();
      proxy.cut();
      // Every other time the turn goes on while nobody hears of it.
      if ((number + index) % 2 === 0) moment.open();
      await isBack;
      moment.open();
    }
    const result = await turn.result();
    expect(result).toMatchObject({ status: "completed", finalResponse: text });
    expect((await pieces).events.join("")).toBe(text);
    const { events, error } = await reading;
    expect(error).toBeUndefined();
    const methods = methodsOf(events);
    expect([methods[0], methods.at(-1)]).toEqual(["turn/started", "turn/completed"]);
    expect(methods.filter((method) => method === "turn/started" || method === "turn/completed")).toHaveLength(2);
    const completed = eventsOf(events, "item/completed").map(({ params }) => params.item.id);
    expect(completed).toEqual([...new Set(completed)]);
    expect(completed).toEqual(result.items.map(({ id }) => id));
    expect(itemsOf(result, "agentMessage")).toHaveLength(1);
    expect(itemsOf(result, "commandExecution").map(({ aggregatedOutput }) => aggregatedOutput)).toEqual(
      work === "approval" ? [`${number}\n`] : [],
    );
    expect(itemsOf(result, "dynamicToolCall")).toHaveLength(work === "tool" ? 1 : 0);
  }
  expect(losses).toBe(TURNS * CUTS_PER_TURN);
  expect([...pending.values()].map(({ asked }) => asked)).toEqual([...pending.values()].map(() => 1));
  model.assertComplete();
});
