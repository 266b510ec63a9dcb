/** The program that every trial runs: the quickstart on the real runtime with a scripted model, in both dialects. */

/** What {@link QUICKSTART} and {@link QUICKSTART_CJS} print, as one line of JSON. */
export interface Told {
  readonly finalResponse: string | null;
  readonly exitCodes: readonly (number | null)[];
  readonly codexBin: string;
  readonly node: string;
  readonly isInstance: boolean;
}

const BODY = `
  const { codex, model, workspace, close } = await startTestCodex();
  try {
    model.enqueue(shell("echo 42"), message("The answer is 42."));
    const thread = await codex.startThread({ cwd: workspace });
    const { finalResponse, items } = await thread.run("What is the answer?");
    model.assertComplete();
    const exitCodes = items.flatMap((item) => (item.type === "commandExecution" ? [item.exitCode] : []));
    const error = await codex.resumeThread("00000000-0000-7000-8000-000000000000").catch((caught) => caught);
    const isInstance = CodexError.isInstance(error);
    return { finalResponse, exitCodes, isInstance, codexBin: codex.metadata.codexBin, node: process.version };
  } finally {
    await close();
  }
`;

const IMPORTS = `import { CodexError } from "codex-embed";
import { message, shell, startTestCodex } from "codex-embed/testing";
`;

/** The quickstart as a function \`quickstart()\` of a module that exports it. */
export const QUICKSTART_MODULE = `${IMPORTS}
export async function quickstart() {${BODY}}
`;

/** The quickstart as an ES module. */
export const QUICKSTART = `${QUICKSTART_MODULE}
console.log(JSON.stringify(await quickstart()));
`;

/** The quickstart as a CommonJS module. */
export const QUICKSTART_CJS = `const { CodexError } = require("codex-embed");
const { message, shell, startTestCodex } = require("codex-embed/testing");
async function quickstart() {${BODY}}
quickstart().then((told) => console.log(JSON.stringify(told)));
`;

/** Reads what the quickstart printed. Throws when it is not what it has to be. */
export function readTold(stdout: string, stderr = ""): Told {
  const told: Told = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  const isRight =
    told.finalResponse === "The answer is 42." && told.exitCodes.join() === "0" && told.isInstance && stderr === "";
  if (!isRight) throw new Error(`The quickstart came to something else: ${stdout}${stderr}`);
  return told;
}
