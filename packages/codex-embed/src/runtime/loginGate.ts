/** The login check before a turn: a provider that needs a login is not asked without one. */

import { AuthRequiredError, JsonRpcError } from "../errors/connection.js";
import { LOGIN_ADVICE } from "../errors/turn.js";
import type { ConfigReadResponse, GetAccountResponse } from "../protocol/generated/protocol.js";
import type { Notification } from "../stream/events.js";
import { NewestMap } from "../stream/threadMemory.js";
import { isRecord } from "../util/json.js";

/** The requests that the gate makes. A runtime that does not answer them in time lets every turn through. */
export interface LoginQuestions {
  account(): Promise<GetAccountResponse>;
  config(): Promise<ConfigReadResponse>;
}

const LOGIN_METHOD = /^account\/(?:login\/|logout$)/;
const OPENAI = "openai";
const INVALID_REQUEST = -32600;

/**
 * Asks who is logged in (`account/read`) at the first thread of a client, and keeps it up to date by `account/updated`.
 * Nothing is asked again while somebody is logged in, or while the provider needs no login.
 */
export class LoginGate {
  readonly #questions: LoginQuestions;
  /** The model provider of each thread that was opened here. */
  readonly #providers = new NewestMap<string>();
  #isLoggedIn = false;
  /** Providers that need no login, and all of them (null) when the runtime does not say who is logged in. */
  #free: Set<string> | null = new Set();
  #asking: Promise<GetAccountResponse | null> | null = null;
  #latest: GetAccountResponse | null = null;

  constructor(questions: LoginQuestions) {
    this.#questions = questions;
  }

  /** Learns the model provider of a thread. */
  opened(threadId: string, provider: string): void {
    this.#providers.set(threadId, provider);
  }

  /** Asks beside the opening of a thread, so that the first turn finds the answer. */
  prepare(): void {
    if (this.#latest === null && this.#free !== null) void this.#ask();
  }

  observe(notification: Notification): void {
    if (notification.method !== "account/updated") return;
    const params: unknown = notification.params;
    this.#isLoggedIn = isRecord(params) && typeof params["authMode"] === "string";
    this.#latest = null;
  }

  /** A request of this client was carried out. One that changes the login is told of by a notification, but later. */
  carriedOut(method: string): void {
    if (!LOGIN_METHOD.test(method)) return;
    this.#isLoggedIn = false;
    this.#latest = null;
  }

  /** Whether the model of this thread can be asked without another question about the login. */
  isOpen(threadId: string): boolean {
    if (this.#isLoggedIn || this.#free === null) return true;
    const provider = this.#providers.get(threadId);
    return provider === undefined || this.#free.has(provider);
  }

  /** @throws AuthRequiredError when the provider of the thread needs a login and nobody is logged in. */
  async check(threadId: string, method: string): Promise<void> {
    const provider = this.#providers.get(threadId);
    if (provider === undefined || this.isOpen(threadId)) return;
    const earlier = (await this.#asking) ?? this.#latest;
    if (earlier !== null && !(await this.#needsLogin(provider, earlier))) return;
    // A login by another program is not announced, so a refusal rests on an answer of now.
    const answer = await this.#ask();
    if (answer === null || !(await this.#needsLogin(provider, answer))) return;
    const message = `nobody is logged in, and the model provider ${provider} needs a login.`;
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
    // The account is asked for by the configuration's own provider, which this one need not be.
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
