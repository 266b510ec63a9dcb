/** The testing kit: the pinned runtime against a scripted model, offline. */

export { type RecordedGuardCall, type RecordedGuards, recordGuards } from "./guards.js";
export type {
  Delay,
  DisconnectPart,
  FailOptions,
  FailResponsePart,
  FailurePart,
  Gate,
  HttpErrorPart,
  IncompletePart,
  MalformedPart,
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
  SilencePart,
  TokenCounts,
  UsagePart,
} from "./parts.js";
export {
  delay,
  disconnect,
  fail,
  failResponse,
  gate,
  incomplete,
  malformed,
  message,
  rawEvent,
  rawItem,
  reasoning,
  ScriptError,
  silence,
  usage,
} from "./parts.js";
export type { Cassette } from "./cassette.js";
export { CassetteError, type CassetteMode, type CassetteOptions, type CassetteProvider } from "./cassetteOptions.js";
export { toScript } from "./cassetteScript.js";
export type { JsonObject, RecordedRequest, RequestEnd } from "./recordedRequest.js";
export type { RequestFilter, RequestRoute, Responder, StepQueue } from "./script.js";
export { ScriptedModel, type ScriptedModelOptions } from "./scriptedModel.js";
export {
  type CassetteCodex,
  type CassetteCodexOptions,
  startTestCodex,
  type TestCodex,
  type TestCodexOptions,
  type TestRuntime,
} from "./startTestCodex.js";
export type {
  CustomToolCallOptions,
  CustomToolCallPart,
  FunctionCallPart,
  PlanStep,
  ShellOptions,
  ToolCallOptions,
  UpdatePlanOptions,
} from "./step.js";
export {
  applyPatch,
  customToolCall,
  type Part,
  rawToolCall,
  type Step,
  type StepOptions,
  shell,
  step,
  toolCall,
  updatePlan,
} from "./step.js";
export { createTestHome, type TestHome, type TestHomeOptions } from "./testHome.js";
