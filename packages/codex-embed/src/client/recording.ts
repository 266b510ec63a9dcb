import type { Checkpoint, CheckpointLimits } from "../checkpoints/checkpoint.js";
import { messageOf, UsageError } from "../errors/base.js";
import type { RestoreOptions, TurnSnapshot, WorkspaceChange } from "../protocol/shapes.js";
import type { Runtime } from "../runtime/runtime.js";
import { setUndo } from "../stream/accumulate.js";

/** Records the workspace before and after a turn, or the turns of one `run`. Programs without checkpoints do not load them. */
export class TurnRecording {
  readonly #runtime: Runtime;
  readonly #cwd: string;
  readonly #limits: CheckpointLimits;
  #before: Promise<Checkpoint> | null = null;

  /** @throws UsageError when the runtime's files are not known to be those of this program. */
  constructor(runtime: Runtime, cwd: string, limits: CheckpointLimits) {
    if (!runtime.paths.sharesFiles) {
      throw new UsageError(
        "checkpoint: true needs the files of the runtime, and this client may not see them: it was reached by " +
          "Codex.connect, or started by a spawn hook. Leave it out. If both see the same folder, call checkpoint(cwd) of " +
          "codex-embed/checkpoints before the turn.",
      );
    }
    this.#runtime = runtime;
    this.#cwd = cwd;
    this.#limits = limits;
  }

  /** Records the state before the first turn. Rejects as `checkpoint` does. */
  async begin(): Promise<void> {
    this.#before ??= this.#record();
    await this.#before;
  }

  /** Records the state after a turn, and adds what has changed to its result. Never rejects. */
  async finish(result: TurnSnapshot): Promise<void> {
    const undo = (options?: RestoreOptions): Promise<readonly string[]> => this.#undo(options);
    try {
      const before = await this.#before;
      const changes: readonly WorkspaceChange[] | null = (await before?.seal()) ?? null;
      Object.assign(result, { changes });
      setUndo(result, undo);
    } catch (error) {
      this.#runtime.warn(`The changes of a turn could not be recorded: ${messageOf(error)}`, { turnId: result.id });
      setUndo(result, () => Promise.reject(error));
    }
  }

  /** Drops the checkpoint of a turn that was not started. Never rejects. */
  async discard(): Promise<void> {
    await this.#before?.then((before) => before.discard()).catch(() => {});
  }

  async #record(): Promise<Checkpoint> {
    const { checkpoint } = await import("../checkpoints/checkpoint.js");
    return checkpoint(this.#cwd, { ...this.#limits, codexHome: this.#runtime.metadata.codexHome });
  }

  async #undo(options?: RestoreOptions): Promise<readonly string[]> {
    const before = await this.#before;
    return before === null ? [] : before.restore(options);
  }
}
