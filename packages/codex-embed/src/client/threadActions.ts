import { CodexError, UsageError } from "../errors/base.js";
import { InvalidRequestError } from "../errors/connection.js";
import type {
  JsonValue,
  QueuedSubmission,
  ResponseItem,
  ThreadItem,
  ThreadSampleResponse,
} from "../protocol/generated/protocol.js";
import type { EndedTurn } from "../protocol/shapes.js";
import type { Runtime } from "../runtime/runtime.js";
import { itemKey } from "../stream/events.js";
import { isRecord } from "../util/json.js";
import { listOf, text } from "../validate/kinds.js";
import { type Input, toUserInput } from "./turn.js";

/** A command that was run on the user's behalf, as the thread records it. */
export type ShellCommandItem = Extract<ThreadItem, { type: "commandExecution" }>;

/** How often `thread/sample` is tried when further turns end meanwhile. */
const SAMPLE_ATTEMPTS = 3;

/** Asks the model beside the conversation (`thread/sample`), which has to name the latest finished turn, whoever started it. */
export async function sampleThread(
  runtime: Runtime,
  threadId: string,
  prompt: string,
  signal: AbortSignal | undefined,
): Promise<ThreadSampleResponse> {
  let expectedTurnId = await latestFinishedTurn(runtime, threadId, signal);
  for (let attempt = 1; ; attempt++) {
    try {
      return await runtime.request("thread/sample", { threadId, expectedTurnId, prompt }, { signal });
    } catch (error) {
      if (!InvalidRequestError.isInstance(error) || attempt === SAMPLE_ATTEMPTS) throw error;
      const latest = await latestFinishedTurn(runtime, threadId, signal);
      if (latest === expectedTurnId) throw error;
      expectedTurnId = latest;
    }
  }
}

async function latestFinishedTurn(
  runtime: Runtime,
  threadId: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const params = { threadId, limit: 5, sortDirection: "desc", itemsView: "notLoaded" } as const;
  try {
    const { data } = await runtime.request("thread/turns/list", params, { signal });
    const finished = data.find(({ status }) => status !== "inProgress");
    if (finished !== undefined) return finished.id;
  } catch (error) {
    if (!InvalidRequestError.isInstance(error)) throw error;
    throw new UsageError(
      `Thread ${threadId} has no stored turn to ask about. Run a turn first; an ephemeral thread stores none.`,
      { cause: error },
    );
  }
  throw new UsageError(`Thread ${threadId} has no finished turn to ask about. Await one first.`);
}

/** Runs a command of the user beside a turn in flight, and waits for its end. */
export async function shellCommandAlongside(
  runtime: Runtime,
  threadId: string,
  begin: () => Promise<unknown>,
): Promise<ShellCommandItem> {
  let key: string | null = null;
  let settle: (item: ShellCommandItem) => void = () => {};
  const completed = new Promise<ShellCommandItem>((resolve) => {
    settle = resolve;
  });
  using _started = runtime.listeners.on("item/started", ({ params }) => {
    if (params.threadId === threadId && isUserShell(params.item))
      key ??= itemKey({ ...params, itemId: params.item.id });
  });
  using _completed = runtime.listeners.on("item/completed", ({ params }) => {
    if (isUserShell(params.item) && itemKey({ ...params, itemId: params.item.id }) === key) settle(params.item);
  });
  await begin();
  return await runtime.whileOpen(completed);
}

/** The command of the user in the turn that it was. */
export function shellCommandOf(turn: EndedTurn): ShellCommandItem {
  const item = turn.items.find(isUserShell);
  if (item === undefined) throw new CodexError("COMMAND_LOST", `Turn ${turn.id} ended without its command.`);
  return item;
}

function isUserShell(item: ThreadItem): item is ShellCommandItem {
  return item.type === "commandExecution" && item.source === "userShell";
}

