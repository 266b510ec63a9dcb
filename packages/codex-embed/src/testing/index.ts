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
export { createTestHome, type TestHome, type TestHomeOptions } from "./home.js";
export type {
  Delay,
  Gate,
  MessageOptions,
  MessagePart,
  MessagePhase,
  Pause,
  Piece,
  RawEventPart,
  RawItemPart,
  ReasoningOptions,
  ReasoningPart,
  ReasoningSection,
  TokenCounts,
  UsagePart,
} from "./parts.js";
export { delay, gate, message, rawEvent, rawItem, reasoning, ScriptError, usage } from "./parts.js";
export type { JsonObject, RecordedRequest, RequestEnd } from "./recordedRequest.js";
export type { RequestFilter, Responder, StepQueue } from "./script.js";
export { ScriptedModel, type ScriptedModelOptions } from "./scriptedModel.js";
export { startTestCodex, type TestCodex, type TestCodexOptions } from "./startTestCodex.js";
export { type Part, type Step, type StepOptions, step } from "./step.js";
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
