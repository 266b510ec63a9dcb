/** Owns a turn on the terminal, from its start to its summary. */

import {
  type Input,
  type Schema,
  type Thread,
  TurnFailedError,
  type TurnOptions,
  type TurnSnapshot,
} from "../index.js";
import type { TurnRenderer } from "./render/turnRenderer.js";
import type { Terminal } from "./terminal.js";

/** How a turn is shown. */
export interface ShowTurnOptions {
  readonly renderer: TurnRenderer;
  readonly terminal: Pick<Terminal, "signal" | "answered">;
  /** Options of the turn. */
  readonly turn?: TurnOptions<Schema | undefined>;
  /** Called when the runtime has taken the turn. */
  readonly onStarted?: () => void;
  /** How many requests the model got, when that is known. */
  readonly modelRequests?: () => number;
}

/** Runs a turn and shows it, also one that fails. Rejects as the turn does. */
export async function showTurn(thread: Thread, input: Input, options: ShowTurnOptions): Promise<TurnSnapshot> {
  const {
    renderer,
    terminal: { signal, answered },
  } = options;
  const more = (): { modelRequests?: number } =>
    options.modelRequests === undefined ? {} : { modelRequests: options.modelRequests() };
  const turn = await thread.startTurn(input, { ...options.turn, signal });
  options.onStarted?.();
  try {
    for await (const event of turn) {
      await answered();
      renderer.render(event);
    }
    const result = await turn.result();
    renderer.summary(result, more());
    return result;
  } catch (error) {
    if (TurnFailedError.isInstance(error)) renderer.summary(error.result, more());
    throw error;
  }
}
