/** The recording of one turn of the real runtime: how it is spawned, and every line that goes either way. */

import { spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { Codex, type CodexOptions, type Spawn, type SpawnedProcess, type SpawnRequest } from "codex-embed";
import { createTestHome, message, ScriptedModel, shell, step, type TestHome, usage } from "codex-embed/testing";

/** A line on its way. */
export interface WireLine {
  readonly from: "client" | "runtime";
  readonly message: Readonly<Record<string, unknown>>;
}

/** What was seen of a turn. */
export interface Recording {
  readonly spawned: SpawnRequest;
  readonly home: TestHome;
  readonly lines: readonly WireLine[];
}

/** The options that the recorded client has besides its home. */
const OPTIONS = { config: { model_reasoning_effort: "low" }, disable: ["plugins"] } satisfies CodexOptions;

/** Runs a turn with one approved command, on a home that is gone when it resolves. */
export async function recordTurn(): Promise<Recording> {
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model });
  const lines: WireLine[] = [];
  const spawned: SpawnRequest[] = [];
  const tapped: Spawn = (request) => {
    spawned.push(request);
    return new TappedProcess(request, lines);
  };
  model.enqueue(
    shell("echo 42 > answer.txt", { escalate: { justification: "To write the answer." } }),
    step(message("It is 42.", { deltas: 2 }), usage({ input: 100, output: 5 })),
  );
  await using codex = new Codex({
    ...OPTIONS,
    codexHome: home.codexHome,
    cwd: home.workspace,
    env: home.env,
    inheritEnv: false,
    handlers: { approveCommand: () => "accept" },
    spawn: tapped,
  });
  const thread = await codex.startThread({ sandbox: "workspace-write" });
  await thread.run("What is the answer?");
  const [request] = spawned;
  if (request === undefined) throw new Error("Nothing was spawned.");
  return { spawned: request, home, lines: withLoginInOrder(lines) };
}

/** The question who is logged in is asked beside the start of the thread; its answer may come before or after. */
function withLoginInOrder(lines: readonly WireLine[]): WireLine[] {
  const asked = lines.findIndex(({ message: { method } }) => method === "account/read");
  const id = lines[asked]?.message["id"];
  const answer = lines.find(({ from, message }) => from === "runtime" && message["id"] === id);
  if (answer === undefined) return [...lines];
  const others = lines.filter((line) => line !== answer);
  return others.toSpliced(asked + 1, 0, answer);
}

class TappedProcess extends EventEmitter implements SpawnedProcess {
  readonly stdin = new PassThrough();
  readonly stdout;
  readonly stderr;
  readonly #child;

  constructor(request: SpawnRequest, lines: WireLine[]) {
    super();
    this.#child = spawn(request.command, request.args, { cwd: request.cwd, env: request.env, stdio: "pipe" });
    this.stdout = this.#child.stdout.pipe(new PassThrough());
    this.stderr = this.#child.stderr;
    for (const event of ["spawn", "error", "exit"]) {
      this.#child.on(event, (...details: unknown[]) => this.emit(event, ...details));
    }
    this.#child.stdin.on("error", () => {});
    this.stdin.pipe(this.#child.stdin);
    record(this.stdin, "client", lines);
    record(this.#child.stdout, "runtime", lines);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

function record(stream: Readable, from: WireLine["from"], lines: WireLine[]): void {
  let rest = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => {
    const whole = (rest + chunk).split("\n");
    rest = whole.pop() ?? "";
    for (const line of whole) lines.push({ from, message: JSON.parse(line) });
  });
}
