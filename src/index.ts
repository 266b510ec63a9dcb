/** The public names of the SDK. */

export { Codex, type RequestArguments } from "./codex.js";
export * from "./errors/index.js";
export type {
  DeltaEvent,
  Notification,
  NotificationMethod,
  NotificationOf,
  TurnEvent,
  TurnEventMethod,
  UnknownNotification,
} from "./events.js";
export type { RuntimeMetadata } from "./handshake.js";
export type { ImageInput, Input, InputPart, TextInput } from "./input.js";
export type { ChatgptLogin, DeviceCodeLogin, LoginHandle } from "./login.js";
export {
  ApprovalMode,
  type CodexOptions,
  type ForkThreadOptions,
  type ListThreadsOptions,
  type Logger,
  type ResumeThreadOptions,
  Sandbox,
  type StartThreadOptions,
  type ThreadModes,
  type TurnOptions,
} from "./options.js";
export type { Spawn, SpawnedProcess } from "./process/agentProcess.js";
export type { ConfigObject, ConfigValue } from "./process/configOverrides.js";
export type { SpawnRequest } from "./process/launch.js";
export { isRetryableError, type RetryOptions, retryOnOverload } from "./retry.js";
export type { ClientMethod, RequestOptions } from "./runtime.js";
export { Thread } from "./thread.js";
export { TurnHandle } from "./turn.js";
export type { TurnOutcome, TurnResult, TurnUsage } from "./turnResult.js";
