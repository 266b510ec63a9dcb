/** The runtime and the scripted model that the end-to-end tests of one file share. */

import type { Codex, CodexOptions, StartThreadOptions, Thread } from "codex-embed";
import {
  fail,
  type Part,
  type Responder,
  type ScriptedModel,
  type Step,
  startTestCodex,
  type TestCodex,
  type TestCodexOptions,
} from "codex-embed/testing";
import { afterAll, beforeAll } from "vitest";

/** One runtime for all tests of a file. Each test works on threads of its own, and scripts the model for these alone. */
export class SharedBench {
  readonly #responders = new Map<string, Responder>();
  #bench: TestCodex | undefined;

  /** Starts before the first test and closes after the last, when every scripted step must have been asked for. */
  constructor(options: TestCodexOptions = {}) {
    beforeAll(async () => {
      this.#bench = await startTestCodex(options);
      this.#bench.model.respondWith((request) => {
        const responder = this.#responders.get(request.threadId ?? "");
        return responder?.(request) ?? fail(400, { message: "The test has no answer for this request." });
      });
    });
    afterAll(async () => {
      await this.#bench?.close();
      this.#bench?.model.assertComplete();
    });
  }

  get codex(): Codex {
    return this.#started.codex;
  }

  get model(): ScriptedModel {
    return this.#started.model;
  }

  get workspace(): string {
    return this.#started.workspace;
  }

  get codexHome(): string {
    return this.#started.codexHome;
  }

  /** Options for another client on the same home. */
  get codexOptions(): CodexOptions {
    return this.#started.codexOptions;
  }

  /** Starts a thread that leaves nothing on disk, which is faster, and scripts the model's answers to it. */
  async thread(...steps: readonly (Step | Part)[]): Promise<Thread> {
    return this.threadWith({ ephemeral: true }, ...steps);
  }

  /** Starts a thread with these options, and scripts the model's answers to it. */
  async threadWith(options: StartThreadOptions, ...steps: readonly (Step | Part)[]): Promise<Thread> {
    const thread = await this.codex.startThread(options);
    this.script(thread, ...steps);
    return thread;
  }

  /** Scripts the next answers of the model to a thread. */
  script(thread: { readonly id: string }, ...steps: readonly (Step | Part)[]): void {
    if (steps.length === 0) return;
    this.model.when((request) => request.threadId === thread.id).enqueue(...steps);
  }

  /** Answers what a thread asks beyond its script, however often. */
  respond(thread: { readonly id: string }, responder: Responder): void {
    this.#responders.set(thread.id, responder);
  }

  /** What a thread has asked of the model so far. */
  requestsOf(thread: { readonly id: string }): ScriptedModel["requests"] {
    return this.model.requests.filter((request) => request.threadId === thread.id);
  }

  get #started(): TestCodex {
    if (this.#bench === undefined) throw new Error("The bench starts before the first test of the file.");
    return this.#bench;
  }
}
