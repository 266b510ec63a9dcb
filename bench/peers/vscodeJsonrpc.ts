/** Owns the peer `vscode-jsonrpc`: its reader of messages, which come with a header each. */

import { StreamMessageReader } from "vscode-jsonrpc/node";
import { isEnd, measured, startReplay, startTurn } from "./replay.js";

const replay = startReplay();
let events = 0;

new StreamMessageReader(replay.stdout).listen((message) => {
  events += 1;
  if (!isEnd(message)) return;
  tell(events);
  replay.kill();
});
const tell = measured();
startTurn(replay.stdin);
