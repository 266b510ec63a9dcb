import type { ProcessExit } from "../process/agentProcess.js";
import { withHomePaths } from "../process/environment.js";
import type { CodexOptions, ConnectOptions } from "../runtime/options.js";
import { filled, required, text } from "../validate/kinds.js";
import { checkOptions, type OptionTable, type VariantTables, variants } from "../validate/options.js";
import type { Codex } from "./codex.js";
import { CODEX } from "./knownOptions.js";

/** Who may connect to a runtime that is served. */
export type ServeAuth =
  /** A token: a new one, or this one. It is written to a file that only this user can read. */
  | { readonly type: "token"; readonly token?: string | undefined }
  /** Signed bearer tokens (JWT, HS256), made with the secret in this file. */
  | {
      readonly type: "signed";
      readonly sharedSecretFile: string;
      readonly issuer?: string | undefined;
      readonly audience?: string | undefined;
    }
  /** Everyone on this machine, over TCP; over a unix socket, who may open it: this user. */
  | { readonly type: "none" };

/** Options of `serveAppServer`: where to listen, who may connect, and how the runtime is started. */
export interface ServeOptions
  extends Omit<
    CodexOptions,
    | "launchArgs"
    | "handlers"
    | "clientName"
    | "clientTitle"
    | "clientVersion"
    | "experimentalApi"
    | "optOutNotifications"
  > {
  /** `ws://IP:PORT` (port 0: any free one) or `unix:///path`. Default `ws://127.0.0.1:0`. */
  readonly listen?: string | undefined;
  /** Default: a new token over TCP, none over a unix socket, which only this user can open. */
  readonly auth?: ServeAuth | undefined;
}

/** A runtime that others can connect to. */
export interface AppServer extends AsyncDisposable {
  /** The address to connect to, with the port that was bound. */
  readonly url: string;
  /**
   * The token to connect with; undefined without one, and for signed ones, which others make. `console.log` and
   * `JSON.stringify` of the server do not show it.
   */
  readonly token: string | undefined;
  /** The file that holds the token, readable by this user alone. */
  readonly tokenFile: string | undefined;
  readonly pid: number | undefined;
  /** Resolves when the process is gone, with how. Never rejects. */
  readonly closed: Promise<ProcessExit>;
  /** Connects to it with its own token. Rejects as `Codex.connect` does. */
  connect(options?: ConnectOptions): Promise<Codex>;
  /** Ends the process and everything that it started. Idempotent. */
  close(): Promise<void>;
}

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
 * Starts `codex app-server --listen` for others to connect to, and resolves when it takes connections. It ends with
 * `close()`, and with this program however that ends (except on Windows, when this program is killed).
 *
 * @throws UsageError for options that cannot work; LaunchError as `Codex.launch` does, with the server's stderr.
 */
export async function serveAppServer(options: ServeOptions = {}): Promise<AppServer> {
  const checked = withHomePaths(checkOptions(options, "serveAppServer", SERVE));
  const { startServer } = await import("./appServer.js");
  return startServer(checked);
}
