/** The two sides of a comparison: a client each, on a process of the same runtime binary, with the same scripted model. */

import { delimiter, dirname, join } from "node:path";
import { Codex } from "codex-embed";
import { createTestHome, message, ScriptedModel, type TestHome } from "codex-embed/testing";
import { Handwritten } from "./handwritten.js";

/** The names that the contestants go by. */
export const HANDWRITTEN = "hand-written client";
export const OURS = "`codex-embed`";

export const PROMPT = "Say that you are done.";
export const ANSWER = "Done.";

/** Both clients, each with a warm runtime of its own. */
export interface Sides extends AsyncDisposable {
  readonly codex: Codex;
  readonly hand: Handwritten;
}

/** Starts both. The model answers every turn at once. */
export async function startSides(): Promise<Sides> {
  const model = await ScriptedModel.start();
  model.respondWith(() => message(ANSWER));
  const homes = [await createTestHome({ model }), await createTestHome({ model })] as const;
  const codex = await launchOurs(homes[0]);
  const hand = await launchHandwritten(codex, homes[1]);
  const close = async (): Promise<void> => {
    await Promise.all([codex.close(), hand.close()]);
    await model.close();
    await Promise.all(homes.map((home) => home.dispose()));
  };
  return { codex, hand, [Symbol.asyncDispose]: close };
}

/** Starts ours. */
export function launchOurs({ codexHome, workspace, env }: TestHome): Promise<Codex> {
  return Codex.launch({ codexHome, cwd: workspace, env, inheritEnv: false });
}

/** Starts the binary that `codex` found, with the arguments and the environment that it starts it with. */
export function launchHandwritten(
  { metadata }: Pick<Codex, "metadata">,
  { workspace, env }: TestHome,
): Promise<Handwritten> {
  const binary = metadata.codexBin ?? "codex";
  const helpers = join(dirname(binary), "..", "codex-path");
  const path = [helpers, env["PATH"]].join(delimiter);
  return Handwritten.start(binary, ["app-server"], { ...env, PATH: path }, workspace);
}

/** Throws unless the answer is the model's. */
export function check(answer: string | null): void {
  if (answer !== ANSWER) throw new Error(`The answer is ${JSON.stringify(answer)}.`);
}
