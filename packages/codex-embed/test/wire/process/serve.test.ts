/** The tests of how a server's address is found among its words. */

import { inspect } from "node:util";
import { Codex, serveAppServer } from "codex-embed";
import { expect, it } from "vitest";
import { spawnDetached } from "../../../src/process/agentProcess.js";
import { nodeRequest } from "./children.js";

it("does not show its token when it is printed or serialized, nor does a client that has it", async () => {
  const token = "s3cr3t-t0ken";
  const server = await serveAppServer({
    auth: { type: "token", token },
    spawn: (request) => spawnDetached({ ...request, ...nodeRequest("noisyServer.mjs") }),
  });
  const client = new Codex({ env: { OPENAI_API_KEY: token } });
  const error = await Codex.connect(server.url, { token, headers: { Cookie: token } }).catch(
    (reason: unknown) => reason,
  );
  try {
    expect(server.token).toBe(token);
    for (const value of [server, { ...server }, client, error]) {
      expect(inspect(value, { depth: 20, showHidden: true })).not.toContain(token);
      expect(JSON.stringify(value)).not.toContain(token);
    }
  } finally {
    await server.close();
    await client.close();
  }
});

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
