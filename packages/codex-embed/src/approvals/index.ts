import type { PermissionsRequestApprovalParams } from "../protocol/generated/protocol.js";
import type {
  CommandApprovalRequest,
  CommandDecision,
  FileChangeApprovalRequest,
  FileChangeDecision,
  HandlerContext,
  PermissionsGrant,
} from "../requests/handlers.js";
import { callback, either, list, listOf, oneOf, text } from "../validate/kinds.js";
import { checkOptions, members, nested, type OptionTable } from "../validate/options.js";
import { commandRules } from "./commandRules.js";
import { type NetworkRules, networkRules, type PathRules, pathRules, permissionVerdict } from "./pathRules.js";
import {
  type ApprovalKind,
  type ApprovalRuleDecision,
  type ApprovalRuleHandlers,
  type ApprovalRulesOptions,
  type CommandRules,
  open,
  type RuleList,
  together,
  type Verdict,
} from "./types.js";

export type {
  ApprovalKind,
  ApprovalRuleDecision,
  ApprovalRuleHandlers,
  ApprovalRulesOptions,
  CommandPattern,
  CommandRules,
  RuleList,
} from "./types.js";

/** What is to be decided, and what the rules say. */
interface Question {
  readonly kind: ApprovalKind;
  readonly subject: string;
  readonly verdict: Verdict;
}

/** How a kind of request is answered. */
interface Answers<R> {
  readonly accept: R;
  readonly decline: R;
  readonly isAccept: (answer: R) => boolean;
}

/**
 * Makes approval handlers of rules. A denial wins over everything; what is allowed is accepted once; what no rule
 * covers goes to `otherwise`, and is declined by default. Paths are looked up in this machine's file system, when the
 * rules are made and at each decision.
 *
 * @throws UsageError for options that are not known, and for patterns that could never cover anything.
 */
export function approvalRules(options: ApprovalRulesOptions): ApprovalRuleHandlers {
  const checked = checkOptions(options, "approvalRules", APPROVAL_RULES);
  const commands = commandRules(checked.commands ?? {});
  const paths = pathRules(checked.paths ?? {});
  const network = networkRules(checked.network ?? {});
  const otherwise = checked.otherwise === undefined || checked.otherwise === "decline" ? {} : checked.otherwise;
  const { onDecision } = checked;
  return {
    approveCommand(request, context) {
      const ask = otherwise.approveCommand?.bind(otherwise, request, context);
      const verdict = commands(request, context.threadCwd);
      return decide(commandQuestion(request, verdict, paths, network), COMMAND, ask, context, onDecision);
    },
    approveFileChange(request, context) {
      const ask = otherwise.approveFileChange?.bind(otherwise, request, context);
      return decide(fileChangeQuestion(request, paths), FILE_CHANGE, ask, context, onDecision);
    },
    approvePermissions(request, context) {
      const ask = otherwise.approvePermissions?.bind(otherwise, request, context);
      const verdict = permissionVerdict(request.permissions, request, { paths, network });
      const question: Question = {
        kind: "permissions",
        subject: JSON.stringify(request.permissions),
        verdict: verdict ?? open("it asks for nothing"),
      };
      const answers: Answers<PermissionsAnswer> = {
        accept: granted(request),
        decline: "decline",
        isAccept: grantsAnything,
      };
      return decide(question, answers, ask, context, onDecision);
    },
  };
}

function commandQuestion(
  request: CommandApprovalRequest,
  command: Verdict,
  paths: PathRules,
  network: NetworkRules,
): Question {
  const host = request.networkApprovalContext?.host;
  const verdict = host === undefined ? command : network.host(host);
  const scope = { cwd: request.cwd ?? null, environmentId: request.environmentId };
  const permissions = request.additionalPermissions ?? { network: null, fileSystem: null };
  const further = permissionVerdict(permissions, scope, { paths, network });
  return {
    kind: host === undefined ? "command" : "network",
    subject: host ?? request.command ?? "",
    verdict: further === undefined ? verdict : together([verdict, further]),
  };
}

