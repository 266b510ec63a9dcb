import type { McpToolApprovalRequest } from "../requests/handlers.js";
import { isRecord } from "../util/json.js";
import type { Place } from "../validate/kinds.js";
import { literal, overlaps, patternError, type Wildcard, wildcard } from "./patterns.js";
import { accepted, declined, type McpToolPattern, type RuleList, unmatched, type Verdict } from "./types.js";

/** The tool that a request or a call names. */
export type McpToolQuestion = Pick<McpToolApprovalRequest, "serverName" | "toolName" | "environmentId">;

/** Rules for tools of MCP servers. */
export type McpRules = (request: McpToolQuestion) => Verdict;

/**
 * Compiles the rules for MCP tools.
 *
 * @throws {@link UsageError} for a pattern that is not an object of `server`, `tool` and `environmentId`.
 */
export function mcpRules(list: RuleList<McpToolPattern>, call = "approvalRules"): McpRules {
  const allow = (list.allow ?? []).map((pattern) => compile(pattern, { call, path: "mcp.allow" }));
  const deny = (list.deny ?? []).map((pattern) => compile(pattern, { call, path: "mcp.deny" }));
  return (request) => {
    const shown = mcpSubject(request);
    const denial = deny.find((rule) => rule.mayMatch(request));
    if (denial !== undefined) return declined(`mcp.deny has ${denial.source}, which matches ${shown}.`, denial.source);
    const rule = allow.find(({ matches }) => matches(request));
    if (rule === undefined) return unmatched(`no pattern of mcp.allow matches ${shown}`);
    return accepted(`mcp.allow has ${rule.source}, which matches ${shown}.`, rule.source);
  };
}

/** The tool for people and the audit log, with its environment when it has one. */
export function mcpSubject({ serverName, toolName, environmentId }: McpToolQuestion): string {
  const tool = `${toolName === null ? "an unknown tool" : JSON.stringify(toolName)} of ${JSON.stringify(serverName)}`;
  return typeof environmentId === "string" ? `${tool} in the environment ${JSON.stringify(environmentId)}` : tool;
}

interface McpRule {
  /** The pattern as it was written, as JSON. */
  readonly source: string;
  /** Whether the request is known to be what the pattern allows. */
  readonly matches: (request: McpToolQuestion) => boolean;
  /** Whether the request can be what the pattern denies: what is unknown can be anything. */
  readonly mayMatch: (request: McpToolQuestion) => boolean;
}

const PARTS = ["server", "tool", "environmentId"] as const satisfies readonly (keyof McpToolPattern)[];

function compile(pattern: McpToolPattern, place: Place): McpRule {
  if (!isRecord(pattern)) throw patternError(pattern, place, 'is not an object. Write { server: "name" }');
  const other = Object.keys(pattern).find((key) => !PARTS.some((part) => part === key));
  if (other !== undefined) throw patternError(pattern, place, `has the unknown key ${JSON.stringify(other)}`);
  for (const part of PARTS) {
    const value = pattern[part];
    const isMissing = value === undefined && part !== "server";
    if (!isMissing && (typeof value !== "string" || value === "")) {
      throw patternError(pattern, place, `needs a non-empty string as ${part}`);
    }
  }
  const server = wildcard(pattern.server);
  const tool = pattern.tool === undefined ? undefined : wildcard(pattern.tool);
  const environment = pattern.environmentId === undefined ? undefined : wildcard(pattern.environmentId);
  return {
    source: JSON.stringify(pattern),
    matches: ({ serverName, toolName, environmentId }) =>
      covers(server, serverName) &&
      (tool === undefined || (toolName !== null && covers(tool, toolName))) &&
      // Without an environment in the pattern, a server of the same name that an environment brings is not meant.
      (environment === undefined
        ? typeof environmentId !== "string"
        : typeof environmentId === "string" && covers(environment, environmentId)),
    mayMatch: ({ serverName, toolName, environmentId }) =>
      covers(server, serverName) &&
      (tool === undefined || toolName === null || covers(tool, toolName)) &&
      (environment === undefined ||
        environmentId === undefined ||
        (environmentId !== null && covers(environment, environmentId))),
  };
}

function covers(pattern: Wildcard, name: string): boolean {
  return overlaps(pattern, literal(name));
}
