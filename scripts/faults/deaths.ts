/** The rows of a runtime that dies or is replaced: idle, in the middle of a turn, with a decision pending. */

import { once } from "node:events";
import type { Codex, CodexOptions, ConnectOptions, Thread, TurnHandle } from "codex-embed";
import { gate, message, shell } from "codex-embed/testing";
import { type Case, named, type Row, rejected, type Told } from "./cases.js";
import { type Column, type Stage, whenStatus } from "./stage.js";

/** What is going on when the runtime dies. */
type Scene = "idle" | "mid-turn" | "approval";

interface Played {
  readonly codex: Codex;
  readonly thread: Thread;
  readonly turn: TurnHandle | null;
  /** Resolves when the handler that was asked is told that nobody waits for it. */
  readonly released: Promise<unknown>;
}

/** Brings the stage to the point at which the fault comes. */
async function play(stage: Stage, scene: Scene): Promise<Played> {
  const codex = await stage.start();
  let isAsked = (): void => {};
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  let released: Promise<unknown> = Promise.resolve();
  const thread = await codex.startThread({
    cwd: stage.home.workspace,
    ...(scene === "approval" && { sandbox: "read-only" }),
    handlers: {
      approveCommand: (_, { signal }) => {
        released = once(signal, "abort");
        isAsked();
        return new Promise<never>(() => {});
      },
    },
  });
  stage.model.enqueue(message("Before."));
  await thread.run("First.");
  if (scene === "idle") return { codex, thread, turn: null, released };
  const half = gate();
  stage.model.enqueue(
    scene === "mid-turn"
      ? message({ deltas: ["Half", half] })
      : shell("echo yes", { escalate: { justification: "Needed." } }),
  );
  const turn = await thread.startTurn("Second.");
  await (scene === "mid-turn" ? half.reached : asked);
  return { codex, thread, turn, released };
}

/** What ends the runtime, and gives the time of it. */
type End = (stage: Stage) => Promise<number>;

const kill: End = (stage) => stage.signal("SIGKILL");

const shutDown: End = async (stage) => {
  const at = performance.now();
  await stage.server.close();
  return at;
};

const goesOn = async (thread: Thread): Promise<string> => {
  const { finalResponse } = await thread.run("Third.");
  return finalResponse === "After." ? "thread goes on" : `thread answers ${finalResponse}`;
};

/** The client ends with its runtime. */
const isTheEnd = (scene: Scene, end: End): Case["run"] => {
  return async (stage) => {
    const { codex, thread, turn, released } = await play(stage, scene);
    const failure = turn === null ? null : rejected(turn.result());
    const knows = (failure ?? codex.closed).then(() => performance.now());
    const at = await end(stage);
    const ms = (await knows) - at;
    await released;
    const next = await rejected(thread.run("Third."));
    const error = (await failure) ?? next;
    return { outcome: named(error), ms, errors: [error, next] };
  };
};

/** The client starts another process with the next call. */
const startsAnother = (scene: Scene, end: End): Case["run"] => {
  return async (stage) => {
    const { codex, thread, turn, released } = await play(stage, scene);
    const failure = turn === null ? null : rejected(turn.result());
    const knows = failure?.then(() => performance.now()) ?? whenStatus(codex, "idle");
    const at = await end(stage);
    const ms = (await knows) - at;
    await released;
    const error = await failure;
    const outcome = `${error === null ? "status `idle`" : named(error)}; ${await goesOn(thread)}`;
    return { outcome, ms, errors: error === null ? [] : [error] };
  };
};

/** Somebody starts another server at the address of the first. */
const isReplaced = (scene: Scene, end: End): Case["run"] => {
  return async (stage): Promise<Told> => {
    const { codex, thread, turn, released } = await play(stage, scene);
    const knows = whenStatus(codex, "reconnecting");
    const at = await end(stage);
    const ms = (await knows) - at;
    const ready = whenStatus(codex, "ready");
    await stage.serve();
    await ready;
    const told = turn === null ? "" : `turn \`${(await turn.result()).status}\`; `;
    await released;
    return { outcome: `status \`reconnecting\`; ${told}${await goesOn(thread)}`, ms, errors: [] };
  };
};

const remoteModes: readonly { mode: string; connect: ConnectOptions; detail: string }[] = [
  { mode: "reconnect: false", connect: { reconnect: false }, detail: "closed with code 1006" },
  {
    mode: "giveUpAfterMs: 300",
    connect: { reconnect: { initialDelayMs: 10, giveUpAfterMs: 300 } },
    detail: "CONNECT_FAILED",
  },
];

function death(scene: Scene, column: Column): readonly Case[] {
  const turn = scene === "idle" ? "" : "turn `interrupted`; ";
  if (column === "stdio") {
    const restart: CodexOptions["restart"] = "on-crash";
    const told = scene === "idle" ? "status `idle`" : "`TransportClosedError` (SIGKILL)";
    return [
      { mode: "", expected: "`TransportClosedError` (SIGKILL)", run: isTheEnd(scene, kill) },
      {
        mode: 'restart: "on-crash"',
        expected: `${told}; thread goes on`,
        options: { launch: { restart } },
        run: startsAnother(scene, kill),
      },
    ];
  }
  return [
    {
      mode: "server replaced",
      expected: `status \`reconnecting\`; ${turn}thread goes on`,
      run: isReplaced(scene, kill),
    },
    ...remoteModes.map(({ mode, connect, detail }) => ({
      mode,
      expected: `\`TransportClosedError\` (${detail})`,
      options: { client: connect },
      run: isTheEnd(scene, kill),
    })),
  ];
}

/** The rows, in the order of the table. */
export const deaths: readonly Row[] = [
  { fault: "dies idle", cases: (column) => death("idle", column) },
  { fault: "dies mid-turn", cases: (column) => death("mid-turn", column) },
  { fault: "dies with an approval pending", cases: (column) => death("approval", column) },
];

/** A server that is ended in an orderly way in the middle of a turn, and started again. */
export const serverRestart: Row = {
  fault: "server restart",
  cases: (column) =>
    column === "stdio"
      ? "the process is the client's own"
      : [
          {
            mode: "",
            expected: "status `reconnecting`; turn `interrupted`; thread goes on",
            run: isReplaced("mid-turn", shutDown),
          },
        ],
};
