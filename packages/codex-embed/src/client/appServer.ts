/** Owns a runtime that others connect to: its address, its token, and the process. */

import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, UsageError } from "../errors/base.js";
import { LaunchError } from "../errors/connection.js";
import { type AgentProcess, type ProcessExit, startProcess } from "../process/agentProcess.js";
import { launchEnvironment, newMark } from "../process/environment.js";
import { guarded, planLaunch } from "../process/launch.js";
import { locateRuntime } from "../process/locate.js";
import { expandHome } from "../process/paths.js";
import { type CodexOptions, type ConnectOptions, startupLimitMs } from "../runtime/options.js";
import { checkedToken } from "../runtime/remote.js";
import { onAbort, timeLimit, withLimits } from "../util/async.js";
import { Codex } from "./codex.js";

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

const READY_POLL_MS = 10;
const TOKEN_BYTES = 32;

/** Starts the server; see {@link serveAppServer}, which loads this file when it is called. */
export async function startServer(options: ServeOptions): Promise<AppServer> {
  const limitMs = startupLimitMs(options);
  const listen = checkedListen(options.listen ?? "ws://127.0.0.1:0");
  const isSocket = listen.startsWith("unix://");
  const auth = await prepareAuth(options.auth ?? { type: isSocket ? "none" : "token" }, isSocket);
  const limit = timeLimit("startupTimeoutMs", limitMs);
  const { signal } = limit;
  let child: AgentProcess | undefined;
  try {
    if (isSocket && (await isReady(listen, signal))) {
      throw new LaunchError("SPAWN_FAILED", `Another server listens on ${listen}. End it, or choose another path`);
    }
    const located = locateRuntime({ codexBin: options.codexBin, env: launchEnvironment(options) });
    const plan = planLaunch({ ...options, located, mark: newMark() });
    const stderr = new StderrReader(options.onStderr);
    const spawnRequest = { ...plan, args: [...plan.args, "--listen", listen, ...auth.args] };
    const { spawn } = options;
    const onStderr = (text: string): void => stderr.push(text);
    child = await startProcess(spawn === undefined ? guarded(spawnRequest) : spawnRequest, { spawn, onStderr }, signal);
    child.stdout.resume();
    const url = await whenReady(child, isSocket ? Promise.resolve(listen) : stderr.address, signal);
    return new RunningServer(child, url, auth);
  } catch (error) {
    await child?.kill();
    await auth.dispose();
    throw error;
  } finally {
    limit.stop();
  }
}

class RunningServer implements AppServer {
  readonly url: string;
  readonly tokenFile: string | undefined;
  readonly pid: number | undefined;
  readonly closed: Promise<ProcessExit>;
  readonly #token: string | undefined;
  readonly #child: AgentProcess;
  readonly #auth: PreparedAuth;

  constructor(child: AgentProcess, url: string, auth: PreparedAuth) {
    this.url = url;
    this.tokenFile = auth.tokenFile;
    this.pid = child.pid;
    this.#token = auth.token;
    this.#child = child;
    this.#auth = auth;
    this.closed = child.exited.then(async (exit) => {
      await this.close();
      return exit;
    });
  }

  /** A getter of the class, so that nothing that prints or serializes the server shows it. */
  get token(): string | undefined {
    return this.#token;
  }

