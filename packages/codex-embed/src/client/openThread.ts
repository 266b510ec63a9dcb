import { UsageError } from "../errors/base.js";
import { JsonRpcError, MethodNotFoundError, ThreadNotFoundError } from "../errors/connection.js";
import { SettingsMismatchError } from "../errors/turn.js";
import { configJson } from "../process/config.js";
import type { JsonValue, Thread as ThreadRecord, ThreadStatus, TurnsPage } from "../protocol/generated/protocol.js";
import { decidesApprovals, type ToolRunner } from "../requests/handlers.js";
import type {
  ForkThreadOptions,
  ResumeThreadOptions,
  StartThreadOptions,
  ThreadConfig,
  ThreadExtras,
  ThreadModes,
} from "../runtime/options.js";
import {
  type EffectiveSettings,
  type RequestedSettings,
  settingsMismatch,
  threadModeFields,
} from "../runtime/settings.js";
import { guardedOpening, hasGuards, prepareGuards, resumeGuards } from "./guarding.js";
import type * as rollouts from "../runtime/rollout.js";
import type { Runtime } from "../runtime/runtime.js";
import { type SandboxFields, sandboxFields, type ThreadSandbox } from "../stream/threadMemory.js";
import { ToolSet } from "../tools/tool.js";
import { currentContext } from "../util/async.js";

/** What the runtime reports of a thread that it has opened. */
export interface OpenedThread extends EffectiveSettings {
  readonly thread: {
    readonly id: string;
    readonly parentThreadId: string | null;
    readonly ephemeral: boolean;
    readonly status: ThreadStatus;
  };
}

/** The turn in flight: a pending request to approve a file change does not repeat the change, its turn has it. */
const LATEST_TURN = { initialTurnsPage: { limit: 1, itemsView: "full" } } as const;

/** Starts a thread (`thread/start`). Its handlers are in place before the runtime can ask anything. */
export async function openNewThread(runtime: Runtime, options: StartThreadOptions): Promise<OpenedThread> {
  const { fields, modes, configField, extras } = prepare(runtime, options);
  const approvalMode = modes.approvalMode ?? (extras.decides ? "ask" : "auto_review");
  if (fields.experimentalRawEvents === true && runtime.countsResponses) {
    throw new UsageError(
      "experimentalRawEvents needs rawResponseItem/completed, which a client opts out of by default. " +
        "Create the client with optOutNotifications: [].",
    );
  }
  const asking = { method: "thread/start", options, config: configField.config, tools: extras.tools } as const;
  const guarding = hasGuards(runtime, options) ? await prepareGuards(runtime, asking) : null;
  const params = {
    ...(runtime.countsResponses ? { experimentalRawEvents: true } : {}),
    ...fields,
    ...(guarding === null ? configField : { config: guarding.config }),
    ...threadModeFields({ ...modes, approvalMode }),
    ...(extras.tools === undefined ? {} : { dynamicTools: extras.tools.specs }),
  };
  const onResult = (started: OpenedThread): void => {
    extras.attach(started);
    guarding?.attach(started.thread.id);
  };
  const opening = guardedOpening(runtime, guarding, runtime.request("thread/start", params, { onResult }));
  runtime.login.prepare();
  const started = await opening;
  warnOfUnreachable(runtime, extras.decides, started);
  return started;
}

