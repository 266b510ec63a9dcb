/** Owns opening threads: new, stored, or copied ones, with their deciders in place before anything can be asked. */

import { JsonRpcError, SettingsMismatchError, UsageError } from "./errors/index.js";
import type { ThreadStatus } from "./generated/protocol.js";
import {
  type EffectiveSettings,
  type ForkThreadOptions,
  type ResumeThreadOptions,
  type StartThreadOptions,
  settingsMismatch,
  type ThreadExtras,
  threadModeFields,
} from "./options.js";
import type { TurnsPage } from "./generated/protocol.js";
import type { ToolRunner } from "./requests/broker.js";
import { decidesApprovals } from "./requests/handlers.js";
import type { Runtime } from "./runtime.js";
import { ToolSet } from "./tools/index.js";

/** What the runtime tells of a thread that it has opened. */
export interface OpenedThread extends EffectiveSettings {
  readonly thread: { readonly id: string; readonly ephemeral: boolean; readonly status: ThreadStatus };
  readonly model: string;
}

/** A file change that still waits for its decision stands in the turn in flight alone, and in no request of its own. */
const LATEST_TURN = { initialTurnsPage: { limit: 1, itemsView: "full" } } as const;

/** Starts a thread (`thread/start`). */
export async function openNewThread(runtime: Runtime, options: StartThreadOptions): Promise<OpenedThread> {
  const { sandbox, approvalMode, handlers, tools, ...fields } = options;
  const extras = prepareExtras(runtime, { handlers, tools });
  const mode = approvalMode ?? (extras.decides ? "ask" : "auto_review");
  const params = {
    ...fields,
    ...threadModeFields({ sandbox, approvalMode: mode }),
    ...(extras.tools === undefined ? {} : { dynamicTools: extras.tools.specs }),
  };
  const opened = await runtime.request("thread/start", params, { onResult: extras.attach });
  warnOfUnreachable(runtime, extras.decides, opened);
  return opened;
}

/** Opens a stored thread (`thread/resume`). */
export async function openStoredThread(
  runtime: Runtime,
  threadId: string,
  options: ResumeThreadOptions,
): Promise<OpenedThread> {
  const { sandbox, approvalMode, handlers, tools, ...fields } = options;
  const modes = { sandbox, approvalMode };
  const extras = prepareExtras(runtime, { handlers, tools });
  // The whole history can be many megabytes, and the runtime deprecates sending it.
  const latest = extras.decides && runtime.options.experimentalApi !== false ? LATEST_TURN : {};
  const params = { excludeTurns: true, ...latest, ...fields, ...threadModeFields(modes), threadId };
  // What is still pending is sent again right behind the reply, and so is the end of a turn that runs.
  const onResult = (resumed: OpenedThread & { readonly initialTurnsPage: TurnsPage | null }): void => {
    extras.attach(resumed);
    if (resumed.thread.status.type === "active") runtime.router.noteActive(threadId);
    runtime.broker.learn(threadId, resumed.initialTurnsPage?.data ?? []);
  };
  const opened = await runtime.request("thread/resume", params, { onResult });
  if (opened.thread.status.type === "active") await identifyActive(runtime, threadId);
  return checked(runtime, { ...modes, cwd: fields.cwd }, extras.decides, opened);
}

/** Copies a thread (`thread/fork`). The copy is in the sandbox of the thread, unless it gets another. */
export async function openFork(runtime: Runtime, threadId: string, options: ForkThreadOptions): Promise<OpenedThread> {
  const { sandbox, approvalMode, handlers, tools, ...fields } = options;
  const modes = { sandbox, approvalMode };
  const extras = prepareExtras(runtime, { handlers, tools });
  const kept = runtime.sandboxes.fieldsFor(threadId);
  const params = { excludeTurns: true, ...fields, ...kept, ...threadModeFields(modes), threadId };
  const onResult = (fork: OpenedThread): void => {
    runtime.totals.inherit(fork.thread.id, threadId);
    runtime.broker.inherit(fork.thread.id, threadId);
    extras.attach(fork);
  };
  const opened = await runtime.request("thread/fork", params, { onResult });
  return checked(runtime, { ...modes, cwd: fields.cwd }, extras.decides, opened);
}

/** Learns which turn runs, so that the error for a busy thread can name it. */
async function identifyActive(runtime: Runtime, threadId: string): Promise<void> {
  try {
    const params = { threadId, limit: 1, sortDirection: "desc", itemsView: "notLoaded" } as const;
    const { data } = await runtime.request("thread/turns/list", params);
    runtime.router.identify(threadId, data[0]);
  } catch (error) {
    // An ephemeral thread has no list: it stays busy until the end of its turn is told.
    if (!JsonRpcError.isInstance(error)) throw error;
  }
}

interface PreparedExtras {
  readonly tools: ToolSet | undefined;
  /** Whether this program decides the thread's approvals. */
  readonly decides: boolean;
  readonly attach: (opened: OpenedThread) => void;
}

function prepareExtras(runtime: Runtime, { handlers, tools }: ThreadExtras): PreparedExtras {
  const set = tools === undefined || tools.length === 0 ? undefined : new ToolSet(tools);
  if (set !== undefined && runtime.options.experimentalApi === false) {
    throw new UsageError(
      "tools belong to the experimental part of the protocol: leave experimentalApi on (the default).",
    );
  }
  const log = (message: string) => runtime.options.logger?.info({}, message);
  return {
    tools: set,
    decides: decidesApprovals(handlers) || decidesApprovals(runtime.options.handlers),
    attach: ({ thread, sandbox }) => {
      runtime.recovery.keep(thread.id, !thread.ephemeral);
      runtime.sandboxes.note(thread.id, sandbox);
      if (handlers === undefined && set === undefined) return;
      const runner: ToolRunner | undefined = set && {
        has: (call) => set.has(call),
        call: (call, { signal }) => set.call(call, { signal, log }),
      };
      runtime.broker.attach(thread.id, { handlers, tools: runner });
    },
  };
}

/** A loaded thread ignores what a resume asks for, so what is in force is compared with what was asked. */
function checked(
  runtime: Runtime,
  asked: Parameters<typeof settingsMismatch>[0],
  decides: boolean,
  opened: OpenedThread,
): OpenedThread {
  const mismatch = settingsMismatch(asked, opened);
  if (mismatch !== null) throw new SettingsMismatchError(opened.thread.id, mismatch.requested, mismatch.effective);
  warnOfUnreachable(runtime, decides, opened);
  return opened;
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
