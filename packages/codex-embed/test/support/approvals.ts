/** Asks approval rules about commands, as the runtime would. */

import { type ApprovalRuleDecision, type ApprovalRulesOptions, approvalRules } from "codex-embed/approvals";

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
