import type { CloseReason } from "../errors/connection.js";
import type {
  CodexErrorInfo,
  RequestId,
  ThreadItem,
  TokenUsageBreakdown,
  Turn,
} from "../protocol/generated/protocol.js";
import type { CodexStatus, Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";

/** A logger in the shape of pino's; `console` fits as well. It never receives prompts, parameters or secrets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The same logger, but what it throws or rejects with is dropped: a broken logger never changes what the SDK does. */
export function safeLogger(logger: Logger): Logger {
  const safe = (level: keyof Logger) => (fields: object, message: string) => {
    try {
      const written: unknown = logger[level](fields, message);
      // An asynchronous logger returns a promise; an unhandled rejection would end the program.
      if (typeof written === "object" && written !== null) Promise.resolve(written).catch(() => {});
    } catch {
      // There is nowhere left to report it.
    }
  };
  return { debug: safe("debug"), info: safe("info"), warn: safe("warn"), error: safe("error") };
}

/** A request of the runtime: an approval, a question, a tool call. */
interface AskedRequest {
  readonly id: RequestId;
  readonly method: string;
  readonly params: unknown;
}

/** Items that are work, not text. */
const WORK: ReadonlySet<ThreadItem["type"]> = new Set([
  "commandExecution",
  "fileChange",
  "mcpToolCall",
  "dynamicToolCall",
  "collabAgentToolCall",
]);

/** Ids and words of the runtime are cut to this length. */
const MAX_CHARS = 100;

type Fields = Record<string, string | number | null>;

/**
 * Logs starts and turns at `info`, and commands, approvals, retries and reconnects at `debug`: that something happened, how it
 * ended and how long it took. Never content.
 */
export class ActivityLog {
  readonly #logger: Logger;
  #startedMs: number | null = null;
  #wasReady = false;
  /** Tokens of the turns in flight. */
  readonly #tokens = new NewestMap<TokenUsageBreakdown>();
  /** When unanswered requests arrived. */
  readonly #asked = new NewestMap<{ readonly method: string; readonly atMs: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The status of the client changed. `runtime` is what the runtime says about itself, once it is ready. */
  status(status: CodexStatus, reason: CloseReason | null, runtime: Fields): void {
    if (status === "starting") {
      this.#startedMs = performance.now();
    } else if (status === "ready") {
      const durationMs = this.#startedMs === null ? null : Math.round(performance.now() - this.#startedMs);
      this.#startedMs = null;
      if (this.#wasReady) this.#logger.debug(runtime, "Connected to the runtime again");
      else this.#logger.info({ ...runtime, durationMs }, "Connected to the runtime");
      this.#wasReady = true;
    } else if (status === "reconnecting") {
      this.#logger.debug(endOf(reason), "Lost the connection to the runtime; reconnecting");
    } else if (status === "idle") {
      const message =
        this.#startedMs === null ? "The runtime ended; the next call starts it" : "The runtime did not start";
      this.#startedMs = null;
      this.#logger.info(endOf(reason), message);
    } else {
      this.#logger.info(endOf(reason), "The client is closed");
    }
  }

  /** The runtime made a request. */
  asked({ id, method, params }: AskedRequest): void {
    this.#asked.set(String(id), { method, atMs: performance.now() });
    const given = typeof params === "object" && params !== null ? params : {};
    const ids = ["threadId", "turnId", "itemId"].flatMap((name): [string, string][] => {
      const value: unknown = Reflect.get(given, name);
      return typeof value === "string" ? [[name, cut(value)]] : [];
    });
    this.#logger.debug({ method, requestId: String(id), ...Object.fromEntries(ids) }, "The runtime asks");
  }

  observe(notification: Notification): void {
    try {
      this.#tell(notification);
    } catch {
      // A malformed notification is not logged, and still reaches its subscribers.
    }
  }

  #tell(notification: Notification): void {
    switch (notification.method) {
      case "turn/started": {
        const { threadId, turn } = notification.params;
        this.#logger.info({ threadId: cut(threadId), turnId: cut(turn.id) }, "Turn started");
        break;
      }
      case "thread/tokenUsage/updated": {
        const { turnId, tokenUsage } = notification.params;
        const before = this.#tokens.get(turnId);
        this.#tokens.set(turnId, before === undefined ? tokenUsage.last : sum(before, tokenUsage.last));
        break;
      }
      case "turn/completed":
        this.#turnEnded(notification.params.threadId, notification.params.turn);
        break;
      case "item/started":
      case "item/completed": {
        const { threadId, turnId, item } = notification.params;
        if (!WORK.has(item.type)) break;
        const has = notification.method === "item/started" ? "started" : "ended";
        const fields = { threadId: cut(threadId), turnId: cut(turnId), ...workFields(item) };
        this.#logger.debug(fields, `Item ${has}`);
        break;
      }
      case "error": {
        const { threadId, turnId, error, willRetry } = notification.params;
        const fields = { threadId: cut(threadId), turnId: cut(turnId), ...errorFields(error.codexErrorInfo) };
        this.#logger.debug(fields, willRetry ? "The model failed; the runtime tries again" : "The model failed");
        break;
      }
      case "serverRequest/resolved": {
        const requestId = String(notification.params.requestId);
        const asked = this.#asked.get(requestId);
        if (asked === undefined) break;
        this.#asked.delete(requestId);
        const durationMs = Math.round(performance.now() - asked.atMs);
        this.#logger.debug({ method: asked.method, requestId, durationMs }, "What the runtime asked is settled");
        break;
      }
      default:
        break;
    }
  }

  #turnEnded(threadId: string, turn: Turn): void {
    const usage = this.#tokens.get(turn.id) ?? null;
    this.#tokens.delete(turn.id);
    const fields = {
      threadId: cut(threadId),
      turnId: cut(turn.id),
      status: cut(turn.status),
      durationMs: turn.durationMs,
      usage: usage === null ? null : numbersOf(usage),
      ...(turn.error === null ? {} : errorFields(turn.error.codexErrorInfo)),
    };
    this.#logger.info(fields, `Turn ${cut(turn.status)}`);
  }
}

