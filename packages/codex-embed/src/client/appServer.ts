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
import { withProfile } from "../process/profile.js";
import { expandHome } from "../process/paths.js";
import { type CodexOptions, type ConnectOptions, startupLimitMs } from "../runtime/options.js";
import { checkedToken } from "../transport/address.js";
import { onAbort, timeLimit, withLimits } from "../util/async.js";
import { Codex } from "./codex.js";

/** Who may connect to an app server. */
export type ServeAuth =
  /** Clients with this token. Default: a new one. It is written to a file that only this user can read. */
  | { readonly type: "token"; readonly token?: string | undefined }
  /** Clients with a bearer token (JWT, HS256) signed with the secret in this file. */
  | {
      readonly type: "signed";
      readonly sharedSecretFile: string;
      readonly issuer?: string | undefined;
      readonly audience?: string | undefined;
    }
  /** Over TCP, everyone on this machine; over a Unix socket, this user, who alone may open it. */
  | { readonly type: "none" };

/** Options of `serveAppServer`: where to listen, who may connect, and how to start the runtime. */
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
  /** `ws://IP:PORT` (port 0: any free port) or `unix:///path`. Default `ws://127.0.0.1:0`. */
  readonly listen?: string | undefined;
  /** Default: a new token over TCP; none over a Unix socket, which only this user can open. */
  readonly auth?: ServeAuth | undefined;
}

/** A runtime that other clients can connect to. */
export interface AppServer extends AsyncDisposable {
  /** The address to connect to, with the port that it listens on. */
  readonly url: string;
  /**
   * The token to connect with; undefined without one, and for signed tokens, which you create. `console.log` and
   * `JSON.stringify` of the server do not show it.
   */
  readonly token: string | undefined;
  /** The file with the token, readable by this user only. It is deleted when the server ends. */
  readonly tokenFile: string | undefined;
  readonly pid: number | undefined;
  /** Resolves with how the process exited. Never rejects. */
  readonly closed: Promise<ProcessExit>;
  /** Connects to it with its token. With `auth.type: "signed"`, pass a token. Rejects as `Codex.connect` does. */
  connect(options?: ConnectOptions): Promise<Codex>;
  /** Stops the process and everything it started, and resolves when nothing of it is left. Can be called twice. */
  close(): Promise<void>;
}

const READY_POLL_MS = 10;
const TOKEN_BYTES = 32;

/** Starts the server, for `serveAppServer`, which loads this file on its first call. */
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
      throw new LaunchError("SPAWN_FAILED", `Another server listens on ${listen}. Stop it, or choose another path`);
    }
    const located = locateRuntime({ codexBin: options.codexBin, env: launchEnvironment(options) });
    const plan = planLaunch({ ...(await withProfile(options)), located, mark: newMark() });
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

  /** A getter of the class is neither printed nor serialized with the server. */
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
    throw new UsageError(`listen is ${listen}: pass an absolute path, such as unix:///run/user/1000/codex.sock.`);
  }
  if (/^ws:\/\/(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d{1,5}$/i.test(listen)) return listen;
  throw new UsageError(
    `listen is ${JSON.stringify(listen)}: pass ws://IP:PORT with a numeric address, such as ws://127.0.0.1:0, or unix:///path.`,
  );
}

interface PreparedAuth {
  readonly args: readonly string[];
  readonly token?: string;
  readonly tokenFile?: string;
  dispose(): Promise<void>;
}

const NO_FILES = { dispose: async () => {} };

async function prepareAuth(auth: ServeAuth, isSocket: boolean): Promise<PreparedAuth> {
  if (auth.type === "none") return { args: [], ...NO_FILES };
  if (isSocket) {
    throw new UsageError(
      "The runtime checks tokens over TCP only: file permissions protect a Unix socket. Remove auth.",
    );
  }
  if (auth.type === "signed") {
    const { issuer, audience } = auth;
    const sharedSecretFile = expandHome(auth.sharedSecretFile, "auth.sharedSecretFile");
    const secret = await readFile(sharedSecretFile).catch((cause: unknown) => {
      throw new UsageError(
        `auth.sharedSecretFile: ${sharedSecretFile} cannot be read. Check the path and its permissions.`,
        { cause },
      );
    });
    if (secret.length === 0)
      throw new UsageError(`auth.sharedSecretFile: ${sharedSecretFile} is empty. Write a secret to it.`);
    const claims = [
      ...(issuer === undefined ? [] : ["--ws-issuer", issuer]),
      ...(audience === undefined ? [] : ["--ws-audience", audience]),
    ];
    const args = ["--ws-auth", "signed-bearer-token", "--ws-shared-secret-file", sharedSecretFile, ...claims];
    return { args, ...NO_FILES };
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

/** Finds the address in the server's stderr, the only place where it is. */
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
    const output = this.#text + text;
    const address = /listening on: (ws:\/\/\S+)\s/.exec(output)?.[1];
    if (address !== undefined) this.#found(address);
    // A chunk may end inside the address.
    this.#text = output.slice(-MAX_ADDRESS_CHARS);
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
      `The app server accepts no connections: ${why}. Check that its configuration loads and its address is free`,
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

/** Over TCP the server answers `/readyz`; a Unix socket speaks WebSocket only, and is ready when it can be opened. */
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
    const probe = request(new URL("/readyz", url.replace(/^ws:/, "http:")), { signal }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    probe.on("error", () => resolve(false));
    probe.end();
  });
}
