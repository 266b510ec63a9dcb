/** What a cell of the fault matrix is made of: a fault, a way of being connected, and what the user must get. */

import type { Column, Stage, StageOptions } from "./stage.js";

/** What the user got. */
export interface Told {
  /** The result or the error, in words that are the same each time. */
  readonly outcome: string;
  /** Milliseconds from the fault to the user knowing. */
  readonly ms: number;
  /** Every error that the user saw, so that its words can be checked. */
  readonly errors: readonly unknown[];
}

/** One way to run into a fault. */
export interface Case {
  /** The options that matter, as a user writes them, or "" for the defaults. */
  readonly mode: string;
  /** What must come of it. */
  readonly expected: string;
  readonly options?: StageOptions;
  /** Takes too long for a test. */
  readonly isSlow?: boolean;
  run(stage: Stage): Promise<Told>;
}

/** A row of the matrix: the cases for a column, or why there are none. */
export interface Row {
  readonly fault: string;
  cases(column: Column): readonly Case[] | string;
}

/** The name of an error and what tells it apart, without what differs from run to run. */
export function named(error: unknown): string {
  if (!(error instanceof Error)) return `rejects with ${String(error)}`;
  const details = [
    "code" in error && (error.name === "LaunchError" || !("method" in error))
      ? distinctive(error.name, error.code)
      : "",
    "method" in error && typeof error.method === "string" && error.name === "RequestTimeoutError" ? error.method : "",
    "signal" in error && typeof error.signal === "string" ? error.signal : "",
    "cause" in error && error.name === "TransportClosedError" && error.cause instanceof Error
      ? reasonOf(error.cause)
      : "",
  ].filter((detail) => detail !== "");
  return `\`${error.name}\`${details.length === 0 ? "" : ` (${details.join(", ")})`}`;
}

/** The code says more than the class for failed launches alone. */
function distinctive(name: string, code: unknown): string {
  return name === "LaunchError" && typeof code === "string" ? code : "";
}

function reasonOf(cause: Error): string {
  if ("code" in cause && cause.name === "LaunchError") return String(cause.code);
  if (cause.message.startsWith("nothing was heard")) return "nothing was heard";
  return /closed with code \d+/.exec(cause.message)?.[0] ?? ("code" in cause ? String(cause.code) : cause.message);
}

/** Awaits what must reject, and gives the error. */
export async function rejected(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It did not reject.");
}
