import { messageOf } from "../errors/base.js";
import { LaunchError, RequestTimeoutError, TransportClosedError } from "../errors/connection.js";
import type { InitializeParams, InitializeResponse } from "../protocol/generated/protocol.js";
import { RUNTIME_VERSION } from "../protocol/generated/tables.js";
import { isOlder, SUPPORTED_RUNTIMES, type SupportedRuntimes, supportOf } from "../protocol/runtimes.js";
import { Connection, type ConnectionReceiver } from "../rpc/connection.js";
import { adviceOnStderr } from "../rpc/replyErrors.js";
import type { Gaps } from "../rpc/since.js";
import { DEFAULT_MAX_FRAME_BYTES, type OpenedTransport } from "../transport/transport.js";
import { TimeLimitError } from "../util/async.js";
import { isRecord } from "../util/json.js";
import { type ClientOptions, type CodexOptions, DEFAULT_OPT_OUT_NOTIFICATIONS } from "./options.js";

/** What {@link connect} needs besides the transport. */
export interface ConnectContext {
  readonly client: ClientOptions;
  readonly receiver: ConnectionReceiver;
  /** Aborts when the client is closed, gives up reconnecting, or hits `startupTimeoutMs` (`TimeLimitError`). */
  readonly signal: AbortSignal;
  /** Called with the connection before anything is sent on it. */
  readonly onOpen: (connection: Connection) => void;
  readonly warn: (message: string) => void;
}

/** A connection, and what the runtime says about itself. */
export interface Connected {
  readonly connection: Connection;
  readonly metadata: RuntimeMetadata;
  readonly killOrphans: OpenedTransport["killOrphans"];
}

/**
 * Makes a connection of a transport, and runs the handshake on it. A runtime that hits the time limit is killed: it hangs,
 * so it would not answer a polite shutdown either.
 *
 * @throws LaunchError; the signal's reason. The transport is closed then.
 */
export async function connect(opened: OpenedTransport, context: ConnectContext): Promise<Connected> {
  const { transport, codexBin, stderrTail, killOrphans } = opened;
  const { client, receiver, signal, onOpen, warn } = context;
  const maxFrameBytes = client.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  const connection = new Connection(transport, receiver, { maxFrameBytes });
  onOpen(connection);
  try {
    const metadata = await handshake(connection, client, { codexBin, signal, stderrTail, warn });
    // The answer may have been on its way when the signal aborted.
    signal.throwIfAborted();
    return { connection, metadata, killOrphans };
  } catch (error) {
    await (signal.reason instanceof TimeLimitError ? connection.kill() : connection.close());
    throw error;
  }
}

/** What a runtime says about itself in the handshake. */
export interface RuntimeMetadata {
  /** The runtime's user agent: client name, runtime version, platform. */
  readonly userAgent: string;
  /** The runtime's `CODEX_HOME`, absolute. */
  readonly codexHome: string;
  readonly platformFamily: string;
  readonly platformOs: string;
  /** The runtime's version, from its user agent; `unknown` if that names none. */
  readonly runtimeVersion: string;
  /** The versions of the runtime that this SDK works with. */
  readonly supportedRuntimes: SupportedRuntimes;
  /** The binary that was started, or null for a runtime that this program did not start. */
  readonly codexBin: string | null;
}

/** What {@link handshake} needs besides the connection. */
export interface HandshakeContext {
  readonly codexBin: string | null;
  /** Aborts when the client is closed or `startupTimeoutMs` is over. */
  readonly signal: AbortSignal;
  readonly stderrTail: () => string;
  /** Called once when an allowed version mismatch is found. */
  readonly warn: (message: string) => void;
}

/**
 * Sends `initialize`, compares versions and sends `initialized`.
 *
 * @throws LaunchError `HANDSHAKE_FAILED` or `VERSION_MISMATCH`.
 */
async function handshake(
  connection: Connection,
  options: CodexOptions,
  context: HandshakeContext,
): Promise<RuntimeMetadata> {
  const { codexBin } = context;
  const response = await initialize(connection, options, context);
  const runtimeVersion = versionIn(response.userAgent, clientNameOf(options));
  checkRuntime(runtimeVersion, response.userAgent, options, context);
  connection.peer = { version: runtimeVersion, gaps: await gapsOf(runtimeVersion) };
  connection.notify("initialized");
  return {
    userAgent: response.userAgent,
    codexHome: response.codexHome,
    platformFamily: response.platformFamily,
    platformOs: response.platformOs,
    runtimeVersion,
    supportedRuntimes: SUPPORTED_RUNTIMES,
    codexBin,
  };
}

