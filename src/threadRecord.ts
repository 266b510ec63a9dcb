/** Owns reading the record of a thread. */

import { MethodNotFoundError } from "./errors/index.js";
import type { Thread as ThreadRecord } from "./generated/protocol.js";
import type { Runtime } from "./runtime.js";

/** Reads the record of a thread (`thread/read`), with its turns or without. */
export async function readThread(runtime: Runtime, threadId: string, includeTurns = false): Promise<ThreadRecord> {
  try {
    const { thread } = await runtime.request("thread/read", { threadId, includeTurns });
    return thread;
  } catch (error) {
    // The runtime says of a thread without a turn that it cannot list turns yet (measured).
    if (!includeTurns || !MethodNotFoundError.isInstance(error)) throw error;
    return readThread(runtime, threadId);
  }
}
