import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  ApprovalMode,
  Codex,
  type Handlers,
  type Input,
  type JsonSchema,
  Sandbox,
  type Schema,
  type Thread,
  TurnFailedError,
  type TurnOptions,
  type TurnSnapshot,
} from "../index.js";
import { displayJson } from "../util/display.js";
import { isRecord } from "../util/json.js";
import { askPerson } from "./askPerson.js";
import { type Arguments, type Command, type Flags, RUNTIME_FLAGS, runtimeOptions } from "./flags.js";
import { clean, painter } from "./render/text.js";
import { TurnRenderer } from "./render/turnRenderer.js";
import { BadUsage, Failure, Interruption, type Terminal } from "./terminal.js";

const FLAGS: Flags = {
  sandbox: {
    value: "NAME",
    short: "s",
    choices: Object.values(Sandbox),
    help: "Where commands may write. Default: from the configuration.",
  },
  "approval-mode": {
    value: "NAME",
    short: "a",
    choices: Object.values(ApprovalMode),
    help: "Who decides on requests beyond the sandbox. Default: ask on a terminal, else deny_all.",
  },
  model: { value: "NAME", short: "m", help: "The model. Default: from the configuration." },
  image: {
    value: "FILE",
    short: "i",
    repeats: true,
    option: ["localImage", "[Tt]he local image"],
    help: "Attach an image.",
  },
  "output-schema": {
    value: "FILE",
    option: ["outputSchema"],
    help: "A file with a JSON Schema for the final answer.",
  },
  resume: { value: "ID", help: "Continue the thread with this id." },
  deadline: { value: "SECONDS", option: ["deadlineMs"], help: "Interrupt the turn after this time." },
  json: { help: "Print each event as a line of JSON: { method, params }." },
  ...RUNTIME_FLAGS,
};

/** `codex-embed run` */
export const runCommand: Command = {
  name: "run",
  summary: "Run one turn and stream it.",
  usage: ['[FLAGS] "PROMPT"', "[FLAGS] - < FILE"],
  flags: FLAGS,
  notes: [
    "Without a prompt, or with -, reads the prompt from stdin.",
    "Nothing is approved without you: on a terminal you are asked, elsewhere requests are denied.",
    "Ctrl-C interrupts the turn; a second Ctrl-C ends everything at once.",
    "Exit code: 0 if the turn completed, 1 if it failed, 2 for invalid arguments, 130 after Ctrl-C.",
  ],
  async run(args, terminal) {
    const job = readJob(args, terminal);
    const input = await readInput(args, terminal);
    return runTurn(job, input, terminal);
  },
};

const INTERRUPTING = "\nInterrupting the turn. Press Ctrl-C again to end everything at once.\n";

interface Job {
  readonly args: Arguments;
  readonly mode: ApprovalMode;
  readonly json: boolean;
  readonly turn: TurnOptions<Schema | undefined>;
}

/** Checks all arguments before anything is read from stdin or started. */
function readJob(args: Arguments, { ask }: Terminal): Job {
  const mode = args.choice("approval-mode", Object.values(ApprovalMode)) ?? (ask === null ? "deny_all" : "ask");
  if (mode === "ask" && ask === null) {
    throw new BadUsage(
      "--approval-mode ask needs a terminal, but stdin or stderr is not one. Use deny_all or auto_review, or omit the flag.",
    );
  }
  const deadlineMs = args.milliseconds("deadline");
  const schemaFile = args.text("output-schema");
  return {
    args,
    mode,
    json: args.has("json"),
    turn: {
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(schemaFile === undefined ? {} : { outputSchema: readSchema(schemaFile) }),
    },
  };
}

function readSchema(file: string): JsonSchema {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new BadUsage(`--output-schema ${file} cannot be read: ${messageOf(error)}.`);
  }
  try {
    const schema: unknown = JSON.parse(text);
    if (isRecord(schema)) return schema;
  } catch (error) {
    throw new BadUsage(`--output-schema ${file} is not JSON: ${messageOf(error)}.`);
  }
  throw new BadUsage(`--output-schema ${file} does not hold a JSON object.`);
}

async function readInput(args: Arguments, { isPiped, readInput: read }: Terminal): Promise<Input> {
  const { positionals } = args;
  const fromStdin = positionals.length === 0 || (positionals.length === 1 && positionals[0] === "-");
  if (fromStdin && positionals.length === 0 && !isPiped) {
    throw new BadUsage('The prompt is missing. Pass it in quotes, or pass "-" to type it and end it with Ctrl-D.');
  }
  const prompt = fromStdin ? await read() : positionals.join(" ");
  if (prompt.trim() === "")
    throw new BadUsage(fromStdin ? "stdin is empty: it must hold the prompt." : "The prompt is empty.");
  // Image paths are relative to the folder of the call, not to --cwd.
  return [prompt, ...args.list("image").map((path) => ({ type: "localImage", path: resolve(path) }) as const)];
}

