/** The public names of the SDK. */

export type { AppServer, ServeAuth, ServeOptions } from "./client/appServer.js";
export { Codex } from "./client/codex.js";
export { Agent, type AgentResult, type AgentStatus, Agents } from "./client/ending.js";
export type { ExternalInput, ExternalMessage, ExternalPart, TurnInput } from "./client/external.js";
export type { GoalHandle, GoalResult } from "./client/goal.js";
export type { ThreadItemsOptions, ThreadTurnsOptions } from "./client/history.js";
export type { ImportThreadOptions } from "./client/importThread.js";
export type { GoalOptions, ResumeGoalOptions } from "./client/knownOptions.js";
export type { ChatgptLogin, DeviceCodeLogin, LoginHandle } from "./client/login.js";
export { serveAppServer } from "./client/serve.js";
export type { ThreadQueue } from "./client/queue.js";
export { Thread } from "./client/thread.js";
export type {
  ReviewHandle,
  ReviewOptions,
  ReviewResult,
  ReviewTarget,
  ShellCommandItem,
} from "./client/threadActions.js";
export type { ThreadArchive, ThreadArchiveRecord } from "./client/threadArchive.js";
export type { ImageInput, Input, InputPart, TextInput } from "./client/turn.js";
export { TurnHandle, type TurnOutcome } from "./client/turn.js";
export type {
  DiagnoseOptions,
  Diagnosis,
  DiagnosisCheck,
  DiagnosisCheckName,
  LaunchSummary,
} from "./doctor/checks.js";
export { diagnose } from "./doctor/diagnose.js";
export type { CheckpointLimits } from "./checkpoints/checkpoint.js";
export { CodexError, UsageError } from "./errors/base.js";
export { CheckpointError, type CheckpointErrorCode, RestoreConflictError } from "./errors/checkpoint.js";
export { GuardError, type GuardErrorCode } from "./errors/guard.js";
export {
  AuthRequiredError,
  type CloseReason,
  FrameTooLargeError,
  InternalRpcError,
  InvalidParamsError,
  InvalidRequestError,
  JsonRpcError,
  LaunchError,
  type LaunchErrorCode,
  MethodNotFoundError,
  type MissingMethod,
  NoActiveTurnError,
  ParseError,
  RequestTimeoutError,
  RetryLimitExceededError,
  type RpcErrorBody,
  ServerBusyError,
  type ThreadFate,
  ThreadLockedError,
  ThreadNotFoundError,
  TransportClosedError,
  type TriedLocation,
  UnsupportedError,
} from "./errors/connection.js";
export { type RecordExtent, ThreadArchiveError, type ThreadConflict, ThreadConflictError } from "./errors/archive.js";
export {
  BudgetExceededError,
  type BusyReason,
  type LimitedTurn,
  LoginError,
  ModelRetryError,
  OutputValidationError,
  SettingsMismatchError,
  StreamOverflowError,
  type TurnBudget,
  TurnDeadlineError,
  TurnFailedError,
  TurnInProgressError,
  TurnLimitError,
  type TurnSpending,
  TurnStalledError,
} from "./errors/turn.js";
export type { ProcessExit, Spawn, SpawnedProcess } from "./process/agentProcess.js";
export type { ConfigObject, ConfigValue } from "./process/config.js";
export type { Environment } from "./process/environment.js";
export type { LaunchOptions, SpawnRequest } from "./process/launch.js";
export type { SupportedRuntimes } from "./protocol/runtimes.js";
export type {
  EndedTurn,
  PlanStep,
  RestoreOptions,
  TurnResult,
  TurnSnapshot,
  TurnUsage,
  WorkspaceChange,
} from "./protocol/shapes.js";
export {
  approveAll,
  type ChatgptTokens,
  type CommandApprovalRequest,
  type CommandDecision,
  decidesApprovals,
  declineAll,
  type ElicitationAnswer,
  type ElicitationRequest,
  type FileChangeApprovalRequest,
  type FileChangeDecision,
  type Handler,
  type HandlerContext,
  type Handlers,
  type McpToolApprovalRequest,
  type McpToolDecision,
  type PermissionsGrant,
  type QuestionAnswers,
} from "./requests/handlers.js";
export { isRetryableError, type RetryOptions, retryOnOverload } from "./rpc/retry.js";
export type { Logger } from "./runtime/activityLog.js";
export type { RuntimeMetadata } from "./runtime/handshake.js";
export {
  ApprovalMode,
  type ClientOptions,
  type CodexOptions,
  type ConnectOptions,
  type ForkThreadOptions,
  type GuardOptions,
  type ListThreadsOptions,
  type PlanMode,
  type ReconnectOptions,
  type ResumeThreadOptions,
  type RunOptions,
  Sandbox,
  type SearchThreadsOptions,
  type StartThreadOptions,
  type ThreadConfig,
  type ThreadExtras,
  type ThreadModes,
  type ThreadUpdateOptions,
  type TurnLimits,
  type TurnOptions,
} from "./runtime/options.js";
export type { ClientMethod, RequestArguments, RequestOptions } from "./runtime/requestPolicy.js";
export type { OutputOf } from "./schema/prepare.js";
export { type StrictForm, strictSchema } from "./schema/strictForm.js";
export type { InferOutput, JsonSchema, JsonSchemaKeywords, Schema, SchemaIssue } from "./schema/types.js";
export type {
  AfterToolDecision,
  BeforeToolDecision,
  CommandCall,
  ContextDecision,
  Eventually,
  GuardContext,
  GuardedAgent,
  GuardedCall,
  GuardedCompaction,
  GuardedPrompt,
  GuardedResult,
  GuardedSession,
  GuardedStop,
  GuardedSubagent,
  Guards,
  GuardsWith,
  McpCall,
  OtherCall,
  PatchCall,
  PromptDecision,
  StopDecision,
  ToolCall,
} from "./guards/types.js";
export type {
  CodexStatus,
  DeltaEvent,
  HandlerErrorEvent,
  Notification,
  NotificationMethod,
  NotificationOf,
  ReconnectedEvent,
  StatusEvent,
  SubscriptionName,
  TurnEvent,
  TurnEventMethod,
  TurnNotification,
  UnknownNotification,
} from "./stream/events.js";
export type { ToolResult, ToolResultPart } from "./tools/result.js";
export { type Tool, type ToolContext, type ToolGroup, type ToolOptions, tool, toolGroup } from "./tools/tool.js";
export type {
  DecidedBy,
  EventChannelMessage,
  FrameChannelMessage,
  RequestChannelMessage,
  TraceContext,
  TracedWork,
  TurnChannelMessage,
  WorkWrapper,
} from "./trace/messages.js";
export type { TraceFileOptions } from "./trace/traceFileOptions.js";
export { escapeForDisplay, isSafeToDisplay } from "./util/display.js";
export type { ReviewFinding, ReviewVerdict } from "./validate/review.js";
