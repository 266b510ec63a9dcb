import { messageOf, UsageError } from "../errors/base.js";
import { GuardError } from "../errors/guard.js";
import type { HookMetadata, JsonValue } from "../protocol/generated/protocol.js";
import type { HandlerErrorEvent, Notification } from "../stream/events.js";
import { type AsyncContext, deferred, rootContext, TimeLimitError, watchLimits, withLimits } from "../util/async.js";
import type { CallReader } from "./calls.js";
import { ask, denialText, hookText, questionOf } from "./decide.js";
import { type ConfigTable, GUARD_NAMES, guardConfig, HOOKS, SERVER_NAME, skippedGuards, unknownHook } from "./hooks.js";
import { GuardServer, type HookRequest } from "./server.js";
import type { GuardContext, Guards } from "./types.js";

const DEFAULT_TIMEOUT_MS = 60_000;
/** How much longer the runtime waits than a guard may take, in seconds. */
const SLACK_SEC = 30;
/** The longest wait that the runtime is told of: a week, for a guard that asks a person. */
const MAX_TIMEOUT_SEC = 7 * 24 * 3600;

/** What the guards of a client need of it. */
export interface GuardHost {
  /** Reports a guard that failed. */
  handlerError(event: HandlerErrorEvent): void;
  contextOf(threadId: string, turnId: string | null): AsyncContext | null;
  /** The hooks that the runtime has for a loaded thread; null: for a new one. */
  listHooks(threadId: string | null): Promise<readonly HookMetadata[]>;
  /** Interrupts a turn. Never rejects. */
  interrupt(threadId: string, turnId: string): void;
  readonly closed: Promise<unknown>;
  readonly argv: CallReader["argv"];
}

/** The guards of a thread and what belongs to them. */
export interface GuardSetup {
  /** The guards in their order: the first that has a member decides. */
  readonly layers: readonly Guards[];
  readonly timeoutMs?: number | undefined;
  readonly tool: CallReader["tool"];
}

/** One thread with guards, and its sub-agents. */
class GuardedThread {
  readonly key: string;
  setup: GuardSetup;
  threadId: string | null = null;
  config: { [key: string]: JsonValue } = {};
  /** Why the thread takes no further turn. */
  broken: GuardError | null = null;
  controller = new AbortController();
  /** The calls that `beforeTool` was asked about, by thread and id. */
  readonly asked = new Set<string>();
  /** How often `onStop` and `onSubagentStop` have continued a turn. */
  readonly rounds = new Map<string, number>();
  /** What is being decided, by turn. */
  readonly pending = new Map<AbortController, string | null>();

  constructor(key: string, setup: GuardSetup) {
    this.key = key;
    this.setup = setup;
  }

  get names(): readonly (keyof Guards)[] {
    return GUARD_NAMES.filter((name) => this.layers(name) !== undefined);
  }

  /** The guards that decide on an event. */
  layers(name: keyof Guards): Guards | undefined {
    return this.setup.layers.find((layer) => layer[name] !== undefined);
  }
}

/** Answers the hooks of a client's threads with their guards, and stops a thread whose guards are not asked. */
export class Guardian {
  readonly #host: GuardHost;
  readonly #threads = new Map<string, GuardedThread>();
  readonly #byThread = new Map<string, GuardedThread>();
  readonly #server: GuardServer;
  #keys = 0;

  private constructor(host: GuardHost, server: GuardServer) {
    this.#host = host;
    this.#server = server;
  }