async function runTurn(job: Job, input: Input, terminal: Terminal): Promise<number> {
  const { args, mode, json, turn } = job;
  const { write, note, signal, color } = terminal;
  const options = runtimeOptions(args);
  const cwd = options.cwd ?? process.cwd();
  const renderer = json ? null : new TurnRenderer(write, { color, cwd });
  const warn = (message: string): void =>
    renderer === null ? note(`warning: ${clean(message)}\n`) : renderer.warning(message);
  const ignore = (): void => {};
  const logged = (_fields: object, message: string): void => warn(message);
  const handlers = mode === "ask" ? askingHandlers(terminal, cwd, renderer) : undefined;
  const codex = new Codex({
    ...options,
    handlers,
    logger: { debug: ignore, info: ignore, warn: logged, error: logged },
  });
  codex.on("configWarning", ({ params }) =>
    warn(params.details === null ? params.summary : `${params.summary} ${params.details}`),
  );
  codex.on("warning", ({ params }) => warn(params.message));
  let hasTurn = false;
  // Only a turn takes the signal; closing the client ends everything before it.
  const onAbort = (): void => {
    if (!hasTurn) void codex.close();
    else if (signal.reason instanceof Interruption && signal.reason.message !== "") note(INTERRUPTING);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    // The thread comes first: if the configuration does not load, the login status is wrong too.
    const thread = await openThread(codex, job, cwd);
    await assertLoggedIn(codex);
    hasTurn = true;
    if (renderer === null) return await printEvents(thread, input, turn, terminal);
    let isStored = false;
    const onStarted = (): void => void (isStored = true);
    try {
      return exitCodeOf((await showTurn(thread, input, { renderer, terminal, turn, onStarted })).status);
    } finally {
      renderer.pause();
      // A thread without a turn cannot be resumed.
      if (isStored) write(`  ${painter(color)("cyan", "thread".padEnd(9))}${thread.id}\n`);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    await codex.close();
  }
}

/** Throws `Failure` if the login is missing: without it, the runtime retries a turn many times before it fails. */
export async function assertLoggedIn(codex: Codex): Promise<void> {
  const status = await codex.request("getAuthStatus", { includeToken: false, refreshToken: false });
  if (status.authMethod !== null || status.requiresOpenaiAuth === false) return;
  throw new Failure("Not logged in. Run: npx codex login");
}

function openThread(codex: Codex, { args, mode }: Job, cwd: string): Promise<Thread> {
  const sandbox = args.choice("sandbox", Object.values(Sandbox));
  const model = args.text("model");
  const settings = { approvalMode: mode, sandbox, ...(model === undefined ? {} : { model }) };
  const id = args.text("resume");
  if (id === undefined) return codex.startThread({ ...settings, cwd });
  return codex.resumeThread(id, { ...settings, ...(args.has("cwd") ? { cwd } : {}) });
}

async function printEvents(
  thread: Thread,
  input: Input,
  options: TurnOptions<Schema | undefined>,
  { write, drained, signal }: Terminal,
): Promise<number> {
  const turn = await thread.startTurn(input, { ...options, signal });
  for await (const { method, params } of turn) {
    write(`${displayJson({ method, params })}\n`);
    await drained();
  }
  return exitCodeOf((await turn.result()).status);
}

function exitCodeOf(status: string): number {
  if (status === "completed") return 0;
  throw new Failure("The turn was interrupted.");
}

function askingHandlers({ ask, note }: Terminal, cwd: string, renderer: TurnRenderer | null): Handlers | undefined {
  if (ask === null) return undefined;
  return askPerson({ ask, note, cwd, before: () => renderer?.pause() });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
}

/** Options of {@link showTurn}. */
export interface ShowTurnOptions {
  readonly renderer: TurnRenderer;
  readonly terminal: Pick<Terminal, "signal" | "answered">;
  /** Options of the turn. */
  readonly turn?: TurnOptions<Schema | undefined>;
  /** Called once the runtime has accepted the turn. */
  readonly onStarted?: () => void;
  /** Counts the requests that the model received, if that is known. */
  readonly modelRequests?: () => number;
}

/** Runs a turn and renders its events and its summary, also if it fails. Rejects as the turn does. */
export async function showTurn(thread: Thread, input: Input, options: ShowTurnOptions): Promise<TurnSnapshot> {
  const {
    renderer,
    terminal: { signal, answered },
  } = options;
  const more = (): { modelRequests?: number } =>
    options.modelRequests === undefined ? {} : { modelRequests: options.modelRequests() };
  const turn = await thread.startTurn(input, { ...options.turn, signal });
  options.onStarted?.();
  try {
    for await (const event of turn) {
      await answered();
      renderer.render(event);
    }
    const result = await turn.result();
    renderer.summary(result, more());
    return result;
  } catch (error) {
    if (TurnFailedError.isInstance(error)) renderer.summary(error.result, more());
    throw error;
  }
}
