/** Sends an image from memory together with a question. */

import { readFile } from "node:fs/promises";
import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const image = await readFile("chart.png"); // bytes from anywhere: a download, a screenshot, a database
  const { finalResponse } = await thread.run(["What does this picture show?", { type: "image", image }]);
  console.log(finalResponse);
} finally {
  await codex.close();
}
