/** `npm run example`: runs an example offline, or lists them. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readExamples } from "./catalog.js";
import { commandOf } from "./command.js";
import { scenarios } from "./scenarios.js";
import { openStage } from "./stage.js";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { live: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const [name, ...args] = positionals;
  const examples = readExamples(FOLDER);
  const example = examples.find((candidate) => candidate.name === name);
  if (example === undefined) {
    if (name !== undefined) process.stderr.write(`Unknown example: ${name}\n\n`);
    const width = Math.max(...examples.map((each) => each.name.length));
    console.log("npm run example -- NAME          the real runtime on a scripted model, offline");
    console.log("npm run example -- NAME --live   the same with your own login, in a temporary folder\n");
    for (const each of examples) console.log(`${each.name.padEnd(width)}  ${each.sentence}`);
    return name === undefined ? 0 : 2;
  }
  const stage = await openStage(scenarios[example.name] ?? {}, { live: values.live });
  // The terminal interrupts the example too. Clean up after it has ended.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child?.kill());
  let child: ReturnType<typeof spawn> | undefined;
  try {
    const { cwd, env } = stage;
    const command = commandOf(join(FOLDER, example.file));
    child = spawn(process.execPath, [...command.args, ...args], {
      cwd: command.cwd ?? cwd,
      env: { ...env, ...command.env },
      stdio: "inherit",
    });
    const [code] = await once(child, "close");
    if (code === 0) stage.check();
    return typeof code === "number" ? code : 1;
  } finally {
    await stage.close();
  }
}
