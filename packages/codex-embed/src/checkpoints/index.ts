/** Checkpoints of a workspace: what changed, and how to undo it. */

export { CodexError, UsageError } from "../errors/base.js";
export { CheckpointError, type CheckpointErrorCode, RestoreConflictError } from "../errors/checkpoint.js";
export type { RestoreOptions, WorkspaceChange } from "../protocol/shapes.js";
export { Checkpoint, type CheckpointLimits, type CheckpointOptions, checkpoint, openCheckpoint } from "./checkpoint.js";
