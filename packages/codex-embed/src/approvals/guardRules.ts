import type { GuardedAgent, GuardedCall, GuardsWith, PatchCall } from "../guards/types.js";
import { callback, oneOf } from "../validate/kinds.js";
import { checkOptions, nested, type OptionTable } from "../validate/options.js";
import { commandRules } from "./commandRules.js";
import { effectsOf } from "./effects.js";
import { type McpToolQuestion, mcpRules } from "./mcpRules.js";
import { networkRules, type PathRules, pathRules } from "./pathRules.js";
import { literal, overlaps, patternError, wildcard } from "./patterns.js";
import {
  accepted,
  COMMANDS,
  callSafely,
  type CommandRules,
  combine,
  declined,
  type McpToolPattern,
  RULES,
  type RuleList,
  unmatched,
  type Verdict,
} from "./types.js";

/** Rules for the calls that the agent makes, and what happens to a call that no rule decides. */
export interface GuardRulesOptions {
  /**
   * Rules for commands, with the patterns of `approvalRules`. An allow pattern matches one simple command as a whole; a
   * deny pattern matches every command that starts with it, anywhere in a script. With any rule, a command that cannot be
   * read is denied. An allowed command may run in any folder unless `cwd` names some: a guard does not know the working
   * directory of the thread. Input for a command that already runs is no call, and no guard sees it.
   */
  readonly commands?: CommandRules | undefined;
  /**
   * Rules for the files that are written: absolute globs (`*`, `?`, `**`), compared after symbolic links are followed.
   * Complete for patches. For commands they cover redirections and well-known programs such as `cp` and `sed -i`; a
   * script or a build can write anywhere. With full access, combine them with `commands.allow`.
   */
  readonly paths?: RuleList<string> | undefined;
  /**
   * Rules for hosts that a command names: a name, `*.` and a name for all its subdomains, or `*`. Guards see text, not
   * connections: only the sandbox keeps a program off the network.
   */
  readonly network?: RuleList<string> | undefined;
  /** Rules for tools of MCP servers, by server and tool. The arguments of the call are not examined. */
  readonly mcp?: RuleList<McpToolPattern> | undefined;
  /**
   * Rules for every other tool by its name: those of `tools`, and those of the runtime, such as the ones for sub-agents.
   * `*` matches any run of characters. A tool in a namespace is `namespace.name`; a deny pattern may leave the namespace out.
   */
  readonly tools?: RuleList<string> | undefined;
  /**
   * What happens to a call that no pattern matches. `"pass"`: it continues, to the sandbox and the approvals, unless its
   * kind has an `allow` list. `"deny"`: it is denied. Default: `"pass"`.
   */
  readonly otherwise?: "pass" | "deny" | undefined;
  /** Called with every decision, for an audit log. Errors that it throws are ignored. */
  readonly onDecision?: ((decision: GuardRuleDecision) => void) | undefined;
}

/** One decision, as `onDecision` receives it. */
export interface GuardRuleDecision {
  /** The kind of the call. */
  readonly kind: GuardedCall["kind"];
  /** `"pass"`: no rule decided, and the call continues as without a guard. */
  readonly decision: "allow" | "deny" | "pass";
  /** `"rule"` if a pattern or an `allow` list decided, `"otherwise"` if none did. */
  readonly by: "rule" | "otherwise";
  /** Which pattern decided, or why none matched: a sentence. The model reads it if the call is denied. */
  readonly reason: string;
  /** The patterns that decided, as you wrote them. Absent if none did. */
  readonly rule?: string;
  /** The command, the paths, or the tool, as the runtime spelled them. */
  readonly subject: string;
  readonly threadId: string;
  readonly turnId: string | null;
  readonly callId: string | null;
  /** Who made the call. */
  readonly agent: GuardedAgent;
}

