import { withHomePaths } from "../process/paths.js";
import { filled, required, text } from "../validate/kinds.js";
import { checkOptions, type OptionTable, type VariantTables, variants } from "../validate/options.js";
import type { AppServer, ServeAuth, ServeOptions } from "./appServer.js";
import { CODEX } from "./knownOptions.js";

const AUTH: VariantTables<ServeAuth, "type"> = {
  token: { type: text, token: text },
  signed: { type: text, sharedSecretFile: required(filled), issuer: text, audience: text },
  none: { type: text },
};

const {
  launchArgs: _launchArgs,
  handlers: _handlers,
  clientName: _clientName,
  clientTitle: _clientTitle,
  clientVersion: _clientVersion,
  experimentalApi: _experimentalApi,
  optOutNotifications: _optOutNotifications,
  ...CODEX_OF_A_SERVER
} = CODEX;
const SERVE: OptionTable<ServeOptions> = { ...CODEX_OF_A_SERVER, listen: text, auth: variants("type", AUTH) };

/**
 * Starts `codex app-server --listen` for other clients, and resolves when it accepts connections. It ends with `close()`,
 * and with this program however that ends (except on Windows, when this program is killed).
 *
 * @throws UsageError for options that are unknown or cannot work; LaunchError as `Codex.launch` does, with the last
 * stderr output of the server.
 */
export async function serveAppServer(options: ServeOptions = {}): Promise<AppServer> {
  const checked = withHomePaths(checkOptions(options, "serveAppServer", SERVE));
  const { startServer } = await import("./appServer.js");
  return startServer(checked);
}
