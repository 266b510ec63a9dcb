/** Owns the measurement `startup`: what passes before there is something to see. */

import type { RuntimeMetadata } from "codex-embed";
import { createTestHome, message, ScriptedModel, type TestHome } from "codex-embed/testing";
import { type Contestant, type Measured, type Race, race } from "./measure.js";
import { run } from "./programs.js";
import { HANDWRITTEN, launchHandwritten, launchOurs, PROMPT } from "./sides.js";

const IMPORT_ROUNDS = 15;
const LAUNCH_ROUNDS = 15;
const TURN_ROUNDS = 41;
const BUILT = new URL("../packages/codex-embed/dist/index.js", import.meta.url).href;

/** Races the import, the start of a runtime, and the first piece of an answer. */
export async function startup(): Promise<Measured> {
  const imports = await importRace();
  await using model = await ScriptedModel.start();
  model.respondWith(() => message("Done as you said.", { deltas: 4 }));
  const home = await createTestHome({ model });
  try {
    const codex = await launchOurs(home);
    const { metadata } = codex;
    await codex.close();
    return { races: [imports, await launchRace(home, metadata), await firstTokenRace(home, metadata)], notes: NOTES };
  } finally {
    await home.dispose();
  }
}

const NOTES = [
  "The import is compared by the CPU time of the whole process. The hand-written client knows no errors, limits, signals, versions or readers.",
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

function launchRace(home: TestHome, metadata: RuntimeMetadata): Promise<Race> {
  const contestants: Contestant[] = [
    {
      name: HANDWRITTEN,
      async run() {
        const client = await launchHandwritten({ metadata }, home);
        return { tidy: () => client.close() };
      },
    },
    {
      name: "`Codex.launch()`",
      goals: [{ atMost: 1.02 }],
      async run() {
        const codex = await launchOurs(home);
        return { tidy: () => codex.close() };
      },
    },
  ];
  return race(contestants, {
    title: "from the start of the process to the end of the handshake",
    rounds: LAUNCH_ROUNDS,
  });
}

async function firstTokenRace(home: TestHome, metadata: RuntimeMetadata): Promise<Race> {
  const client = await launchHandwritten({ metadata }, home);
  const threadId = await client.startThread({ ephemeral: true });
  const codex = await launchOurs(home);
  const thread = await codex.startThread({ ephemeral: true });
  const contestants: Contestant[] = [
    {
      name: HANDWRITTEN,
      async run() {
        const { begun, ended } = await client.startTurn(threadId, PROMPT);
        await begun;
        return { tidy: () => ended };
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
