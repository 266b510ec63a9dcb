/** Owns reading what the runtime has stored of a thread: its record, and its rollout. */

import { MethodNotFoundError } from "./errors/index.js";
import type { Thread as ThreadRecord } from "./generated/protocol.js";
import { openRollout, type RolloutBytes, rolloutOf } from "./rollout.js";
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

/**
 * Reads something of a thread's rollout; null when the rollout cannot be read. A runtime of this program has its files
 * here, unless a `spawn` has put it elsewhere; any other one is asked for the file (`fs/readFile`).
 */
export async function readRollout<T>(
  runtime: Runtime,
  path: string | null,
  read: (rollout: RolloutBytes) => Promise<T>,
): Promise<T | null> {
  if (path === null) return null;
  let rollout: RolloutBytes | null = null;
  try {
    rollout = runtime.paths.isLocal ? await openRollout(path).catch(() => null) : null;
    rollout ??= rolloutOf(Buffer.from((await runtime.request("fs/readFile", { path })).dataBase64, "base64"));
    return await read(rollout);
  } catch {
    return null;
  } finally {
    await rollout?.close();
  }
}
