/**
 * The mark of a launch: an environment variable that everything it starts inherits, also what has left its process tree.
 * Its name holds the random id, so that launches inside of launches keep the marks of the outer ones.
 */

import { randomBytes } from "node:crypto";

const PREFIX = "CODEX_EMBED_MARK_";
const VALUE = "1";

/** Makes the name of a variable that no other launch has. */
export function newMark(): string {
  return `${PREFIX}${randomBytes(16).toString("hex")}`;
}

/** The variable as it stands in the environment of a process. */
export function markAssignment(mark: string): string {
  return `${mark}=${VALUE}`;
}

/** `env` with the mark, and with the marks that this program itself was started with. */
export function withMark(env: Readonly<Record<string, string>>, mark: string): Record<string, string> {
  const outer = Object.keys(process.env).filter((name) => name.startsWith(PREFIX));
  return { ...env, ...Object.fromEntries([...outer, mark].map((name) => [name, VALUE])) };
}

/** The override that has the runtime hand the mark to commands, also when they do not inherit its whole environment. */
export function markOverride(mark: string): string {
  return `shell_environment_policy.set.${mark}="${VALUE}"`;
}
