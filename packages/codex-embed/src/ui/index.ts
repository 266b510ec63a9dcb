/** Turns on web pages: the UI message stream of the AI SDK, the events of AG-UI, and server-sent events. */

export { type AgUiEvent, type AgUiTextMetadata, type AgUiUsage, toAgUi } from "./agUi.js";
export type { UiInclude, UiStreamOptions, UiTurn } from "./options.js";
export { type OwnEvents, toResponse, type UiRequest, type UiResponseOptions } from "./response.js";
export {
  type CodexMessageMetadata,
  type CodexPartMetadata,
  type CodexUIMessageChunk,
  toUIMessageStream,
} from "./uiMessages.js";
export type { PlanData, StatusData } from "./updates.js";
