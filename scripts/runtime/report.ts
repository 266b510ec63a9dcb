/** What an update of the runtime tells: what is left to do, and the difference of the protocol. */

import type { ProtocolDiff } from "./diff.js";
import type { Mention } from "./pages.js";

/** Something that a step of the update found. */
export interface Failure {
  /** `types`, `tests`, … */
  readonly step: string;
  readonly what: string;
}

/** What a report is made from. */
export interface Outcome {
  readonly from: string;
  readonly to: string;
  readonly failures: readonly Failure[];
  /** What a person decides, found in the difference. */
  readonly decisions: readonly string[];
  readonly rewritten: readonly Mention[];
  readonly mentions: readonly Mention[];
  /** The difference of the protocol in Markdown. */
  readonly difference: string;
}

/** What in a difference asks for a decision or an edit of a person. */
export function decisionsOf({ messages, types, changedTypes }: ProtocolDiff): string[] {
  const requests = messages.get("Requests of the runtime");
  const decisions: string[] = [];
  for (const { name } of requests?.added ?? []) {
    decisions.push(
      `The runtime asks \`${name}\` now. Say in packages/codex-embed/src/requests/values.ts how it is answered and declined, and name its handler in handlers.ts.`,
    );
  }
  for (const { name } of requests?.removed ?? []) {
    decisions.push(
      `The runtime asks \`${name}\` no more. Its types are kept in protocol/generated/legacy.ts, and its handler stays for older runtimes.`,
    );
  }
  const parts = [...messages.values(), types, ...changedTypes.values()];
  if (parts.some(({ removed, changed }) => removed.length + changed.length > 0)) {
    decisions.push("Something was removed or changed, which breaks programs that use it: name it in the changeset.");
  }
  return decisions;
}

/** The report in Markdown. */
export function printReport(outcome: Outcome): string {
  const { from, to, failures, decisions, rewritten, mentions, difference } = outcome;
  const steps = [
    ...decisions,
    `Say in .changeset/${changesetName(to)} what changes for users.`,
    `Read what the runtimes do differently: \`npm run runtime:facts -- ${from} ${to}\`. Correct docs/runtime.md.`,
    "Measure what the pages hold: `npm run faults -- --write`, `npm run compat -- --write`.",
  ];
  const lines = [`# Runtime ${from} → ${to}`, "", "## Left to do", ""];
  if (failures.length === 0) lines.push("Nothing fails.");
  else {
    lines.push(`These fail. Put them right, then run \`npm run runtime:update -- --continue\`.`, "");
    lines.push(...failures.map(({ step, what }) => `- [ ] ${step}: ${what}`));
  }
  lines.push("", "By hand:", "", ...steps.map((step) => `- [ ] ${step}`));
  lines.push("", "## Pages", "", ...section(`Still name ${from}, as what they say was measured on it:`, mentions));
  lines.push(...section("Rewritten:", rewritten));
  return `${lines.join("\n")}\n${difference.replace(/^#/gm, "##")}`;
}

function section(title: string, mentions: readonly Mention[]): string[] {
  if (mentions.length === 0) return [];
  return [title, "", ...mentions.map(({ place, text }) => `- ${place}: \`${text.replaceAll("`", "'")}\``), ""];
}

/** The name of the file in `.changeset` that tells of a new runtime. */
export function changesetName(to: string): string {
  return `runtime-${to.replaceAll(".", "-")}.md`;
}
