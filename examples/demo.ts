/** The command line of the demo: `npm run demo`. */

import { parseArgs } from "node:util";
import { withTerminal } from "../packages/codex-embed/src/cli/terminal.js";
import { runLive } from "./demo/live.js";
import { runScripted } from "./demo/scripted.js";

const USAGE = `Usage:
  npm run demo                       a scripted model fixes a bug: the real runtime, offline
  npm run demo -- --live "prompt"    your own Codex and login, in this folder, which it may write to
  npm run demo -- --help             this text
`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const wanted = parse(args);
  if ("problem" in wanted) {
    process.stderr.write(`${wanted.problem}\n\n${USAGE}`);
    return 2;
  }
  if (wanted.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const { prompt } = wanted;
  return withTerminal((terminal) => (prompt === null ? runScripted(terminal) : runLive(prompt, terminal)));
}

function parse(args: string[]): { help: boolean; prompt: string | null } | { problem: string } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { live: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
      allowPositionals: true,
    });
    const prompt = positionals.join(" ").trim();
    if (!values.help && values.live && prompt === "") return { problem: "--live needs a prompt." };
    if (!values.help && !values.live && prompt !== "") return { problem: `A prompt needs --live: ${prompt}` };
    return { help: values.help, prompt: values.live ? prompt : null };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
