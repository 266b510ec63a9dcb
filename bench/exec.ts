import * as official from "@openai/codex-sdk";
import { Codex } from "codex-embed";
import * as execClient from "codex-embed/exec";
import { createTestHome, message, ScriptedModel } from "codex-embed/testing";
import { type Contestant, type Measured, race } from "./measure.js";
import { ANSWER, check, PROMPT } from "./sides.js";

const ROUNDS = 11;

/** The same trivial turn through each entry point, compared with the SDK that `codex-embed/exec` replaces. */
export async function exec(): Promise<Measured> {
  await using model = await ScriptedModel.start();
  model.respondWith(() => message(ANSWER));
  await using home = await createTestHome({ model });
  const { workspace, codexHome, env } = home;
  const codexOptions = { codexHome, cwd: workspace, env, inheritEnv: false };
  const threadOptions = { workingDirectory: workspace, skipGitRepoCheck: true };
  await using codex = await Codex.launch(codexOptions);
  const warmThread = await codex.startThread();
  const warmEphemeral = await codex.startThread({ ephemeral: true });

  const contestants: Contestant[] = [
    {
      name: "`@openai/codex-sdk`: `startThread().run()`",
      async run() {
        const thread = new official.Codex({ env: { ...env } }).startThread(threadOptions);
        check((await thread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: "`codex-embed/exec`: `startThread().run()`",
      goals: [{ atMost: 1 }],
      async run() {
        const thread = new execClient.Codex({ env: { ...env } }).startThread(threadOptions);
        check((await thread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: "threads, cold: `new Codex()`, `startThread()`, `run()`",
      async run() {
        const fresh = new Codex(codexOptions);
        const thread = await fresh.startThread();
        check((await thread.run(PROMPT)).finalResponse);
        return { tidy: () => fresh.close() };
      },
    },
    {
      name: "threads, runtime up: `startThread()`, `run()`",
      async run() {
        const thread = await codex.startThread();
        check((await thread.run(PROMPT)).finalResponse);
        return { tidy: () => thread.unsubscribe() };
      },
    },
    {
      name: "threads, one more turn: `run()`",
      goals: [{ atMost: 1 / 3 }],
      async run() {
        check((await warmThread.run(PROMPT)).finalResponse);
      },
    },
    {
      name: "threads, one more turn of an ephemeral one: `run()`",
      goals: [{ atMost: 1 / 6 }],
      async run() {
        check((await warmEphemeral.run(PROMPT)).finalResponse);
      },
    },
  ];
  return { races: [await race(contestants, { title: "one trivial turn", rounds: ROUNDS })] };
}
