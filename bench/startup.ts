import type { RuntimeMetadata } from "codex-embed";
import { createTestHome, ScriptedModel, type TestHome } from "codex-embed/testing";
import { type Contestant, type Measured, type Race, race } from "./measure.js";
import { run } from "./programs.js";
import { HANDWRITTEN, launchHandwritten, launchOurs } from "./sides.js";

const IMPORT_ROUNDS = 15;
const LAUNCH_ROUNDS = 15;
const BUILT = new URL("../packages/codex-embed/dist/index.js", import.meta.url).href;

/** The import, and the start of a runtime. */
export async function startup(): Promise<Measured> {
  const imports = await importRace();
  await using model = await ScriptedModel.start();
  const home = await createTestHome({ model });
  try {
    const codex = await launchOurs(home);
    const { metadata } = codex;
    await codex.close();
    return { races: [imports, await launchRace(home, metadata)], notes: NOTES };
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
