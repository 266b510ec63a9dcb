/** Gives an error that an event reveals later the stack of the call that it belongs to. */

/** Where a call was made, so that an error that surfaces later names its caller. */
export interface CallSite {
  stack?: string;
}

/** Each frame takes a good part of a microsecond, of calls of which there may be thousands in a second. */
const FRAMES = 6;

/** Records where it is called from. Formatting is lazy in V8, so this costs little until an error is made of it. */
export function captureCallSite(): CallSite {
  const site: CallSite = {};
  const { stackTraceLimit } = Error;
  // With frozen intrinsics the limit cannot be set, and an assignment would throw.
  if (stackTraceLimit > FRAMES) Reflect.set(Error, "stackTraceLimit", FRAMES);
  Error.captureStackTrace(site, captureCallSite);
  if (stackTraceLimit > FRAMES) Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
  return site;
}

/**
 * Gives `error` the stack of those who await it: V8 finds them from the async function that this is called in, after an
 * `await`. Unlike a call site it costs nothing until a call fails, and it names nobody when nobody awaits the call.
 */
export function atAwait<E extends Error>(error: E): E {
  Error.captureStackTrace(error, atAwait);
  return error;
}

/**
 * Gives `error` the stack of the recorded call, instead of that of the event that revealed the failure.
 */
export function atCallSite<E extends Error>(error: E, site: CallSite): E {
  const frames = site.stack?.split("\n").filter((line) => line.startsWith("    at "));
  if (frames && frames.length > 0) error.stack = `${error.name}: ${error.message}\n${frames.join("\n")}`;
  return error;
}
