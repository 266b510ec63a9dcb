// Requests that older runtimes send and the pinned one does not.
// Written by `npm run runtime:update`, which moves here what a runtime dropped; remove what no supported runtime sends.

import type { ServerRequests } from "./tables.js";

/** A type of older runtimes. */
export type CurrentTimeReadParams = { threadId: string };

/** A type of older runtimes. */
export type CurrentTimeReadResponse = {
  /**
   * Current time as whole Unix seconds.
   */
  currentTimeAt: number;
};

/** Every request that only older runtimes send: its params and the response it expects. */
export interface LegacyServerRequests {
  /** Last sent by the runtime 0.169.0. */
  "currentTime/read": { params: CurrentTimeReadParams; response: CurrentTimeReadResponse };
}

/** Every request that a supported runtime sends: its params and the response it expects. */
export interface AnyServerRequests extends ServerRequests, LegacyServerRequests {}

/** The methods of the requests that only older runtimes send. */
export const legacyServerRequestMethods = [
  "currentTime/read",
] as const satisfies readonly (keyof LegacyServerRequests)[];
