/** The command that feeds damaged lines to a connected client and says whether that did any harm. */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { campaign } from "./fuzz/campaign.js";
import { corpusUrl } from "./fuzz/corpus.js";
import { recordCorpus } from "./fuzz/record.js";

const MOST_SHOWN_BYTES = 4_000;
const MOST_SHOWN_LINES = 5;

const { values } = parseArgs({
  options: {
    lines: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    record: { type: "boolean", default: false },
  },
});

if (values.record) {
  const lines = await recordCorpus();
  writeFileSync(corpusUrl, lines.map((line) => `${line}\n`).join(""));
  console.log(`Recorded ${lines.length} lines.`);
} else {
  const report = await campaign({ lines: wholeNumber(values.lines), seed: wholeNumber(values.seed) });
  for (const [name, figure] of Object.entries(report.figures)) console.log(`${name.padEnd(24)}${figure}`);
  for (const { what, lines } of report.findings) {
    console.error(`\n${what}`);
    for (const line of lines.slice(-MOST_SHOWN_LINES)) {
      console.error(`  ${JSON.stringify(line.toString("latin1", 0, MOST_SHOWN_BYTES))}`);
    }
  }
  if (report.repeat !== null) console.error(`\nTo see it again: npm run fuzz -- ${report.repeat}`);
  process.exitCode = report.findings.length === 0 ? 0 : 1;
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${text} is not a whole number.`);
  return number;
}
