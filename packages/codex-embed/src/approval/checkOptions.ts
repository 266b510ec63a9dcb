/** Owns the check of the rules' options: a rule that is misspelled must not silently be none. */

import { callback, either, list, listOf, oneOf, text } from "../usage/kinds.js";
import { checkOptions, members, nested, type OptionTable } from "../usage/options.js";
import type { ApprovalRuleHandlers, ApprovalRulesOptions, CommandRules, RuleList } from "./types.js";

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

/**
 * Checks the shape of the options; the patterns are checked where they are read.
 *
 * @throws UsageError naming the option.
 */
export function checkRules(options: ApprovalRulesOptions): ApprovalRulesOptions {
  return checkOptions(options, "approvalRules", APPROVAL_RULES);
}
