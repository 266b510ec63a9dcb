/** Owns the error that a tool call is turned away with, and what a caller is told of any other failure. */

import {
  AuthRequiredError,
  CodexError,
  LaunchError,
  ThreadLockedError,
  TransportClosedError,
  TurnDeadlineError,
  TurnInProgressError,
} from "codex-embed";

/** A call that this server does not carry out; the message is written for the caller. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** What a caller is told: the cause, and what to do. Never a stack, the runtime's stderr, or a path of its files. */
export function tellFailure(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (TurnInProgressError.isInstance(error)) {
    return `Thread ${error.threadId} already has a turn in flight. Wait for its answer, or cancel that call, and try again.`;
  }
  if (TurnDeadlineError.isInstance(error)) {
    return `The turn took longer than this server allows (${error.deadlineMs} ms) and was interrupted.`;
  }
  if (TransportClosedError.isInstance(error)) {
    const how = error.signal ?? (error.exitCode === null ? "no exit code" : `exit code ${error.exitCode}`);
    return `The agent runtime ended in the middle of this (${how}). What it had done until then stays done.`;
  }
  if (LaunchError.isInstance(error)) {
    return `The agent runtime could not be started (${error.code}). Whoever runs this server finds the reason in its log.`;
  }
  if (AuthRequiredError.isInstance(error)) {
    return "The agent runtime has no login. Whoever runs this server has to log in: npx codex login.";
  }
  if (ThreadLockedError.isInstance(error)) return "Another process is writing to this thread.";
  if (CodexError.isInstance(error)) return error.message;
  return "This server failed inside. Whoever runs it finds the reason in its log.";
}