/**
 * Turns declarative rules into a guard that sees every call of a tool, inside the sandbox too. Deny wins over everything.
 * Once a kind of call has an `allow` list, what the list does not match is denied. A call that a rule allows still meets
 * the sandbox and the approvals.
 *
 * @throws {@link UsageError} for unknown options, and for patterns that could never match.
 *
 * @example
 * const guards = guardRules({
 *   commands: { allow: ["npm test", "git status **"] },
 *   paths: { allow: ["/srv/project/src/**"] },
 *   mcp: { deny: [{ server: "*", tool: "delete_*" }] },
 * });
 */
export function guardRules(options: GuardRulesOptions): GuardsWith<"beforeTool"> {
  return ruleGuard(options, "guardRules");
}

/** {@link guardRules} for another function, which errors name. */
export function ruleGuard(options: GuardRulesOptions, call: string): GuardsWith<"beforeTool"> {
  const { otherwise = "pass", onDecision, ...rules } = checkOptions(options, call, GUARD_RULES);
  const judge = compile(rules, call);
  return {
    beforeTool(guarded, { threadId, turnId, callId, agent }) {
      const judgment = judge(guarded);
      const outcome = judgment.verdict.outcome;
      const decision = outcome === "accept" ? "allow" : outcome === "decline" || otherwise === "deny" ? "deny" : "pass";
      const { reason, rule } = judgment.verdict;
      const decided: GuardRuleDecision = {
        kind: guarded.kind,
        decision,
        by: outcome === "unmatched" ? "otherwise" : "rule",
        reason: outcome === "unmatched" && decision === "deny" ? `${reason} Denied by default.` : reason,
        ...(rule === undefined ? {} : { rule }),
        subject: judgment.subject,
        threadId,
        turnId,
        callId,
        agent,
      };
      if (onDecision !== undefined) callSafely(onDecision, decided);
      if (decision === "deny") return { deny: decided.reason };
      return decision === "allow" ? "allow" : undefined;
    },
  };
}

interface Judgment {
  readonly subject: string;
  readonly verdict: Verdict;
}

type Rules = Omit<GuardRulesOptions, "otherwise" | "onDecision">;

/** Compiles the rules. In a verdict of the result, "unmatched" means that `otherwise` decides. */
function compile(rules: Rules, call: string): (guarded: GuardedCall) => Judgment {
  const commands = commandRules(rules.commands ?? {}, call);
  const paths = pathRules(rules.paths ?? {}, process.platform, call);
  const network = networkRules(rules.network ?? {}, call);
  const mcp = mcpRules(rules.mcp ?? {}, call);
  const tools = toolRules(rules.tools ?? {}, call);

  const command = (script: string, cwd: string): Verdict => {
    const own = rules.commands === undefined ? NO_RULE : strict(commands.script(script, cwd), rules.commands);
    if (own.outcome === "decline" || (!hasRules(rules.paths) && !hasRules(rules.network))) return own;
    const effects = effectsOf(script);
    // What a command writes can only be a reason against it.
    return [...scriptVerdicts(effects, cwd)].find(({ outcome }) => outcome === "decline") ?? own;
  };

  function* scriptVerdicts(effects: ReturnType<typeof effectsOf>, cwd: string): Generator<Verdict> {
    if (effects.problem !== undefined) yield unreadable(effects.problem);
    if (hasRules(rules.paths)) {
      if (effects.pathProblem !== undefined) yield unreadable(effects.pathProblem);
      for (const { path, isTree } of effects.paths) {
        yield strict(isTree ? paths.tree(path, [cwd]) : paths.file(path, [cwd]), rules.paths);
      }
    }
    if (hasRules(rules.network)) {
      if (effects.hostProblem !== undefined) yield unreadable(effects.hostProblem);
      for (const host of effects.hosts) yield strict(network.host(host), rules.network);
    }
  }

  return (guarded) => {
    switch (guarded.kind) {
      case "command":
        return { subject: guarded.script, verdict: command(guarded.script, guarded.cwd) };
      case "patch": {
        const files = touched(guarded);
        return { subject: files.join(", "), verdict: patchVerdict(files, guarded.cwd, paths, rules.paths) };
      }
      case "mcp": {
        const { server, tool } = guarded;
        const [own = NO_RULE, ...others] = readings(server, tool).map(mcp);
        const denial = others.find(({ outcome }) => outcome === "decline");
        return { subject: `${server}.${tool}`, verdict: denial ?? strict(own, rules.mcp) };
      }
      default: {
        const namespace = guarded.kind === "tool" ? guarded.namespace : undefined;
        const verdict = strict(tools(guarded.name, namespace), rules.tools);
        return { subject: namespace === undefined ? guarded.name : `${namespace}.${guarded.name}`, verdict };
      }
    }
  };
}

