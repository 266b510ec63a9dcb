import { type AppServer, type Codex, serveAppServer } from "codex-embed";
import { createTestHome, ScriptedModel, type TestHome } from "codex-embed/testing";

/** One runtime with a scripted model, and two clients of it. */
export interface SharedRuntime extends AsyncDisposable {
  readonly model: ScriptedModel;
  readonly home: TestHome;
  readonly server: AppServer;
  readonly a: Codex;
  readonly b: Codex;
}

export async function startSharedRuntime(): Promise<SharedRuntime> {
  const model = await ScriptedModel.start();
  const home = await createTestHome({ model });
  const { codexHome, workspace: cwd, env } = home;
  const server = await serveAppServer({ codexHome, cwd, inheritEnv: false, env });
  const [a, b] = await Promise.all([server.connect(), server.connect()]);
  return {
    model,
    home,
    server,
    a,
    b,
    async [Symbol.asyncDispose]() {
      await Promise.all([a.close(), b.close()]);
      await server.close();
      await home.dispose();
      await model.close();
    },
  };
}
