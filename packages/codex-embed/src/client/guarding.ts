import { UsageError } from "../errors/base.js";
import { GuardError } from "../errors/guard.js";
import { UnsupportedError } from "../errors/connection.js";
import type { Guardian, GuardSetup, PreparedGuards } from "../guards/guardian.js";
import type { Guards } from "../guards/types.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isOlder } from "../protocol/runtimes.js";
import { type ConfigObject, configJson } from "../process/config.js";
import type { GuardOptions } from "../runtime/options.js";
import type { Runtime } from "../runtime/runtime.js";
import type { ToolSet } from "../tools/tool.js";
import { callback, timeout } from "../validate/kinds.js";
import { members, type OptionTable } from "../validate/options.js";

const GUARDS: OptionTable<Guards> = {
  beforeTool: callback,
  afterTool: callback,
  onPrompt: callback,
  onStop: callback,
  onSessionStart: callback,
  beforeCompact: callback,
  afterCompact: callback,
  onSubagentStart: callback,
  onSubagentStop: callback,
};

export const GUARD_OPTIONS: OptionTable<GuardOptions> = { guards: members(GUARDS), guardTimeoutMs: timeout };

/** The first runtime that lists the hooks of a thread. Before it, nothing tells whether it will run them. */
const SINCE = "0.166.0";

type Opening = "thread/start" | "thread/resume" | "thread/fork";

/** A thread that is about to be opened. */
interface Opened {
  readonly method: Opening;
  /** The thread to resume, or to fork: its guards stay unless the options replace them. */
  readonly threadId?: string | undefined;
  readonly options: GuardOptions;
  readonly config: { [key: string]: JsonValue } | null | undefined;
  readonly tools: ToolSet | undefined;
}

/** Whether a thread with these options has guards. Loads nothing. */
export function hasGuards(runtime: Runtime, { guards }: GuardOptions, threadId?: string): boolean {
  if (guards !== undefined || threadId === undefined) return layersOf(runtime, guards).length > 0;
  return layersOf(runtime, guards).length > 0 || runtime.guards?.setupOf(threadId) !== undefined;
}

/**
 * Prepares the guards of a thread that is about to be opened.
 *
 * @throws UnsupportedError for an older runtime; UsageError for a runtime that cannot reach this program, or whose hooks
 * would be replaced.
 */
export async function prepareGuards(runtime: Runtime, opened: Opened): Promise<PreparedGuards> {
  const { method, options, threadId, config, tools } = opened;
  if (runtime.isElsewhere) {
    throw new UsageError(
      `${method}: guards need a runtime that can reach this program: its hooks ask a server on the loopback interface. ` +
        "Start the runtime on this machine with new Codex(), or connect to one on a loopback address.",
    );
  }
  await runtime.start();
  const { runtimeVersion } = runtime.metadata;
  if (isOlder(runtimeVersion, SINCE)) {
    throw new UnsupportedError(method, { option: "guards", version: runtimeVersion, since: SINCE });
  }
  const client = "config" in runtime.options ? configOf(runtime.options.config) : {};
  const guardian = await guardianOf(runtime);
  await guardian.refuseUnknownHooks(client, method);
  return guardian.prepare(setupOf(runtime, options, tools, threadId), client, config ?? {});
}

/**
 * Prepares the guards of a thread that is about to be resumed. One that this client has loaded gets other functions for the
 * hooks that it has: null then.
 *
 * @throws UsageError when it was loaded without guards, or without a hook that they need, and as `prepareGuards` does.
 */
export async function resumeGuards(
  runtime: Runtime,
  opened: Opened & { readonly threadId: string },
  isLoaded: () => Promise<boolean>,
): Promise<PreparedGuards | null> {
  const { threadId, options, tools } = opened;
  if (!(await isLoaded())) return prepareGuards(runtime, opened);
  if (runtime.guards?.replace(threadId, setupOf(runtime, options, tools, threadId)) === true) return null;
  throw new UsageError(
    `resumeThread: thread ${threadId} is loaded, and a loaded thread takes no other kinds of guards than it was opened ` +
      "with. Fork it with the guards: codex.forkThread(threadId, options).",
  );
}

/**
 * Resolves as `opening` does, when the runtime will run the hooks of the thread. Unsubscribes from the thread, and rejects,
 * when it will not.
 */
export async function guardedOpening<T extends { readonly thread: { readonly id: string } }>(
  runtime: Runtime,
  guarding: PreparedGuards | null,
  opening: Promise<T>,
): Promise<T> {
  if (guarding === null) return opening;
  let opened: T;
  try {
    opened = await opening;
  } catch (error) {
    guarding.discard();
    throw error;
  }
  const threadId = opened.thread.id;
  try {
    await guarding.verify(threadId);
  } catch (error) {
    if (GuardError.isInstance(error)) await runtime.request("thread/unsubscribe", { threadId }).catch(() => {});
    throw error;
  }
  return opened;
}

function layersOf(runtime: Runtime, guards: Guards | undefined): Guards[] {
  const layers = [guards, runtime.options.guards].filter((layer) => layer !== undefined);
  return layers.filter((layer) => Object.keys(GUARDS).some((name) => Reflect.get(layer, name) !== undefined));
}

function setupOf(runtime: Runtime, options: GuardOptions, tools: ToolSet | undefined, threadId?: string): GuardSetup {
  const before = threadId === undefined ? undefined : runtime.guards?.setupOf(threadId);
  return {
    layers: options.guards === undefined && before !== undefined ? before.layers : layersOf(runtime, options.guards),
    timeoutMs: options.guardTimeoutMs ?? before?.timeoutMs ?? runtime.options.guardTimeoutMs,
    tool: tools === undefined && before !== undefined ? before.tool : (name) => tools?.byHookName(name),
  };
}

function configOf(config: unknown): { [key: string]: JsonValue } {
  return isConfig(config) ? configJson(config) : {};
}

/** The options of the client were checked when it was made. */
function isConfig(config: unknown): config is ConfigObject {
  return typeof config === "object" && config !== null;
}

const guardians = new WeakMap<Runtime, Promise<Guardian>>();

function guardianOf(runtime: Runtime): Promise<Guardian> {
  const started = guardians.get(runtime) ?? startGuardian(runtime);
  guardians.set(runtime, started);
  return started;
}

async function startGuardian(runtime: Runtime): Promise<Guardian> {
  const [{ Guardian }, { simpleCommand }] = await Promise.all([
    import("../guards/guardian.js"),
    import("../approvals/shell.js"),
  ]);
  const guardian = await Guardian.start({
    handlerError: (event) => runtime.reportHandlerError(event),
    contextOf: (threadId, turnId) => runtime.router.contextOf(threadId, turnId),
    listHooks: async (threadId) => {
      const params = threadId === null ? {} : { threadId };
      return (await runtime.request("hooks/list", params)).data.flatMap(({ hooks }) => hooks);
    },
    interrupt: (threadId, turnId) => {
      runtime.request("turn/interrupt", { threadId, turnId }).catch(() => {});
    },
    closed: runtime.closed,
    argv: (script) => {
      const read = simpleCommand(script);
      return "words" in read ? read.words : null;
    },
  });
  runtime.guards = guardian;
  return guardian;
}
