/** The stage of one case: a home, a scripted model, a real runtime, and a client that is connected in one way. */

import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  type AppServer,
  Codex,
  type CodexOptions,
  type CodexStatus,
  type ConnectOptions,
  type ServeOptions,
  serveAppServer,
} from "codex-embed";
import { createTestHome, message, ScriptedModel, type TestHome } from "codex-embed/testing";
import { locateRuntime } from "../../packages/codex-embed/src/process/locate.js";
import { Proxy } from "../../packages/codex-embed/test/support/proxy.js";
import { hasStopped, processesOf, runtimeIn } from "./processes.js";

/** How the client is connected: a process of its own, a unix socket, or a WebSocket over TCP. */
export type Column = "stdio" | "unix" | "ws";

/** All columns, in their order. */
export const COLUMNS: readonly Column[] = ["stdio", "unix", "ws"];

/** What a stage is set with. */
export interface StageOptions {
  /** Of the client, in every column. */
  readonly client?: Omit<ConnectOptions, "token" | "tokenProvider">;
  /** Of the client that owns its process. */
  readonly launch?: Pick<CodexOptions, "restart" | "spawn">;
  /** Connect through a proxy that can fail. */
  readonly isProxied?: boolean;
  /** The text of a script in place of the runtime; `$RUNTIME` is the runtime, `$SEED` a copy of the home. */
  readonly wrapper?: string;
  /** More environment of the runtime. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A stage that is set. Everything on it lives in folders of its own. */
export class Stage {
  readonly column: Column;
  readonly model: ScriptedModel;
  readonly home: TestHome;
  /** How long a cut of the network lasts. */
  readonly cutMs: number;
  readonly #options: StageOptions;
  readonly #folder: string;
  readonly #codexBin: string | undefined;
  readonly #clients: Codex[] = [];
  #server: AppServer | undefined;
  #proxy: Proxy | undefined;

  private constructor(
    column: Column,
    folder: string,
    parts: { model: ScriptedModel; home: TestHome; cutMs: number },
    options: StageOptions,
  ) {
    this.column = column;
    this.model = parts.model;
    this.home = parts.home;
    this.cutMs = parts.cutMs;
    this.#folder = folder;
    this.#options = options;
    this.#codexBin = options.wrapper === undefined ? undefined : join(folder, "runtime.sh");
  }

  /** Sets the stage in a folder; no runtime is started yet. */
  static async set(column: Column, folder: string, cutMs: number, options: StageOptions = {}): Promise<Stage> {
    const model = await ScriptedModel.start();
    model.respondWith(() => message("After."));
    const home = await createTestHome({ model });
    const stage = new Stage(column, folder, { model, home, cutMs }, options);
    await stage.#writeWrapper();
    return stage;
  }

  /** Starts the runtime and connects. */
  async start(): Promise<Codex> {
    if (this.column !== "stdio") await this.serve();
    return this.connect();
  }

  /** A client that has not started yet, for the column of processes. */
  client(options: CodexOptions = {}): Codex {
    const codex = new Codex({ ...this.#launchOptions(), ...this.#options.client, ...this.#options.launch, ...options });
    this.#clients.push(codex);
    return codex;
  }

  /** Connects another client, or launches one. */
  async connect(): Promise<Codex> {
    if (this.column === "stdio") {
      const codex = this.client();
      await codex.start();
      return codex;
    }
    if (this.#options.isProxied === true) this.#proxy ??= await Proxy.to(this.server.url, this.#proxySocket());
    const { token, url } = this.server;
    const address = this.#proxy?.url ?? url;
    const codex = await Codex.connect(address, { ...this.#options.client, ...(token !== undefined && { token }) });
    this.#clients.push(codex);
    return codex;
  }

  /** Starts the server, or another one at the address of the one before. */
  async serve(options: ServeOptions = {}): Promise<AppServer> {
    // A process that dies lets go of its connections before it lets go of its address.
    await this.#server?.closed;
    const listen = this.#server?.url ?? this.address;
    const token = "fault-matrix";
    this.#server = await serveAppServer({
      ...this.#launchOptions(),
      listen,
      ...(this.column === "ws" && { auth: { type: "token", token } }),
      ...options,
    });
    return this.#server;
  }

  get address(): string {
    return this.column === "unix" ? `unix://${join(this.#folder, "s")}` : "ws://127.0.0.1:0";
  }

  get server(): AppServer {
    if (this.#server === undefined) throw new Error("There is no server on this stage.");
    return this.#server;
  }

  get proxy(): Proxy {
    if (this.#proxy === undefined) throw new Error("There is no proxy on this stage.");
    return this.#proxy;
  }

  /** The process id of the runtime itself. */
  runtime(): Promise<number> {
    return runtimeIn(this.home.codexHome);
  }

  /** Sends the runtime a signal, and gives the time of it. */
  async signal(signal: NodeJS.Signals): Promise<number> {
    const pid = await this.runtime();
    const at = performance.now();
    process.kill(pid, signal);
    if (signal === "SIGSTOP") await hasStopped(pid);
    return at;
  }

  /** Ends the clients as a user does; gives how long that took. */
  async close(): Promise<number> {
    const began = performance.now();
    for (const codex of this.#clients) await codex.close();
    const closeMs = performance.now() - began;
    await this.#server?.close();
    await this.#proxy?.[Symbol.asyncDispose]();
    await this.model.close();
    return closeMs;
  }

  /** The processes of the runtime that live. */
  processes(): Promise<number[]> {
    return processesOf(this.home.codexHome);
  }

  /** Ends by force what is left, and removes the home. */
  async strike(): Promise<void> {
    for (const pid of await this.processes()) process.kill(pid, "SIGKILL");
    await this.home.dispose();
  }

  #launchOptions(): CodexOptions {
    const { codexHome, workspace: cwd, env } = this.home;
    const more = { SEED: join(this.#folder, "seed"), ...this.#options.env };
    const codexBin = this.#codexBin;
    return { codexHome, cwd, inheritEnv: false, env: { ...env, ...more }, ...(codexBin !== undefined && { codexBin }) };
  }

  #proxySocket(): string | undefined {
    return this.column === "unix" ? join(this.#folder, "p") : undefined;
  }

  async #writeWrapper(): Promise<void> {
    if (this.#codexBin === undefined) return;
    await cp(this.home.codexHome, join(this.#folder, "seed"), { recursive: true });
    await writeFile(
      this.#codexBin,
      `#!/bin/sh\nRUNTIME=${locateRuntime({ env: {} }).path}\nexport RUNTIME\n${this.#options.wrapper}\n`,
    );
    await chmod(this.#codexBin, 0o755);
  }
}

/** Resolves with the time at which the client has that status. */
export function whenStatus(codex: Codex, status: CodexStatus): Promise<number> {
  return new Promise((resolve) => {
    const subscription = codex.on("status", ({ params }) => {
      if (params.status !== status) return;
      subscription[Symbol.dispose]();
      resolve(performance.now());
    });
  });
}

/** Makes a folder outside the system's temporary one, in which everything of a case has to be. */
export async function makeFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const parent = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, "faults-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
