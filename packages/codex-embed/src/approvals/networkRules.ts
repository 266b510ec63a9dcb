import { isIPv6 } from "node:net";
import { UsageError } from "../errors/index.js";
import { accepted, declined, open, type RuleList, type Verdict } from "./types.js";

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
  const deny = (list.deny ?? []).map((source) => hostPattern(source, "network.deny", asIPv4));
  return {
    host: (host) => {
      const spelled = host
        .toLowerCase()
        .replace(/^\[(.*)\]$/, "$1")
        .replace(/\.$/, "");
      const canonical = canonicalHost(host);
      const forms = [spelled, ...(canonical === null ? [] : [canonical, asIPv4(canonical)])];
      const denial = deny.find(({ covers }) => forms.some((form) => covers(form)));
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

/** Reads a pattern; `normalize` is applied to its host. */
function hostPattern(source: unknown, where: string, normalize = (host: string) => host): HostPattern {
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
  const wanted = normalize(host);
  return { source, covers: isBelow ? (other) => other.endsWith(`.${host}`) : (other) => other === wanted };
}

/** The host as browsers spell it: in lower case, international names encoded, numbers as dotted addresses. */
function canonicalHost(host: string): string | null {
  // A zone, as in `fe80::1%eth0`, says which interface is used, and URLs have none.
  const address = host.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const authority = isIPv6(address) ? `[${address}]` : host;
  if (authority === "" || /[\s/?#@\\]/.test(authority)) return null;
  try {
    return new URL(`http://${authority}/`).hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  } catch {
    return null;
  }
}

/** The IPv4 address that an IPv6 address stands for (RFC 4291, 6052 and 7915), or else the host as it is. */
function asIPv4(host: string): string {
  const [, high = "", low = ""] = /^(?:::ffff:|::ffff:0:|64:ff9b::|::)([\da-f]{1,4}):([\da-f]{1,4})$/.exec(host) ?? [];
  if (low === "") return host;
  const number = Number.parseInt(high, 16) * 0x1_00_00 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}
