import { subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";

const ignore = (): void => {};
const phases = { start: ignore, end: ignore, asyncStart: ignore, asyncEnd: ignore, error: ignore };
const TRACING = ["codex-embed:turn", "codex-embed:request"];
const PLAIN = ["codex-embed:event", "codex-embed:frame"];

/** Subscribes to every channel of the SDK, and does nothing with what comes. The function that it returns ends that. */
export function watchAll(): () => void {
  for (const name of TRACING) tracingChannel(name).subscribe(phases);
  for (const name of PLAIN) subscribe(name, ignore);
  return () => {
    for (const name of TRACING) tracingChannel(name).unsubscribe(phases);
    for (const name of PLAIN) unsubscribe(name, ignore);
  };
}
