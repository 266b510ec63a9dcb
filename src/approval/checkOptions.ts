/** Owns the check of the rules' options: a rule that is misspelled must not silently be none. */

import { UsageError } from "../errors/index.js";

const HANDLERS = ["approveCommand", "approveFileChange", "approvePermissions"];

/**
 * Checks the shape of the options, for programs without types; the patterns are checked where they are read.
 *
 * @throws UsageError naming the option.
 */
export function checkOptions(options: unknown): void {
  const { commands, paths, network, otherwise, onDecision } = members(options, "The options of approvalRules", [
    "commands",
    "paths",
    "network",
    "otherwise",
    "onDecision",
  ]);
  for (const [name, list] of Object.entries({ commands, paths, network })) {
    if (list === undefined) continue;
    for (const [key, patterns] of Object.entries(members(list, name, ["allow", "deny"]))) {
      if (patterns !== undefined && !Array.isArray(patterns)) throw new UsageError(`${name}.${key} is not an array.`);
    }
  }
  if (otherwise !== undefined && otherwise !== "decline") {
    for (const [key, handler] of Object.entries(members(otherwise, "otherwise", HANDLERS))) {
      if (handler !== undefined) mustBeFunction(handler, `otherwise.${key}`);
    }
  }
  if (onDecision !== undefined) mustBeFunction(onDecision, "onDecision");
}

function members(value: unknown, name: string, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${name} is not an object.`);
  }
  const found = Object.fromEntries(known.map((key): [string, unknown] => [key, Reflect.get(value, key)]));
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  // An object with handlers may be more than that: a class, say.
  if (unknown === undefined || known === HANDLERS) return found;
  throw new UsageError(`${name} has ${JSON.stringify(unknown)}, which is none of ${known.join(", ")}.`);
}

function mustBeFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw new UsageError(`${name} is not a function.`);
}
