/** Owns the tests of how a server's address is found among its words. */

import { Codex, serveAppServer } from "codex-embed";
import { expect, it } from "vitest";
import { spawnDetached } from "../../../src/process/spawn.js";
import { nodeRequest } from "./children.js";

it("finds the address at the head of a flood", async () => {
  let said = "";
  const server = await serveAppServer({
    auth: { type: "none" },
    startupTimeoutMs: 5_000,
    onStderr: (text) => {
      said += text;
    },
    spawn: (request) => spawnDetached({ ...request, ...nodeRequest("noisyServer.mjs") }),
  });
  try {
    expect(server.url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/);
    await expect(Codex.connect(server.url)).rejects.toMatchObject({ code: "CONNECT_FAILED" });
  } finally {
    await server.close();
  }
  expect(said).toContain(`listening on: ${server.url}\nnoise\n`);
});
