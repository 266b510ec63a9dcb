/** The subpath `codex-embed/protocol`: every wire type of the app-server protocol, and the tables made from them. */

export type * from "./generated/protocol.js";
export * from "./generated/tables.js";
export type * from "./generated/legacy.js";
export { SUPPORTED_RUNTIMES, type SupportedRuntimes } from "./runtimes.js";