/** Opens a stored thread (`thread/resume`) in the sandbox it was in, unless the options name another. */
export async function openStoredThread(
  runtime: Runtime,
  threadId: string,
  options: ResumeThreadOptions,
): Promise<OpenedThread> {
  const { fields, modes, configField, extras } = prepare(runtime, options);
  const stored = new StoredThread(runtime, "thread/resume", threadId, fields.path ?? null);
  await refuseIgnored(stored, options);
  const asking = {
    method: "thread/resume",
    threadId,
    options,
    config: configField.config,
    tools: extras.tools,
  } as const;
  const isLoaded = () => stored.isLoaded();
  const guarding = hasGuards(runtime, options, threadId) ? await resumeGuards(runtime, asking, isLoaded) : null;
  const kept = asksForSandbox(options) ? null : await stored.sandbox();
  const needsInstructions = await lacksInstructions(stored, options.developerInstructions);
  // The runtime ignores a tier that the model does not have; only a loaded thread can keep another one.
  const { serviceTier, ...others } = fields;
  const isKeptTier = typeof serviceTier === "string" && (await stored.isLoaded());
  const latest = extras.decides && runtime.options.experimentalApi !== false ? LATEST_TURN : {};
  const params = {
    // The history can be many megabytes, and the runtime deprecates sending it.
    excludeTurns: true,
    ...latest,
    ...fields,
    ...keptFields(kept, guarding?.config ?? configField.config),
    ...threadModeFields(modes),
    threadId,
  };
  // The runtime sends pending requests again right after the reply, and may send the end of the running turn.
  const onResult = (resumed: OpenedThread & { readonly initialTurnsPage: TurnsPage | null }): void => {
    extras.attach(resumed);
    guarding?.attach(resumed.thread.id);
    if (resumed.thread.status.type === "active") runtime.router.noteActive(threadId);
    runtime.broker.learn(threadId, resumed.initialTurnsPage?.data ?? []);
  };
  // A turn in flight asks from the moment it is loaded.
  guarding?.attach(threadId);
  const opening = guardedOpening(runtime, guarding, runtime.request("thread/resume", params, { onResult }));
  runtime.login.prepare();
  const opened = await opening;
  if (opened.thread.status.type === "active") await identifyActive(runtime, threadId);
  const asked = {
    ...modes,
    ...others,
    ...(isKeptTier ? { serviceTier } : {}),
    ...keptProfile(kept),
  };
  checkSettings(runtime, asked, extras.decides, opened);
  if (needsInstructions) await instruct(runtime, opened, options.developerInstructions);
  return opened;
}

/** Copies a thread (`thread/fork`) in the sandbox it is in, unless the options name another. */
export async function openFork(runtime: Runtime, threadId: string, options: ForkThreadOptions): Promise<OpenedThread> {
  const { fields, modes, configField, extras } = prepare(runtime, options);
  const stored = new StoredThread(runtime, "thread/fork", threadId, fields.path ?? null);
  const asking = { method: "thread/fork", threadId, options, config: configField.config, tools: extras.tools } as const;
  const guarding = hasGuards(runtime, options, threadId) ? await prepareGuards(runtime, asking) : null;
  const isInherited = asksForSandbox(options) || options.experimentalPredictionMode === true;
  const kept = isInherited ? null : await stored.sandbox();
  const params = {
    excludeTurns: true,
    ...fields,
    ...keptFields(kept, guarding?.config ?? configField.config),
    ...threadModeFields(modes),
    threadId,
  };
  const onResult = (fork: OpenedThread): void => {
    runtime.totals.inherit(fork.thread.id, threadId);
    runtime.broker.inherit(fork.thread.id, threadId);
    extras.attach(fork);
    guarding?.attach(fork.thread.id);
  };
  const opening = guardedOpening(runtime, guarding, runtime.request("thread/fork", params, { onResult }));
  runtime.login.prepare();
  const opened = await opening;
  const { serviceTier: _, ...asked } = {
    ...modes,
    ...fields,
    ...keptProfile(kept),
  };
  checkSettings(runtime, asked, extras.decides, opened);
  await instruct(runtime, opened, options.developerInstructions);
  return opened;
}

/** Reads what is known of a thread before it is opened. Each part is requested once, and only if needed. */
class StoredThread {
  readonly id: string;
  readonly #runtime: Runtime;
  readonly #method: "thread/resume" | "thread/fork";
  readonly #path: string | null;
  #record: Promise<ThreadRecord> | null = null;

  /**
   * @param method - the request that opens the thread.
   * @param path - the rollout to open, when the caller names one instead of the thread.
   */
  constructor(runtime: Runtime, method: "thread/resume" | "thread/fork", id: string, path: string | null) {
    this.#runtime = runtime;
    this.#method = method;
    this.id = id;
    this.#path = path;
  }

