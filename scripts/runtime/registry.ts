/** What the registry says of the runtime. */

import { execFileSync } from "node:child_process";

/**
 * The exact version of the runtime that a version or a tag such as `latest` stands for.
 *
 * @throws Error when the registry does not answer, or has no such version.
 */
export function resolveRuntime(requested: string): string {
  if (!/^[\w][\w.-]*$/.test(requested)) {
    throw new Error(`${JSON.stringify(requested)} is neither a version nor a tag. Give one like 1.2.3, or latest.`);
  }
  const answer = ask(`@openai/codex@${requested}`);
  const version: unknown = answer === "" ? null : JSON.parse(answer);
  if (typeof version === "string") return version;
  throw new Error(
    `The registry has no single version of @openai/codex for ${JSON.stringify(requested)}. Run: npm view @openai/codex versions`,
  );
}

function ask(spec: string): string {
  try {
    return execFileSync("npm", ["view", spec, "version", "--json"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    }).trim();
  } catch (error) {
    // With --json npm says what is wrong on stdout.
    const output = error instanceof Error && "stdout" in error && "stderr" in error ? [error.stdout, error.stderr] : [];
    const text = output.map(String).join("").trim();
    if (/\bE404\b|\bETARGET\b/.test(text)) return "";
    throw new Error(`The registry did not answer. npm says:\n${text || String(error)}`, { cause: error });
  }
}
