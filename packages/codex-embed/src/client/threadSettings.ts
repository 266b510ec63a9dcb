import { UsageError } from "../errors/base.js";
import type { CollaborationMode, ThreadSettingsUpdateParams } from "../protocol/generated/protocol.js";
import type { ThreadUpdateOptions } from "../runtime/options.js";
import { turnModeFields } from "../runtime/settings.js";
import type { Runtime } from "../runtime/runtime.js";

/** What decides about plan mode in the options of a turn, or of an update. */
export type PlanOptions = Pick<ThreadUpdateOptions, "planMode" | "collaborationMode" | "model" | "effort">;

/**
 * The field that switches plan mode on or off. It holds the model and the effort too and overrides both, so those in
 * force are read from the thread (measured: without an effort it removes the thread's).
 */
export async function planModeField(
  runtime: Runtime,
  threadId: string,
  call: string,
  { planMode, collaborationMode, model, effort }: PlanOptions,
): Promise<{ readonly collaborationMode?: CollaborationMode }> {
  if (planMode === undefined) return {};
  if (collaborationMode !== undefined && collaborationMode !== null) {
    throw new UsageError(`${call}: planMode and collaborationMode set the same. Pass one of them.`);
  }
  if (runtime.options.experimentalApi === false) {
    throw new UsageError(
      `${call}: planMode needs the experimental part of the protocol. Remove experimentalApi: false.`,
    );
  }
  const { thread } = await runtime.request("thread/read", { threadId, includeTurns: false });
  const inForce = model ?? thread.model;
  if (inForce === null) {
    throw new UsageError(
      `${call}: planMode needs a model, and the runtime does not say which one the thread has. Pass model.`,
    );
  }
  const settings = {
    model: inForce,
    reasoning_effort: effort ?? thread.reasoningEffort,
    developer_instructions: null,
  };
  return { collaborationMode: { mode: planMode ? "plan" : "default", settings } };
}

/**
 * Changes settings of a thread (`thread/settings/update`). Resolves with the working directory that was set, as the runtime
 * resolves it; null when none was.
 */
export async function updateThread(
  runtime: Runtime,
  threadId: string,
  options: ThreadUpdateOptions,
): Promise<string | null> {
  if (runtime.options.experimentalApi === false) {
    throw new UsageError("update needs the experimental part of the protocol. Remove experimentalApi: false.");
  }
  const { sandbox, approvalMode, cwd, planMode: _, ...fields } = options;
  const modes = turnModeFields({ sandbox, approvalMode });
  const folder = runtime.paths.cwdField(cwd);
  const params: ThreadSettingsUpdateParams = {
    ...fields,
    ...(await planModeField(runtime, threadId, "update", options)),
    ...folder,
    ...modes,
    threadId,
  };
  // The notification with the settings in force may come after the reply, and a crash before it.
  const onResult = (): void => {
    runtime.updates.note(params);
    const { permissions } = fields;
    if (typeof permissions === "string") runtime.sandboxes.set(threadId, { profileId: permissions });
    else if (modes.sandboxPolicy !== undefined) runtime.sandboxes.set(threadId, { policy: modes.sandboxPolicy });
  };
  await runtime.request("thread/settings/update", params, { onResult });
  return folder.cwd ? runtime.paths.resolve(folder.cwd) : null;
}
