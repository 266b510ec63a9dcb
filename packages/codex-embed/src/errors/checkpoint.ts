import { CodexError } from "./base.js";

/** How many paths a message lists. The error has all of them. */
const MAX_SHOWN = 10;

/**
 * Why a checkpoint failed. `GIT_NOT_FOUND`: there is no usable `git`. `CHECKPOINT_TOO_LARGE`: the folder exceeds `maxFiles` or
 * `maxBytes`. `CHECKPOINT_GONE`: it was discarded or has expired. `CHECKPOINT_FAILED`: anything else.
 */
export type CheckpointErrorCode = "GIT_NOT_FOUND" | "CHECKPOINT_TOO_LARGE" | "CHECKPOINT_GONE" | "CHECKPOINT_FAILED";

/** A checkpoint cannot be made, compared or restored. The workspace is unchanged, unless the message says otherwise. */
export class CheckpointError extends CodexError {
  static override readonly typeName: string = "CheckpointError";
  declare readonly code: CheckpointErrorCode;

  constructor(code: CheckpointErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** Files were changed after the state that is undone, or something that is not in the checkpoint is in the way. */
export class RestoreConflictError extends CodexError {
  static override readonly typeName: string = "RestoreConflictError";
  /** The files, relative to the workspace. Nothing was restored. */
  readonly paths: readonly string[];

  constructor(paths: readonly string[], kind: "changed" | "in-the-way") {
    const shown = paths.slice(0, MAX_SHOWN).map((path) => JSON.stringify(path));
    const more = paths.length > MAX_SHOWN ? `, and ${paths.length - MAX_SHOWN} more` : "";
    const list = `${shown.join(", ")}${more}`;
    super(
      "RESTORE_CONFLICT",
      kind === "changed"
        ? `Nothing was restored: ${list} changed since, and those changes would be lost. Pass { force: true } to ` +
            "overwrite them, or { paths } to restore other files only."
        : `Nothing was restored: ${list} is in the way, and is not in the checkpoint because it is ignored. Move it ` +
            "away, or pass { paths } to restore other files only.",
    );
    this.paths = paths;
  }
}
