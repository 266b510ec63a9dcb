/** Owns the playing of a script onto one HTTP response, in order, with its pauses. */

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type { Pause } from "./pause.js";
import { type Script, type SseEvent, abandonGates } from "./script.js";

const FLUSH_BYTES = 64 * 1024;

/** Plays `script`. Settles when the answer has ended; that the client went away before is no error. */
export async function play(script: Script, response: ServerResponse): Promise<void> {
  const controller = new AbortController();
  const hangUp = (): void => controller.abort();
  response.once("close", hangUp);
  if (response.destroyed) hangUp();
  try {
    await playActions(script, response, controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    response.off("close", hangUp);
    abandonGates(script);
  }
}

async function playActions(script: Script, response: ServerResponse, gone: AbortSignal): Promise<void> {
  const hungUp = gone.aborted ? Promise.resolve() : once(gone, "abort");
  let pending = "";
  const flush = async (): Promise<void> => {
    const text = pending;
    pending = "";
    gone.throwIfAborted();
    if (text !== "" && !response.write(text)) await once(response, "drain", { signal: gone });
  };
  if (script.streams) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache", ...script.headers });
    response.flushHeaders();
  }
  for (const action of script.actions) {
    switch (action.do) {
      case "send":
        pending += encode(action.event);
        if (pending.length >= FLUSH_BYTES) await flush();
        break;
      case "pause":
        await flush();
        await pause(action.pause, hungUp, gone);
        break;
      case "answer":
        response.writeHead(action.status, { ...action.headers, ...script.headers });
        response.end(action.body);
        return;
      case "garble":
        pending += "event: response.output_text.delta\ndata: {not json\n\n";
        break;
      case "disconnect":
        await flush();
        // The callback runs when the bytes are with the system: a socket destroyed earlier may lose them.
        await new Promise<void>((resolve) => response.write(": disconnecting\n\n", () => resolve()));
        response.destroy();
        return;
      case "hang":
        await flush();
        await hungUp;
        return;
    }
  }
  await flush();
  response.end();
}

function encode(event: SseEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

async function pause(source: Pause, hungUp: Promise<unknown>, gone: AbortSignal): Promise<void> {
  if (source.kind === "delay") {
    await wait(source.delayMs, undefined, { signal: gone });
    return;
  }
  source.arrive();
  await Promise.race([source.opened, hungUp]);
  gone.throwIfAborted();
}
