/** Walks through the lifecycle of a client and its threads: start, name, fork, archive, delete, close. */

import { Codex } from "codex-embed";

const codex = new Codex();
try {
  await codex.start(); // optional: the first call starts the runtime
  console.log(`runtime ${codex.metadata.runtimeVersion}, ${codex.status}`);

  const thread = await codex.startThread({ sandbox: "read-only" });
  await thread.run("Let us plan a release.");
  await thread.setName("release plan");
  console.log(`named: ${(await thread.read()).name}`);

  const fork = await thread.fork(); // a new thread with the same history
  const { finalResponse } = await fork.run("What if we wait a week?");
  console.log(`fork: ${finalResponse}`);

  await codex.deleteThread(fork.id);
  await thread.archive();
  const { data: archived } = await codex.listThreads({ archived: true });
  console.log(`archived: ${archived.map(({ name }) => name).join(", ")}`);
  await codex.unarchiveThread(thread.id);
  const again = await codex.resumeThread(thread.id);
  console.log(`resumed: ${again.id === thread.id}`);
} finally {
  await codex.close();
}
console.log(`${codex.status}, by the ${(await codex.closed).initiator}`);
