import { UsageError } from "../errors/base.js";
import { type Check, isObject, wrongKind } from "../validate/kinds.js";
import type { TraceContext } from "./messages.js";

/** Version, trace id, span id and flags, as the W3C has them. The version ff and ids of zeros are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** The W3C asks for at least this much to be passed on. */
const MAX_TRACESTATE_CHARS = 512;

/** What is wrong with a trace context, or null. Never the values. */
export function traceProblem({ traceparent, tracestate }: TraceContext): string | null {
  if (typeof traceparent !== "string" || !TRACEPARENT.test(traceparent)) {
    return "traceparent must look like 00-<32 hex digits>-<16 hex digits>-01, in lower case and not all zeros.";
  }
  if (tracestate === undefined) return null;
  if (
    typeof tracestate === "string" &&
    tracestate.length <= MAX_TRACESTATE_CHARS &&
    /^[\x20-\x7e]*$/.test(tracestate)
  ) {
    return null;
  }
  return `tracestate must be at most ${MAX_TRACESTATE_CHARS} printable ASCII characters.`;
}

/** A trace context that a caller gives. */
export const traceContext: Check = (value, place) => {
  if (!isObject(value)) throw wrongKind(value, place, "Give { traceparent, tracestate }.");
  const problem = traceProblem({
    traceparent: Reflect.get(value, "traceparent"),
    tracestate: Reflect.get(value, "tracestate"),
  });
  if (problem !== null) throw new UsageError(`${place.call}: ${place.path} is invalid: ${problem}`);
};
