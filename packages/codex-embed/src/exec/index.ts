/** A client of `codex exec` with the names of `@openai/codex-sdk`, and more. */

export { CodexError, UsageError } from "../errors/base.js";
export { FrameTooLargeError, LaunchError, type LaunchErrorCode, type TriedLocation } from "../errors/connection.js";
export { OutputValidationError } from "../errors/turn.js";
export type { Spawn, SpawnedProcess } from "../process/agentProcess.js";
export type { SpawnRequest } from "../process/launch.js";
export type { InferOutput } from "../schema/types.js";
export type { ReviewContent, ReviewFinding, ReviewVerdict } from "../validate/review.js";
export type { ReviewResult, ReviewTarget } from "./client.js";
export { Codex, type RunResult, type RunStreamedResult, type StreamedTurn, Thread } from "./client.js";
export type { Input, UserInput } from "./commandLine.js";
export type {
  AgentMessageItem,
  CollabAgentState,
  CollabTool,
  CollabToolCallItem,
  CollabToolCallStatus,
  CommandExecutionItem,
  CommandExecutionStatus,
  ErrorItem,
  FileChangeItem,
  FileUpdateChange,
  ItemCompletedEvent,
  ItemStartedEvent,
  ItemUpdatedEvent,
  McpContentBlock,
  McpToolCallItem,
  McpToolCallStatus,
  PatchApplyStatus,
  PatchChangeKind,
  ReasoningItem,
  ThreadError,
  ThreadErrorEvent,
  ThreadEvent,
  ThreadItem,
  ThreadStartedEvent,
  TodoItem,
  TodoListItem,
  TurnCompletedEvent,
  TurnFailedEvent,
  TurnStartedEvent,
  UnknownThreadEvent,
  UnknownThreadItem,
  Usage,
  WebSearchAction,
  WebSearchItem,
} from "./events.js";
export { unknownEvent, unknownItem } from "./events.js";
export type {
  ApprovalMode,
  CodexConfigObject,
  CodexConfigValue,
  CodexOptions,
  CyberAccessProgram,
  ModelReasoningEffort,
  RemoteOptions,
  ResumeLastOptions,
  ReviewOptions,
  SandboxMode,
  ThreadOptions,
  TurnOptions,
  WebSearchMode,
} from "./options.js";
export type { ParsedOf, PartialTurn, Turn } from "./turn.js";
export { AbortError, ExecError, ExecExitError, ExecTurnFailedError } from "./turn.js";
