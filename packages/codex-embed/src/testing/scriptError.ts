/** Owns the error that the testing kit makes: a script that cannot be played, or that was not played to its end. */

import { CodexError } from "../index.js";

/** A script is wrong, was not played to its end, or its model was closed while something waited for it. */
export class ScriptError extends CodexError {
  static override readonly typeName: string = "ScriptError";

  constructor(message: string, options?: ErrorOptions) {
    super("SCRIPT", message, options);
  }
}
