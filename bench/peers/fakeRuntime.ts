/** Stands in for the runtime: answers everything at once, and floods a turn with text of a known size. */

import { createInterface } from "node:readline";
import manifest from "../../packages/codex-embed/package.json" with { type: "json" };

const threadId = "01a00000-0000-7000-8000-000000000001";
const turnId = "01a00000-0000-7000-8000-000000000002";
const [items = 0, deltasPerItem = 0] = process.argv.slice(2).map(Number);
const WORDS = "The tests fail because the parser drops the last line of a file that has no line feed at its end. ";
const initialized = {
  userAgent: `codex-embed/${manifest.optionalDependencies["@openai/codex"]} (bench)`,
  codexHome: "/nowhere",
  platformFamily: "unix",
  platformOs: "linux",
};
const turn = (status: string, last: unknown[] = []) => ({
  id: turnId,
  rootTurnId: turnId,
  items: last,
  itemsView: "summary",
  status,
  error: null,
  startedAt: 1,
  completedAt: null,
  durationMs: null,
});

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method }: { id?: number; method?: string } = JSON.parse(line);
  if (id === undefined) return;
  if (method === "initialize") send({ id, result: initialized });
  else if (method === "thread/start") send({ id, result: { thread: { id: threadId }, cwd: "/", model: "m" } });
  else if (method === "turn/start") void flood(id);
  else send({ id, result: { data: [], nextCursor: null } });
});

async function flood(id: number): Promise<void> {
  send({ id, result: { turn: turn("inProgress") } });
  send(notification("turn/started", { threadId, turn: turn("inProgress") }));
  let last: unknown[] = [];
  for (let index = 0; index < items; index += 1) {
    const item = { type: "agentMessage", id: `msg_${index}`, text: "", phase: "commentary", memoryCitation: null };
    send(notification("item/started", { item, threadId, turnId, startedAtMs: 1 }));
    let text = "";
    let lines = "";
    for (let piece = 0; piece < deltasPerItem; piece += 1) {
      // Pieces of 4 to 30 characters, as models write them.
      const delta = WORDS.slice((piece * 7) % 60, ((piece * 7) % 60) + 4 + ((piece * 11) % 27));
      text += delta;
      lines += JSON.stringify(notification("item/agentMessage/delta", { threadId, turnId, itemId: item.id, delta }));
      lines += "\n";
      if (lines.length < 65_536 && piece < deltasPerItem - 1) continue;
      if (!process.stdout.write(lines)) await new Promise((resolve) => process.stdout.once("drain", resolve));
      lines = "";
    }
    const whole = { ...item, text, phase: index === items - 1 ? "final_answer" : "commentary" };
    send(notification("item/completed", { item: whole, threadId, turnId, completedAtMs: 2 }));
    last = [whole];
  }
  send(notification("turn/completed", { threadId, turn: turn("completed", last) }));
}

function notification(method: string, params: object): object {
  return { method, params, emittedAtMs: 1_763_740_000_000 };
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