/** Ids, kinds and numbers of an item, without its content. */
function workFields(item: ThreadItem): Fields {
  const fields: Fields = { itemId: cut(item.id), type: item.type };
  if ("status" in item && typeof item.status === "string") fields["status"] = cut(item.status);
  if ("durationMs" in item && typeof item.durationMs === "number") fields["durationMs"] = item.durationMs;
  if (item.type === "commandExecution") fields["exitCode"] = item.exitCode;
  if (item.type === "fileChange") fields["files"] = item.changes.length;
  return fields;
}

function errorFields(info: CodexErrorInfo | null): Fields {
  if (info === null) return { error: null };
  if (typeof info === "string") return { error: cut(info) };
  const [entry] = Object.entries(info);
  const detail: unknown = entry?.[1];
  const isStatus = typeof detail === "object" && detail !== null && "httpStatusCode" in detail;
  const httpStatus = isStatus && typeof detail.httpStatusCode === "number" ? detail.httpStatusCode : null;
  return { error: cut(entry?.[0] ?? ""), httpStatus };
}

function endOf(reason: CloseReason | null): Fields {
  return reason === null ? {} : { initiator: reason.initiator, exitCode: reason.exitCode, signal: reason.signal };
}

function sum(before: TokenUsageBreakdown, more: TokenUsageBreakdown): TokenUsageBreakdown {
  return {
    totalTokens: before.totalTokens + more.totalTokens,
    inputTokens: before.inputTokens + more.inputTokens,
    cachedInputTokens: before.cachedInputTokens + more.cachedInputTokens,
    cacheWriteInputTokens: before.cacheWriteInputTokens + more.cacheWriteInputTokens,
    outputTokens: before.outputTokens + more.outputTokens,
    reasoningOutputTokens: before.reasoningOutputTokens + more.reasoningOutputTokens,
  };
}

/** The counts alone, without other fields of the notification. */
function numbersOf(usage: TokenUsageBreakdown): Fields {
  const { totalTokens, inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens } = usage;
  return { totalTokens, inputTokens, cachedInputTokens, outputTokens, reasoningOutputTokens };
}

function cut(text: string): string {
  return text.slice(0, MAX_CHARS);
}
