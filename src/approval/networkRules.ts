/** Owns the rules over hosts: what a pattern is, and which hosts it covers. */

import { isIPv6 } from "node:net";
import { UsageError } from "../errors/index.js";
import type { RuleList } from "./types.js";
import { accepted, declined, open, type Verdict } from "./verdict.js";

/** The rules over hosts. */
export interface NetworkRules {
  /** The verdict on one host. */
  host(host: string): Verdict;
  /** The verdict on the whole network: allowed when every host is and none is denied. */
  everything(): Verdict;
}

/**
 * Makes the rules over hosts.
 *
 * @throws UsageError for a pattern that is not a host, `*.` with a host, or `*`.
 */
export function networkRules(list: RuleList<string>): NetworkRules {
  const allow = (list.allow ?? []).map((source) => hostPattern(source, "network.allow"));
  const deny = (list.deny ?? []).map((source) => hostPattern(source, "network.deny"));
  return {
    host: (host) => {
      const spelled = host
        .toLowerCase()
        .replace(/^\[(.*)\]$/, "$1")
        .replace(/\.$/, "");
      const canonical = canonicalHost(host);
      const denial = deny.find(({ covers }) => covers(spelled) || (canonical !== null && covers(canonical)));
      if (denial !== undefined) return declined(`network.deny has ${JSON.stringify(denial.source)}.`, denial.source);
      // Two programs may read an unusual spelling as two hosts.
      if (canonical !== spelled) return open(`${JSON.stringify(host)} is not the plain name of a host`);
      const rule = allow.find(({ covers }) => covers(spelled));
      if (rule === undefined) return open("no pattern of network.allow covers the host");
      return accepted(`network.allow has ${JSON.stringify(rule.source)}.`, rule.source);
    },
    everything: () => {
      const denial = deny[0];
      if (denial !== undefined) {
        const reason = `network.deny has ${JSON.stringify(denial.source)}, and the whole network is asked for.`;
        return declined(reason, denial.source);
      }
      const rule = allow.find(({ source }) => source === "*");
      if (rule === undefined) return open('the whole network is asked for, and network.allow does not have "*"');
      return accepted('network.allow has "*".', rule.source);
    },
  };
}

interface HostPattern {
  /** The pattern as it was written. */
  readonly source: string;
  readonly covers: (host: string) => boolean;
}

function hostPattern(source: unknown, where: string): HostPattern {
  const unusable = (problem: string) =>
    new UsageError(`The pattern ${String(JSON.stringify(source))} in ${where} ${problem}.`);
  if (typeof source !== "string") throw unusable("is not text");
  if (source === "*") return { source, covers: () => true };
  const isBelow = source.startsWith("*.");
  const host = canonicalHost(isBelow ? source.slice(2) : source);
  const isPort = /:\d+$/.test(source) && !isIPv6(source);
  if (host === null || isPort || source.includes("*", isBelow ? 1 : 0)) {
    throw unusable('is not a host: write "example.org", "*.example.org" or "*"');
  }
  return { source, covers: isBelow ? (other) => other.endsWith(`.${host}`) : (other) => other === host };
}

/** The host as browsers spell it: in lower case, international names encoded, numbers as dotted addresses. */
function canonicalHost(host: string): string | null {
  const authority = isIPv6(host) ? `[${host}]` : host;
  if (authority === "" || /[\s/?#@\\]/.test(authority)) return null;
  try {
    return new URL(`http://${authority}/`).hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  } catch {
    return null;
  }
}
