/** The public names of `@codex-embed/mcp-server`. */

export { type McpHttpHandle, type McpHttpOptions, serveMcpHttp } from "./http.js";
export type { CodexMcpOptions } from "./options.js";
export { type CodexMcp, createCodexMcp } from "./server.js";
export { type McpHandle, type McpStdioOptions, serveMcpStdio } from "./stdio.js";
