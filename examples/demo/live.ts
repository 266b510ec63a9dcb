import { Codex, Sandbox } from "codex-embed";
import { clean, painter, shortPath } from "../../packages/codex-embed/src/cli/render/text.js";
import { TurnRenderer } from "../../packages/codex-embed/src/cli/render/turnRenderer.js";
import { showTurn } from "../../packages/codex-embed/src/cli/run.js";
import type { Terminal } from "../../packages/codex-embed/src/cli/terminal.js";

/** Runs one turn with the user's own login and configuration. Resolves with the exit code. */
export async function runLive(prompt: string, terminal: Terminal): Promise<number> {
  const { write, color, signal } = terminal;
  const cwd = process.cwd();
  const paint = painter(color);
  const row = (name: string, text: string): void => write(`  ${paint("cyan", name.padEnd(9))}${text}\n`);
  const renderer = new TurnRenderer(write, { color, cwd });
  const ignore = (): void => {};
  const warn = (_fields: object, message: string): void => renderer.warning(message);

  await using codex = new Codex({ cwd, logger: { debug: ignore, info: ignore, warn, error: warn } });
  codex.on("configWarning", ({ params }) => renderer.warning(params.summary));
  codex.on("warning", ({ params }) => renderer.warning(params.message));
  // Not everything below takes a signal. Closing the client ends all of it.
  signal.addEventListener("abort", () => void codex.close(), { once: true });
  await codex.start();
  const { account, requiresOpenaiAuth } = await codex.account();
  if (requiresOpenaiAuth && account === null) {
    process.stderr.write("Not logged in. Run: npx codex login\n");
    return 1;
  }
  const thread = await codex.startThread({ cwd, sandbox: Sandbox.workspaceWrite });

  row("runtime", `codex ${codex.metadata.runtimeVersion}, process ${codex.pid}`);
  row("model", clean(thread.model));
  row("folder", shortPath(thread.cwd));
  row("sandbox", "workspace-write; what the agent asks for beyond it goes to the reviewing agent");
  write("\n");
  await showTurn(thread, prompt, { renderer, terminal });
  return 0;
}
