/** Owns the measurement `startup`: what passes before there is something to see. */

import { Codex } from "codex-embed";
import { createTestHome, message, ScriptedModel, type TestHome } from "codex-embed/testing";
import { BareClient } from "./bareClient.js";
import { type Contestant, type Measured, type Race, race } from "./measure.js";
import { run } from "./programs.js";

const IMPORT_ROUNDS = 15;
const LAUNCH_ROUNDS = 15;
const TURN_ROUNDS = 41;
const BUILT = new URL("../dist/index.js", import.meta.url).href;
const PROMPT = "Say that you are done.";
const BARE = "a client of 40 lines";

/** Races the import, the start of a runtime, and the first piece of an answer. */
export async function startup(): Promise<Measured> {
  const imports = await importRace();
  await using model = await ScriptedModel.start();
  model.respondWith(() => message("Done as you said.", { deltas: 4 }));
  const home = await createTestHome({ model });
  try {
    const command = await binary(home);
    return { races: [imports, await launchRace(home, command), await firstTokenRace(home, command)], notes: NOTES };
  } finally {
    await home.dispose();
  }
}

const NOTES = [
  "The import is compared by the CPU time of the whole process. The 40 lines know no errors, limits, signals, versions or readers.",
];

function importRace(): Promise<Race> {
  const contestant = (name: string, before: string, goals?: Contestant["goals"]): Contestant => ({
    name,
    ...(goals !== undefined && { goals }),
    async run() {
      const script = `${before}; const { user, system } = process.cpuUsage(); console.log((user + system) / 1000)`;
      const begin = performance.now();
      const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
      return { sample: { value: performance.now() - begin, cpuMs: Number(stdout) } };
    },
  });
  const contestants = [
    contestant("Node with nothing", ""),
    contestant("Node with `codex-embed`", `await import(${JSON.stringify(BUILT)})`, [{ of: "difference", atMost: 15 }]),
  ];
  return race(contestants, { title: "import", rounds: IMPORT_ROUNDS, by: "cpuMs" });
}

function launchRace(home: TestHome, command: string): Promise<Race> {
  const contestants: Contestant[] = [
    {
      name: BARE,
      async run() {
        const client = await startBare(home, command);
        return { tidy: () => client.close() };
      },
    },
    {
      name: "`Codex.launch()`",
      goals: [{ atMost: 1.02 }],
      async run() {
        const codex = await launch(home);
        return { tidy: () => codex.close() };
      },
    },
  ];
  return race(contestants, {
    title: "from the start of the process to the end of the handshake",
    rounds: LAUNCH_ROUNDS,
  });
}

async function firstTokenRace(home: TestHome, command: string): Promise<Race> {
  const client = await startBare(home, command);
  const approval = { approvalPolicy: "on-request", approvalsReviewer: "auto_review" };
  const { result } = await client.request("thread/start", { ephemeral: true, ...approval });
  const threadId = result?.thread?.id;
  const codex = await launch(home);
  const thread = await codex.startThread({ ephemeral: true });
  const contestants: Contestant[] = [
    {
      name: BARE,
      async run() {
        const isFirst = client.next(({ method }) => method === "item/agentMessage/delta");
        const end = client.next(({ method }) => method === "turn/completed");
        client.tell("turn/start", { threadId, input: [{ type: "text", text: PROMPT, text_elements: [] }] });
        await isFirst;
        return { tidy: () => end };
      },
    },
    {
      name: "`codex-embed`",
      goals: [{ atMost: 1.02 }],
      async run() {
        const turn = await thread.startTurn(PROMPT);
        for await (const { method } of turn) if (method === "item/agentMessage/delta") break;
        return { tidy: () => turn.result() };
      },
    },
  ];
  try {
    return await race(contestants, { title: "the first piece of an answer, runtime up", rounds: TURN_ROUNDS });
  } finally {
    await codex.close();
    await client.close();
  }
}

function startBare({ codexHome, env, workspace }: TestHome, command: string): Promise<BareClient> {
  return BareClient.start(command, { ...env, CODEX_HOME: codexHome }, workspace);
}

function launch({ codexHome, env, workspace }: TestHome): Promise<Codex> {
  return Codex.launch({ codexHome, env, inheritEnv: false, cwd: workspace });
}

/** The native program that the SDK starts. */
async function binary(home: TestHome): Promise<string> {
  const codex = await launch(home);
  const { codexBin } = codex.metadata;
  await codex.close();
  if (codexBin === null) throw new Error("The runtime has no file on this machine.");
  return codexBin;
}