  /** Whether the runtime has it loaded, for this client or another. */
  async isLoaded(): Promise<boolean> {
    if (this.#runtime.recovery.holds(this.id)) return true;
    return this.#path === null && (await this.#read()).status.type !== "notLoaded";
  }

  /** The sandbox it is in, or was in last; null when it is loaded and keeps its own. */
  async sandbox(): Promise<ThreadSandbox | null> {
    const known = this.#runtime.sandboxes.of(this.id);
    if (known !== undefined) return known;
    const stored = await readRollout(this.#runtime, await this.#rolloutPath(), (rollout, { sandboxIn }) =>
      sandboxIn(rollout),
    );
    if (stored !== null) return stored;
    if (this.#method === "thread/resume" && (await this.isLoaded())) return null;
    throw new UsageError(
      `${this.#method}: the sandbox of thread ${this.id} is unknown: its rollout cannot be read or does not name it. ` +
        'Pass sandbox: "read-only", "workspace-write" or "full-access".',
    );
  }

  /** Whether the context of its model has these instructions. */
  async isInstructed(instructions: string): Promise<boolean> {
    const path = await this.#rolloutPath();
    const isIn = await readRollout(this.#runtime, path, (rollout, { hasInstructions }) =>
      hasInstructions(rollout, instructions),
    );
    return isIn === true;
  }

  async #rolloutPath(): Promise<string | null> {
    return this.#path ?? (await this.#read()).path;
  }

  #read(): Promise<ThreadRecord> {
    this.#record ??= readThread(this.#runtime, this.id).catch((error: unknown) => {
      const isExplained = this.#runtime.router.fates.of(this.id) !== undefined;
      if (isExplained || !ThreadNotFoundError.isInstance(error)) throw error;
      const message = `no thread has the id ${this.id}.`;
      const hint = "Check the id with listThreads(). A thread is stored with its first turn.";
      throw new ThreadNotFoundError(error.code, this.#method, { code: error.rpcCode, message }, hint, { cause: error });
    });
    return this.#record;
  }
}

/** Options that a loaded thread ignores, and does not report either. */
const IGNORED_WHEN_LOADED = [
  "config",
  "baseInstructions",
  "developerInstructions",
  "runtimeWorkspaceRoots",
  "personality",
  "history",
] as const satisfies readonly (keyof ResumeThreadOptions)[];

async function refuseIgnored(stored: StoredThread, options: ResumeThreadOptions): Promise<void> {
  const given = IGNORED_WHEN_LOADED.filter((name) => options[name] !== undefined && options[name] !== null);
  if (given.length === 0 || !(await stored.isLoaded())) return;
  throw new UsageError(
    `resumeThread: thread ${stored.id} is loaded, and a loaded thread ignores ${given.join(", ")}. Leave it out, or ` +
      "fork the thread with it: codex.forkThread(threadId, options).",
  );
}

/** Settings of a configuration that choose the sandbox. */
const SANDBOX_SETTING = /^(?:sandbox_mode|default_permissions|permissions)$/;

function asksForSandbox({ sandbox, permissions, config }: ResumeThreadOptions | ForkThreadOptions): boolean {
  return sandbox !== undefined || typeof permissions === "string" || Object.keys(config ?? {}).some(isSandboxSetting);
}

function isSandboxSetting(key: string): boolean {
  return SANDBOX_SETTING.test(key);
}

/** The sandbox to keep. The caller's own configuration wins. */
function keptFields(
  kept: ThreadSandbox | null,
  config: { [key: string]: JsonValue } | null | undefined,
): SandboxFields | { config?: { [key: string]: JsonValue } | null } {
  const fields = kept === null ? {} : sandboxFields(kept);
  return config === undefined || config === null ? fields : { ...fields, config: { ...fields.config, ...config } };
}

function keptProfile(kept: ThreadSandbox | null): RequestedSettings {
  return kept !== null && "profileId" in kept ? { permissions: kept.profileId } : {};
}

/** Splits the options of a thread into what is sent as it is, what is converted, and what stays in this program. */
function prepare<O extends ThreadConfig & ThreadModes & ThreadExtras>(runtime: Runtime, options: O) {
  const { sandbox, approvalMode, cwd, handlers, tools, config, guards: _, guardTimeoutMs: __, ...given } = options;
  return {
    fields: { ...given, ...runtime.paths.cwdField(cwd) },
    modes: { sandbox, approvalMode },
    configField: configFieldOf(config),
    extras: prepareExtras(runtime, { handlers, tools }),
  };
}

function configFieldOf(config: ThreadConfig["config"]): { config?: { [key: string]: JsonValue } | null } {
  if (config === undefined) return {};
  return { config: config === null ? null : configJson(config) };
}

/** A thread that has run a turn ignores new instructions until its context is rebuilt, so they are injected. */
async function lacksInstructions(stored: StoredThread, instructions: string | null | undefined): Promise<boolean> {
  return typeof instructions === "string" && !(await stored.isInstructed(instructions));
}

async function instruct(
  runtime: Runtime,
  { thread }: OpenedThread,
  instructions: string | null | undefined,
): Promise<void> {
  if (typeof instructions !== "string" || instructions === "") return;
  const item = { type: "message", role: "developer", content: [{ type: "input_text", text: instructions }] };
  await runtime.request("thread/inject_items", { threadId: thread.id, items: [item] });
}

