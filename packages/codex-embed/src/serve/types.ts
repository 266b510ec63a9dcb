/** Owns the types of a runtime that others connect to: how it is started, and what it is. */

import type { Codex } from "../codex.js";
import type { CodexOptions, ConnectOptions } from "../options.js";
import type { ProcessExit } from "../process/agentProcess.js";

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