function fileChangeQuestion({ changes, grantRoot }: FileChangeApprovalRequest, paths: PathRules): Question {
  const touched = changes.flatMap(({ path, kind }) =>
    kind.type === "update" && typeof kind.move_path === "string" ? [path, kind.move_path] : [path],
  );
  const bases = [grantRoot].filter((base) => typeof base === "string");
  const [first, ...rest] = touched.map((path) => paths.file(path, bases));
  // Accepting could open the whole root for the session.
  const root = typeof grantRoot === "string" ? [paths.tree(grantRoot, [])] : [];
  const verdict = first === undefined ? open("what would change is not known") : together([first, ...rest, ...root]);
  return { kind: "fileChange", subject: touched.join(", "), verdict };
}

/** Answers by the verdict, or else by whom `ask` asks, and reports it. */
function decide<R>(
  { kind, subject, verdict }: Question,
  answers: Answers<R>,
  ask: (() => R | Promise<R>) | undefined,
  { threadId, turnId, itemId }: HandlerContext,
  onDecision: ApprovalRulesOptions["onDecision"],
): R | Promise<R> {
  const report = (decided: Pick<ApprovalRuleDecision, "decision" | "by" | "reason" | "rule">): void => {
    if (onDecision !== undefined) tell(onDecision, { kind, ...decided, subject, threadId, turnId, itemId });
  };
  const { outcome, ...why } = verdict;
  if (outcome !== "open") {
    report({ decision: outcome, by: "rule", ...why });
    return answers[outcome];
  }
  if (ask === undefined) {
    report({ decision: "decline", by: "otherwise", reason: `${why.reason} Nobody else decides, so it is declined.` });
    return answers.decline;
  }
  return askOther(ask, (answer) => {
    const decision = answer !== undefined && isAcceptance(answers, answer) ? "accept" : "decline";
    const answered = answer === undefined ? "did not answer" : `answered ${String(JSON.stringify(answer))}`;
    report({ decision, by: "otherwise", reason: `${why.reason} The handler in otherwise ${answered}.` });
  });
}

/** Asks a handler; `heard` gets its answer, or undefined when it failed. */
async function askOther<R>(ask: () => R | Promise<R>, heard: (answer: R | undefined) => void): Promise<R> {
  let answer: R | undefined;
  try {
    return (answer = await ask());
  } finally {
    heard(answer);
  }
}

/** Whether an answer comes to an acceptance; one that is out of the protocol does not. */
function isAcceptance<R>(answers: Answers<R>, answer: R): boolean {
  try {
    return answers.isAccept(answer);
  } catch {
    return false;
  }
}

/** A log that fails must not change what is decided. */
function tell(onDecision: (decision: ApprovalRuleDecision) => unknown, decision: ApprovalRuleDecision): void {
  try {
    const written = onDecision(decision);
    if (written instanceof Promise) written.catch(() => {});
  } catch {}
}

/** A grant, or the refusal of one. */
type PermissionsAnswer = PermissionsGrant | "decline";

function granted({ permissions }: PermissionsRequestApprovalParams): PermissionsGrant {
  const { network, fileSystem } = permissions;
  return {
    permissions: { ...(network?.enabled === true ? { network } : {}), ...(fileSystem ? { fileSystem } : {}) },
    scope: "turn",
  };
}

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

function grantsAnything(answer: PermissionsAnswer): boolean {
  if (answer === "decline") return false;
  const { permissions } = answer;
  return permissions.network?.enabled === true || Boolean(permissions.fileSystem);
}

const ACCEPTANCES: ReadonlySet<string> = new Set(["accept", "acceptForSession"]);

const isText = (value: unknown): boolean => typeof value === "string";

const RULES: OptionTable<RuleList<unknown>> = { allow: list, deny: list };
const COMMANDS: OptionTable<CommandRules> = { ...RULES, cwd: either([isText, text], [() => true, listOf(text)]) };
const OTHERWISE: OptionTable<ApprovalRuleHandlers> = {
  approveCommand: callback,
  approveFileChange: callback,
  approvePermissions: callback,
};

const APPROVAL_RULES: OptionTable<ApprovalRulesOptions> = {
  commands: nested(COMMANDS),
  paths: nested(RULES),
  network: nested(RULES),
  otherwise: either([isText, oneOf(["decline"])], [() => true, members(OTHERWISE)]),
  onDecision: callback,
};