  readonly connect = (options: ConnectOptions = {}): Promise<Codex> =>
    Codex.connect(this.url, { ...(this.#token !== undefined && { token: this.#token }), ...options });

  readonly close = async (): Promise<void> => {
    await this.#child.shutdown();
    await this.#auth.dispose();
  };

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkedListen(listen: string): string {
  if (listen.startsWith("unix://")) {
    if (isAbsolute(listen.slice("unix://".length))) return listen;
    throw new UsageError(`listen is ${listen}: give an absolute path, such as unix:///run/user/1000/codex.sock.`);
  }
  if (/^ws:\/\/(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d{1,5}$/i.test(listen)) return listen;
  throw new UsageError(
    `listen is ${JSON.stringify(listen)}: give ws://IP:PORT with an address in numbers, such as ws://127.0.0.1:0, or unix:///path.`,
  );
}

interface PreparedAuth {
  readonly args: readonly string[];
  readonly token?: string;
  readonly tokenFile?: string;
  dispose(): Promise<void>;
}

const NOTHING = { dispose: async () => {} };

async function prepareAuth(auth: ServeAuth, isSocket: boolean): Promise<PreparedAuth> {
  if (auth.type === "none") return { args: [], ...NOTHING };
  if (isSocket) {
    throw new UsageError(
      "The runtime asks for tokens over TCP alone: a unix socket is kept by its permissions. Leave auth out.",
    );
  }
  if (auth.type === "signed") {
    const { issuer, audience } = auth;
    const sharedSecretFile = expandHome(auth.sharedSecretFile, "auth.sharedSecretFile");
    const secret = await readFile(sharedSecretFile).catch((cause: unknown) => {
      throw new UsageError(`The shared secret ${sharedSecretFile} cannot be read.`, { cause });
    });
    if (secret.length === 0) throw new UsageError(`The shared secret ${sharedSecretFile} is empty.`);
    const claims = [
      ...(issuer === undefined ? [] : ["--ws-issuer", issuer]),
      ...(audience === undefined ? [] : ["--ws-audience", audience]),
    ];
    const args = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", sharedSecretFile, ...claims];
    return { args, ...NOTHING };
  }
  const token = checkedToken(auth.token ?? randomBytes(TOKEN_BYTES).toString("base64url"));
  const folder = await mkdtemp(join(tmpdir(), "codex-embed-token-"));
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, token, { mode: 0o600 });
  await chmod(tokenFile, 0o600);
  return {
    args: ["--ws-auth", "capability-token", "--ws-token-file", tokenFile],
    token,
    tokenFile,
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

const MAX_ADDRESS_CHARS = 256;

/** The server tells its address on stderr alone, in words for people. */
class StderrReader {
  readonly address: Promise<string>;
  readonly #observer: ((text: string) => void) | undefined;
  #text = "";
  #found: (address: string) => void = () => {};

  constructor(observer: ((text: string) => void) | undefined) {
    this.#observer = observer;
    this.address = new Promise((resolve) => {
      this.#found = resolve;
    });
  }

  push(text: string): void {
    const said = this.#text + text;
    const address = /listening on: (ws:\/\/\S+)\s/.exec(said)?.[1];
    if (address !== undefined) this.#found(address);
    // The address may be cut in two.
    this.#text = said.slice(-MAX_ADDRESS_CHARS);
    this.#observer?.(text);
  }
}

async function whenReady(child: AgentProcess, address: Promise<string>, signal: AbortSignal): Promise<string> {
  const over = new AbortController();
  const stop = onAbort(signal, () => over.abort(signal.reason));
  try {
    const ready = address.then((url) => pollUntilReady(url, over.signal));
    const exited = child.exited.then(async (exit) => {
      await child.shutdown();
      throw new Error(exit.signal === null ? `it exited with code ${exit.exitCode}` : `it died by ${exit.signal}`);
    });
    return await withLimits(Promise.race([ready, exited]), { signal });
  } catch (cause) {
    const why = messageOf(cause);
    throw new LaunchError(
      "HANDSHAKE_FAILED",
      `The runtime took no connections: ${why}. Check that its configuration loads and its address is free`,
      { stderrTail: child.stderrTail() },
    );
  } finally {
    stop();
    over.abort();
  }
}

async function pollUntilReady(url: string, signal: AbortSignal): Promise<string> {
  while (!(await isReady(url, signal))) await sleep(READY_POLL_MS, undefined, { signal });
  return url;
}

/** Over TCP the server answers /readyz; a unix socket speaks WebSocket only, and is ready when it can be opened. */
function isReady(url: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (url.startsWith("unix://")) {
      const socket = connect({ path: url.slice("unix://".length), signal });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
      return;
    }
    const asked = request(new URL("/readyz", url.replace(/^ws:/, "http:")), { signal }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
