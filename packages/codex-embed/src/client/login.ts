/** Owns a login that is under way in the user's browser. */

import { UsageError } from "../errors/base.js";
import { LoginError } from "../errors/turn.js";
import type { AccountLoginCompletedNotification } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import { signal } from "../validate/kinds.js";
import { checkOptions } from "../validate/options.js";

/** A login that waits for the user. */
export interface LoginHandle {
  readonly loginId: string;
  /**
   * Resolves when the user has logged in. Rejects with `LoginError` when it failed or was cancelled, with
   * `TransportClosedError` when the runtime went away, or with the signal's reason.
   */
  wait(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Cancels it; `wait()` then rejects. Does nothing when it has already ended. */
  cancel(): Promise<void>;
}

/** A login by the user's browser: open `authUrl` there. */
export interface ChatgptLogin extends LoginHandle {
  readonly authUrl: string;
}

/** A login by another device: show the user `verificationUrl` and `userCode`. */
export interface DeviceCodeLogin extends LoginHandle {
  readonly verificationUrl: string;
  readonly userCode: string;
}

/**
 * The key without what is around it, such as the line break of the file that it was read from.
 * @internal
 */
export function checkedApiKey(apiKey: unknown): string {
  if (typeof apiKey !== "string") throw new UsageError("The API key must be a string.");
  const key = apiKey.trim();
  if (key === "") throw new UsageError("The API key is empty.");
  if (!/\p{Cc}/u.test(key)) return key;
  throw new UsageError("The API key holds a line break or another control character. Pass the key alone.");
}

/**
 * Follows a login from before it is asked for, so that a completion that comes at once is not missed.
 * @internal
 */
export async function followLogin<R extends { readonly loginId: string }>(
  runtime: Runtime,
  begin: () => Promise<R>,
): Promise<R & LoginHandle> {
  const seen: AccountLoginCompletedNotification[] = [];
  let loginId: string | null = null;
  let settle: (end: AccountLoginCompletedNotification) => void = () => {};
  const completed = new Promise<AccountLoginCompletedNotification>((resolve) => {
    settle = resolve;
  });
  const subscription = runtime.listeners.on("account/login/completed", ({ params }) => {
    if (loginId === null) seen.push(params);
    else if (params.loginId === loginId) end(params);
  });
  const end = (params: AccountLoginCompletedNotification) => {
    subscription[Symbol.dispose]();
    settle(params);
  };
  let begun: R;
  try {
    begun = await begin();
  } catch (error) {
    subscription[Symbol.dispose]();
    throw error;
  }
  const id = begun.loginId;
  loginId = id;
  const early = seen.find((params) => params.loginId === id);
  if (early !== undefined) end(early);
  return {
    ...begun,
    async wait(options = {}) {
      const checked = checkOptions(options, "wait", { signal });
      const result = await runtime.whileOpen(completed, checked.signal);
      if (!result.success) throw new LoginError(result.error ?? "The login did not succeed.", id);
    },
    async cancel() {
      await runtime.request("account/login/cancel", { loginId: id });
    },
  };
}
