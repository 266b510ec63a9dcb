/** The rows of a runtime, or a network, that gives no sign of life: hangs, a half-open socket, a cut. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Codex, Thread, TurnHandle, TurnOptions } from "codex-embed";
import { type Gate, gate, message } from "codex-embed/testing";
import { type Case, named, type Row, rejected, type Told } from "./cases.js";
import { type Stage, whenStatus } from "./stage.js";

const PING_MS = 500;
const TIMEOUT_MS = 200;
/** Long enough for the fault to come first. */
const DEADLINE_MS = 1_000;

interface Streaming {
  readonly codex: Codex;
  readonly thread: Thread;
  readonly turn: TurnHandle;
  /** Where the model waits in the middle of its answer. */
  readonly half: Gate;
}

async function streaming(stage: Stage, options: TurnOptions = {}): Promise<Streaming> {
  const codex = await stage.start();
  const thread = await codex.startThread({ cwd: stage.home.workspace });
  const half = gate();
  stage.model.enqueue(message({ deltas: ["First ", half, "half."] }));
  const turn = await thread.startTurn("Go.", options);
  await half.reached;
  return { codex, thread, turn, half };
}

/** Takes the fault back after the user knows of it: the turn must come to its end as if nothing had been. */
async function comesBack({ turn, half, codex }: Streaming, ms: number, heal: () => unknown): Promise<Told> {
  const ready = whenStatus(codex, "ready");
  await heal();
  await ready;
  half.open();
  const { status, finalResponse } = await turn.result();
  const whole = finalResponse === "First half." ? "text whole" : `text ${finalResponse}`;
  return { outcome: `status \`reconnecting\`; turn \`${status}\`, ${whole}`, ms, errors: [] };
}

const requestTimeout: Case = {
  mode: `requestTimeoutMs: ${TIMEOUT_MS}`,
  expected: "`RequestTimeoutError` (model/list); awake again, thread goes on",
  options: { client: { requestTimeoutMs: TIMEOUT_MS } },
  run: async (stage) => {
    const codex = await stage.start();
    const thread = await codex.startThread({ cwd: stage.home.workspace });
    const at = await stage.signal("SIGSTOP");
    const error = await rejected(codex.models());
    const ms = performance.now() - at;
    await stage.signal("SIGCONT");
    const { finalResponse } = await thread.run("Go.");
    return {
      outcome: `${named(error)}; awake again, thread ${finalResponse === "After." ? "goes on" : "is lost"}`,
      ms,
      errors: [error],
    };
  },
};

const limit = (options: TurnOptions, expected: string): Case => ({
  mode: Object.entries(options)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", "),
  expected,
  isSlow: true,
  run: async (stage) => {
    const { turn } = await streaming(stage, options);
    const at = await stage.signal("SIGSTOP");
    const error = await rejected(turn.result());
    return { outcome: named(error), ms: performance.now() - at, errors: [error] };
  },
});

const limits: readonly Case[] = [
  limit({ idleTimeoutMs: DEADLINE_MS }, "`TurnStalledError`"),
  limit({ deadlineMs: DEADLINE_MS }, "`TurnDeadlineError`"),
];

const pings: Case = {
  mode: `pingIntervalMs: ${PING_MS}`,
  expected: "status `reconnecting`; turn `completed`, text whole",
  options: { client: { pingIntervalMs: PING_MS } },
  run: async (stage) => {
    const going = await streaming(stage);
    const knows = whenStatus(going.codex, "reconnecting");
    const at = await stage.signal("SIGSTOP");
    const ms = (await knows) - at;
    return comesBack(going, ms, () => stage.signal("SIGCONT"));
  },
};

const halfOpen: readonly Case[] = [
  {
    mode: `pingIntervalMs: ${PING_MS}`,
    expected: "status `reconnecting`; turn `completed`, text whole",
    options: { isProxied: true, client: { pingIntervalMs: PING_MS } },
    run: async (stage) => {
      const going = await streaming(stage);
      const knows = whenStatus(going.codex, "reconnecting");
      const at = performance.now();
      stage.proxy.freeze();
      return comesBack(going, (await knows) - at, () => {});
    },
  },
  {
    mode: `pingIntervalMs: ${PING_MS}, reconnect: false`,
    expected: "`TransportClosedError` (nothing was heard)",
    options: { isProxied: true, client: { pingIntervalMs: PING_MS, reconnect: false } },
    run: async (stage) => {
      const { turn } = await streaming(stage);
      const at = performance.now();
      stage.proxy.freeze();
      const error = await rejected(turn.result());
      return { outcome: named(error), ms: performance.now() - at, errors: [error] };
    },
  },
];

const cut: readonly Case[] = [
  {
    mode: "",
    expected: "status `reconnecting`; turn `completed`, text whole",
    options: { isProxied: true },
    run: async (stage) => {
      const going = await streaming(stage);
      const knows = whenStatus(going.codex, "reconnecting");
      const at = performance.now();
      stage.proxy.down();
      return comesBack(going, (await knows) - at, async () => {
        await sleep(stage.cutMs);
        stage.proxy.up();
      });
    },
  },
];

/** The rows, in the order of the table. */
export const hangs: readonly Row[] = [
  {
    fault: "hangs (SIGSTOP)",
    cases: (column) => (column === "stdio" ? [requestTimeout, ...limits] : [pings, requestTimeout, ...limits]),
  },
];

/** A connection whose other side is gone without a word. */
export const halfOpenSocket: Row = {
  fault: "half-open socket",
  cases: (column) => (column === "stdio" ? "a pipe ends with its process" : halfOpen),
};

/** A network that is gone for a while. */
export const networkCut: Row = {
  fault: "network cut for 5 s",
  cases: (column) => (column === "stdio" ? "a pipe needs no network" : cut),
};
