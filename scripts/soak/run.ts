import { setTimeout as sleep } from "node:timers/promises";
import { Codex, type Handlers, serveAppServer, type Thread, TransportClosedError, tool } from "codex-embed";
import { createTestHome, ScriptedModel, type TestHome } from "codex-embed/testing";
import { descendantsOf } from "../../packages/codex-embed/test/support/processes.js";
import { Proxy } from "../../packages/codex-embed/test/support/proxy.js";
import { judge } from "./judge.js";
import { Random } from "./random.js";
import { drawScript, modelAnswer, numberIn, runTurn, type TurnScript } from "./turn.js";

/** How the client reaches the runtime. Over stdio the process is killed, over WebSocket the connection cut. */
export type Over = "stdio" | "ws";

export const isOver = (name: string): name is Over => name === "stdio" || name === "ws";

export interface SoakOptions {
  readonly turns: number;
  readonly threads: number;
  readonly seed: number;
  readonly over: Over;
  /** After how many turns an incident happens, on average. Default: 500 over stdio, 100 over WebSocket. */
  readonly turnsPerIncident?: number;
  /** Called with the number of turns so far after each lap. */
  readonly onLap?: (turns: number) => void;
}

/** The turns of a lap share a scripted model; nothing runs between two laps. */
const LAP_TURNS = 300;
/** Memory is compared with what it was after this part of the turns: V8 compiles for more than a thousand. */
const WARM_UP = 0.2;
const MOST_GROWTH = 1.1;
const MOST_FINDINGS = 10;
const MOST_TURNS_PER_THREAD = 25;
const THREADS_PER_EPHEMERAL = 3;
/** An incident happens at a random moment up to so many milliseconds after a turn begins. */
const INCIDENT_WITHIN_MS = 400;
/** The client takes a moment to notice an incident: what begins until then may fail as well. */
const UNNOTICED_MS = 1_000;

/** Runs turns on several threads at once through incidents. Resolves with figures, and with all that was wrong. */
export async function soak(
  options: SoakOptions,
): Promise<{ figures: Record<string, number | string>; findings: string[] }> {
  const run = new Soak(options);
  const note = (error: unknown): void => run.find(`unhandled: ${stackOf(error)}`);
  process.on("unhandledRejection", note).on("uncaughtException", note);
  const processes = await descendantsOf(process.pid);
  try {
    await run.run();
  } finally {
    process.off("unhandledRejection", note).off("uncaughtException", note);
  }
  const left = (await descendantsOf(process.pid)).filter((pid) => !processes.includes(pid));
  if (left.length > 0) run.find(`processes are left: ${left.join(", ")}`);
  return { figures: run.figures, findings: run.findings };
}

interface OpenThread {
  readonly thread: Thread;
  readonly isEphemeral: boolean;
  readonly openedAtMs: number;
  turnsLeft: number;
  isOnRecord: boolean;
  before: TurnScript | null;
}

