/** Owns the process that stands in for the runtime: answers as recorded, then writes its flood as fast as it is read. */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { framed, lines } from "../wireForms.js";

const [resultsPath = "", floodPath = "", form] = process.argv.slice(2);
const results: string[] = JSON.parse(readFileSync(resultsPath, "utf8"));
const flood = readFileSync(floodPath);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method }: { id?: number; method?: string } = JSON.parse(line);
  if (id === undefined) return;
  write(`{"id":${id},"result":${results[["initialize", "thread/start", "turn/start"].indexOf(method ?? "")] ?? "{}"}}`);
  if (method === "turn/start") process.stdout.write(flood);
});

function write(message: string): void {
  process.stdout.write(form === "framed" ? framed([message]) : lines([message]));
}
