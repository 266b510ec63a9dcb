/** Owns the root of the error tree, its identity across copies of the package, and call-site stacks. */

const BRAND = Symbol.for("codex-embed.error");

/** What a site records where a call was made, so that an error that surfaces later names its caller. */
export interface CallSite {
  stack?: string;
}

/**
 * Records the caller of `boundary`. Formatting is lazy in V8, so this costs little until an error is made of it.
 * @internal
 */
export function captureCallSite(boundary: (...args: never[]) => unknown): CallSite {
  const site: CallSite = {};
  Error.captureStackTrace(site, boundary);
  return site;
}

/**
 * Gives `error` the stack of the recorded call, instead of that of the event that revealed the failure.
 * @internal
 */
export function atCallSite<E extends Error>(error: E, site: CallSite): E {
  const frames = site.stack?.split("\n").filter((line) => line.startsWith("    at "));
  if (frames && frames.length > 0) error.stack = `${error.name}: ${error.message}\n${frames.join("\n")}`;
  return error;
}

/** The root of all errors that this SDK makes. */
export class CodexError extends Error {
  /** A stable, upper-case identifier of the failure, for programs. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.typeName;
  }

  /** @internal Stable under minification, unlike `constructor.name`. */
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