class Soak {
  readonly findings: string[] = [];
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #outcomes = new Map<string, number>();
  readonly #asked = new Map<number, number>();
  readonly #called = new Map<number, number>();
  readonly #incidentsMs: number[] = [];
  readonly #heaps: number[] = [];
  #begun = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  get figures(): Record<string, number | string> {
    const { seed, over, threads } = this.#options;
    const outcomes = Object.fromEntries([...this.#outcomes].toSorted(([one], [other]) => one.localeCompare(other)));
    const heaps =
      this.#heaps.length === 0 ? {} : { "heap in MB": this.#heaps.map((heap) => heap.toFixed(1)).join(" ") };
    return { seed, over, threads, turns: this.#begun, ...outcomes, incidents: this.#incidentsMs.length, ...heaps };
  }

  find(what: string): void {
    this.findings.push(what);
  }

  async run(): Promise<void> {
    const { turns, over, onLap } = this.#options;
    let model = await this.#startModel();
    await using toModel = await Proxy.to(model.baseUrl);
    await using home = await createTestHome({ model: { baseUrl: `http://127.0.0.1:${new URL(toModel.url).port}/v1` } });
    await using place = await (over === "stdio" ? ownProcess(home) : behindProxy(home));
    while (this.#begun < turns && this.findings.length < MOST_FINDINGS) {
      await this.#lap(place, home.workspace, Math.min(turns, this.#begun + LAP_TURNS));
      // A model keeps the requests that it has recorded.
      await model.close();
      model = await this.#startModel();
      toModel.target = model.baseUrl;
      toModel.cut();
      if (this.#begun >= turns * WARM_UP) this.#measure();
      onLap?.(this.#begun);
    }
    const [before = 0, after = 0] = [this.#heaps[0], this.#heaps.at(-1)];
    if (after > before * MOST_GROWTH) this.find(`the heap has grown from ${before} to ${after} MB since the warm-up`);
    await model.close();
  }

  async #startModel(): Promise<ScriptedModel> {
    const model = await ScriptedModel.start();
    model.respondWith((request) => {
      const script = this.#script(numberIn(request.lastUserText() ?? ""));
      const answer = modelAnswer(request, script);
      if (answer.parts.some(({ kind }) => kind === "functionCall")) count(this.#called, script.number);
      return answer;
    });
    return model;
  }

  async #lap({ codex, harm }: Place, workspace: string, end: number): Promise<void> {
    const { threads, over, turnsPerIncident = over === "stdio" ? 500 : 100 } = this.#options;
    const incidents: Promise<void>[] = [];
    const incident = async (): Promise<void> => {
      await sleep(this.#random.below(INCIDENT_WITHIN_MS));
      if (harm()) this.#incidentsMs.push(performance.now());
    };
    const lane = async (): Promise<void> => {
      let open: OpenThread | null = null;
      while (this.#begun < end && this.findings.length < MOST_FINDINGS) {
        const script = this.#script(this.#begun++);
        if (this.#random.oneIn(turnsPerIncident)) incidents.push(incident());
        open ??= await this.#open(codex, workspace);
        if (!(await this.#turn(open, script, workspace))) open = await this.#leave(open);
      }
      if (open !== null) await this.#leave(open);
    };
    const lanes = Array.from({ length: threads }, () => lane().catch((error: unknown) => this.find(stackOf(error))));
    await Promise.all([...lanes, ...incidents]);
  }

  /** Runs and judges a turn; false when its thread should not be used again. */
  async #turn(open: OpenThread, script: TurnScript, workspace: string): Promise<boolean> {
    const { thread, isEphemeral, isOnRecord, openedAtMs, before } = open;
    const began = performance.now();
    // After an incident the caller of a turn with a limit is released before the runtime can be told.
    const isLimited = before?.ending.kind === "deadline" || before?.ending.kind === "abort";
    const mayBeBusy = isLimited && this.#hadIncident(openedAtMs);
    const turn = await runTurn(thread, script, { workspace, mayBeBusy });
    const { outcome, problems } = judge(script, turn, {
      isCrash: this.#options.over === "stdio",
      isEphemeral,
      isOnRecord,
      hadIncident: this.#hadIncident(openedAtMs),
      hasIncident: this.#hadIncident(began),
      asked: this.#asked.get(script.number) ?? 0,
      called: this.#called.get(script.number) ?? 0,
    });
    count(this.#outcomes, outcome);
    for (const problem of problems) this.find(`turn ${script.number}: ${problem}\n  ${JSON.stringify(script)}`);
    open.before = script;
    open.turnsLeft -= 1;
    open.isOnRecord ||= outcome === "completed";
    return open.turnsLeft > 0 && ["completed", "interrupted", "aborted", "deadline"].includes(outcome);
  }

  async #open(codex: Codex, cwd: string): Promise<OpenThread> {
    const isEphemeral = this.#random.oneIn(THREADS_PER_EPHEMERAL);
    const turnsLeft = 1 + this.#random.below(MOST_TURNS_PER_THREAD);
    for (;;) {
      const openedAtMs = performance.now();
      try {
        const thread = await codex.startThread({ cwd, ephemeral: isEphemeral, approvalMode: "ask", ...this.#deciders });
        return { thread, isEphemeral, openedAtMs, turnsLeft, isOnRecord: false, before: null };
      } catch (error) {
        if (!TransportClosedError.isInstance(error) || !this.#hadIncident(openedAtMs)) throw error;
      }
    }
  }

  async #leave({ thread, openedAtMs }: OpenThread): Promise<null> {
    // After an incident the thread may be lost, and the request may have been cut off.
    await thread.unsubscribe().catch((error: unknown) => {
      if (!this.#hadIncident(openedAtMs)) throw error;
    });
    return null;
  }

  readonly #deciders = {
    handlers: {
      approveCommand: async (_, { itemId }) => (await this.#ask(itemId)).decision,
    } satisfies Handlers,
    tools: [
      tool({
        name: "lookup",
        description: "Looks up a number.",
        parameters: { type: "object", properties: { number: { type: "number" } }, required: ["number"] },
        execute: async (_, { callId }) => `Found ${(await this.#ask(callId)).number}.`,
      }),
    ],
  };

  async #ask(callId: string | null): Promise<TurnScript> {
    const script = this.#script(numberIn(callId ?? ""));
    count(this.#asked, script.number);
    await sleep(script.thinkMs);
    return script;
  }

  #script(number: number): TurnScript {
    return drawScript(this.#options.seed, number);
  }

  #hadIncident(sinceMs: number): boolean {
    return this.#incidentsMs.some((atMs) => atMs + UNNOTICED_MS > sinceMs);
  }

  /** Without `--expose-gc` the memory in use is not known. */
  #measure(): void {
    if (globalThis.gc === undefined) return;
    globalThis.gc();
    this.#heaps.push(process.memoryUsage().heapUsed / 1024 / 1024);
  }
}

interface Place extends AsyncDisposable {
  readonly codex: Codex;
  /** Kills the process or cuts the connection; false when that is already down. */
  readonly harm: () => boolean;
}

async function ownProcess({ codexHome, workspace, env }: TestHome): Promise<Place> {
  const codex = await Codex.launch({ codexHome, cwd: workspace, env, inheritEnv: false, restart: "on-crash" });
  return {
    codex,
    harm: () => codex.status === "ready" && codex.pid !== undefined && killed(codex.pid),
    [Symbol.asyncDispose]: () => codex.close(),
  };
}

/** Kills a process; false when it has died already, which the client may not have heard of yet. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

async function behindProxy({ codexHome, workspace: cwd, env }: TestHome): Promise<Place> {
  const server = await serveAppServer({ codexHome, cwd, inheritEnv: false, env, auth: { type: "token", token: "t" } });
  const proxy = await Proxy.to(server.url);
  const codex = await Codex.connect(proxy.url, { token: "t", reconnect: { initialDelayMs: 1, maxDelayMs: 50 } });
  return {
    codex,
    harm: () => {
      proxy.cut();
      return true;
    },
    async [Symbol.asyncDispose]() {
      await codex.close();
      await proxy[Symbol.asyncDispose]();
      await server.close();
    },
  };
}

function count(counts: Map<string | number, number>, key: string | number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error);
}
