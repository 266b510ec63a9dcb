import { AuthRequiredError, JsonRpcError } from "../errors/connection.js";
import { LOGIN_ADVICE } from "../errors/turn.js";
import type { ConfigReadResponse, GetAccountResponse } from "../protocol/generated/protocol.js";
import type { Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import { isRecord } from "../util/json.js";

/** The requests of a {@link LoginGate}. When the runtime does not answer them in time, every turn may start. */
export interface LoginQuestions {
  account(): Promise<GetAccountResponse>;
  config(): Promise<ConfigReadResponse>;
}

const LOGIN_METHOD = /^account\/(?:login\/|logout$)/;
const OPENAI = "openai";
const INVALID_REQUEST = -32600;

/**
 * The login check before a turn: no request goes to a model provider that needs a login without one. Reads the account
 * (`account/read`) at the first thread of a client and follows `account/updated`. Does not ask again while someone is logged
 * in, or while the provider needs no login.
 */
export class LoginGate {
  readonly #questions: LoginQuestions;
  /** The model provider of each open thread. */
  readonly #providers = new NewestMap<string>();
  #isLoggedIn = false;
  /** Providers that need no login. Null means all of them, when the runtime does not say who is logged in. */
  #free: Set<string> | null = new Set();
  #asking: Promise<GetAccountResponse | null> | null = null;
  #latest: GetAccountResponse | null = null;

  constructor(questions: LoginQuestions) {
    this.#questions = questions;
  }

  /** Records the model provider of a thread. */
  opened(threadId: string, provider: string): void {
    this.#providers.set(threadId, provider);
  }

  /** Asks while a thread opens, so that its first turn finds the answer. */
  prepare(): void {
    if (this.#latest === null && this.#free !== null) void this.#ask();
  }

  observe(notification: Notification): void {
    if (notification.method !== "account/updated") return;
    const params: unknown = notification.params;
    this.#isLoggedIn = isRecord(params) && typeof params["authMode"] === "string";
    this.#latest = null;
  }

  /** A request of this client succeeded. The notification about a changed login comes only later. */
  carriedOut(method: string): void {
    if (!LOGIN_METHOD.test(method)) return;
    this.#isLoggedIn = false;
    this.#latest = null;
  }

  /** Whether a turn of this thread may start without another check of the login. */
  isOpen(threadId: string): boolean {
    if (this.#isLoggedIn || this.#free === null) return true;
    const provider = this.#providers.get(threadId);
    return provider === undefined || this.#free.has(provider);
  }

  /** @throws AuthRequiredError when the provider of the thread needs a login and no one is logged in. */
  async check(threadId: string, method: string): Promise<void> {
    const provider = this.#providers.get(threadId);
    if (provider === undefined || this.isOpen(threadId)) return;
    const earlier = (await this.#asking) ?? this.#latest;
    if (earlier !== null && !(await this.#needsLogin(provider, earlier))) return;
    // A login by another program is not announced, so ask again before refusing.
    const answer = await this.#ask();
    if (answer === null || !(await this.#needsLogin(provider, answer))) return;
    const message = `not logged in, and the model provider ${provider} needs a login.`;
    throw new AuthRequiredError("AUTH_REQUIRED", method, { code: INVALID_REQUEST, message }, LOGIN_ADVICE);
  }

  #ask(): Promise<GetAccountResponse | null> {
    this.#asking ??= this.#questions
      .account()
      .then(
        (answer) => {
          this.#isLoggedIn = answer.account !== null;
          this.#latest = answer;
          return answer;
        },
        (error: unknown) => {
          if (JsonRpcError.isInstance(error)) this.#free = null;
          return null;
        },
      )
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
  }

  async #needsLogin(provider: string, { account, requiresOpenaiAuth }: GetAccountResponse): Promise<boolean> {
    if (account !== null) return false;
    if (provider === OPENAI) return true;
    // The account is that of the configuration's provider, which may be another one.
    if (requiresOpenaiAuth && (await this.#isConfiguredToNeedOne(provider))) return true;
    this.#free?.add(provider);
    return false;
  }

  async #isConfiguredToNeedOne(provider: string): Promise<boolean> {
    const read = await this.#questions.config().catch(() => null);
    const providers: unknown = read === null ? null : Reflect.get(read.config, "model_providers");
    const entry: unknown = isRecord(providers) ? providers[provider] : null;
    return isRecord(entry) && entry["requires_openai_auth"] === true;
  }
}
