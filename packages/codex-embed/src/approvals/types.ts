import type { PermissionsRequestApprovalParams } from "../protocol/generated/protocol.js";
import type {
  CommandApprovalRequest,
  CommandDecision,
  FileChangeApprovalRequest,
  FileChangeDecision,
  HandlerContext,
  PermissionsGrant,
} from "../requests/handlers.js";

/** The three handlers that {@link ApprovalRulesOptions | rules} make. */
export interface ApprovalRuleHandlers {
  readonly approveCommand: (
    request: CommandApprovalRequest,
    context: HandlerContext,
  ) => CommandDecision | Promise<CommandDecision>;
  readonly approveFileChange: (
    request: FileChangeApprovalRequest,
    context: HandlerContext,
  ) => FileChangeDecision | Promise<FileChangeDecision>;
  readonly approvePermissions: (
    request: PermissionsRequestApprovalParams,
    context: HandlerContext,
  ) => PermissionsGrant | "decline" | Promise<PermissionsGrant | "decline">;
}

/**
 * A pattern over a command's arguments: text that is split at blanks, or the arguments themselves. `*` within one
 * stands for any run of characters; a last `**` stands for any further arguments, or none. In an allow pattern neither
 * stands for an option: an argument that begins with `-` or `+` is covered only by a word of the pattern that begins
 * with the same character, such as `--oneline` or `--*`, and `NAME=value` only by a word that has `NAME=`.
 */
export type CommandPattern = string | readonly string[];

/** What is allowed and what is denied; a denial wins. */
export interface RuleList<P> {
  readonly allow?: readonly P[] | undefined;
  readonly deny?: readonly P[] | undefined;
}

/** The rules over commands. */
export interface CommandRules extends RuleList<CommandPattern> {
  /**
   * The folders that an allowed command may run in: absolute paths or globs, compared once their links are followed.
   * `"/srv/app"` is that folder alone, `"/srv/app/**"` also every folder below it. Default: the working directory of the
   * thread, as this client set it; a sub-agent's command may run in that of the thread which started the agent. What is
   * denied is denied in every folder.
   */
  readonly cwd?: string | readonly string[] | undefined;
}

/** The rules, and what becomes of a request that none of them covers. */
export interface ApprovalRulesOptions {
  /**
   * Commands, by their arguments. What is allowed runs outside the sandbox, with the rights of the runtime. An allow
   * pattern covers one simple command as a whole: nothing chained, substituted, expanded or redirected, and no option
   * that the pattern does not name. A deny pattern covers every command that starts with it, wherever it stands in a
   * script; with a deny pattern, a command that cannot be read is declined. Neither reads more than 65,536 characters.
   */
  readonly commands?: CommandRules | undefined;
  /** Files and folders, as absolute globs (`*`, `?`, `**`) over what a path leads to once its links are followed. */
  readonly paths?: RuleList<string> | undefined;
  /** Hosts: a name, `*.` and a name for all below it, or `*` for every host. */
  readonly network?: RuleList<string> | undefined;
  /** Who decides what no rule covers. Default: `"decline"`, as for a handler that is left out. */
  readonly otherwise?:
    | "decline"
    | { readonly [K in keyof ApprovalRuleHandlers]?: ApprovalRuleHandlers[K] | undefined }
    | undefined;
  /** Hears of every decision. What it throws changes nothing. */
  readonly onDecision?: ((decision: ApprovalRuleDecision) => void) | undefined;
}

/** What {@link ApprovalRulesOptions.otherwise} leaves to the rules, and what is asked: a host is asked for by a command. */
export type ApprovalKind = "command" | "fileChange" | "permissions" | "network";

/** One decision, for a log. */
export interface ApprovalRuleDecision {
  readonly kind: ApprovalKind;
  /** What it comes to; a handler's own answer may say more, such as `"acceptForSession"`. */
  readonly decision: "accept" | "decline";
  /** Whether a rule decided, or what `otherwise` names because none did. */
  readonly by: "rule" | "otherwise";
  /** Which pattern decided, or why none covers the request: a sentence for people. */
  readonly reason: string;
  /** The patterns that decided, as they were written. Absent when none did. */
  readonly rule?: string;
  /** The command, the paths, the host: as the runtime spelled them. */
  readonly subject: string;
  readonly threadId: string | null;
  readonly turnId: string | null;
  readonly itemId: string | null;
}

/** What rules say of a request: `open` when none covers it. */
export interface Verdict {
  readonly outcome: "accept" | "decline" | "open";
  /** Which pattern decided, or why none covers the request: a sentence. */
  readonly reason: string;
  /** The pattern that decided, as it was written. */
  readonly rule?: string;
}

/** An allow pattern covers it. */
export function accepted(reason: string, rule: string): Verdict {
  return { outcome: "accept", reason, rule };
}

/** A deny pattern covers it. */
export function declined(reason: string, rule: string): Verdict {
  return { outcome: "decline", reason, rule };
}

/** No pattern covers it. */
export function open(why: string): Verdict {
  return { outcome: "open", reason: `Not covered: ${why}.` };
}

/** The verdict on several things at once: one that is denied denies them all, one that is open leaves them all open. */
export function together(verdicts: readonly [Verdict, ...Verdict[]]): Verdict {
  const denied = verdicts.find(({ outcome }) => outcome === "decline");
  const uncovered = verdicts.find(({ outcome }) => outcome === "open");
  if (denied !== undefined || uncovered !== undefined) return denied ?? uncovered ?? verdicts[0];
  const rules = verdicts.flatMap(({ rule }) => rule ?? []);
  const reasons = verdicts.map(({ reason }) => reason);
  return accepted([...new Set(reasons)].join(" "), [...new Set(rules)].join(", "));
}