/** Appends items to the history that the model sees (`thread/inject_items`). */
export async function injectItems(runtime: Runtime, threadId: string, items: readonly ResponseItem[]): Promise<void> {
  const values: readonly unknown[] = items;
  for (const [index, item] of values.entries()) {
    const problem = problemWith(item);
    if (problem !== null) {
      throw new UsageError(`items[${index}] ${problem}. The runtime would take it without a word and drop it.`);
    }
  }
  const wire: JsonValue[] = JSON.parse(JSON.stringify(items));
  await runtime.request("thread/inject_items", { threadId, items: wire });
}

type FieldType = "string" | "array" | "text or array" | "object";

/** The fields without which the runtime drops an item of a kind. */
const REQUIRED_FIELDS: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = {
  message: { role: "string", content: "array" },
  agent_message: { author: "string", recipient: "string", content: "array" },
  reasoning: { summary: "array" },
  function_call: { name: "string", arguments: "string", call_id: "string" },
  function_call_output: { output: "text or array" },
  custom_tool_call: { name: "string", input: "string", call_id: "string" },
  custom_tool_call_output: { call_id: "string", output: "text or array" },
  local_shell_call: { status: "string", action: "object" },
  web_search_call: {},
};

function problemWith(item: unknown): string | null {
  if (!isRecord(item)) return "is not an object";
  const { type } = item;
  const fields = typeof type === "string" && Object.hasOwn(REQUIRED_FIELDS, type) ? REQUIRED_FIELDS[type] : undefined;
  if (fields === undefined) {
    return `has the type ${JSON.stringify(type)}; it must be one of ${Object.keys(REQUIRED_FIELDS).join(", ")}`;
  }
  const bad = Object.entries(fields).find(([name, kind]) => !isOfType(item[name], kind));
  return bad === undefined ? null : `of type ${String(type)} needs "${bad[0]}" (${bad[1]})`;
}

function isOfType(value: unknown, kind: FieldType): boolean {
  switch (kind) {
    case "string":
      return typeof value === "string";
    case "array":
      return Array.isArray(value);
    case "text or array":
      return typeof value === "string" || Array.isArray(value);
    case "object":
      return isRecord(value);
  }
}

/** Inputs that wait for their turn. The runtime starts each by itself; follow them with `codex.on`. */
export class ThreadQueue {
  readonly #runtime: Runtime;
  readonly #threadId: string;
  readonly #cwd: () => string;

  /** @internal */
  constructor(runtime: Runtime, threadId: string, cwd: () => string) {
    this.#runtime = runtime;
    this.#threadId = threadId;
    this.#cwd = cwd;
  }

  /** Adds an input to the end (`thread/queue/add`); it runs at once when the thread is idle. */
  async add(input: Input): Promise<QueuedSubmission> {
    await this.#runtime.login.check(this.#threadId, "thread/queue/add");
    const { queuedSubmission } = await this.#runtime.request("thread/queue/add", {
      threadId: this.#threadId,
      input: await toUserInput(input, this.#cwd()),
      clientUserMessageId: crypto.randomUUID(),
    });
    return queuedSubmission;
  }

  /** What waits, in order (`thread/queue/list`, all pages). */
  async list(): Promise<QueuedSubmission[]> {
    const waiting: QueuedSubmission[] = [];
    let cursor: string | null = null;
    do {
      const page: { data: QueuedSubmission[]; nextCursor: string | null } = await this.#runtime.request(
        "thread/queue/list",
        { threadId: this.#threadId, cursor },
      );
      waiting.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return waiting;
  }

  /** Takes an input out (`thread/queue/delete`); false when it is not there any more. */
  async remove(id: string): Promise<boolean> {
    text(id, { call: "queue.remove", path: "id" });
    const params = { threadId: this.#threadId, queuedSubmissionId: id };
    return (await this.#runtime.request("thread/queue/delete", params)).deleted;
  }

  /** Puts the waiting inputs into this order (`thread/queue/reorder`); name all of them. */
  async reorder(ids: readonly string[]): Promise<void> {
    listOf(text)(ids, { call: "queue.reorder", path: "ids" });
    const params = { threadId: this.#threadId, queuedSubmissionIds: [...ids] };
    await this.#runtime.request("thread/queue/reorder", params);
  }
}
