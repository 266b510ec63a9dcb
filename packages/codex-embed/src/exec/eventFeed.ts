/** Owns the way from the output of a process to its events. */

import { FrameTooLargeError } from "../errors/index.js";
import type { AgentProcess, ProcessExit } from "../process/agentProcess.js";
import { pause } from "../process/wait.js";
import { LineFramer } from "../transport/lines.js";
import { parseEvent, type ThreadEvent } from "./events.js";

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
