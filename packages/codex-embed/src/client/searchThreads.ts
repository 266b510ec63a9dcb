import { UsageError } from "../errors/base.js";
import { MethodNotFoundError } from "../errors/connection.js";
import type { ThreadSearchResponse, ThreadSearchResult } from "../protocol/generated/protocol.js";
import type { PartialListener } from "../rpc/messages.js";
import type { SearchThreadsOptions } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import { isRecord } from "../util/json.js";

/** The runtime's limit, in bytes of UTF-8 without surrounding whitespace (measured). */
const MAX_TERM_BYTES = 65_536;
const PARTIAL = "thread/search/partial";

/** Searches the stored threads, for `codex.searchThreads`, which loads this file on its first call. */
export async function searchThreads(
  runtime: Runtime,
  term: string,
  { signal, onPartial, ...filters }: SearchThreadsOptions,
): Promise<ThreadSearchResponse> {
  const bytes = Buffer.byteLength(term.trim());
  if (bytes > MAX_TERM_BYTES) {
    throw new UsageError(
      `searchThreads: term has ${bytes} bytes; the limit is ${MAX_TERM_BYTES}. Search for a part of it.`,
    );
  }
  if (onPartial !== undefined && runtime.silenced.includes(PARTIAL)) {
    throw new UsageError(
      `searchThreads: onPartial would never be called, because optOutNotifications leave out ${PARTIAL}. Remove it from that list.`,
    );
  }
  const params = { ...filters, searchTerm: term };
  const partial = onPartial === undefined ? undefined : partialListener(runtime, onPartial, signal);
  try {
    return await runtime.request("thread/search/stream", params, { signal, partial });
  } catch (error) {
    // Another code says that the client did not ask for the experimental API, which both methods need.
    if (!MethodNotFoundError.isInstance(error) || error.code !== "METHOD_NOT_FOUND") throw error;
  }
  return runtime.request("thread/search", params, { signal });
}

/** Passes on each row once, also when the search is repeated after a lost connection. */
function partialListener(
  runtime: Runtime,
  onPartial: NonNullable<SearchThreadsOptions["onPartial"]>,
  signal: AbortSignal | undefined,
): PartialListener {
  const seen = new Set<string>();
  const report = runtime.listeners.guard(({ rows }: { method: string; rows: readonly ThreadSearchResult[] }) =>
    onPartial(rows),
  );
  return {
    method: PARTIAL,
    receive: ({ data }) => {
      const rows = Array.isArray(data) ? data.filter(isRow).filter(({ thread }) => !seen.has(thread.id)) : [];
      for (const { thread } of rows) seen.add(thread.id);
      if (rows.length === 0) return;
      // Not inside of the reader, and in the order of arrival. The result settles later.
      queueMicrotask(() => {
        if (signal?.aborted !== true) report({ method: PARTIAL, rows });
      });
    },
  };
}

function isRow(value: unknown): value is ThreadSearchResult {
  return isRecord(value) && isRecord(value["thread"]) && typeof value["thread"]["id"] === "string";
}
