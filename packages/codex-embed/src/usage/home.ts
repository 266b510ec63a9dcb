import { homedir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../errors/index.js";

/** `~` and `~/…` mean the home folder of the user of this program. */
const OWN_HOME = process.platform === "win32" ? /^~(?:[/\\]|$)/ : /^~(?:\/|$)/;

/**
 * Replaces a leading `~` by the user's home folder, as a shell does.
 *
 * @throws UsageError for `~name`, which a shell takes for the home of another user.
 */
export function expandHome(path: string, option: string): string {
  if (!path.startsWith("~")) return path;
  if (OWN_HOME.test(path)) return join(homedir(), path.slice(1));
  throw new UsageError(
    `${option} begins with ~ and a name. Only ~ and ~/… are expanded, to your own home folder: give the absolute ` +
      "path, or put ./ in front of a folder that has such a name.",
  );
}

/** The paths that a client resolves on this machine. */
interface ClientPaths {
  readonly codexBin?: string | undefined;
  readonly codexHome?: string | undefined;
  readonly cwd?: string | undefined;
}

/** The options of a client with `~` expanded in its paths. Throws `UsageError` as {@link expandHome} does. */
export function withHomePaths<T extends ClientPaths>(options: T): T {
  const { codexBin, codexHome, cwd } = options;
  const given = Object.entries({ codexBin, codexHome, cwd });
  const expanded = given.flatMap(([name, path]) => (path?.startsWith("~") ? [[name, expandHome(path, name)]] : []));
  return expanded.length === 0 ? options : Object.assign({}, options, Object.fromEntries(expanded));
}
