import { CODEX } from "../client/knownOptions.js";
import { Codex, type CodexOptions, UsageError } from "../index.js";
import { mergeConfig } from "../process/config.js";
import { either, record, text } from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";
import type { Cassette } from "./cassette.js";
import { CASSETTE, type CassetteOptions } from "./cassetteOptions.js";
import { ScriptedModel } from "./scriptedModel.js";
import { HOME, type MadeHome, makeHome, type TestHomeOptions } from "./testHome.js";

/** Options of {@link startTestCodex}: those of the client and those of the home. */
export interface TestCodexOptions extends CodexOptions, Omit<TestHomeOptions, "model"> {
  /** A model that already runs. `close` leaves it open. Default: a new model, which `close` closes. */
  readonly model?: ScriptedModel;
}

/** Options of {@link startTestCodex} with a cassette: those of the client, those of the home, and the cassette. */
export interface CassetteCodexOptions extends CodexOptions, Omit<TestHomeOptions, "model"> {
  /** The file of the cassette, or the file with options. */
  readonly cassette: string | CassetteOptions;
}

const TEST_CODEX: OptionTable<TestCodexOptions & Partial<CassetteCodexOptions>> = {
  ...CODEX,
  ...HOME,
  model: record,
  cassette: either([(value) => typeof value === "string", text], [() => true, nested(CASSETTE)]),
};

/** A client of a runtime in a temporary home. */
export interface TestRuntime extends AsyncDisposable {
  readonly codex: Codex;
  /** An empty folder: the working directory of the runtime, and so of its threads. */
  readonly workspace: string;
  /** The runtime's `CODEX_HOME`. */
  readonly codexHome: string;
  /** The options of `codex`. Pass them to `Codex.launch` for another runtime on the same home. */
  readonly codexOptions: CodexOptions;
  /**
   * Stops the runtime, closes the model and removes the folders, each even if another one fails. A cassette that records
   * is written first. Idempotent.
   */
  readonly close: () => Promise<void>;
}

/** A client of a runtime that talks to a scripted model. */
export interface TestCodex extends TestRuntime {
  readonly model: ScriptedModel;
}

/** A client of a runtime that talks to a cassette. */
export interface CassetteCodex extends TestRuntime {
  readonly cassette: Cassette;
}

/**
 * Starts a runtime against a cassette: a session that was recorded with a real model and is replayed offline. With
 * `CODEX_CASSETTE=record` in the environment, or `mode: "record"`, the runtime talks to the provider instead, and `close`
 * writes the file. The runtime itself has no credentials in either case.
 *
 * @throws UsageError for an unknown option; CassetteError if there is no file to replay, if it is not a cassette, or if
 * there is no login to record with; and what `Codex.launch` throws. Nothing is left behind then.
 */
export function startTestCodex(options: CassetteCodexOptions): Promise<CassetteCodex>;
/**
 * Starts a runtime against a scripted model: offline, and isolated from the user's settings and credentials. The runtime is
 * the one that `codexBin` or the variable `CODEX_BIN` names, else the pinned one.
 *
 * @param options - options of the client, which override those of the kit (`env` variable by variable), of the home,
 * and `model`.
 * @returns the connected client with its model and folders.
 * @throws UsageError for an unknown option, and what `Codex.launch` throws. Nothing is left behind then.
 */
export function startTestCodex(options?: TestCodexOptions): Promise<TestCodex>;
export async function startTestCodex(
  options: TestCodexOptions | CassetteCodexOptions = {},
): Promise<TestCodex | CassetteCodex> {
  const { model, cassette, ...others } = checkOptions<TestCodexOptions & Partial<CassetteCodexOptions>>(
    options,
    "startTestCodex",
    TEST_CODEX,
  );
  if (cassette === undefined) return startScripted(others, model);
  if (model !== undefined) throw new UsageError("startTestCodex: give model or cassette, not both.");
  return startCassette(others, typeof cassette === "string" ? { file: cassette } : cassette);
}

async function startScripted(options: RuntimeOptions, given: ScriptedModel | undefined): Promise<TestCodex> {
  const model = given ?? (await ScriptedModel.start());
  const closers: Closer[] = given === undefined ? [() => model.close()] : [];
  return { ...(await startRuntime(options, (home) => makeHome({ ...home, model }), closers)), model };
}

async function startCassette(options: RuntimeOptions, cassetteOptions: CassetteOptions): Promise<CassetteCodex> {
  const { Cassette } = await import("./cassette.js");
  const cassette = await Cassette.open(cassetteOptions);
  const createHome = async (homeOptions: Omit<TestHomeOptions, "model">): Promise<MadeHome> => {
    const home = await makeHome({ ...homeOptions, model: cassette }, cassette.model);
    cassette.knowFolders(home);
    return home;
  };
  return { ...(await startRuntime(options, createHome, [() => cassette.close()])), cassette };
}

type RuntimeOptions = CodexOptions & Omit<TestHomeOptions, "model">;

/** Creates the home and launches the client. `closers` run after the client is closed, and also when this fails. */
async function startRuntime(
  options: RuntimeOptions,
  createHome: (options: Omit<TestHomeOptions, "model">) => Promise<MadeHome>,
  closers: Closer[],
): Promise<TestRuntime> {
  const { sandbox, streamMaxRetries, extraConfig, ...clientOptions } = options;
  try {
    const home = await createHome({
      ...(clientOptions.codexBin !== undefined && { codexBin: clientOptions.codexBin }),
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
    return { codex, workspace, codexHome, codexOptions, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await closeAll(closers).catch(() => {});
    throw error;
  }
}

function withHome(options: CodexOptions, home: MadeHome): CodexOptions {
  return {
    codexHome: home.codexHome,
    cwd: home.workspace,
    inheritEnv: false,
    ...options,
    // The kit's configuration is the user's. Without it the runtime would look for a real model.
    ...(options.ignoreUserConfig === true && { config: mergeConfig(home.config, options.config ?? {}) }),
    env: { ...home.env, ...options.env },
  };
}

type Closer = () => Promise<void>;

async function closeAll(closers: readonly Closer[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers) await close().catch((error: unknown) => errors.push(error));
  if (errors.length > 1) throw new AggregateError(errors, "Closing the test client failed: see `errors`.");
  if (errors.length === 1) throw errors[0];
}