  /** Starts the server for hooks. It closes with the client. */
  static async start(host: GuardHost): Promise<Guardian> {
    const { promise, resolve } = deferred<Guardian>();
    const server = await GuardServer.listen(async (request) => (await promise).#answer(request));
    const guardian = new Guardian(host, server);
    resolve(guardian);
    void host.closed.then(() => {
      server.close();
      for (const { pending } of guardian.#threads.values()) for (const controller of pending.keys()) controller.abort();
    });
    return guardian;
  }

  /**
   * Throws `UsageError` when the runtime was started with hooks that the hooks of a thread would replace, and that the
   * configuration of the client does not tell.
   */
  async refuseUnknownHooks(client: ConfigTable, method: string): Promise<void> {
    const unknown = unknownHook(client, await this.#host.listHooks(null));
    if (unknown === null) return;
    throw new UsageError(
      `${method}: the runtime was started with hooks (${unknown}) that the hooks of the guards would replace. Move them to ` +
        "a config.toml, or to the config of the client.",
    );
  }

  /** Prepares a thread that is about to be opened. Resolves with what to do with it. */
  prepare(setup: GuardSetup, client: ConfigTable, config: ConfigTable): PreparedGuards {
    const thread = new GuardedThread(`thread-${++this.#keys}`, setup);
    const limitSec = Math.ceil((setup.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000) + SLACK_SEC;
    const address = {
      url: this.#server.urlOf(thread.key),
      headers: this.#server.headers,
      timeoutSec: Math.min(limitSec, MAX_TIMEOUT_SEC),
    };
    thread.config = guardConfig(thread.names, address, client, config);
    this.#threads.set(thread.key, thread);
    return {
      config: thread.config,
      attach: (threadId) => {
        thread.threadId = threadId;
        this.#byThread.set(threadId, thread);
      },
      verify: async (threadId) => {
        const skipped = skippedGuards(thread.names, await this.#host.listHooks(threadId));
        if (skipped.length === 0) return;
        const error = new GuardError("GUARD_SKIPPED", skippedMessage(skipped), threadId);
        this.#break(thread, error, null);
        throw error;
      },
      discard: () => this.#threads.delete(thread.key),
    };
  }

  /** The guards of a loaded thread. */
  setupOf(threadId: string): GuardSetup | undefined {
    const thread = this.#byThread.get(threadId);
    return thread?.threadId === threadId ? thread.setup : undefined;
  }

  /** Replaces the guards of a loaded thread. False when it needs other hooks than it was opened with. */
  replace(threadId: string, setup: GuardSetup): boolean {
    const thread = this.#byThread.get(threadId);
    if (thread?.threadId !== threadId) return false;
    const names = new Set(thread.names);
    const before = thread.setup;
    thread.setup = setup;
    if (thread.names.every((name) => names.has(name))) return true;
    thread.setup = before;
    return false;
  }

  /** What a lost thread is resumed with in another process. */
  configOf(threadId: string): { [key: string]: JsonValue } | undefined {
    const thread = this.#byThread.get(threadId);
    return thread?.threadId === threadId ? thread.config : undefined;
  }

  /** Aborts with a `GuardError` when the thread must not continue. */
  signalOf(threadId: string): AbortSignal | undefined {
    return this.#byThread.get(threadId)?.controller.signal;
  }

  /** Watches that every call is asked about, and that every hook is answered. */
  observe(notification: Notification): void {
    const { method, params } = notification;
    switch (method) {
      case "thread/started": {
        const parent = this.#byThread.get(params.thread.parentThreadId ?? "");
        if (parent !== undefined) this.#byThread.set(params.thread.id, parent);
        break;
      }
      case "hook/completed": {
        const thread = this.#byThread.get(params.threadId);
        const { eventName, handlerType, status, entries } = params.run;
        if (thread === undefined || status !== "failed" || handlerType !== "mcpTool") break;
        const guard = thread.names.find((name) => HOOKS[name].event.toLowerCase() === eventName.toLowerCase());
        // A hook of the user may fail too. It does not end the turn if it names another server.
        if (guard === undefined || entries.some(({ text }) => namesOther(text))) break;
        this.#break(thread, unreachable(guard, thread.threadId), params.turnId, params.threadId);
        break;
      }
      case "item/started": {
        const thread = this.#byThread.get(params.threadId);
        if (thread === undefined || thread.layers("beforeTool") === undefined) break;
        const { item } = params;
        const isCall =
          item.type === "commandExecution"
            ? item.source === "agent" || item.source === "unifiedExecStartup"
            : item.type === "fileChange" || item.type === "mcpToolCall" || item.type === "dynamicToolCall";
        if (!isCall || thread.asked.has(callKey(params.threadId, item.id))) break;
        const message = `A call (${item.type}) started that beforeTool was not asked about, so its turn was interrupted.`;
        this.#break(thread, new GuardError("GUARD_SKIPPED", message, thread.threadId), params.turnId, params.threadId);
        break;
      }
      case "turn/completed": {
        const thread = this.#byThread.get(params.threadId);
        if (thread === undefined) break;
        thread.rounds.delete(params.turn.id);
        for (const [controller, turnId] of thread.pending) if (turnId === params.turn.id) controller.abort();
        for (const key of thread.asked) if (key.startsWith(`${params.threadId} `)) thread.asked.delete(key);
        break;
      }
      case "thread/closed": {
        const thread = this.#byThread.get(params.threadId);
        this.#byThread.delete(params.threadId);
        if (thread?.threadId === params.threadId) this.#threads.delete(thread.key);
        break;
      }
      default:
        break;
    }
  }

  async #answer({ key, threadId, input, signal }: HookRequest): Promise<string> {
    const thread = this.#threads.get(key);
    const name = GUARD_NAMES.find((guard) => HOOKS[guard].event === input["event"]);
    if (thread === undefined || name === undefined) throw new TypeError("No such guard.");
    const turnId = typeof input["turn"] === "string" ? input["turn"] : null;
    const ownerId = thread.threadId ?? threadId ?? "";
    const agentId = threadId ?? ownerId;
    if (agentId !== ownerId) this.#byThread.set(agentId, thread);
    const callId = typeof input["id"] === "string" ? input["id"] : null;
    if (name === "beforeTool" && callId !== null) thread.asked.add(callKey(agentId, callId));
    const inContext = this.#host.contextOf(agentId, turnId) ?? this.#host.contextOf(ownerId, null) ?? rootContext;
    const timeoutMs = thread.setup.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const controller = new AbortController();
    const stop = watchLimits({ signal, timeoutMs }, (limit) => {
      controller.abort(limit === "signal" ? signal.reason : new TimeLimitError("guardTimeoutMs", timeoutMs));
    });
    thread.pending.set(controller, turnId);
    try {
      if (thread.broken !== null) throw thread.broken;
      const own = thread.layers(name);
      // A guard that was taken away with `resumeThread` has nothing to say.
      if (own === undefined) return "";
      const context: GuardContext = {
        threadId: ownerId,
        turnId,
        callId,
        agent:
          agentId === ownerId
            ? { kind: "main" }
            : { kind: "subagent", threadId: agentId, type: typeof input["type"] === "string" ? input["type"] : null },
        cwd: typeof input["cwd"] === "string" ? input["cwd"] : "",
        signal: controller.signal,
      };
      const rounds = thread.rounds.get(turnId ?? "") ?? 0;
      const reader: CallReader = { tool: thread.setup.tool, argv: this.#host.argv };
      const asking = inContext(async () => ask(own, name, questionOf(name, input, reader, rounds), context));
      const text = hookText(name, await withLimits(asking, { signal: context.signal }));
      if ((name === "onStop" || name === "onSubagentStop") && text !== "") thread.rounds.set(turnId ?? "", rounds + 1);
      return text;
    } catch (error) {
      // Nobody waits for an answer any more.
      if (controller.signal.aborted && !(controller.signal.reason instanceof TimeLimitError))
        return denialText(name) ?? "";
      if (error !== thread.broken) {
        const params = { request: `guards.${name}`, threadId: agentId, turnId, error };
        inContext(() => this.#host.handlerError({ method: "handlerError", params }));
      }
      const denial = denialText(name);
      if (denial === null) {
        const message = `${name} failed, so its turn was interrupted: ${messageOf(error)}`;
        this.#break(thread, new GuardError("GUARD_FAILED", message, ownerId, { cause: error }), turnId, agentId);
      }
      return denial ?? "";
    } finally {
      thread.pending.delete(controller);
      stop();
    }
  }

  /** Ends the turns of a thread, and of its sub-agents. */
  #break(thread: GuardedThread, error: GuardError, turnId: string | null, agentId = thread.threadId): void {
    const { controller } = thread;
    if (error.code === "GUARD_FAILED") thread.controller = new AbortController();
    else if (thread.broken === null) thread.broken = error;
    controller.abort(error);
    if (agentId !== null && turnId !== null) this.#host.interrupt(agentId, turnId);
  }
}

/** A thread with guards that is being opened. */
export interface PreparedGuards {
  /** The configuration of the thread, with the hooks. */
  readonly config: { [key: string]: JsonValue };
  /** The runtime has opened it. */
  readonly attach: (threadId: string) => void;
  /** Rejects with `GuardError` when the runtime will not run the hooks. */
  readonly verify: (threadId: string) => Promise<void>;
  /** It was not opened. */
  readonly discard: () => void;
}

/** Whether the error of a hook is about another MCP server than ours. */
function namesOther(text: string): boolean {
  const named = /MCP server ['"`]([^'"`]+)['"`]/.exec(text)?.[1];
  return named !== undefined && named !== SERVER_NAME;
}

function callKey(threadId: string, callId: string): string {
  return `${threadId} ${callId}`;
}

function unreachable(guard: keyof Guards, threadId: string | null): GuardError {
  const message =
    `The runtime could not ask ${guard}, so the turn was interrupted. The thread takes no further turn of this client. ` +
    "Close the client, and resume the thread with another one.";
  return new GuardError("GUARD_UNREACHABLE", message, threadId);
}

function skippedMessage(skipped: readonly string[]): string {
  return (
    `The runtime does not run the hooks of ${skipped.join(", ")}, so the thread was not opened. Remove what turns hooks off ` +
    "(features.hooks = false, or an administrator's requirements), and check that no other setting replaces `hooks`."
  );
}