async function initialize(
  connection: Connection,
  options: CodexOptions,
  { signal, stderrTail }: HandshakeContext,
): Promise<InitializeResponse> {
  const params: InitializeParams = {
    clientInfo: {
      name: clientNameOf(options),
      title: options.clientTitle ?? null,
      version: options.clientVersion ?? RUNTIME_VERSION,
    },
    capabilities: {
      experimentalApi: options.experimentalApi ?? true,
      requestAttestation: false,
      optOutNotificationMethods: [...(options.optOutNotifications ?? DEFAULT_OPT_OUT_NOTIFICATIONS)],
    },
  };
  try {
    const response = await connection.request("initialize", params, { signal });
    if (isInitializeResponse(response)) return response;
    throw new Error("the reply to `initialize` has no userAgent");
  } catch (error) {
    const tail = stderrTail();
    const advice =
      adviceOnStderr(tail) ??
      "Check that it is `codex app-server` and that its configuration loads: run npx codex-embed doctor";
    const message = `Handshake failed: ${whyNot(error)}. ${advice}`;
    const cause = error instanceof TimeLimitError ? new RequestTimeoutError("initialize", error.limitMs) : error;
    throw new LaunchError("HANDSHAKE_FAILED", message, { cause, stderrTail: tail });
  }
}

function whyNot(error: unknown): string {
  if (error instanceof TimeLimitError) return `the runtime did not answer \`initialize\` within ${error.limit}`;
  if (TransportClosedError.isInstance(error))
    return `the runtime exited before it answered \`initialize\` (${ending(error)})`;
  return messageOf(error).replace(/\.$/, "");
}

function ending(error: TransportClosedError): string {
  return error.signal === null ? `exit code ${error.exitCode ?? "unknown"}` : `signal ${error.signal}`;
}

function isInitializeResponse(value: unknown): value is InitializeResponse {
  return isRecord(value) && typeof value["userAgent"] === "string" && typeof value["codexHome"] === "string";
}

function clientNameOf(options: CodexOptions): string {
  return options.clientName ?? "codex-embed";
}

/** The user agent begins with `<client name>/<runtime version>`. The name itself may look like a version. */
function versionIn(userAgent: string, clientName: string): string {
  const own = `${clientName}/`;
  const rest = userAgent.startsWith(own) ? userAgent.slice(own.length - 1) : userAgent;
  return /\/(\d+\.\d+\.\d+\S*)/.exec(rest)?.[1] ?? "unknown";
}

/** What an older runtime lacks. Loaded on demand: the runtime that comes with the package lacks nothing. */
async function gapsOf(version: string): Promise<Gaps | null> {
  if (!isOlder(version, RUNTIME_VERSION)) return null;
  const since = await import("../rpc/since.js");
  return new since.Gaps(version);
}

/** Warns of a runtime that is newer than every tested one. Throws `LaunchError` for one that is too old or unknown. */
function checkRuntime(version: string, userAgent: string, options: CodexOptions, context: HandshakeContext): void {
  const problem = versionProblem(version, context.codexBin, userAgent);
  if (problem === null) return;
  if (!problem.refused || options.allowVersionMismatch === true) return context.warn(problem.detail);
  throw new LaunchError("VERSION_MISMATCH", `${problem.detail} ${problem.advice}`, {
    stderrTail: context.stderrTail(),
  });
}

/** Why the version of a runtime is no tested one, and what to do. */
export interface VersionProblem {
  readonly detail: string;
  readonly advice: string;
  /** Whether the runtime is only accepted with `allowVersionMismatch`. */
  readonly refused: boolean;
}

/** What is wrong with the version of a runtime, or null for one that this SDK works with. */
export function versionProblem(version: string, codexBin: string | null, userAgent?: string): VersionProblem | null {
  const { oldest, newest } = SUPPORTED_RUNTIMES;
  const support = supportOf(version);
  if (support === "supported") return null;
  const runtime = codexBin === null ? "The runtime" : `The runtime ${codexBin}`;
  if (support === "untested") {
    return {
      detail: `${runtime} is version ${version}; the newest that this SDK was tested with is ${newest}.`,
      advice: `Update codex-embed, or run npm install @openai/codex@${newest} if something does not work.`,
      refused: false,
    };
  }
  const found = support === "tooOld" || userAgent === undefined ? version : `unknown (${userAgent})`;
  return {
    detail: `${runtime} is version ${found}; this SDK needs ${oldest} or later, and was tested up to ${newest}.`,
    advice: `Run npm install @openai/codex@${newest}, or pass allowVersionMismatch: true to use the runtime anyway.`,
    refused: true,
  };
}
