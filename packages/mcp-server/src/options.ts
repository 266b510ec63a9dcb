import { ApprovalMode, type CodexOptions, type Logger, Sandbox, UsageError } from "codex-embed";
import { z } from "zod";
import {
  checkCodexOptions,
  existingFolder,
  integer,
  isRecord,
  milliseconds,
  oneOf,
  text,
  withMethods,
} from "./checks.js";
import { TOKEN_VARIABLE } from "./token.js";

/** What the server's operator allows its callers, and how the runtime behind it is started. */
export interface CodexMcpOptions {
  /**
   * How the runtime is found and started. With `approvalMode` `ask`, the caller's user answers approvals and questions,
   * those of sub-agents included; the handlers given here are not asked.
   */
  readonly codex?: CodexOptions | undefined;
  /**
   * The widest sandbox that a caller may ask for. Default `read-only`: the server knows nothing about its callers, so
   * the operator decides what they may write to. A caller gets `full-access` only by asking for it by name; without a
   * name it gets `workspace-write` at most.
   */
  readonly maxSandbox?: Sandbox | undefined;
  /**
   * Who decides when the agent asks to go beyond its sandbox. Default `ask`: the user of the MCP client, by
   * elicitation. A request that the client cannot show is declined. A caller may choose the stricter `never`.
   */
  readonly approvalMode?: ApprovalMode | undefined;
  /** Folders that callers may work in, with everything below. The first is the default. Default: `codex.cwd`. */
  readonly roots?: readonly string[] | undefined;
  /** The number of turns that may run at once, over all callers. Default 4. */
  readonly maxConcurrentTurns?: number | undefined;
  /** The number of threads that stay loaded; a reply to an older one loads it again. Default 32. */
  readonly maxLoadedThreads?: number | undefined;
  /** The largest prompt, and the largest instructions, in bytes of UTF-8. Default 1 MiB. */
  readonly maxPromptBytes?: number | undefined;
  /** The longest turn in milliseconds, including the time that people take to answer. Default one hour. */
  readonly deadlineMs?: number | undefined;
  /**
   * How long a client of protocol 2026-07-28 may take to return with the answer to a question, in milliseconds. Then
   * its turn is interrupted. (Older clients are asked during their call and have until `deadlineMs`.) Default 10 minutes.
   */
  readonly answerTimeoutMs?: number | undefined;
  /** Milliseconds without news after which a caller that wants progress hears that the turn still runs. Default 10 s. */
  readonly heartbeatMs?: number | undefined;
  /** The server's name, as its clients see it. Default `codex-embed`. */
  readonly serverName?: string | undefined;
  /** Never receives prompts, answers or tokens. Must not write to stdout when the server runs on stdio. */
  readonly logger?: Logger | undefined;
}

const LOGGER_METHODS = ["debug", "info", "warn", "error"] as const;

/** The checks of the options that every way to serve takes. */
export const OPTIONS = {
  codex: z.custom<CodexOptions>(isRecord, "an object of options for the runtime").optional(),
  maxSandbox: oneOf(Object.values(Sandbox)).optional(),
  approvalMode: oneOf(Object.values(ApprovalMode)).optional(),
  roots: z.array(text, "an array of folders").optional(),
  maxConcurrentTurns: integer(1).optional(),
  maxLoadedThreads: integer(1).optional(),
  maxPromptBytes: integer(1).optional(),
  deadlineMs: milliseconds.optional(),
  answerTimeoutMs: milliseconds.optional(),
  heartbeatMs: milliseconds.optional(),
  serverName: text.refine((name) => name.trim() !== "", "a non-empty string").optional(),
  logger: withMethods<Logger>(LOGGER_METHODS, "a logger").optional(),
} satisfies Record<keyof CodexMcpOptions, z.ZodType>;

/** The options, checked, with their defaults. */
export interface Settings {
  /** With the server's logger and first root as defaults, and without the token in the environment. */
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

/**
 * The settings of options that were checked. Starts nothing.
 *
 * @param call - the name of the called function, for the error
 * @throws UsageError for a root that is not an existing folder, and for options that `new Codex` refuses.
 */
export function settingsOf(options: CodexMcpOptions, call: string): Settings {
  const { codex = {} } = options;
  checkCodexOptions(codex, call);
  const roots = options.roots?.map((path) => existingFolder(path, "roots holds")) ?? [defaultRootOf(codex.cwd)];
  const [defaultRoot] = roots;
  if (defaultRoot === undefined) throw new UsageError("roots is empty. Give the folders that callers may work in.");
  const logger = options.logger && safeLogger(options.logger);
  return {
    codex: { logger, cwd: defaultRoot, ...codex, env: { ...codex.env, [TOKEN_VARIABLE]: undefined } },
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
    logger,
  };
}

function defaultRootOf(cwd: string | undefined): string {
  if (cwd !== undefined) return existingFolder(cwd, "codex.cwd is");
  let workingDirectory: string;
  try {
    workingDirectory = process.cwd();
  } catch (cause) {
    throw new UsageError(
      'The working directory of this program was deleted. Give roots, such as ["/path/to/project"].',
      { cause },
    );
  }
  return existingFolder(workingDirectory, "roots is not given, and its default, the working directory, is");
}

/** The same logger, except that what it throws or rejects with goes nowhere: logging never changes what happens. */
function safeLogger(logger: Logger): Logger {
  const safe = (level: keyof Logger) => (fields: object, message: string) => {
    try {
      const written: unknown = logger[level](fields, message);
      // An asynchronous logger returns a promise; unhandled, its rejection would end the program.
      Promise.resolve(written).catch(() => {});
    } catch {
      // There is nowhere left to report it.
    }
  };
  return { debug: safe("debug"), info: safe("info"), warn: safe("warn"), error: safe("error") };
}
