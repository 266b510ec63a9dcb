const BRAND = Symbol.for("codex-embed.error");

/** The base of all errors of this SDK. Tell errors apart by class (`isInstance`) and `code`, not by `message`. */
export class CodexError extends Error {
  /** A stable, upper-case identifier of the failure, such as `TURN_FAILED`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.typeName;
  }

  /** The name of this class, which `isInstance` compares. Stable under minification, unlike `constructor.name`. */
  static readonly typeName: string = "CodexError";

  /** @internal */
  get [BRAND](): true {
    return true;
  }

  /**
   * Whether `value` is an instance of this class. Unlike `instanceof`, it also works when one process has loaded two copies
   * of this package.
   */
  static isInstance<E extends CodexError>(
    this: { readonly prototype: E; readonly typeName: string },
    value: unknown,
  ): value is E {
    if (!(value instanceof Error) || !(BRAND in value)) return false;
    let type: unknown = value.constructor;
    while (typeof type === "function") {
      if ("typeName" in type && type.typeName === this.typeName) return true;
      type = Object.getPrototypeOf(type);
    }
    return false;
  }
}

/**
 * A call that cannot work: a bad argument or option, or a call at the wrong time. Nothing was sent. Its `code` is `USAGE`;
 * the message names the option and what to pass instead.
 */
export class UsageError extends CodexError {
  static override readonly typeName: string = "UsageError";
  constructor(message: string, options?: ErrorOptions) {
    super("USAGE", message, options);
  }
}

/** Where a call was made, so that a later error can name its caller. */
export interface CallSite {
  stack?: string;
}

/** A frame costs a good part of a microsecond, and there may be thousands of calls in a second. */
const FRAMES = 6;

/** Records where it is called from. V8 formats the stack lazily, so this costs little until an error uses it. */
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
 * Gives `error` the stack of the functions that await it. Call it in an async function after an `await`: from there V8
 * finds the awaiting functions. Unlike a call site it costs nothing until a call fails, and it names no one when no
 * function awaits the call.
 */
export function atAwait<E extends Error>(error: E): E {
  Error.captureStackTrace(error, atAwait);
  return error;
}

/** Gives `error` the stack of the recorded call, in place of the stack of the event that revealed the failure. */
export function atCallSite<E extends Error>(error: E, site: CallSite): E {
  const frames = site.stack?.split("\n").filter((line) => line.startsWith("    at "));
  if (frames && frames.length > 0) error.stack = `${error.name}: ${error.message}\n${frames.join("\n")}`;
  return error;
}

/**
 * The message of any thrown value. Never throws, not even for an object without a prototype, a revoked proxy, or an error
 * whose `message` throws.
 */
export function messageOf(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return String(thrown);
    const { message, name } = thrown;
    return String(message === "" ? name : message);
  } catch {
    return "unknown error";
  }
}
