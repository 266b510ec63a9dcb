/** Owns one run of `codex exec`: a process from its start to its end, as a stream of events. */

import { onAbort } from "../abort.js";
import { AgentProcess } from "../process/agentProcess.js";
import type { SpawnRequest } from "../process/launch.js";
import { DEFAULT_MAX_FRAME_BYTES } from "../transport/lines.js";
import { AbortError, ExecExitError, ExecTurnFailedError, type RunEnd } from "./errors.js";
import { EventFeed } from "./eventFeed.js";
import type { ThreadEvent } from "./events.js";
import type { CodexOptions } from "./options.js";
import type { TurnRecord } from "./turn.js";

/** What a run goes by. */
export interface Run {
  readonly request: SpawnRequest;
  readonly prompt: string;
  readonly options: Pick<CodexOptions, "maxFrameBytes" | "onStderr" | "onUnreadableLine" | "spawn">;
  readonly signal: AbortSignal | undefined;
  /** Aborts when the consumer leaves, which the generator would not know while it waits for an event. */
  readonly left: AbortSignal | undefined;
  /** Is given every event, before it is yielded. */
  readonly record: TurnRecord;
}

/**
 * Runs `codex exec` and yields its events. Ends when the turn is complete and the process is gone; when the consumer
 * leaves, the process and all that it started are ended by force.
 *
 * @throws AbortError as soon as the signal aborts and the processes are gone; nothing is started when it has before.
 * @throws ExecTurnFailedError, ExecExitError after the last event of a turn that did not complete.
 * @throws LaunchError, FrameTooLargeError, UsageError.
 */
export async function* runExec(run: Run): AsyncGenerator<ThreadEvent, void, undefined> {
  const { signal, left, record, options } = run;
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES } = options;
  if (left?.aborted) return;
  if (signal?.aborted) throw new AbortError(signal.reason, { record, ...UNBORN });
  const agent = await AgentProcess.start(run.request, { spawn: options.spawn, onStderr: options.onStderr });
  const feed = new EventFeed(agent, { maxFrameBytes, onUnreadableLine: options.onUnreadableLine });
  const stopListening = [signal, left].map((each) => onAbort(each, () => void agent.kill()));
  const isCut = () => signal?.aborted === true || left?.aborted === true;
  try {
    if (isCut()) void agent.kill();
    agent.stdin.end(run.prompt);
    for (let events = await feed.take(); events.length > 0; events = await feed.take()) {
      for (const event of events) {
        record.add(event);
        // What was printed before an abort belongs to the partial result, and concerns the reader no more.
        if (!isCut()) yield event;
      }
    }
    if (left?.aborted) return;
    const failure = failureOf(run, feed, agent.stderrTail());
    if (failure !== undefined) throw failure;
  } finally {
    for (const stop of stopListening) stop();
    await agent.kill();
  }
}

const UNBORN = { exitCode: null, signal: null, stderrTail: "" };

function failureOf({ record, signal }: Run, { exit, fault }: EventFeed, stderrTail: string): Error | undefined {
  const { exitCode = null, signal: endedBy = null, error } = exit ?? {};
  const end: RunEnd = { record, exitCode, signal: endedBy, stderrTail, error };
  if (signal?.aborted) return new AbortError(signal.reason, end);
  if (fault !== undefined) return fault;
  if (record.failure !== null) return new ExecTurnFailedError(record.failure.message, end);
  return exitCode === 0 && record.isCompleted ? undefined : new ExecExitError(end);
}
