/** The public testing kit: the pinned runtime against a scripted model, offline. */

export type {
  DisconnectPart,
  FailOptions,
  FailResponsePart,
  FailurePart,
  HttpErrorPart,
  IncompletePart,
  MalformedPart,
  SilencePart,
} from "./failures.js";
export { disconnect, fail, failResponse, incomplete, malformed, silence } from "./failures.js";
export type { JsonObject } from "./json.js";
export type {
  MessageOptions,
  MessagePart,
  MessagePhase,
  Piece,
  RawEventPart,
  RawItemPart,
  ReasoningOptions,
  ReasoningPart,
  ReasoningSection,
  TokenCounts,
  UsagePart,
} from "./parts.js";
export { message, rawEvent, rawItem, reasoning, usage } from "./parts.js";
export type { Delay, Gate, Pause } from "./pause.js";
export { delay, gate } from "./pause.js";
export type { RecordedRequest, RequestEnd } from "./recordedRequest.js";
export { ScriptedModel, type ScriptedModelOptions } from "./scriptedModel.js";
export { ScriptError } from "./scriptError.js";
export { type Part, type Step, type StepOptions, step } from "./step.js";
export type { RequestFilter, Responder, StepQueue } from "./stepQueue.js";
export { startTestCodex, type TestCodex, type TestCodexOptions } from "./startTestCodex.js";
export { createTestHome, type TestHome, type TestHomeOptions } from "./testHome.js";
export type {
  CustomToolCallOptions,
  CustomToolCallPart,
  FunctionCallPart,
  PlanStep,
  ShellOptions,
  ToolCallOptions,
  UpdatePlanOptions,
} from "./toolParts.js";
export { applyPatch, customToolCall, rawToolCall, shell, toolCall, updatePlan } from "./toolParts.js";
