/** Serves code reviews on a local web page: typed findings that appear while the agent works. */

import { Codex } from "codex-embed";
import { startReviewService } from "./service.js";

const [repository = process.cwd(), port = "0"] = process.argv.slice(2);
const codex = new Codex({ restart: "on-crash" });
const service = await startReviewService({ codex, repository, port: Number(port) });

async function stop(): Promise<void> {
  await service.close();
  await codex.close();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
console.log(`Open ${service.url}`);
