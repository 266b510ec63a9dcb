import { FrameTooLargeError } from "../errors/connection.js";
import { AgentProcess, type ProcessExit } from "../process/agentProcess.js";
import type { SpawnRequest } from "../process/launch.js";
import { LineFramer } from "../transport/stdio.js";
import { DEFAULT_MAX_FRAME_BYTES } from "../transport/transport.js";
import { onAbort, pause } from "../util/async.js";
import { parseEvent, type ThreadEvent } from "./events.js";
import type { CodexOptions } from "./options.js";
import { AbortError, ExecExitError, ExecTurnFailedError, type RunEnd, type TurnRecord } from "./turn.js";

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

/** How long a process may take from the end of its output to its exit, before it is asked to end. */
const EXIT_WAIT_MS = 50;

/** What an {@link EventFeed} goes by. */
export interface EventFeedOptions {
  readonly maxFrameBytes: number;
  readonly onUnreadableLine: ((line: string) => void) | undefined;
}

/**
 * Reads the events of a process as they come, so that a slow consumer never holds the process back, and keeps those that
 * were not taken yet.
 */
export class EventFeed {
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

  /** Waits for further events and takes all that there are; none after the last. */
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

  /** How the process ended. Known after the last event. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** What is wrong with the output, when it had to be cut off. */
  get fault(): FrameTooLargeError | undefined {
    return this.#fault;
  }

  #onLine(text: string): void {
    const event = parseEvent(text);
    if (event === undefined) return this.#onUnreadable(text);
    this.#events.push(event);
    // The runtime exits by itself after a failure; one that does not is not waited for.
    if (event.type === "turn.failed") void this.#agent.shutdown();
    this.#wake();
  }

  /** A dying process shows the end of its output just before its exit; a living one has nothing more to say. */
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
      // The user's observer must not stop the reading.
    }
  }
}
