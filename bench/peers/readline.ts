/** Owns the peer `node:readline`: its lines, parsed. */

import { createInterface } from "node:readline";
import { isEnd, measured, startReplay, startTurn } from "./replay.js";

const replay = startReplay();
let events = 0;

createInterface({ input: replay.stdout }).on("line", (text) => {
  const message: unknown = JSON.parse(text);
  events += 1;
  if (!isEnd(message)) return;
  tell(events);
  replay.kill();
});
const tell = measured();
startTurn(replay.stdin);
