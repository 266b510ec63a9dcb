/** Owns the notes on how a turn goes: what of its events a caller is told, and a sign of life in between. */

import type { TurnEvent, TurnHandle } from "codex-embed";
import { brief } from "./visible.js";

/** Follows a turn to its end, and tells of it. Never rejects. */
export async function followTurn(
  turn: TurnHandle,
  tell: (message: string) => void,
  heartbeatMs: number,
): Promise<void> {
  const heartbeat = setInterval(() => tell("The agent is at work."), heartbeatMs);
  try {
    for await (const event of turn) {
      const note = noteOf(event);
      if (note === null) continue;
      tell(note);
      heartbeat.refresh();
    }
  } catch {
    // How the turn failed is told by its result.
  } finally {
    clearInterval(heartbeat);
  }
}

/** What an event is worth to a caller; null for nothing. */
export function noteOf(event: TurnEvent): string | null {
  switch (event.method) {
    case "turn/started":
      return "The turn has started.";
    case "item/started":
      return beginning(event.params.item);
    case "item/completed":
      return ending(event.params.item);
    default:
      return null;
  }
}

type Item = Extract<TurnEvent, { method: "item/started" }>["params"]["item"];

function beginning(item: Item): string | null {
  switch (item.type) {
    case "commandExecution":
      return `Running: ${brief(item.command)}`;
    case "fileChange":
      return `Changing ${item.changes.length === 1 ? "a file" : `${item.changes.length} files`}.`;
    case "mcpToolCall":
      return `Calling ${brief(item.server)}.${brief(item.tool)}.`;
    case "webSearch":
      return "Searching the web.";
    case "reasoning":
      return "Thinking.";
    default:
      return null;
  }
}

function ending(item: Item): string | null {
  switch (item.type) {
    case "agentMessage":
      return item.text === "" ? null : brief(item.text);
    case "commandExecution":
      return item.exitCode === null ? "The command has ended." : `The command exited with code ${item.exitCode}.`;
    default:
      return null;
  }
}
