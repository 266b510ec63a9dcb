/** The client of `codex exec`: the names of `@openai/codex-sdk`, and more. */

export type { SpawnedProcess, Spawn } from "../process/agentProcess.js";
export type { SpawnRequest } from "../process/launch.js";
export {
  CodexError,
  FrameTooLargeError,
  LaunchError,
  type LaunchErrorCode,
  OutputValidationError,
  type TriedLocation,
  UsageError,
} from "../errors/index.js";
export type { ReviewContent, ReviewFinding, ReviewVerdict } from "../reviewText.js";
export type { InferOutput } from "../schema/types.js";
export { Codex } from "./codex.js";
export { AbortError, ExecError, ExecExitError, ExecTurnFailedError } from "./errors.js";
export {
  type ItemCompletedEvent,
  type ItemStartedEvent,
  type ItemUpdatedEvent,
  type ThreadError,
  type ThreadErrorEvent,
  type ThreadEvent,
  type ThreadStartedEvent,
  type TurnCompletedEvent,
  type TurnFailedEvent,
  type TurnStartedEvent,
  type UnknownThreadEvent,
  unknownEvent,
  type Usage,
} from "./events.js";
export type { Input, UserInput } from "./input.js";
export * from "./items.js";
export type {
  ApprovalMode,
  CodexConfigObject,
  CodexConfigValue,
  CodexOptions,
  CyberAccessProgram,
  ModelReasoningEffort,
  ResumeLastOptions,
  SandboxMode,
  ThreadOptions,
  TurnOptions,
  WebSearchMode,
} from "./options.js";
export type { ReviewOptions, ReviewResult, ReviewTarget } from "./review.js";
export { type RunResult, type RunStreamedResult, type StreamedTurn, Thread } from "./thread.js";
export type { ParsedOf, PartialTurn, Turn } from "./turn.js";
