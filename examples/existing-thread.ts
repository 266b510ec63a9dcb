/** Leaves a conversation, and takes it up again from another client, as after a restart of the program. */

import { Codex } from "codex-embed";

const first = new Codex();
const begun = await first.startThread({ sandbox: "read-only" });
await begun.run("My favourite number is 42.");
await first.close();

const second = new Codex();
try {
  for await (const record of second.threads()) {
    if (record.id === begun.id) console.log(`on disk: "${record.preview}"`);
  }
  const thread = await second.resumeThread(begun.id);
  const { finalResponse } = await thread.run("Which number is my favourite?");
  console.log(finalResponse);
} finally {
  await second.close();
}
