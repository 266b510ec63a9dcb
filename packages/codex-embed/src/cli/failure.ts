/** Owns how an ending becomes a message and an exit code: 1 failed, 2 called wrongly, 130 and more stopped from outside. */

import { AuthRequiredError, CodexError, JsonRpcError, LaunchError, TurnFailedError, UsageError } from "../index.js";

/** The end of the program: what is told, and the exit code. */
export class Ending extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The user wants out. */
export class Interruption extends Ending {}

/** The command line cannot be understood, or asks for something that cannot be. */
export class BadUsage extends Error {}

/** A failure that is told without its class. */
export class Failure extends Error {}

/** Whether the text of an error is the SDK's own, and so names its options. */
export function namesOptions(error: unknown): boolean {
  return CodexError.isInstance(error) && !TurnFailedError.isInstance(error) && !JsonRpcError.isInstance(error);
}

/** The message of a failure and the exit code. The text is empty when there is nothing to say. */
export function failureOf(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof Ending) return { text: error.message, exitCode: error.exitCode };
  if (error instanceof BadUsage) return { text: error.message, exitCode: 2 };
  return { text: describe(error), exitCode: UsageError.isInstance(error) ? 2 : 1 };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `Failed: ${String(error)}`;
  if (error instanceof Failure) return error.message;
  if ("syscall" in error && error.syscall === "uv_cwd") {
    return "The working directory was deleted. Change to a folder that exists, or give one with --cwd.";
  }
  if (!CodexError.isInstance(error)) return `${error.name}: ${error.message}`;
  return `${error.name} (${error.code}): ${error.message}${adviceFor(error)}`;
}

const LOGIN = "Log in with: npx codex login";

function adviceFor(error: CodexError): string {
  if (AuthRequiredError.isInstance(error)) return `\n${LOGIN}`;
  if (LaunchError.isInstance(error)) return "\nWhat is wrong here, in full: codex-embed doctor";
  if (!TurnFailedError.isInstance(error)) return "";
  if (error.httpStatus === 401) return `\nThe login was not accepted. ${LOGIN}`;
  switch (error.info) {
    case "contextWindowExceeded":
      return "\nThe thread is too long for the model: begin a new one, or ask for less at once.";
    case "usageLimitExceeded":
      return "\nThe account's limit is used up: wait until it is renewed, or use another login.";
    default:
      return error.retryable ? "\nThis may pass: try again later." : "";
  }
}
