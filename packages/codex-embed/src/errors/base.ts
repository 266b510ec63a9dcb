/** Owns the root of the error tree, and its identity across copies of the package. */

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
