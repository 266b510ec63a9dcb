/** The bystanders: turns and requests whose own traffic is damaged. However bad it is, they must come to an end. */

import { approveAll, type Codex } from "codex-embed";
import type { Json } from "./corpus.js";
import type { Peer } from "./peer.js";
import { Watched } from "./sentinels.js";
import { type TurnName, turnCompleted, turnRecord } from "./wire.js";

/** Something in flight that damaged lines may name. */
export interface Bystander {
  readonly turn: TurnName;
  readonly requestId: number;
  /** The undamaged lines that end it, if it has not ended by then. */
  readonly conclusion: readonly Json[];
  /** What has not settled and should have: after its conclusion, or once the client is closed. */
  unsettled(isClosed: boolean): string[];
}

/** Begins a turn, with readers of every kind. Its reply is kept back for `conclusion`, or `isAnswered` at once. */
export async function bystanderTurn(
  codex: Codex,
  peer: Peer,
  threadId: string,
  isAnswered: boolean,
): Promise<Bystander> {
  peer.nextThreadId = threadId;
  const turnId = `${threadId}-turn`;
  const readers = new Map<string, Watched>();
  const begun = codex.startThread({ handlers: approveAll }).then(async (thread) => {
    const handle = await thread.startTurn("Go");
    readers.set("result", new Watched(handle.result()));
    readers.set("events", new Watched(drain(handle)));
    readers.set("text", new Watched(drain(handle.textStream())));
  });
  readers.set("start", new Watched(begun));
  await peer.settle(() => peer.hasHeld);
  const requestId = peer.takeHeld().find((held) => held.threadId === threadId)?.id ?? -1;
  const reply = { id: requestId, result: { turn: turnRecord(turnId, "inProgress") } };
  if (isAnswered) {
    peer.write(Buffer.from(`${JSON.stringify(reply)}\n`));
    await peer.settle(() => readers.size > 1);
  }
  const turn = { threadId, turnId };
  return {
    turn,
    requestId,
    conclusion: [reply, turnCompleted(turn)],
    unsettled: (isClosed) =>
      [...readers].flatMap(([name, { settled }]) => {
        // A damaged answer may have named another turn, whose end nobody tells.
        const isDue = isClosed || isAnswered || name === "start";
        return isDue && settled === 0 ? `the ${name} of ${threadId}` : [];
      }),
  };
}

/** Makes a request, whose answers will be damaged ones. */
export async function bystanderRequest(codex: Codex, peer: Peer, threadId: string): Promise<Bystander> {
  const seen = new Watched(codex.request("thread/name/set", { threadId, name: "N" }));
  await peer.settle(() => peer.hasHeld);
  const requestId = peer.takeHeld().find((held) => held.threadId === threadId)?.id ?? -1;
  return {
    turn: { threadId, turnId: `${threadId}-turn` },
    requestId,
    conclusion: [{ id: requestId, result: { thread: { id: threadId } } }],
    unsettled: () => (seen.settled === 0 ? [`the request of ${threadId}`] : []),
  };
}

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const each of source) void each;
}
