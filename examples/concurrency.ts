/** Runs several threads concurrently on one runtime, and keeps the answers in order. */

import { Codex } from "codex-embed";

const files = ["mean.mjs", "median.mjs", "mode.mjs"];

const codex = new Codex();
try {
  const answers = await Promise.all(
    files.map(async (file) => {
      const thread = await codex.startThread({ sandbox: "read-only", ephemeral: true }); // not saved to disk
      return (await thread.run(`What does ${file} do? One sentence.`)).finalResponse;
    }),
  );
  for (const [index, file] of files.entries()) console.log(`${file}: ${answers[index]}`);
} finally {
  await codex.close();
}
