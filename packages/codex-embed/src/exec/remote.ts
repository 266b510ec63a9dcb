import { UsageError } from "../errors/base.js";
import { checkedToken, parseAddress } from "../transport/address.js";
import type { CodexOptions, ThreadOptions, TurnOptions } from "./options.js";

/** The first version of the runtime whose `codex exec` takes `--remote`. */
export const REMOTE_SINCE = "0.171.0";
/** Passes the token, which must not be an argument: the process list shows those. */
const TOKEN_VARIABLE = "CODEX_EMBED_REMOTE_TOKEN";
/** The default ports of the two schemes. The runtime wants to be told. */
const PORTS: Readonly<Record<string, string>> = { "ws:": "80", "wss:": "443" };

/** What a run on an app server adds to the command line and the environment of `codex exec`. */
export interface RemotePlan {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Plans a run on the app server of `remote`.
 *
 * @throws UsageError for an address that `codex exec` does not take, and for a token that HTTP cannot carry or that would
 * be sent unencrypted to another machine.
 */
export function planRemote(remote: CodexOptions["remote"]): RemotePlan {
  if (remote === undefined) return { args: [], env: {} };
  const { url, socketPath, shown, isExposed } = parseAddress(remote.url);
  if (socketPath === undefined && (url.pathname !== "/" || url.search !== "")) {
    throw new UsageError(`The address ${shown} has a path or a query, which \`codex exec\` does not take. Remove it.`);
  }
  const address =
    socketPath === undefined ? `${url.protocol}//${url.hostname}:${url.port || PORTS[url.protocol]}` : shown;
  if (remote.token === undefined) return { args: ["--remote", address], env: {} };
  if (socketPath !== undefined) {
    throw new UsageError("A Unix socket takes no token: file permissions protect it. Remove remote.token.");
  }
  if (isExposed) {
    throw new UsageError(
      `The token would be sent to ${shown} unencrypted. Use wss://, or a tunnel to a loopback address.`,
    );
  }
  return {
    args: ["--remote", address, "--remote-auth-token-env", TOKEN_VARIABLE],
    env: { [TOKEN_VARIABLE]: checkedToken(remote.token) },
  };
}

/** Options that concern this program and not the agent. A Git repository is not asked for on a server. */
const LOCAL: ReadonlySet<string> = new Set([
  "remote",
  "codexPathOverride",
  "env",
  "maxFrameBytes",
  "onStderr",
  "onUnreadableLine",
  "spawn",
  "skipGitRepoCheck",
  "signal",
  "outputLastMessage",
]);
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const INSTEAD = "Configure the agent on the server, or connect to it with Codex.connect() of codex-embed.";

/** What a run asks for. */
export interface RemoteRun {
  readonly codex: CodexOptions;
  readonly thread: ThreadOptions;
  readonly turn: TurnOptions;
  readonly target: { readonly kind: string; readonly id?: string };
  readonly images: readonly string[];
}

/**
 * Checks that a run on an app server asks for nothing that the runtime refuses there: it takes a text, a thread to resume
 * and `outputLastMessage` (measured).
 *
 * @throws UsageError naming what the run cannot have.
 */
export function assertRemote({ codex, thread, turn, target, images }: RemoteRun): void {
  if (codex.remote === undefined) return;
  const refused = Object.entries({ ...codex, ...thread, ...turn }).find(
    ([key, value]) => !LOCAL.has(key) && has(value),
  );
  if (refused !== undefined) {
    throw new UsageError(`${refused[0]} does not work with remote: \`codex exec\` refuses it there. ${INSTEAD}`);
  }
  if (images.length > 0) throw new UsageError(`\`codex exec\` sends no images to a server. ${INSTEAD}`);
  const { kind, id = "" } = target;
  if (kind === "resume" ? !UUID.test(id) : kind !== "new") {
    throw new UsageError(
      `On a server, \`codex exec\` starts a thread, or resumes one by its id (a UUID): use startThread() or resumeThread(id). ${INSTEAD}`,
    );
  }
}

/** Whether an option is set to something that has an effect. */
function has(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== false && value !== "";
}
