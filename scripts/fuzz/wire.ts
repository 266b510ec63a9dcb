/** The undamaged messages of turns, as the runtime writes them. */

import type { Json } from "./corpus.js";

/** Which turn a message is of. */
export interface TurnName {
  readonly threadId: string;
  readonly turnId: string;
}

/** A message as a line. */
export function lineOf(message: Json): Buffer {
  return Buffer.from(`${JSON.stringify(message)}\n`);
}

/** The runtime's record of a turn. */
export function turnRecord(id: string, status: string, error: Json | null = null): Json {
  return {
    id,
    rootTurnId: id,
    items: [],
    itemsView: "notLoaded",
    status,
    error,
    startedAt: 1,
    completedAt: status === "inProgress" ? null : 2,
    durationMs: null,
  };
}

export function turnStarted({ threadId, turnId }: TurnName): Json {
  return { method: "turn/started", params: { threadId, turn: turnRecord(turnId, "inProgress") } };
}

/** @param failure - the message of a turn that fails. */
export function turnCompleted({ threadId, turnId }: TurnName, failure?: string): Json {
  const error = { message: failure, codexErrorInfo: null, additionalDetails: null, misalignment: null };
  const turn = failure === undefined ? turnRecord(turnId, "completed") : turnRecord(turnId, "failed", error);
  return { method: "turn/completed", params: { threadId, turn } };
}

/** A message of the agent, from its start over the pieces of its text to its end. */
export function agentMessage(turn: TurnName, id: string, pieces: readonly string[]): Json[] {
  const item = (text: string): Json => ({ type: "agentMessage", id, text, phase: null, memoryCitation: null });
  return [
    { method: "item/started", params: { ...turn, item: item(""), startedAtMs: 1 } },
    ...pieces.map((delta) => ({ method: "item/agentMessage/delta", params: { ...turn, itemId: id, delta } })),
    { method: "item/completed", params: { ...turn, item: item(pieces.join("")), completedAtMs: 2 } },
  ];
}
