/** This SDK's side of the replay: a turn as a user reads it. */

import { Codex } from "codex-embed";
import { measured, replayArgs } from "./replay.js";

const ENOUGH_BYTES = 512 * 1024 * 1024;

const codex = new Codex({
  codexBin: process.execPath,
  launchArgs: replayArgs,
  maxFrameBytes: ENOUGH_BYTES,
  streamBufferBytes: ENOUGH_BYTES,
});
const thread = await codex.startThread();
let events = 0;
const tell = measured();
for await (const _ of thread.stream("Go.")) events += 1;
tell(events);
await codex.close();
