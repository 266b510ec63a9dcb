/** Resumes a thread from another client, as after a restart of the program. */

import { Codex } from "codex-embed";

const first = new Codex();
const started = await first.startThread({ sandbox: "read-only" });
await started.run("My favourite number is 42.");
await first.close();

const second = new Codex();
try {
  for await (const record of second.threads()) {
    if (record.id === started.id) console.log(`on disk: "${record.preview}"`);
  }
  const thread = await second.resumeThread(started.id);
  const { finalResponse } = await thread.run("Which number is my favourite?");
  console.log(finalResponse);
} finally {
  await second.close();
}
