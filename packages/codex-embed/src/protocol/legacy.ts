/** Requests of older runtimes. The generated types describe the pinned runtime alone, and the SDK also runs with older ones. */

import type { ServerRequests } from "./generated/tables.js";

/** Params of `currentTime/read`. Sent by the runtimes 0.145 to 0.169. */
export type CurrentTimeReadParams = { threadId: string };

/** Response to `currentTime/read`. */
export type CurrentTimeReadResponse = {
  /** Current time as whole Unix seconds. */
  currentTimeAt: number;
};

/** Every request that an older runtime may send and the pinned one no longer knows: its params and its response. */
export interface LegacyServerRequests {
  /** Sent by the runtimes 0.145 to 0.169. */
  "currentTime/read": { params: CurrentTimeReadParams; response: CurrentTimeReadResponse };
}

/** Every request that a supported runtime may send: its params and its response. */
export interface AnyServerRequests extends ServerRequests, LegacyServerRequests {}
