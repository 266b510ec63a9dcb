/** The floor: what reading lines and parsing them costs when nothing else is done. */

import { isEnd, measured, startReplay, startTurn } from "./replay.js";

const LINE_FEED = 0x0a;

const replay = startReplay();
let parts: Buffer[] = [];
let events = 0;

replay.stdout.on("data", (chunk: Buffer) => {
  let start = 0;
  for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
    read(line(chunk, start, end));
    start = end + 1;
  }
  if (start < chunk.length) parts.push(chunk.subarray(start));
});
const tell = measured();
startTurn(replay.stdin);

function line(chunk: Buffer, start: number, end: number): string {
  if (parts.length === 0) return chunk.toString("utf8", start, end);
  const whole = Buffer.concat([...parts, chunk.subarray(start, end)]);
  parts = [];
  return whole.toString("utf8");
}

function read(text: string): void {
  const message: unknown = JSON.parse(text);
  events += 1;
  if (!isEnd(message)) return;
  tell(events);
  replay.kill();
}
