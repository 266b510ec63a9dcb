import type { PermissionsRequestApprovalParams } from "../protocol/generated/protocol.js";
import {
  type CommandApprovalRequest,
  type CommandDecision,
  type FileChangeApprovalRequest,
  type FileChangeDecision,
  type HandlerContext,
  type McpToolApprovalRequest,
  type McpToolDecision,
  noteRule,
  type PermissionsGrant,
} from "../requests/handlers.js";
import { callback, either, oneOf } from "../validate/kinds.js";
import { checkOptions, members, nested, type OptionTable } from "../validate/options.js";
import { commandRules } from "./commandRules.js";
import { type McpRules, mcpRules, mcpSubject } from "./mcpRules.js";
import { type NetworkRules, networkRules, type PathRules, pathRules, permissionVerdict } from "./pathRules.js";
import {
  type ApprovalKind,
  type ApprovalRuleDecision,
  type ApprovalRuleHandlers,
  type ApprovalRulesOptions,
  COMMANDS,
  callSafely,
  combine,
  RULES,
  unmatched,
  type Verdict,
} from "./types.js";

export type {
  ApprovalKind,
  ApprovalRuleDecision,
  ApprovalRuleHandlers,
  ApprovalRulesOptions,
  CommandPattern,
  CommandRules,
  McpToolPattern,
  RuleList,
} from "./types.js";
export type { Guards, GuardsWith } from "../guards/types.js";
export { combineGuards } from "./combineGuards.js";
export { type GuardRuleDecision, type GuardRulesOptions, guardRules } from "./guardRules.js";
export {
  type LimitCallsOptions,
  limitCalls,
  type PassingRun,
  protectPaths,
  type RedactOutputOptions,
  type RequirePassingOptions,
  redactOutput,
  requirePassing,
} from "./readyGuards.js";

/**
 * Turns declarative rules into approval handlers. Deny wins over everything. A request that an allow pattern matches is
 * accepted once, never for the session. A request that no pattern matches goes to `otherwise`, which declines by
 * default. Paths are resolved in the file system of this machine, when the rules are made and at each decision.
 *
 * Rules decide only what the runtime asks about: `item/commandExecution/requestApproval`,
 * `item/fileChange/requestApproval`, `item/permissions/requestApproval`, and `mcpServer/elicitation/request` for a tool. It
 * does not ask about what its sandbox allows, nor about MCP tools that call themselves read-only.
 *
 * Emits the process warning `ALLOWED_PROGRAM`, once for each program, if a program in `commands.allow` runs what files in
 * its folder or its arguments tell it to.
 *
 * @throws {@link UsageError} for unknown options, and for patterns that could never match.
 *
 * @example
 * const handlers = approvalRules({
 *   commands: { allow: ["pg_isready"], deny: ["rm", "git push"] },
 *   paths: { allow: ["/srv/project/docs/**"] },
 *   network: { allow: ["registry.example.org"] },
 * });
 */
export function approvalRules(options: ApprovalRulesOptions): ApprovalRuleHandlers {
  const checked = checkOptions(options, "approvalRules", APPROVAL_RULES);
  const commands = commandRules(checked.commands ?? {});
  const paths = pathRules(checked.paths ?? {});
  const network = networkRules(checked.network ?? {});
  const otherwise = checked.otherwise === undefined || checked.otherwise === "decline" ? {} : checked.otherwise;
  const { onDecision } = checked;
  const mcp = mcpRules(checked.mcp ?? {});
  const hasMcp = checked.mcp !== undefined || otherwise.approveMcpTool !== undefined;
  return {
    approveCommand(request, context) {
      const ask = otherwise.approveCommand?.bind(otherwise, request, context);
      const verdict = commands.request(request, context.threadCwd);
      return decide(judgeCommand(request, verdict, paths, network), COMMAND, ask, context, onDecision);
    },
    approveFileChange(request, context) {
      const ask = otherwise.approveFileChange?.bind(otherwise, request, context);
      return decide(judgeFileChange(request, paths), FILE_CHANGE, ask, context, onDecision);
    },
    approvePermissions(request, context) {
      const ask = otherwise.approvePermissions?.bind(otherwise, request, context);
      return decide(judgePermissions(request, paths, network), permissionAnswers(request), ask, context, onDecision);
    },
    ...(hasMcp && {
      approveMcpTool(request: McpToolApprovalRequest, context: HandlerContext) {
        const ask = otherwise.approveMcpTool?.bind(otherwise, request, context);
        return decide(judgeMcpTool(request, mcp), MCP_TOOL, ask, context, onDecision);
      },
    }),
  };
}

/** A request and what the rules say about it. */
interface Judgment {
  readonly kind: ApprovalKind;
  readonly subject: string;
  readonly environmentId?: string | null | undefined;
  readonly verdict: Verdict;
}

function judgeCommand(
  request: CommandApprovalRequest,
  command: Verdict,
  paths: PathRules,
  network: NetworkRules,
): Judgment {
  const host = request.networkApprovalContext?.host;
  const verdict = host === undefined ? command : network.host(host);
  const scope = { cwd: request.cwd ?? null, environmentId: request.environmentId };
  const permissions = request.additionalPermissions ?? { network: null, fileSystem: null };
  const extra = permissionVerdict(permissions, scope, { paths, network });
  return {
    kind: host === undefined ? "command" : "network",
    subject: host ?? request.command ?? "",
    verdict: extra === undefined ? verdict : combine([verdict, extra]),
  };
}

