const BRAND = Symbol.for("codex-embed.error");

/** The root of all errors that this SDK makes. */
export class CodexError extends Error {
  /** A stable, upper-case identifier of the failure, for programs. */
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
   * Tells whether `value` is an instance of this class. Unlike `instanceof`, it also holds when two copies of this
   * package are loaded in one process.
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

/** The SDK was called in a way that cannot work: a bad argument, or a call at the wrong time. */
export class UsageError extends CodexError {
  static override readonly typeName: string = "UsageError";
  constructor(message: string, options?: ErrorOptions) {
    super("USAGE", message, options);
  }
}

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

/**
 * The message of whatever was thrown. Never throws: anything can be thrown, including an object without a prototype, a
 * revoked proxy, and an error whose `message` throws.
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
