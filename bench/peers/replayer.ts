/** Owns the process that stands in for the runtime: answers as recorded, then writes its flood as fast as it is read. */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [resultsPath = "", floodPath = "", framing] = process.argv.slice(2);
const results: string[] = JSON.parse(readFileSync(resultsPath, "utf8"));
const flood = readFileSync(floodPath);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method }: { id?: number; method?: string } = JSON.parse(line);
  if (id === undefined) return;
  write(`{"id":${id},"result":${results[["initialize", "thread/start", "turn/start"].indexOf(method ?? "")] ?? "{}"}}`);
  if (method === "turn/start") process.stdout.write(flood);
});

function write(message: string): void {
  const head = framing === "framed" ? `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n` : "";
  process.stdout.write(head === "" ? `${message}\n` : `${head}${message}`);
}
