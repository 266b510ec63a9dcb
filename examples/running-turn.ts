/** Takes up a turn that another client started, and delivers a message to it, on a shared runtime. */

import { serveAppServer } from "codex-embed";

const server = await serveAppServer();
try {
  const first = await server.connect();
  const started = await first.startThread({ sandbox: "read-only" });
  await started.run("Say hello.");
  await started.startTurn("Look around.");
  await first.close();

  const second = await server.connect();
  const thread = await second.resumeThread(started.id);
  console.log(thread.activeTurn() === null ? "the turn has ended" : "the turn still runs");
  const turn = await thread.deliver({ source: "ci", content: "The build passed." });
  console.log((await turn.result()).finalResponse);
  await second.close();
} finally {
  await server.close();
}
