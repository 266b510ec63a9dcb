import type { PermissionsRequestApprovalParams } from "../protocol/generated/protocol.js";
import type {
  CommandApprovalRequest,
  CommandDecision,
  FileChangeApprovalRequest,
  FileChangeDecision,
  HandlerContext,
  McpToolApprovalRequest,
  McpToolDecision,
  PermissionsGrant,
} from "../requests/handlers.js";
import { either, list, listOf, text } from "../validate/kinds.js";
import type { OptionTable } from "../validate/options.js";

/** The approval handlers that `approvalRules` returns: pass them, or spread them into your `handlers`. */
export interface ApprovalRuleHandlers {
  /** Decides a command by `commands`, and a host that a command wants to reach by `network`. */
  readonly approveCommand: (
    request: CommandApprovalRequest,
    context: HandlerContext,
  ) => CommandDecision | Promise<CommandDecision>;
  /** Decides a patch by `paths`: each file that it changes, and both ends of a move. */
  readonly approveFileChange: (
    request: FileChangeApprovalRequest,
    context: HandlerContext,
  ) => FileChangeDecision | Promise<FileChangeDecision>;
  /** Decides a request for permissions by `paths` and `network`. What is granted lasts for the turn. */
  readonly approvePermissions: (
    request: PermissionsRequestApprovalParams,
    context: HandlerContext,
  ) => PermissionsGrant | "decline" | Promise<PermissionsGrant | "decline">;
  /**
   * Decides a call of an MCP tool by `mcp`. Absent without `mcp` rules and without an `otherwise` for it, so that the
   * handler of the client decides.
   */
  readonly approveMcpTool?:
    | ((request: McpToolApprovalRequest, context: HandlerContext) => McpToolDecision | Promise<McpToolDecision>)
    | undefined;
}

/**
 * A pattern over the arguments of a command: a string, split at blanks, or an array of arguments. `*` matches any run
 * of characters within one argument; a final `**` matches any number of further arguments. In an allow pattern neither
 * matches an option: an argument that starts with `-` or `+` needs a word in the pattern that starts with the same
 * character, such as `--oneline` or `--*`, and `NAME=value` needs a word with `NAME=`.
 *
 * @example ["pg_isready", "systemctl status *", ["grep", "a b", "*.txt"]]
 */
export type CommandPattern = string | readonly string[];

/**
 * A pattern over the tools of MCP servers. `*` matches any run of characters within a name.
 *
 * @example [{ server: "docs" }, { server: "tracker", tool: "read_*" }, { server: "build", environmentId: "staging" }]
 */
export interface McpToolPattern {
  /** The name of the server in the configuration of the runtime. */
  readonly server: string;
  /** The name of the tool. Default: every tool of the server. */
  readonly tool?: string | undefined;
  /**
   * The environment that registered the server; `"*"` for every environment. An allow pattern with an environment matches
   * only a server that the runtime says is of that environment; one without matches only servers of the whole thread. A
   * deny pattern without an environment matches in all of them; one with an environment also matches when the runtime does
   * not name it (before 0.171).
   */
  readonly environmentId?: string | undefined;
}

/** Patterns to allow and to deny. Deny wins. */
export interface RuleList<P> {
  /** Requests that match are accepted. Default: none. */
  readonly allow?: readonly P[] | undefined;
  /** Requests that match are declined, whatever `allow` says. Default: none. */
  readonly deny?: readonly P[] | undefined;
}

/** Rules for commands. */
export interface CommandRules extends RuleList<CommandPattern> {
  /**
   * Folders that an allowed command may run in: absolute paths or globs, compared after symbolic links are followed.
   * `"/srv/app"` is that folder alone; `"/srv/app/**"` includes every folder below it. Default: the working directory
   * of the thread, as this client set it. A command of a sub-agent may run in the working directory of the thread that
   * started the agent. Of `guardRules`, the default is every folder. Deny patterns apply in every folder.
   */
  readonly cwd?: string | readonly string[] | undefined;
}

