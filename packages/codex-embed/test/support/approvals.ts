/** Asks rules about commands, as the runtime would. */

import {
  type ApprovalRuleDecision,
  type ApprovalRulesOptions,
  approvalRules,
  type GuardRuleDecision,
  type GuardRulesOptions,
  guardRules,
} from "codex-embed/approvals";
import type { GuardContext, GuardedCall } from "../../src/guards/types.js";

/** What the runtime shows of a script that the model wants run. */
export function shown(script: string): string {
  return `/bin/bash -lc '${script.replaceAll("'", `'"'"'`)}'`;
}

/** Asks about a command in the thread's working directory, `/w`; `more` changes the request. */
export async function askAbout(options: ApprovalRulesOptions, command: string | undefined, more: object = {}) {
  const decisions: ApprovalRuleDecision[] = [];
  const rules = approvalRules({ ...options, onDecision: (decision) => decisions.push(decision) });
  const request = {
    kind: "command",
    threadId: "t",
    turnId: "u",
    itemId: "i",
    startedAtMs: 1,
    environmentId: "local",
    cwd: "/w",
    ...(command === undefined ? {} : { command }),
    ...more,
  } as const;
  const decision = await rules.approveCommand(request, context);
  return { decision, why: decisions[0], decisions };
}

/** Asks guard rules about a call of the main agent in `/w`. */
export async function guard(options: GuardRulesOptions, call: GuardedCall) {
  const decisions: GuardRuleDecision[] = [];
  const rules = guardRules({ ...options, onDecision: (decision) => decisions.push(decision) });
  const answer = await rules.beforeTool(call, guardContext);
  return { answer, why: decisions[0], decisions };
}

/** The call of a command in `/w`. */
export function commandCall(script: string): GuardedCall {
  return { kind: "command", script, argv: null, cwd: "/w", input: { command: script } };
}

/** The context of a call of the main agent in `/w`. */
export const guardContext: GuardContext = {
  threadId: "t",
  turnId: "u",
  callId: "c",
  agent: { kind: "main" },
  cwd: "/w",
  signal: new AbortController().signal,
};

/** What both kinds of rules decide about a script, in the words of approvals. Everything that is not denied is accepted. */
type Decide = (
  commands: Pick<NonNullable<GuardRulesOptions["commands"]>, "allow" | "deny">,
  script: string,
) => Promise<{ decision: unknown; by: string | undefined; reason: string | undefined }>;

/** Every engine that an attack must not get past. */
export const ENGINES: readonly [name: string, decide: Decide][] = [
  [
    "approvalRules",
    async (commands, script) => {
      const otherwise = { approveCommand: () => "accept" as const };
      const { decision, why } = await askAbout({ commands, otherwise }, shown(script));
      return { decision, by: why?.by, reason: why?.reason };
    },
  ],
  [
    "guardRules",
    async (commands, script) => {
      const { answer, why } = await guard({ commands }, commandCall(script));
      const isDenied = typeof answer === "object" && answer.deny !== undefined;
      return { decision: isDenied ? "decline" : "accept", by: why?.by, reason: why?.reason };
    },
  ],
];

/** Ways to have `touch` run that a rule for another command, or one against `touch`, must not miss. */
export const EVASIONS: readonly [string, (path: string) => string][] = [
  ["a chain", (path) => `git status; touch ${path}`],
  ["a conjunction", (path) => `git status && touch ${path}`],
  ["a pipe", (path) => `git status | touch ${path}`],
  ["the background", (path) => `git status & touch ${path}`],
  ["a substitution", (path) => `git status $(touch ${path})`],
  ["backticks", (path) => `git status \`touch ${path}\``],
  ["a new line", (path) => `git status\ntouch ${path}`],
  ["a variable before it", (path) => `X=1 touch ${path}`],
  ["env", (path) => `env X=1 touch ${path}`],
  ["quotes", (path) => `to'uc'h ${path}`],
  ["a backslash", (path) => `t\\ouch ${path}`],
  ["its path", (path) => `/usr/bin/touch ${path}`],
  ["another shell", (path) => `bash -lc 'touch ${path}'`],
  ["a subshell", (path) => `(touch ${path})`],
  ["a here-document", (path) => `bash <<'END'\ntouch ${path}\nEND`],
  ["eval", (path) => `eval "touch ${path}"`],
  ["a variable's value", (path) => `T=touch; $T ${path}`],
  ["an arm of case", (path) => `case a in a) touch ${path};; esac`],
  ["a process substitution", (path) => `git status <(touch ${path})`],
];

/** The context of a request in a thread that works in `/w`. */
export const context = {
  signal: new AbortController().signal,
  threadId: "t",
  turnId: "u",
  itemId: "i",
  threadCwd: "/w",
};

/** Makes pseudo-random integers below `limit`, the same ones for the same seed. */
export function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
