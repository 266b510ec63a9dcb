/** Owns the environment of a test's runtime: which variables of this process it may see. */

const REMOVED = new Set([
  "HOME",
  "USERPROFILE",
  "BASH_ENV",
  "ENV",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "XDG_DATA_HOME",
  "XDG_STATE_HOME",
  "ALL_PROXY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
]);

const REMOVED_PREFIXES = ["OPENAI_", "CODEX_", "AZURE_OPENAI_", "GIT_"];

/** The folders that the environment points to. */
export interface TestFolders {
  readonly codexHome: string;
  readonly userHome: string;
  /** The folder for temporary files. */
  readonly temporary: string;
}

/**
 * Makes the environment out of that of this process: without credentials, proxies, git variables (a test may run in a
 * git hook) and the user's own home.
 */
export function testEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  folders: TestFolders,
  platform: string = process.platform,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value !== undefined && !isRemoved(name.toUpperCase())) env[name] = value;
  }
  env["CODEX_HOME"] = folders.codexHome;
  env["HOME"] = folders.userHome;
  if (platform === "win32") env["USERPROFILE"] = folders.userHome;
  for (const name of ["TMPDIR", "TMP", "TEMP"]) env[name] = folders.temporary;
  return env;
}

function isRemoved(name: string): boolean {
  return REMOVED.has(name) || REMOVED_PREFIXES.some((prefix) => name.startsWith(prefix));
}
