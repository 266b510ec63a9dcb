/** The map from a request's method to its result type, which the runtime does not print, and the proof of it. */

import type { Method } from "./protocol.js";

/**
 * The result types that the names do not give. An entry that the protocol has outgrown fails the run; a type named
 * here may serve several methods.
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

/**
 * Maps each method to its result type: the exception, else `XResponse` for params `XParams`, else by the method's name.
 * Throws with every problem found: no or two result types, a stale exception, a `*Response` type without a method or
 * with several that differ in their params.
 */
export function mapResults(
  methods: readonly Method[],
  typeNames: ReadonlySet<string>,
  exceptions: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  const problems: string[] = [];
  const results = new Map<string, string>();
  const derivedBy = new Map<string, Method>();
  for (const method of methods) {
    const derived = candidates(method).filter((name) => typeNames.has(name));
    const exception = Object.hasOwn(exceptions, method.method) ? exceptions[method.method] : undefined;
    if (exception !== undefined) {
      results.set(method.method, exception);
      if (!typeNames.has(exception)) problems.push(`exception ${method.method}: the type ${exception} does not exist`);
      if (derived[0] === exception && derived.length === 1) {
        problems.push(`exception ${method.method}: its names now give ${exception}, remove the entry`);
      }
      continue;
    }
    const [result] = derived;
    if (result === undefined) {
      problems.push(`${method.method}: no result type, tried ${candidates(method).join(", ")}; add an exception`);
      continue;
    }
    if (derived.length > 1) problems.push(`${method.method}: both ${derived.join(" and ")} exist; add an exception`);
    const other = derivedBy.get(result);
    // Two methods with one params type are variants of a request, such as `thread/search` and `thread/search/stream`.
    const isVariant = method.references.length > 0 && other?.params === method.params;
    if (other !== undefined && !isVariant) {
      problems.push(`${result} is the result of both ${other.method} and ${method.method}`);
    }
    derivedBy.set(result, method);
    results.set(method.method, result);
  }
  const known = new Set(methods.map(({ method }) => method));
  for (const method of Object.keys(exceptions)) {
    if (!known.has(method)) problems.push(`exception ${method}: the method no longer exists, remove the entry`);
  }
  const used = new Set(results.values());
  for (const name of typeNames) {
    if (name.endsWith("Response") && !used.has(name)) problems.push(`${name} is the result of no method`);
  }
  if (problems.length > 0) throw new Error(`The map of result types is wrong:\n- ${problems.join("\n- ")}`);
  return results;
}

function candidates({ method, references }: Method): string[] {
  const stems = references.filter((name) => name.endsWith("Params")).map((name) => name.slice(0, -"Params".length));
  const words = method.split(/[/_]/).map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return [...new Set([...stems, words.join("")])].map((stem) => `${stem}Response`);
}