function judgeFileChange({ changes, grantRoot }: FileChangeApprovalRequest, paths: PathRules): Judgment {
  const touched = changes.flatMap(({ path, kind }) =>
    kind.type === "update" && typeof kind.move_path === "string" ? [path, kind.move_path] : [path],
  );
  const bases = [grantRoot].filter((base) => typeof base === "string");
  const [first, ...rest] = touched.map((path) => paths.file(path, bases));
  // Accepting could open the whole root for the session.
  const root = typeof grantRoot === "string" ? [paths.tree(grantRoot, [])] : [];
  const verdict = first === undefined ? unmatched("the changed files are unknown") : combine([first, ...rest, ...root]);
  return { kind: "fileChange", subject: touched.join(", "), verdict };
}

function judgePermissions(
  request: PermissionsRequestApprovalParams,
  paths: PathRules,
  network: NetworkRules,
): Judgment {
  const verdict = permissionVerdict(request.permissions, request, { paths, network });
  return {
    kind: "permissions",
    subject: JSON.stringify(request.permissions),
    verdict: verdict ?? unmatched("the request asks for no permission"),
  };
}

function judgeMcpTool(request: McpToolApprovalRequest, mcp: McpRules): Judgment {
  const { environmentId } = request;
  return { kind: "mcpTool", subject: mcpSubject(request), environmentId, verdict: mcp(request) };
}

/** Answers by the verdict, or by `ask` if no rule matches, and reports the decision. */
function decide<R>(
  { verdict, ...asked }: Judgment,
  answers: Answers<R>,
  ask: (() => R | Promise<R>) | undefined,
  context: HandlerContext,
  onDecision: ApprovalRulesOptions["onDecision"],
): R | Promise<R> {
  const { threadId, turnId, itemId } = context;
  if (verdict.outcome !== "unmatched" || ask === undefined) noteRule(context);
  const report = (decided: Pick<ApprovalRuleDecision, "decision" | "by" | "reason" | "rule">): void => {
    if (onDecision !== undefined) callSafely(onDecision, { ...asked, ...decided, threadId, turnId, itemId });
  };
  const { outcome, ...why } = verdict;
  if (outcome !== "unmatched") {
    report({ decision: outcome, by: "rule", ...why });
    return answers[outcome];
  }
  if (ask === undefined) {
    report({ decision: "decline", by: "otherwise", reason: `${why.reason} Declined by default.` });
    return answers.decline;
  }
  return askHandler(ask, (answer) => {
    const decision = answer !== undefined && isAcceptance(answers, answer) ? "accept" : "decline";
    const answered = answer === undefined ? "did not answer" : `answered ${String(JSON.stringify(answer))}`;
    report({ decision, by: "otherwise", reason: `${why.reason} The handler in \`otherwise\` ${answered}.` });
  });
}

/** Asks a handler. `onAnswer` receives its answer, or undefined if it failed. */
async function askHandler<R>(ask: () => R | Promise<R>, onAnswer: (answer: R | undefined) => void): Promise<R> {
  let answer: R | undefined;
  try {
    return (answer = await ask());
  } finally {
    onAnswer(answer);
  }
}

/** Whether an answer accepts. A malformed one does not: the broker declines it. */
function isAcceptance<R>(answers: Answers<R>, answer: R): boolean {
  try {
    return answers.isAccept(answer);
  } catch {
    return false;
  }
}

/** The answers to one kind of request. */
interface Answers<R> {
  readonly accept: R;
  readonly decline: R;
  readonly isAccept: (answer: R) => boolean;
}

const ACCEPTANCES: ReadonlySet<string> = new Set(["accept", "acceptForSession"]);

const COMMAND: Answers<CommandDecision> = {
  accept: "accept",
  decline: "decline",
  isAccept: (answer) => {
    if (typeof answer === "string") return ACCEPTANCES.has(answer);
    if ("acceptWithExecpolicyAmendment" in answer) return true;
    return answer.applyNetworkPolicyAmendment.network_policy_amendment.action === "allow";
  },
};

const FILE_CHANGE: Answers<FileChangeDecision> = {
  accept: "accept",
  decline: "decline",
  isAccept: (answer) => ACCEPTANCES.has(answer),
};

const MCP_TOOL: Answers<McpToolDecision> = {
  accept: "accept",
  decline: "decline",
  isAccept: (answer) => answer === "acceptAlways" || ACCEPTANCES.has(answer),
};

function permissionAnswers({
  permissions: { network, fileSystem },
}: PermissionsRequestApprovalParams): Answers<PermissionsGrant | "decline"> {
  return {
    accept: {
      permissions: { ...(network?.enabled === true ? { network } : {}), ...(fileSystem ? { fileSystem } : {}) },
      scope: "turn",
    },
    decline: "decline",
    isAccept: (answer) =>
      answer !== "decline" && (answer.permissions.network?.enabled === true || Boolean(answer.permissions.fileSystem)),
  };
}

const OTHERWISE: OptionTable<ApprovalRuleHandlers> = {
  approveCommand: callback,
  approveFileChange: callback,
  approvePermissions: callback,
  approveMcpTool: callback,
};

/** The shape of the options. The patterns are checked where they are compiled. */
const APPROVAL_RULES: OptionTable<ApprovalRulesOptions> = {
  commands: nested(COMMANDS),
  paths: nested(RULES),
  network: nested(RULES),
  mcp: nested(RULES),
  otherwise: either([(value) => typeof value === "string", oneOf(["decline"])], [() => true, members(OTHERWISE)]),
  onDecision: callback,
};