/** The runtime joins server and tool with `__`, which names can contain: all that the call could be, as given first. */
function readings(server: string, tool: string): McpToolQuestion[] {
  const parts = `${server}__${tool}`.split("__");
  const splits = parts
    .slice(1)
    .map((_, i) => [parts.slice(0, i + 1).join("__"), parts.slice(i + 1).join("__")] as const);
  const all = [[server, tool] as const, ...splits.filter(([name]) => name !== server)];
  return all.map(([serverName, toolName]) => ({ serverName, toolName, environmentId: undefined }));
}

/** Every file that a patch changes, and both ends of a move. */
function touched({ files }: PatchCall): string[] {
  return files.flatMap(({ path, kind }) =>
    kind.type === "update" && typeof kind.move_path === "string" ? [path, kind.move_path] : [path],
  );
}

function patchVerdict(
  files: readonly string[],
  cwd: string,
  paths: PathRules,
  list: RuleList<string> | undefined,
): Verdict {
  if (files.length === 0 && hasRules(list)) return unreadable("the files of the patch are unknown");
  const [first = NO_RULE, ...rest] = files.map((path) => strict(paths.file(path, [cwd]), list));
  return combine([first, ...rest]);
}

const NO_RULE: Verdict = { outcome: "unmatched", reason: "No rule is about this call." };

function hasRules(list: RuleList<unknown> | undefined): list is RuleList<unknown> {
  return list?.allow !== undefined || (list?.deny ?? []).length > 0;
}

/** The verdict of a guard: with an `allow` list, what it does not match is denied. So is what could be denied. */
function strict(verdict: Verdict, list: RuleList<unknown> | undefined): Verdict {
  if (verdict.outcome !== "unmatched") return verdict;
  if (!hasRules(list)) return NO_RULE;
  const isDenied = list.allow !== undefined || verdict.isUnknown === true;
  return isDenied ? { outcome: "decline", reason: verdict.reason } : verdict;
}

function unreadable(problem: string): Verdict {
  return { outcome: "decline", reason: `The rules for this call cannot be checked: ${problem}.` };
}

/** Compiles the rules for tools by name. */
function toolRules(rules: RuleList<string>, call: string): (name: string, namespace: string | undefined) => Verdict {
  const compileAll = (sources: readonly string[] | undefined, path: string) =>
    (sources ?? []).map((source) => {
      if (typeof source === "string" && source !== "") return { source, pattern: wildcard(source) };
      throw patternError(source, { call, path }, "is not a non-empty string. Write the name of a tool");
    });
  const allow = compileAll(rules.allow, "tools.allow");
  const deny = compileAll(rules.deny, "tools.deny");
  return (name, namespace) => {
    const full = literal(namespace === undefined ? name : `${namespace}.${name}`);
    const denial = deny.find(({ pattern }) => overlaps(pattern, full) || overlaps(pattern, literal(name)));
    if (denial !== undefined) return declined(`tools.deny has ${JSON.stringify(denial.source)}.`, denial.source);
    const rule = allow.find(({ pattern }) => overlaps(pattern, full));
    if (rule === undefined) return unmatched(`no pattern of tools.allow matches ${JSON.stringify(name)}`);
    return accepted(`tools.allow has ${JSON.stringify(rule.source)}.`, rule.source);
  };
}

/** The shape of the options. The patterns are checked where they are compiled. */
const GUARD_RULES: OptionTable<GuardRulesOptions> = {
  commands: nested(COMMANDS),
  paths: nested(RULES),
  network: nested(RULES),
  mcp: nested(RULES),
  tools: nested(RULES),
  otherwise: oneOf(["pass", "deny"]),
  onDecision: callback,
};
