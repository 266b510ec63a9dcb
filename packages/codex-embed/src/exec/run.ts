import { FrameTooLargeError } from "../errors/connection.js";
import { AgentProcess, type ProcessExit } from "../process/agentProcess.js";
import type { SpawnRequest } from "../process/launch.js";
import { LineFramer } from "../transport/stdio.js";
import { DEFAULT_MAX_FRAME_BYTES } from "../transport/transport.js";
import { onAbort, pause } from "../util/async.js";
import { parseEvent, type ThreadEvent } from "./events.js";
import type { CodexOptions } from "./options.js";
import { REMOTE_SINCE } from "./remote.js";
import { AbortError, ExecExitError, ExecTurnFailedError, type RunEnd, type TurnRecord } from "./turn.js";

/** One run of `codex exec`. */
export interface Run {
  readonly request: SpawnRequest;
  readonly prompt: string;
  readonly options: Pick<CodexOptions, "maxFrameBytes" | "onStderr" | "onUnreadableLine" | "spawn" | "remote">;
  readonly signal: AbortSignal | undefined;
  /** Aborts when the consumer leaves: a generator that waits for an event would not notice. */
  readonly left: AbortSignal | undefined;
  /** Receives each event before it is yielded. */
  readonly record: TurnRecord;
}

/**
 * Runs `codex exec` and yields its events. Ends once the turn is complete and the process has exited. If the consumer
 * leaves early, kills the process and everything that it started.
 *
 * @throws AbortError once the signal has aborted and the processes are gone. If it aborted before, nothing is started.
 * @throws ExecTurnFailedError or ExecExitError after the last event of a turn that did not complete.
 * @throws LaunchError, FrameTooLargeError, UsageError.
 */
export async function* runExec(run: Run): AsyncGenerator<ThreadEvent, void, undefined> {
  const { signal, left, record, options } = run;
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES } = options;
  if (left?.aborted) return;
  if (signal?.aborted) throw new AbortError(signal.reason, { record, ...NOT_STARTED });
  const agent = await AgentProcess.start(run.request, { spawn: options.spawn, onStderr: options.onStderr });
  const feed = new EventFeed(agent, { maxFrameBytes, onUnreadableLine: options.onUnreadableLine });
  let stopping: Promise<unknown> | undefined;
  const stop = (): Promise<unknown> => (stopping ??= options.remote === undefined ? agent.kill() : stopRemote(agent));
  const stopListening = [signal, left].map((each) => onAbort(each, () => void stop()));
  const isAborted = () => signal?.aborted === true || left?.aborted === true;
  try {
    if (isAborted()) void stop();
    agent.stdin.end(run.prompt);
    for (let events = await feed.take(); events.length > 0; events = await feed.take()) {
      for (const event of events) {
        record.add(event);
        // Events that were printed before an abort belong to the partial result, but the consumer gets no more of them.
        if (!isAborted()) yield event;
      }
    }
    if (left?.aborted) return;
    const failure = failureOf(run, feed, agent.stderrTail());
    if (failure !== undefined) throw failure;
  } finally {
    for (const each of stopListening) each();
    await (isAborted() ? stop() : agent.kill());
  }
}

/** Ends a run on an app server. Killing the process alone would leave the turn running there. */
async function stopRemote(agent: AgentProcess): Promise<void> {
  await agent.interrupt();
  await agent.kill();
}

const NOT_STARTED = { exitCode: null, signal: null, stderrTail: "" };

/** The exit code of a command line that the runtime does not understand. */
const BAD_ARGUMENTS = 2;

function failureOf(
  { record, signal, options }: Run,
  { exit, fault }: EventFeed,
  stderrTail: string,
): Error | undefined {
  const { exitCode = null, signal: endedBy = null, error } = exit ?? {};
  const end: RunEnd = { record, exitCode, signal: endedBy, stderrTail, error };
  if (signal?.aborted) return new AbortError(signal.reason, end);
  if (fault !== undefined) return fault;
  if (record.failure !== null) return new ExecTurnFailedError(record.failure.message, end);
  if (exitCode === 0 && record.isCompleted) return undefined;
  // The other arguments of a remote run are known to every version.
  const isTooOld = options.remote !== undefined && exitCode === BAD_ARGUMENTS;
  return new ExecExitError(
    end,
    isTooOld
      ? `The runtime is older than ${REMOTE_SINCE}, which brought remote. Install a newer @openai/codex`
      : undefined,
  );
}

/** How long a process may take from the end of its output to its exit before it is stopped. */
const EXIT_WAIT_MS = 50;

/** Options of an {@link EventFeed}. */
export interface EventFeedOptions {
  readonly maxFrameBytes: number;
  readonly onUnreadableLine: ((line: string) => void) | undefined;
}

/** Reads the events of a process without delay and queues them, so that a slow consumer never blocks the process. */
class EventFeed {
  readonly #agent: AgentProcess;
  readonly #options: EventFeedOptions;
  #events: ThreadEvent[] = [];
  #exit: ProcessExit | undefined;
  #fault: FrameTooLargeError | undefined;
  #wake: () => void = () => {};

  constructor(agent: AgentProcess, options: EventFeedOptions) {
    this.#agent = agent;
    this.#options = options;
    const framer = new LineFramer(
      { line: (text) => this.#onLine(text), oversize: () => this.#onOversize() },
      options.maxFrameBytes,
    );
    agent.stdout.on("data", (chunk: Buffer) => framer.push(chunk));
    agent.stdout.once("end", () => void this.#onEnd());
    void agent.exited.then(async (exit) => {
      await agent.shutdown();
      framer.end();
      this.#exit = exit;
      this.#wake();
    });
  }

  /** Waits for events and takes all queued ones. Resolves with an empty array after the last event. */
  async take(): Promise<readonly ThreadEvent[]> {
    while (this.#events.length === 0 && this.#exit === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const taken = this.#events;
    this.#events = [];
    return taken;
  }

  /** How the process ended. Set after the last event. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Why the output was cut off, if it was. */
  get fault(): FrameTooLargeError | undefined {
    return this.#fault;
  }

  #onLine(text: string): void {
    const event = parseEvent(text);
    if (event === undefined) return this.#onUnreadable(text);
    this.#events.push(event);
    // The runtime exits by itself after a failure. Do not wait for one that does not.
    if (event.type === "turn.failed") void this.#agent.shutdown();
    this.#wake();
  }

  /** An exiting process closes its output just before its exit. Stop a process that closed it but stays alive. */
  async #onEnd(): Promise<void> {
    await pause(EXIT_WAIT_MS, this.#agent.exited);
    void this.#agent.shutdown();
  }

  #onOversize(): void {
    this.#fault ??= new FrameTooLargeError(this.#options.maxFrameBytes);
    void this.#agent.kill();
  }

  #onUnreadable(line: string): void {
    if (line.trim() === "") return;
    try {
      const returned: unknown = this.#options.onUnreadableLine?.(line);
      if (returned instanceof Promise) returned.catch(() => {});
    } catch {
      // An error of the user's callback must not stop the reading.
    }
  }
}
