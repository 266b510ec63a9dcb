/** The root of all errors that this SDK makes. */
export declare class CodexError extends Error {
  /** A stable, upper-case identifier of the failure, for programs. */
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions);
  /**
   * Tells whether `value` is an instance of this class. Unlike `instanceof`, it also holds when two copies of this
   * package are loaded in one process.
   */
  static isInstance<E extends CodexError>(
    this: {
      readonly prototype: E;
      readonly typeName: string;
    },
    value: unknown,
  ): value is E;
}
/** The SDK was called in a way that cannot work: a bad argument, or a call at the wrong time. */
export declare class UsageError extends CodexError {
  static readonly typeName: string;
  constructor(message: string, options?: ErrorOptions);
}
/** Where a call was made, so that an error that surfaces later names its caller. */
export interface CallSite {
  stack?: string;
}
/** Records where it is called from. Formatting is lazy in V8, so this costs little until an error is made of it. */
export declare function captureCallSite(): CallSite;
/**
 * Gives `error` the stack of those who await it: V8 finds them from the async function that this is called in, after an
 * `await`. Unlike a call site it costs nothing until a call fails, and it names nobody when nobody awaits the call.
 */
export declare function atAwait<E extends Error>(error: E): E;
/**
 * Gives `error` the stack of the recorded call, instead of that of the event that revealed the failure.
 */
export declare function atCallSite<E extends Error>(error: E, site: CallSite): E;
/**
 * The message of whatever was thrown. Never throws: anything can be thrown, including an object without a prototype, a
 * revoked proxy, and an error whose `message` throws.
 */
export declare function messageOf(thrown: unknown): string;
