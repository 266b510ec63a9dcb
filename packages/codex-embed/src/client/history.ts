import { atCallSite, type CallSite, UsageError } from "../errors/base.js";
import { InvalidRequestError, MethodNotFoundError } from "../errors/connection.js";
import type {
  ThreadItemEntry,
  ThreadItemsListParams,
  ThreadTurnsListParams,
  Turn,
} from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import { integer, nullable, oneOf, text } from "../validate/kinds.js";
import type { OptionTable } from "../validate/options.js";

/** Options of `thread.turns`. */
export interface ThreadTurnsOptions {
  /** How many turns to read at once. Default: the runtime's page size. */
  readonly limit?: number | null | undefined;
  /** `asc`: the oldest turn first. `desc`: the newest first. Default `asc`. */
  readonly sortDirection?: ThreadTurnsListParams["sortDirection"] | undefined;
  /** How much of each turn to read: all `items`, the user's message and the final answer, or none. Default `full`. */
  readonly itemsView?: ThreadTurnsListParams["itemsView"] | undefined;
}

/** Options of `thread.items`. */
export interface ThreadItemsOptions {
  /** How many items to read at once. Default: the runtime's page size. */
  readonly limit?: number | null | undefined;
  /** `asc`: the oldest item first. `desc`: the newest first. Default `asc`. */
  readonly sortDirection?: ThreadItemsListParams["sortDirection"] | undefined;
  /** Read the items of this turn alone. */
  readonly turnId?: string | null | undefined;
}

const sortDirection = nullable(oneOf(["asc", "desc"]));
const limit = nullable(integer(1));

export const THREAD_TURNS: OptionTable<ThreadTurnsOptions> = {
  limit,
  sortDirection,
  itemsView: nullable(oneOf(["full", "summary", "notLoaded"])),
};
export const THREAD_ITEMS: OptionTable<ThreadItemsOptions> = { limit, sortDirection, turnId: nullable(text) };

interface Page<T> {
  readonly data: readonly T[];
  readonly nextCursor: string | null;
}

/**
 * Yields the entries of all pages. Each is read when the loop reaches it. A later page is read in another tick, so its
 * failure gets the stack of the call that started the loop.
 */
export async function* allPages<T>(
  read: (cursor: { cursor?: string }) => Promise<Page<T>>,
  site: CallSite,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor === null ? {} : { cursor }).catch((error: unknown) => {
      throw error instanceof Error ? atCallSite(error, site) : error;
    });
    yield* page.data;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** The stored turns of a thread (`thread/turns/list`). */
export function turnsOf(
  runtime: Runtime,
  threadId: string,
  options: ThreadTurnsOptions,
  site: CallSite,
): AsyncGenerator<Turn, void, undefined> {
  const { limit = null, sortDirection = "asc", itemsView = "full" } = options;
  const params = { threadId, limit, sortDirection, itemsView };
  const read = (cursor: { cursor?: string }) => runtime.request("thread/turns/list", { ...params, ...cursor });
  return allPages((cursor) => read(cursor).catch((error: unknown) => emptyPage(runtime, threadId, error)), site);
}

/** The stored items of a thread (`thread/items/list`). */
export function itemsOf(
  runtime: Runtime,
  threadId: string,
  options: ThreadItemsOptions,
  site: CallSite,
): AsyncGenerator<ThreadItemEntry, void, undefined> {
  const { limit = null, sortDirection = "asc", turnId = null } = options;
  const params = { threadId, limit, sortDirection, turnId };
  const read = (cursor: { cursor?: string }) => runtime.request("thread/items/list", { ...params, ...cursor });
  return allPages((cursor) => read(cursor).catch((error: unknown) => emptyPage(runtime, threadId, error)), site);
}

/** The runtime refuses to list the history of a thread that has no turn yet, and of one that stores none (measured). */
async function emptyPage(runtime: Runtime, threadId: string, error: unknown): Promise<Page<never>> {
  if (!InvalidRequestError.isInstance(error) && !MethodNotFoundError.isInstance(error)) throw error;
  const { thread } = await runtime.request("thread/read", { threadId, includeTurns: false });
  if (thread.ephemeral) {
    throw new UsageError(`Thread ${threadId} is ephemeral, so the runtime stores none of its turns.`, { cause: error });
  }
  const params = { threadId, limit: 1, itemsView: "notLoaded" } as const;
  const turns = await runtime.request("thread/turns/list", params).catch((reason: unknown) => {
    if (InvalidRequestError.isInstance(reason) || MethodNotFoundError.isInstance(reason)) return null;
    throw reason;
  });
  if (turns !== null && turns.data.length > 0) throw error;
  return { data: [], nextCursor: null };
}
