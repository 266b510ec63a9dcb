/** Chats in the terminal with streamed answers: /new starts a thread, Ctrl-C interrupts, /quit ends. */

import { createInterface } from "node:readline";
import { Codex, CodexError, type TurnHandle } from "codex-embed";

const codex = new Codex();
let turn: TurnHandle | null = null;
try {
  let thread = await codex.startThread({ sandbox: "read-only" });
  console.log(`Talking to ${thread.model}.`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  terminal.on("SIGINT", () => {
    if (turn === null) terminal.close();
    else void turn.interrupt();
  });
  terminal.prompt();
  for await (const line of terminal) {
    const input = line.trim();
    if (input === "/quit") break;
    if (input === "/new") {
      thread = await codex.startThread({ sandbox: "read-only" });
      console.log("A new thread.");
    } else if (input !== "") {
      await answer(() => thread.startTurn(input));
    }
    terminal.prompt();
  }
  terminal.close();
} finally {
  await codex.close();
}

async function answer(begin: () => Promise<TurnHandle>): Promise<void> {
  try {
    turn = await begin();
    for await (const text of turn.textStream()) process.stdout.write(text);
    const { status } = await turn.result();
    console.log(status === "interrupted" ? " (interrupted)" : "");
  } catch (error) {
    if (!CodexError.isInstance(error)) throw error;
    console.log(`\n${error.message}`);
  } finally {
    turn = null;
  }
}
