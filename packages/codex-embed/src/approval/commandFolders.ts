/** The folders in which allowed commands may run. */

import { resolve } from "node:path";
import type { CommandApprovalRequest } from "../requests/handlers.js";
import { followLinks } from "./followLinks.js";
import { coversPath, pathGlob, resolvedGlob } from "./pathGlob.js";

/** Tells why a command does not run in an allowed folder; undefined when it does. */
export type FolderCheck = (
  request: Pick<CommandApprovalRequest, "cwd" | "environmentId">,
  threadCwd: string | null,
) => string | undefined;

/**
 * Makes the check of the folder that a command would run in: one of these folders or globs, by default the thread's
 * working directory. Links are followed on both sides.
 *
 * @throws UsageError for a folder that is relative, or a glob that {@link pathGlob} refuses.
 */
export function commandFolders(cwd: string | readonly string[] | undefined): FolderCheck {
  const sources: readonly string[] | undefined = typeof cwd === "string" ? [cwd] : cwd;
  const globs = sources?.map((source) => pathGlob(source, "commands.cwd")).map((glob) => resolvedGlob(glob) ?? glob);
  return ({ cwd: folder, environmentId }, threadCwd) => {
    if (typeof folder !== "string") return "the folder of the command is not known";
    if ((environmentId ?? "local") !== "local") return "the command runs on another machine";
    const own = typeof threadCwd === "string" ? followLinks(threadCwd) : null;
    const targets = [followLinks(folder), followLinks(resolve(folder))];
    const isCovered = (target: string | null): boolean => {
      if (target === null) return false;
      if (globs !== undefined) return globs.some((glob) => coversPath(glob, target));
      return own !== null && target === own;
    };
    if (targets.every(isCovered)) return undefined;
    if (globs !== undefined) return "commands.cwd does not cover the folder of the command";
    if (own === null) return "the working directory of the thread is not known";
    return "the command does not run in the working directory of the thread";
  };
}
