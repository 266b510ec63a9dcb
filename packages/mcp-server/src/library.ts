/** Owns the way to the MCP library, an optional peer that is loaded only when a server is made. */

import type * as library from "@modelcontextprotocol/server";
import type * as stdio from "@modelcontextprotocol/server/stdio";
import { UsageError } from "codex-embed";

/** The library's main module. */
export type McpLibrary = typeof library;
/** The library's stdio module. */
export type McpStdioLibrary = typeof stdio;

/** Loads the library. Rejects with `UsageError` that says what to install when it is not there. */
export function loadMcp(): Promise<McpLibrary> {
  return orSayWhatToInstall(import("@modelcontextprotocol/server"));
}

/** Loads the library's stdio transport. Rejects as `loadMcp` does. */
export function loadMcpStdio(): Promise<McpStdioLibrary> {
  return orSayWhatToInstall(import("@modelcontextprotocol/server/stdio"));
}

async function orSayWhatToInstall<T>(loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new UsageError(
      "The MCP server needs the package @modelcontextprotocol/server, which is not installed. " +
        "Install it: npm install @modelcontextprotocol/server@^2.4.0",
      { cause },
    );
  }
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
}
