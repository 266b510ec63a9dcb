/** Owns the options of the MCP server: their checks, their defaults, and the settings that come of them. */

import { realpathSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ApprovalMode, type CodexOptions, type Logger, Sandbox, UsageError } from "codex-embed";
import { CODEX, logger } from "../../codex-embed/src/client/knownOptions.js";
import { expandHome } from "../../codex-embed/src/process/paths.js";
import { safeLogger } from "../../codex-embed/src/util/logger.js";
import { filled, integer, listOf, milliseconds, oneOf, text } from "../../codex-embed/src/validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../../codex-embed/src/validate/options.js";

/** What the server's operator allows its callers, and how the runtime behind it is started. */
export interface CodexMcpOptions {
  /**
   * How the runtime is found and started. With `approvalMode` `ask` its handlers are not asked what the caller is asked:
   * approvals and questions of the caller's agent and of the agents that this one starts.
   */
  readonly codex?: CodexOptions | undefined;
  /**
   * The widest sandbox that a caller may ask for. Default `read-only`: what a caller, a program or a model that this
   * server knows nothing of, may write to is for the operator to say. `full-access` has to be asked for by name; a
   * caller that names no sandbox gets `workspace-write` at most.
   */
  readonly maxSandbox?: Sandbox | undefined;
  /**
   * Who decides when the agent asks to go beyond its sandbox. Default `ask`: the person at the MCP client, by
   * elicitation; what a client cannot ask is declined. A caller may choose the narrower `never`, and nothing wider.
   */
  readonly approvalMode?: ApprovalMode | undefined;
  /** The folders that callers may work in, with all below them. The first is the default. Default: `codex.cwd`. */
  readonly roots?: readonly string[] | undefined;
  /** How many turns may run at once, over all callers. Default 4. */
  readonly maxConcurrentTurns?: number | undefined;
  /** How many threads are kept loaded; a reply to an older one loads it again. Default 32. */
  readonly maxLoadedThreads?: number | undefined;
  /** The largest prompt, and the largest instructions, in bytes of UTF-8. Default 1 MiB. */
  readonly maxPromptBytes?: number | undefined;
  /** Milliseconds that a turn may take, with the time that people take to answer. Default one hour. */
  readonly deadlineMs?: number | undefined;
  /**
   * Milliseconds that a client of the protocol 2026-07-28 may take to come back with the answer to a question; then its
   * turn is interrupted. (Older clients are asked in the middle of their call, and may take until `deadlineMs`.)
   * Default 10 minutes.
   */
  readonly answerTimeoutMs?: number | undefined;
  /** Milliseconds without news after which a caller that wants progress is told that the turn still runs. Default 10 s. */
  readonly heartbeatMs?: number | undefined;
  /** How the server names itself to its clients. Default `codex-embed`. */
  readonly serverName?: string | undefined;
  /** Never receives prompts, answers or tokens. Must not write to stdout when the server runs on stdio. */
  readonly logger?: Logger | undefined;
}

/** @internal Every option of the server, for what serves it. */
export const MCP: OptionTable<CodexMcpOptions> = {
  codex: nested(CODEX),
  maxSandbox: oneOf(Object.values(Sandbox)),
  approvalMode: oneOf(Object.values(ApprovalMode)),
  roots: listOf(text),
  maxConcurrentTurns: integer(1),
  maxLoadedThreads: integer(1),
  maxPromptBytes: integer(1),
  deadlineMs: milliseconds,
  answerTimeoutMs: milliseconds,
  heartbeatMs: milliseconds,
  serverName: filled,
  logger,
};

/** The options, checked and complete. */
export interface Settings {
  readonly codex: CodexOptions;
  readonly maxSandbox: Sandbox;
  readonly approvalMode: ApprovalMode;
  /** Absolute, with all links followed. */
  readonly roots: readonly string[];
  readonly defaultRoot: string;
  readonly maxConcurrentTurns: number;
  readonly maxLoadedThreads: number;
  readonly maxPromptBytes: number;
  readonly deadlineMs: number;
  readonly answerTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly serverName: string;
  readonly logger: Logger | undefined;
}

/** Checks the options. Throws `UsageError` for what cannot work; starts and opens nothing. */
export function settingsOf(given: CodexMcpOptions): Settings {
  const options = checkOptions(given, "createCodexMcp", MCP);
  const codex = options.codex ?? {};
  const roots = (options.roots ?? [codex.cwd ?? process.cwd()]).map(folder);
  const [defaultRoot] = roots;
  if (defaultRoot === undefined) throw new UsageError("roots is empty. Give the folders that callers may work in.");
  return {
    codex,
    maxSandbox: options.maxSandbox ?? Sandbox.readOnly,
    approvalMode: options.approvalMode ?? ApprovalMode.ask,
    roots,
    defaultRoot,
    maxConcurrentTurns: options.maxConcurrentTurns ?? 4,
    maxLoadedThreads: options.maxLoadedThreads ?? 32,
    maxPromptBytes: options.maxPromptBytes ?? 1024 * 1024,
    deadlineMs: options.deadlineMs ?? 60 * 60_000,
    answerTimeoutMs: options.answerTimeoutMs ?? 10 * 60_000,
    heartbeatMs: options.heartbeatMs ?? 10_000,
    serverName: options.serverName ?? "codex-embed",
    logger: options.logger && safeLogger(options.logger),
  };
}

function folder(path: string): string {
  if (path === "") throw new UsageError("roots holds an empty path. Give folders.");
  try {
    const real = realpathSync(resolve(expandHome(path, "roots")));
    if (statSync(real).isDirectory()) return real;
  } catch (cause) {
    throw new UsageError(`roots holds ${resolve(path)}, which is not an existing folder.`, { cause });
  }
  throw new UsageError(`roots holds ${resolve(path)}, which is not a folder.`);
}
