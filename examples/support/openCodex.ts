/** Gives an example its client: the real runtime on a scripted model, or with `--live` on the user's own login. */

import { Codex } from "codex-embed";
import { type Part, type Step, startTestCodex } from "codex-embed/testing";

/** A client and the folder that the example works in. */
export interface Session extends AsyncDisposable {
  readonly codex: Codex;
  readonly workspace: string;
}

/** Opens a client; offline, the model says what the script holds, and all of it has to be used. */
export async function openCodex(script: (workspace: string) => readonly (Step | Part)[]): Promise<Session> {
  if (process.argv.includes("--live")) {
    const codex = await Codex.launch();
    return { codex, workspace: process.cwd(), [Symbol.asyncDispose]: () => codex.close() };
  }
  const { codex, workspace, model, close } = await startTestCodex();
  model.enqueue(...script(workspace));
  return {
    codex,
    workspace,
    async [Symbol.asyncDispose]() {
      await close();
      model.assertComplete();
    },
  };
}
