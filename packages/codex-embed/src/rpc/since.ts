import { UnsupportedError } from "../errors/connection.js";
import { since } from "../protocol/generated/since.js";
import { isOlder } from "../protocol/runtimes.js";
import { isRecord } from "../util/json.js";

/** Fields of the wire that an option of another name becomes. */
const OPTIONS: Readonly<Record<string, string>> = {
  approvalPolicy: "approvalMode",
  approvalsReviewer: "approvalMode",
  dynamicTools: "tools",
  sandboxPolicy: "sandbox",
};

/** What is known of a runtime after the handshake. */
export interface Peer {
  readonly version: string;
  /** What the runtime lacks; null when it is not older than the generated types, or its version is unknown. */
  readonly gaps: Gaps | null;
}

/** What a runtime lacks that is older than the generated types. */
export class Gaps {
  readonly #version: string;
  readonly #table: typeof since;

  constructor(version: string, table = since) {
    this.#version = version;
    this.#table = table;
  }

  /** The first runtime that has a request which this one lacks; null when that is not known. */
  since(method: string): string | null {
    const first = rowOf(this.#table, method)[""];
    return first !== undefined && isOlder(this.#version, first) ? first : null;
  }

  /**
   * The error for params that this runtime does not have, or null. Runtimes drop unknown params without a word (measured on
   * 0.130 to 0.171). A field that is null or undefined counts as absent.
   */
  unsupported(method: string, params: unknown): UnsupportedError | null {
    const version = this.#version;
    for (const [place, first] of Object.entries(rowOf(this.#table, method))) {
      if (place === "" || !isOlder(version, first) || !isUsed(params, place.split(" "))) continue;
      return new UnsupportedError(method, { option: optionAt(place), version, since: first });
    }
    return null;
  }
}

/** Whether the protocol has a request at all, according to the generated types. */
export function isInProtocol(method: string): boolean {
  return Object.hasOwn(since, method);
}

function rowOf(table: typeof since, method: string): Readonly<Record<string, string>> {
  return table[method] ?? {};
}

/** Whether a value has something at a place. The steps are those of the generated table. */
function isUsed(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (value === undefined || value === null) return false;
  if (step === undefined) return true;
  if (step === "*") return typeof value === "object" && Object.values(value).some((item) => isUsed(item, rest));
  const end = step.indexOf("=");
  if (end === 0) return value === step.slice(1);
  if (!isRecord(value)) return false;
  if (end < 0) return isUsed(Object.hasOwn(value, step) ? value[step] : undefined, rest);
  return value[step.slice(0, end)] === step.slice(end + 1) && isUsed(value, rest);
}

/** A place as a program would write it: `input[]("image").fileId`, `voice("porto")`. */
function optionAt(place: string): string {
  let option = "";
  for (const step of place.split(" ")) {
    const end = step.indexOf("=");
    if (step === "*") option += "[]";
    else if (end >= 0) option += `(${JSON.stringify(step.slice(end + 1))})`;
    else option += option === "" ? (OPTIONS[step] ?? step) : `.${step}`;
  }
  return option;
}
