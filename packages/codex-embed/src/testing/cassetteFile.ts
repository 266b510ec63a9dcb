import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../errors/base.js";
import { holdsKey } from "../process/stderr.js";
import { isRecord } from "../util/json.js";
import { CassetteError } from "./cassetteOptions.js";
import { mapTexts } from "./cassetteWorld.js";
import { parseJson } from "./recordedRequest.js";
import type { SseEvent } from "./script.js";

const FORMAT = "codex-embed-cassette";
const VERSION = 1;

/** How a recorded answer ended, where it was not complete: the provider dropped it, or the runtime hung up. */
export type AnswerEnd = "dropped" | "hung up";

/** What the provider answered, with placeholders. */
export interface RecordedAnswer {
  readonly status: number;
  /** The header `retry-after`, which the runtime heeds. */
  readonly retryAfter?: string;
  /** The events of a stream. */
  readonly events?: readonly SseEvent[];
  /** The body of an answer that is no stream. */
  readonly body?: string;
  readonly end?: AnswerEnd;
  /** When each event came, in milliseconds since the request. */
  readonly timesMs?: readonly number[];
}

/** One call of the model. */
export interface Entry {
  /** The thread, numbered from 1 in order of appearance. */
  readonly thread: number;
  /** Who asks: `turn`, or a helper of the runtime such as `review`, `guardian` and `collab_spawn`. */
  readonly kind: string;
  /** The conversation, with placeholders. */
  readonly conversation: readonly unknown[];
  readonly answer: RecordedAnswer;
}

/** The content of a cassette. */
export interface CassetteContent {
  /** The model that was recorded. */
  readonly model: string | null;
  readonly entries: readonly Entry[];
}

/** Reads a cassette. Resolves with null if there is no file. Rejects with a `CassetteError` for any other content. */
export async function readCassette(file: string): Promise<CassetteContent | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new CassetteError(`Cannot read the cassette ${file}: ${messageOf(cause)}`, { cause });
  }
  const damaged = (what: string): CassetteError =>
    new CassetteError(`${file} is not a cassette: ${what}. Restore it, or record it again.`);
  const source = parseJson(text);
  if (!isRecord(source) || source["format"] !== FORMAT) throw damaged(`\`format\` is not "${FORMAT}"`);
  if (source["version"] !== VERSION) {
    throw new CassetteError(
      `${file} has another version of the format than ${VERSION}. Record it again, or update codex-embed.`,
    );
  }
  const { model, entries: sources } = source;
  if (!Array.isArray(sources)) throw damaged("`entries` is not an array");
  const entries: Entry[] = [];
  const last = new Map<number, readonly unknown[]>();
  for (const [index, candidate] of sources.entries()) {
    const entry = isRecord(candidate) ? readEntry(candidate, last) : null;
    if (entry === null) throw damaged(`entry ${index} is incomplete`);
    last.set(entry.thread, entry.conversation);
    entries.push(entry);
  }
  return { model: typeof model === "string" ? model : null, entries };
}

function readEntry(
  source: Readonly<Record<string, unknown>>,
  last: ReadonlyMap<number, readonly unknown[]>,
): Entry | null {
  const { thread, kind, keep, input, status, retryAfter, events, body, end, timesMs } = source;
  if (typeof thread !== "number" || typeof kind !== "string" || typeof status !== "number") return null;
  if (typeof keep !== "number" || !Array.isArray(input)) return null;
  const before = last.get(thread) ?? [];
  if (keep > before.length) return null;
  if (events !== undefined && !(Array.isArray(events) && events.every(isEvent))) return null;
  const answer = {
    status,
    ...(typeof retryAfter === "string" && { retryAfter }),
    ...(Array.isArray(events) && { events: events.filter(isEvent) }),
    ...(typeof body === "string" && { body }),
    ...((end === "dropped" || end === "hung up") && { end }),
    ...(Array.isArray(timesMs) && { timesMs: timesMs.filter((time) => typeof time === "number") }),
  } satisfies RecordedAnswer;
  return { thread, kind, conversation: [...before.slice(0, keep), ...input], answer };
}

function isEvent(value: unknown): value is SseEvent {
  return isRecord(value) && typeof value["type"] === "string";
}

/**
 * Writes a cassette in one step. A conversation is written as what it adds to the thread's last one.
 *
 * @param secrets - values that must not be in it, whatever they look like.
 * @throws CassetteError if it holds what looks like a secret. The file is unchanged then.
 */
export async function writeCassette(
  file: string,
  { model, entries }: CassetteContent,
  secrets: readonly string[],
): Promise<void> {
  for (const [index, entry] of entries.entries()) refuseSecrets(entry, index, file, secrets);
  const last = new Map<number, readonly unknown[]>();
  const sources = entries.map(({ thread, kind, conversation, answer }) => {
    const keep = commonStart(last.get(thread) ?? [], conversation);
    last.set(thread, conversation);
    return { thread, kind, keep, input: conversation.slice(keep), ...answer };
  });
  const text = `${JSON.stringify({ format: FORMAT, version: VERSION, model, entries: sources }, null, 1)}\n`;
  const staging = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(staging, text);
    await rename(staging, file);
  } catch (cause) {
    await rm(staging, { force: true }).catch(() => {});
    throw new CassetteError(`Cannot write the cassette ${file}: ${messageOf(cause)}`, { cause });
  }
}

function commonStart(before: readonly unknown[], now: readonly unknown[]): number {
  let count = 0;
  while (count < before.length && JSON.stringify(before[count]) === JSON.stringify(now[count])) count += 1;
  return count;
}

function refuseSecrets(entry: Entry, index: number, file: string, secrets: readonly string[]): void {
  const check = (text: string): string => {
    if (!holdsKey(text) && !secrets.some((secret) => text.includes(secret))) return text;
    throw new CassetteError(
      `${file} was not written: entry ${index} (thread ${entry.thread}) holds what looks like a secret. ` +
        "Keep it from the session, or name it in `redact`.",
    );
  };
  mapTexts([entry.conversation, entry.answer], check);
  // A secret may be cut into pieces, and the whole text is missing where the stream was cut off.
  const pieces = new Map<string, string>();
  for (const { type, item_id: item, delta } of entry.answer.events ?? []) {
    if (typeof delta !== "string") continue;
    const stream = JSON.stringify([type, item]);
    pieces.set(stream, `${pieces.get(stream) ?? ""}${delta}`);
  }
  for (const text of pieces.values()) check(text);
}
