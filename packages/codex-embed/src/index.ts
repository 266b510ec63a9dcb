/** The public names of the SDK. */

export { Agent, type AgentResult, Agents, type AgentStatus } from "./agents.js";
export { approvalRules } from "./approval/approvalRules.js";
export type {
  ApprovalKind,
  ApprovalRuleDecision,
  ApprovalRuleHandlers,
  ApprovalRulesOptions,
  CommandPattern,
  CommandRules,
  RuleList,
} from "./approval/types.js";
export { Codex, type RequestArguments } from "./codex.js";
export { diagnose } from "./doctor/diagnose.js";
export type { DiagnoseOptions, Diagnosis, DiagnosisCheck, DiagnosisCheckName, LaunchSummary } from "./doctor/types.js";
export * from "./errors/index.js";
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
} from "./events.js";
export { GoalHandle, type GoalOptions, type GoalResult, type ResumeGoalOptions } from "./goal.js";
export type { RuntimeMetadata } from "./handshake.js";
export type { ImageInput, Input, InputPart, TextInput } from "./input.js";
export type { Logger } from "./logger.js";
export type { ChatgptLogin, DeviceCodeLogin, LoginHandle } from "./login.js";
export {
  ApprovalMode,
  type ClientOptions,
  type CodexOptions,
  type ConnectOptions,
  type ForkThreadOptions,
  type ListThreadsOptions,
  type ReconnectOptions,
  type ResumeThreadOptions,
  type RunOptions,
  Sandbox,
  type StartThreadOptions,
  type ThreadConfig,
  type ThreadExtras,
  type ThreadModes,
  type TurnLimits,
  type TurnOptions,
} from "./options.js";
export type { OutputOf } from "./output.js";
export type { ProcessExit, Spawn, SpawnedProcess } from "./process/agentProcess.js";
export type { ConfigObject, ConfigValue } from "./process/configOverrides.js";
export type { Environment } from "./process/environment.js";
export type { LaunchOptions, SpawnRequest } from "./process/launch.js";
export * from "./requests/handlers.js";
export { ReviewHandle, type ReviewOptions, type ReviewResult, type ReviewTarget } from "./review.js";
export type { ReviewFinding, ReviewVerdict } from "./reviewText.js";
export { isRetryableError, type RetryOptions, retryOnOverload } from "./retry.js";
export type { ClientMethod, RequestOptions } from "./clientRequests.js";
export type { InferOutput, JsonSchema, JsonSchemaKeywords, Schema, SchemaIssue } from "./schema/index.js";
export { serveAppServer } from "./serve/serve.js";
export type { AppServer, ServeAuth, ServeOptions } from "./serve/types.js";
export type { ShellCommandItem } from "./sideWork.js";
export { Thread } from "./thread.js";
export type { ThreadQueue } from "./threadQueue.js";
export {
  type Tool,
  type ToolContext,
  type ToolGroup,
  type ToolOptions,
  type ToolResult,
  type ToolResultPart,
  tool,
  toolGroup,
} from "./tools/index.js";
export { TurnHandle, type TurnOutcome } from "./turn.js";
export type { EndedTurn, TurnResult, TurnSnapshot, TurnUsage } from "./turnResult.js";
