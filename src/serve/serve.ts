/** Owns the public call that serves a runtime. Most programs serve none, so what does it is loaded with the first call. */

import type { AppServer, ServeOptions } from "./types.js";

/**
 * Starts `codex app-server --listen` for others to connect to, and resolves when it takes connections. It ends with
 * `close()`, and with this program however that ends (except on Windows, when this program is killed).
 *
 * @throws UsageError for options that cannot work; LaunchError as `Codex.launch` does, with the server's stderr.
 */
export async function serveAppServer(options: ServeOptions = {}): Promise<AppServer> {
  const { startServer } = await import("./server.js");
  return startServer(options);
}
