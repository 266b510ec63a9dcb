/** The events of `codex exec` that tests play. */

import type { ThreadEvent, ThreadItem, Usage } from "../../src/exec/index.js";

export const started = (id = "t-1"): ThreadEvent => ({ type: "thread.started", thread_id: id });

export const turnStarted: ThreadEvent = { type: "turn.started" };

const usage = (input: number): Usage => ({
  input_tokens: input,
  cached_input_tokens: 0,
  cache_write_input_tokens: 0,
  output_tokens: 1,
  reasoning_output_tokens: 0,
});

export const completed = (input = 1): ThreadEvent => ({ type: "turn.completed", usage: usage(input) });

export const failed = (message: string): ThreadEvent => ({ type: "turn.failed", error: { message } });

export const says = (text: string, id = "item_0"): ThreadEvent => ended({ id, type: "agent_message", text });

export const begun = (item: ThreadItem): ThreadEvent => ({ type: "item.started", item });

export const ended = (item: ThreadItem): ThreadEvent => ({ type: "item.completed", item });

/** A whole turn that gives an answer. */
export const answer = (text: string): ThreadEvent[] => [started(), turnStarted, says(text), completed()];