/** The rules, and who decides the requests that no rule matches. */
export interface ApprovalRulesOptions {
  /**
   * Rules for commands, by their arguments. An allowed command runs outside the sandbox, with the rights of the runtime.
   * An allow pattern matches one simple command as a whole: no chaining, substitution, expansion or redirection, and no
   * option that the pattern does not name. A deny pattern matches every command that starts with it, anywhere in a
   * script; as soon as there is one, a command that cannot be read is declined. Commands of more than 65,536 characters
   * are not read: no allow pattern matches them, and any deny pattern declines them.
   */
  readonly commands?: CommandRules | undefined;
  /** Rules for files and folders: absolute globs (`*`, `?`, `**`), compared after symbolic links are followed. */
  readonly paths?: RuleList<string> | undefined;
  /** Rules for hosts: a name, `*.` and a name for all its subdomains, or `*` for every host. */
  readonly network?: RuleList<string> | undefined;
  /**
   * Rules for tools of MCP servers, by server, tool and environment. The arguments of the call are not examined: allow a
   * tool only if it is harmless with any.
   */
  readonly mcp?: RuleList<McpToolPattern> | undefined;
  /** Who decides the requests that no rule matches: handlers, or nobody. Default: `"decline"`. */
  readonly otherwise?:
    | "decline"
    | { readonly [K in keyof ApprovalRuleHandlers]?: ApprovalRuleHandlers[K] | undefined }
    | undefined;
  /** Called with every decision, for an audit log. Errors that it throws are ignored. */
  readonly onDecision?: ((decision: ApprovalRuleDecision) => void) | undefined;
}

/** What a request asks for. `"network"` is a host that a command wants to reach: `approveCommand` decides it. */
export type ApprovalKind = "command" | "fileChange" | "permissions" | "network" | "mcpTool";

/** One decision, as `onDecision` receives it. */
export interface ApprovalRuleDecision {
  /** What was asked for. */
  readonly kind: ApprovalKind;
  /** The outcome. The answer of a handler in `otherwise` can be more specific, such as `"acceptForSession"`. */
  readonly decision: "accept" | "decline";
  /** `"rule"` if a pattern decided, `"otherwise"` if none matched. */
  readonly by: "rule" | "otherwise";
  /** Which pattern decided, or why none matched: a sentence for people. */
  readonly reason: string;
  /** The patterns that decided, as you wrote them. Absent if none did. */
  readonly rule?: string;
  /** The command, the paths, the host or the tool, as the runtime spelled them. */
  readonly subject: string;
  /** For an MCP tool, the environment that registered its server: null for the whole thread, undefined if unknown. */
  readonly environmentId?: string | null | undefined;
  /** The thread that asked. Null if unknown. */
  readonly threadId: string | null;
  /** The turn that asked. Null if unknown. */
  readonly turnId: string | null;
  /** The item that the decision is about. Null if unknown. */
  readonly itemId: string | null;
}

/** The shape of rules. The patterns are checked where they are compiled. */
export const RULES: OptionTable<RuleList<unknown>> = { allow: list, deny: list };
export const COMMANDS: OptionTable<CommandRules> = {
  ...RULES,
  cwd: either([(value) => typeof value === "string", text], [() => true, listOf(text)]),
};

/** What the rules say about a request. */
export interface Verdict {
  /** `"unmatched"` if no pattern decides. */
  readonly outcome: "accept" | "decline" | "unmatched";
  /** Which pattern decides, or why none matches: a sentence. */
  readonly reason: string;
  /** The pattern that decides, as it was written. */
  readonly rule?: string;
  /** Whether it is unmatched because what it is about cannot be determined: it could be what a pattern denies. */
  readonly isUnknown?: true;
}

/** The verdict of an allow pattern. */
export function accepted(reason: string, rule: string): Verdict {
  return { outcome: "accept", reason, rule };
}

/** The verdict of a deny pattern. */
export function declined(reason: string, rule: string): Verdict {
  return { outcome: "decline", reason, rule };
}

/** The verdict when no pattern decides. `why` goes into a sentence. */
export function unmatched(why: string): Verdict {
  return { outcome: "unmatched", reason: `No rule matches: ${why}.` };
}

/** The verdict when what is asked about cannot be determined. `why` goes into a sentence. */
export function unknown(why: string): Verdict {
  return { ...unmatched(why), isUnknown: true };
}

/** The verdict on several parts of one request: one denial declines it, one unmatched part leaves it unmatched. */
export function combine(verdicts: readonly [Verdict, ...Verdict[]]): Verdict {
  const decisive =
    verdicts.find(({ outcome }) => outcome === "decline") ?? verdicts.find(({ outcome }) => outcome === "unmatched");
  if (decisive !== undefined) return decisive;
  const reasons = new Set(verdicts.map(({ reason }) => reason));
  const rules = new Set(verdicts.flatMap(({ rule }) => rule ?? []));
  return accepted([...reasons].join(" "), [...rules].join(", "));
}

/** Calls the audit log. One that fails must not change the decision. */
export function callSafely<D>(onDecision: (decision: D) => unknown, decision: D): void {
  try {
    const written = onDecision(decision);
    if (written instanceof Promise) written.catch(() => {});
  } catch {}
}
