/** The map from a request's method to its result type, which the runtime does not print. */

import type { Method } from "./protocol.js";

/**
 * The result types that the names do not give. A type named here may serve several methods, and a method may be one that
 * only other runtimes than the pinned one have.
 */
export const resultExceptions: Readonly<Record<string, string>> = {
  "account/gatewayOAuth/cancel": "GatewayOAuthCancelResponse",
  "account/logout": "LogoutAccountResponse",
  "account/securitySetup/read": "GetAccountSecuritySetupResponse",
  "account/workspaceMessages/read": "GetWorkspaceMessagesResponse",
  "accountSession/list": "AccountSessionsResponse",
  "config/batchWrite": "ConfigWriteResponse",
  "config/mcpServer/reload": "McpServerRefreshResponse",
  "config/value/write": "ConfigWriteResponse",
  "externalAgentConfig/import/readHistories": "ExternalAgentConfigImportHistoriesReadResponse",
  "modelProvider/default/set": "ConfigWriteResponse",
};

/** The result type of each method, `unknown` where none was found, and what a person has to look at. */
export interface ResultMap {
  readonly results: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/**
 * Maps each method to its result type: the exception, else `XResponse` for params `XParams`, else by the method's name.
 * Methods with one params type are variants of a request, such as `thread/search` and `thread/search/stream`, and share
 * its result. A problem is: no or two result types, an exception that is needless or names no type, a `*Response` type
 * without a method or with several that differ in their params.
 */
export function mapResults(
  methods: readonly Method[],
  typeNames: ReadonlySet<string>,
  exceptions: Readonly<Record<string, string>>,
): ResultMap {
  const problems: string[] = [];
  const results = new Map<string, string>();
  const derivedBy = new Map<string, Method>();
  for (const method of methods) {
    const derived = candidates(method).filter((name) => typeNames.has(name));
    const exception = Object.hasOwn(exceptions, method.method) ? exceptions[method.method] : undefined;
    if (exception !== undefined) {
      const exists = typeNames.has(exception);
      results.set(method.method, exists ? exception : UNKNOWN);
      if (!exists) problems.push(`exception ${method.method}: the type ${exception} does not exist`);
      if (derived[0] === exception && derived.length === 1) {
        problems.push(`exception ${method.method}: its names now give ${exception}, remove the entry`);
      }
      continue;
    }
    const [result] = derived;
    results.set(method.method, result ?? UNKNOWN);
    if (result === undefined) {
      problems.push(`${method.method}: no result type, tried ${candidates(method).join(", ")}; add an exception`);
      continue;
    }
    if (derived.length > 1) problems.push(`${method.method}: both ${derived.join(" and ")} exist; add an exception`);
    const other = derivedBy.get(result);
    const isVariant = method.references.length > 0 && other?.params === method.params;
    if (other !== undefined && !isVariant) {
      problems.push(`${result} is the result of both ${other.method} and ${method.method}; add an exception`);
    }
    derivedBy.set(result, method);
  }
  const used = new Set(results.values());
  for (const name of typeNames) {
    if (name.endsWith("Response") && !used.has(name)) problems.push(`${name} is the result of no method`);
  }
  return { results, problems };
}

const UNKNOWN = "unknown";

function candidates({ method, references }: Method): string[] {
  const stems = references.filter((name) => name.endsWith("Params")).map((name) => name.slice(0, -"Params".length));
  const words = method.split(/[/_]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return [...new Set([...stems, words.join("")])].map((stem) => `${stem}Response`);
}
