import { UsageError } from "../errors/base.js";
import { LoginError } from "../errors/turn.js";
import type { AccountLoginCompletedNotification } from "../protocol/generated/protocol.js";
import type { Runtime } from "../runtime/runtime.js";
import { deferred } from "../util/async.js";
import { signal } from "../validate/kinds.js";
import { checkOptions } from "../validate/options.js";

/** A login that waits for the user. */
export interface LoginHandle {
  readonly loginId: string;
  /**
   * Resolves when the user has logged in (`account/login/completed`). Can be called any number of times.
   *
   * @throws LoginError when the login failed or was cancelled; TransportClosedError when the runtime is gone; the
   * signal's reason when it aborts, which leaves the login pending.
   */
  wait(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Cancels the login (`account/login/cancel`): `wait()` then rejects. Does nothing when it has already ended. */
  cancel(): Promise<void>;
}

/** A login in the user's browser: open `authUrl` there. */
export interface ChatgptLogin extends LoginHandle {
  readonly authUrl: string;
}

/** A login on another device: show the user `verificationUrl` and `userCode`. */
export interface DeviceCodeLogin extends LoginHandle {
  readonly verificationUrl: string;
  readonly userCode: string;
}

/** Starts a login in the user's browser (`account/login/start`). */
export function startChatgptLogin(runtime: Runtime): Promise<ChatgptLogin> {
  return followLogin(runtime, async () => {
    const started = await runtime.request("account/login/start", { type: "chatgpt" });
    if (started.type !== "chatgpt") throw otherKind(started.type);
    return { loginId: started.loginId, authUrl: started.authUrl };
  });
}

/** Starts a login on another device (`account/login/start`). */
export function startDeviceCodeLogin(runtime: Runtime): Promise<DeviceCodeLogin> {
  return followLogin(runtime, async () => {
    const started = await runtime.request("account/login/start", { type: "chatgptDeviceCode" });
    if (started.type !== "chatgptDeviceCode") throw otherKind(started.type);
    return { loginId: started.loginId, verificationUrl: started.verificationUrl, userCode: started.userCode };
  });
}

function otherKind(type: string): UsageError {
  return new UsageError(
    `The runtime started another kind of login (${type}). Use the runtime version of this package.`,
  );
}

/** Subscribes before the login is started, because it may complete before the reply is read. */
async function followLogin<R extends { readonly loginId: string }>(
  runtime: Runtime,
  start: () => Promise<R>,
): Promise<R & LoginHandle> {
  const early: AccountLoginCompletedNotification[] = [];
  const completed = deferred<AccountLoginCompletedNotification>();
  let loginId: string | null = null;
  const subscription = runtime.listeners.on("account/login/completed", ({ params }) => {
    if (loginId === null) early.push(params);
    else if (params.loginId === loginId) end(params);
  });
  const end = (params: AccountLoginCompletedNotification): void => {
    subscription[Symbol.dispose]();
    completed.resolve(params);
  };
  let started: R;
  try {
    started = await start();
  } catch (error) {
    subscription[Symbol.dispose]();
    throw error;
  }
  const id = started.loginId;
  loginId = id;
  const missed = early.find((params) => params.loginId === id);
  if (missed !== undefined) end(missed);
  return {
    ...started,
    async wait(options = {}) {
      const checked = checkOptions(options, "wait", { signal });
      const result = await runtime.whileOpen(completed.promise, checked.signal);
      if (!result.success) throw new LoginError(result.error ?? "The login did not succeed.", id);
    },
    async cancel() {
      await runtime.request("account/login/cancel", { loginId: id });
    },
  };
}

/** Logs in with an API key; its whitespace is trimmed. */
export async function startApiKeyLogin(runtime: Runtime, apiKey: unknown): Promise<void> {
  await runtime.request("account/login/start", { type: "apiKey", apiKey: checkedApiKey(apiKey) });
}

/** The key without surrounding whitespace, such as the line break of the file it was read from. */
function checkedApiKey(apiKey: unknown): string {
  if (typeof apiKey !== "string") throw new UsageError("The API key must be a string.");
  const key = apiKey.trim();
  if (key === "") throw new UsageError("The API key is empty.");
  if (!/\p{Cc}/u.test(key)) return key;
  throw new UsageError("The API key holds a line break or another control character. Pass the key alone.");
}