/** Finds out which turn runs, so that the error for a busy thread can name it. */
async function identifyActive(runtime: Runtime, threadId: string): Promise<void> {
  try {
    const params = { threadId, limit: 1, sortDirection: "desc", itemsView: "notLoaded" } as const;
    const { data } = await runtime.request("thread/turns/list", params);
    runtime.router.identify(threadId, data[0]);
  } catch (error) {
    // An ephemeral thread has no list: it stays busy until its turn ends.
    if (!JsonRpcError.isInstance(error)) throw error;
  }
}

interface PreparedExtras {
  readonly tools: ToolSet | undefined;
  /** Whether handlers of this program decide the thread's approvals. */
  readonly decides: boolean;
  readonly attach: (opened: OpenedThread) => void;
}

function prepareExtras(runtime: Runtime, { handlers, tools }: ThreadExtras): PreparedExtras {
  const set = tools === undefined || tools.length === 0 ? undefined : new ToolSet(tools);
  if (set !== undefined && runtime.options.experimentalApi === false) {
    throw new UsageError("tools need the experimental part of the protocol. Remove experimentalApi: false.");
  }
  const context = currentContext();
  const log = (message: string) => runtime.options.logger?.info({}, message);
  const warn = (tool: string, problem: string) =>
    runtime.warnOnce(`result of ${tool}`, `A result of the tool ${tool} was not sent: ${problem}`);
  return {
    tools: set,
    decides: decidesApprovals(handlers) || decidesApprovals(runtime.options.handlers),
    attach: ({ thread, modelProvider, sandbox, activePermissionProfile, cwd }) => {
      runtime.login.opened(thread.id, modelProvider);
      runtime.recovery.keep(thread.id, !thread.ephemeral, context);
      runtime.sandboxes.note(thread.id, sandbox, activePermissionProfile);
      const runner: ToolRunner | undefined = set && {
        has: (call) => set.has(call),
        call: (call, { signal }) => set.call(call, { signal, log, warn }),
      };
      runtime.broker.attach(thread.id, { handlers, tools: runner, cwd });
    },
  };
}

/** A loaded thread ignores the settings of a resume, so those in force are compared with the requested ones. */
function checkSettings(runtime: Runtime, asked: RequestedSettings, decides: boolean, opened: OpenedThread): void {
  const mismatch = settingsMismatch(asked, opened);
  if (mismatch !== null) throw new SettingsMismatchError(opened.thread.id, mismatch.requested, mismatch.effective);
  warnOfUnreachable(runtime, decides, opened);
}

function warnOfUnreachable(runtime: Runtime, decides: boolean, opened: OpenedThread): void {
  if (!decides) return;
  const { approvalPolicy, approvalsReviewer } = opened;
  if (approvalPolicy !== "never" && approvalsReviewer === "user") return;
  const why = approvalPolicy === "never" ? "it denies every approval" : "a reviewing agent decides";
  runtime.warnOnce(
    "unreachable-handlers",
    `The approval handlers of thread ${opened.thread.id} will not be asked: ${why}. Use approvalMode "ask".`,
  );
}

/** Reads the record of a thread (`thread/read`). */
export async function readThread(runtime: Runtime, threadId: string, includeTurns = false): Promise<ThreadRecord> {
  try {
    const { thread } = await runtime.request("thread/read", { threadId, includeTurns });
    return thread;
  } catch (error) {
    // The runtime cannot list the turns of a thread that has none yet (measured).
    if (!includeTurns || !MethodNotFoundError.isInstance(error)) throw error;
    return readThread(runtime, threadId);
  }
}

/**
 * Reads a part of a thread's rollout; null when the rollout cannot be read. The files of a local runtime are here, unless
 * a `spawn` put it elsewhere; any other runtime sends the file (`fs/readFile`).
 */
async function readRollout<T>(
  runtime: Runtime,
  path: string | null,
  read: (rollout: rollouts.RolloutBytes, readers: typeof rollouts) => Promise<T>,
): Promise<T | null> {
  if (path === null) return null;
  // Most programs resume no thread, and do not load what reads one.
  const readers = await import("../runtime/rollout.js");
  let rollout: rollouts.RolloutBytes | null = null;
  try {
    rollout = runtime.paths.isLocal ? await readers.openRollout(path).catch(() => null) : null;
    rollout ??= readers.rolloutOf(Buffer.from((await runtime.request("fs/readFile", { path })).dataBase64, "base64"));
    return await read(rollout, readers);
  } catch {
    return null;
  } finally {
    await rollout?.close();
  }
}
