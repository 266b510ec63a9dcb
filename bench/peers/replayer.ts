/** Stands in for the runtime: replies as recorded, then writes its flood as fast as it is read. */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [resultsPath = "", floodPath = ""] = process.argv.slice(2);
const results: string[] = JSON.parse(readFileSync(resultsPath, "utf8"));
const flood = readFileSync(floodPath);

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method }: { id?: number; method?: string } = JSON.parse(line);
  if (id === undefined) return;
  const result = results[["initialize", "thread/start", "turn/start"].indexOf(method ?? "")] ?? "{}";
  process.stdout.write(`{"id":${id},"result":${result}}\n`);
  if (method === "turn/start") process.stdout.write(flood);
});
