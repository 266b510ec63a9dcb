import { AsyncResource } from "node:async_hooks";

/** Runs a function in an async context: what it reads from an `AsyncLocalStorage`, at once and later, is what was set there. */
export type AsyncContext = <T>(work: () => T) => T;

/** The context of the caller, to run something in later. */
export function currentContext(): AsyncContext {
  const resource = new AsyncResource("codex-embed");
  return (work) => resource.runInAsyncScope(work);
}

/** The context that this package was loaded in: for what belongs to no caller, such as the connection that all share. */
export const rootContext: AsyncContext = currentContext();
