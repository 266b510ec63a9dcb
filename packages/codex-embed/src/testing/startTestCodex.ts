/** Owns the whole test bench: a scripted model, a throw-away home, and a client of the runtime that lives there. */

import { CODEX } from "../client/knownOptions.js";
import { Codex, type CodexOptions } from "../index.js";
import { record } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { createTestHome, HOME, type TestHome, type TestHomeOptions } from "./home.js";
import { ScriptedModel } from "./scriptedModel.js";

/** Options of `startTestCodex`: those of the client and those of the home. */
export interface TestCodexOptions extends CodexOptions, Omit<TestHomeOptions, "model"> {
  /** A model that runs already. It stays open when the bench closes. Default: a new one, closed with the bench. */
  readonly model?: ScriptedModel;
}

const TEST_CODEX: OptionTable<TestCodexOptions> = { ...CODEX, ...HOME, model: record };

/** A client of a runtime that talks to a scripted model. */
export interface TestCodex extends AsyncDisposable {
  readonly codex: Codex;
  readonly model: ScriptedModel;
  /** An empty folder; the working directory of the runtime and so of its threads. */
  readonly workspace: string;
  readonly codexHome: string;
  /** What `codex` was made with: give it to `Codex.launch` for another runtime on the same home. */
  readonly codexOptions: CodexOptions;
  /** Ends the runtime, closes the model and removes the folders, each also when another fails. Idempotent. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the pinned runtime against a scripted model: offline, and cut off from the user's settings and credentials.
 * Client options go over the kit's own (`env` variable by variable). Rejects as `Codex.launch` does; nothing is left
 * behind then.
 */
export async function startTestCodex(options: TestCodexOptions = {}): Promise<TestCodex> {
  const checked = checkOptions(options, "startTestCodex", TEST_CODEX);
  const { model: givenModel, sandbox, streamMaxRetries, extraConfig, ...clientOptions } = checked;
  const closers: Closer[] = [];
  try {
    const model = givenModel ?? (await ScriptedModel.start());
    if (givenModel === undefined) closers.unshift(() => model.close());
    const home = await createTestHome({
      model,
      ...(sandbox !== undefined && { sandbox }),
      ...(streamMaxRetries !== undefined && { streamMaxRetries }),
      ...(extraConfig !== undefined && { extraConfig }),
    });
    closers.push(() => home.dispose());
    const codexOptions = withHome(clientOptions, home);
    const codex = await Codex.launch(codexOptions);
    closers.unshift(() => codex.close());
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= closeAll(closers));
    const { codexHome, workspace } = home;
    return { codex, model, workspace, codexHome, codexOptions, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await closeAll(closers).catch(() => {});
    throw error;
  }
}

function withHome(options: CodexOptions, home: TestHome): CodexOptions {
  return {
    codexHome: home.codexHome,
    cwd: home.workspace,
    inheritEnv: false,
    ...options,
    env: { ...home.env, ...options.env },
  };
}

type Closer = () => Promise<void>;

async function closeAll(closers: readonly Closer[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers) await close().catch((error: unknown) => errors.push(error));
  if (errors.length > 1) throw new AggregateError(errors, "The test bench could not be closed.");
  if (errors.length === 1) throw errors[0];
}
