import { createTestHome, message, ScriptedModel, step, toolCall } from "codex-embed/testing";
import { type Contestant, type Measured, race } from "./measure.js";
import { ANSWER, check, launchOurs, PROMPT } from "./sides.js";

const ROUNDS = 7;
const CALLS = 50;

/** A call of a tool with a guard beside one without. The tool is `update_plan`, which does nothing else. */
export async function guards(): Promise<Measured> {
  await using model = await ScriptedModel.start();
  const plan = () => toolCall("update_plan", { plan: [{ step: "Work.", status: "pending" }] });
  await using home = await createTestHome({ model });
  await using codex = await launchOurs(home);
  const contestant = async (name: string, isGuarded: boolean): Promise<Contestant> => {
    const options = isGuarded ? { guards: { beforeTool: () => undefined } } : {};
    const thread = await codex.startThread({ ephemeral: true, ...options });
    return {
      name,
      ...(isGuarded ? { goals: [{ of: "difference" as const, atMost: 5 }] } : {}),
      async run() {
        model.enqueue(step(...Array.from({ length: CALLS }, plan)), message(ANSWER));
        const begin = performance.now();
        check((await thread.run(PROMPT)).finalResponse);
        return { value: (performance.now() - begin) / CALLS };
      },
    };
  };
  const contestants = [await contestant("without guards", false), await contestant("with `beforeTool`", true)];
  const notes = [
    `A round is a turn with ${CALLS} calls; the CPU time is that of the whole turn, with the scripted model.`,
  ];
  return { races: [await race(contestants, { title: "one call of a tool", rounds: ROUNDS })], notes };
}
