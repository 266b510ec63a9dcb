/** Serves a runtime over WebSocket with a token, and connects to it as another machine would. */

import { Codex, LaunchError, serveAppServer } from "codex-embed";

const server = await serveAppServer({ listen: "ws://127.0.0.1:0" }); // or unix:///path/to/a.sock
try {
  console.log(`listening on ${server.url}`);

  const codex = await Codex.connect(server.url, { token: server.token });
  const thread = await codex.startThread({ sandbox: "read-only" });
  console.log((await thread.run("Where are you?")).finalResponse);
  await codex.close(); // closes the connection; the runtime and its running turns continue

  const stranger: unknown = await Codex.connect(server.url, { token: "guessed" }).catch((error: unknown) => error);
  if (LaunchError.isInstance(stranger)) console.log(`wrong token: ${stranger.code}`);
} finally {
  await server.close();
}
