/** The model of the soak: one address for the whole run, and behind it a scripted model for each lap. */

import { ScriptedModel } from "codex-embed/testing";
import { Proxy } from "../../packages/codex-embed/test/support/proxy.js";
import { callIdOf, modelAnswer, numberOf, type TurnScript } from "./script.js";

/** Answers by the scripts of turns. What a scripted model records of its requests goes with it at the end of a lap. */
export class SoakModel implements AsyncDisposable {
  /** The provider's address, the same for the whole run. */
  readonly baseUrl: string;
  readonly #proxy: Proxy;
  readonly #scriptOf: (number: number) => TurnScript;
  readonly #called = new Map<number, number>();
  #model: ScriptedModel;

  private constructor(proxy: Proxy, model: ScriptedModel, scriptOf: (number: number) => TurnScript) {
    this.#proxy = proxy;
    this.#model = model;
    this.#scriptOf = scriptOf;
    this.baseUrl = `http://127.0.0.1:${new URL(proxy.url).port}/v1`;
    this.#play();
  }

  static async start(scriptOf: (number: number) => TurnScript): Promise<SoakModel> {
    const model = await ScriptedModel.start();
    return new SoakModel(await Proxy.to(model.baseUrl), model, scriptOf);
  }

  /** How often the model has made the call of a turn. */
  calls(number: number): number {
    return this.#called.get(number) ?? 0;
  }

  /** What it was asked in this lap that no script answers. */
  problems(): string[] {
    try {
      this.#model.assertComplete();
      return [];
    } catch (error) {
      return [`The model was asked for what no script has: ${String(error)}`];
    }
  }

  /** Begins a new lap, with no request recorded. Only while no turn runs. */
  async renew(): Promise<void> {
    const before = this.#model;
    this.#model = await ScriptedModel.start();
    this.#play();
    this.#called.clear();
    this.#proxy.target = this.#model.baseUrl;
    this.#proxy.cut();
    await before.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.#model.close();
  }

  #play(): void {
    this.#model.respondWith((request) => {
      const script = this.#scriptOf(numberOf(request));
      const answer = modelAnswer(request, script);
      const isCall = answer.parts.some((part) => part.kind === "functionCall" && part.callId === callIdOf(script));
      if (isCall) this.#called.set(script.number, this.calls(script.number) + 1);
      return answer;
    });
  }
}
