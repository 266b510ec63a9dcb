/** Moves a thread into another home, as a file. */

import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Codex } from "codex-embed";

const folder = await mkdtemp(join(tmpdir(), "codex-embed-move-"));
const file = join(folder, "thread.jsonl");
const here = new Codex();
const there = new Codex({ codexHome: join(folder, "home") });
try {
  const thread = await here.startThread({ sandbox: "read-only" });
  await thread.run("My favourite number is 42.");
  await thread.setName("Numbers");
  await pipeline(here.exportThreadStream(thread.id), createWriteStream(file));

  const { id, name, preview } = await there.importThread(createReadStream(file));
  console.log(`moved: ${name}, "${preview}", same id: ${id === thread.id}`);
  // With a login and a configuration in that home: there.resumeThread(id, { cwd }).
} finally {
  await Promise.all([here.close(), there.close()]);
  await rm(folder, { recursive: true, force: true });
}
