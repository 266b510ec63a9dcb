import { isRecord } from "../util/json.js";
import type { RecordedAnswer } from "./cassetteFile.js";
import { mapTexts, type Reading, show } from "./cassetteWorld.js";
import type { SseEvent } from "./script.js";

/** Members of a response that the runtime reads. The others repeat the request, and name the account. */
const RESPONSE_MEMBERS: ReadonlySet<string> = new Set([
  "id",
  "status",
  "usage",
  "error",
  "incomplete_details",
  "end_turn",
]);

/** Members of an event that carry nothing for the runtime. */
const NOISE: ReadonlySet<string> = new Set(["obfuscation", "logprobs", "sequence_number"]);

/** Events that only announce the response. A replay sends one of its own. */
const ANNOUNCEMENTS: ReadonlySet<string> = new Set(["response.created", "response.queued", "response.in_progress"]);

/** Makes an answer what a cassette keeps: the parts that the runtime reads, with placeholders. */
export function answerOf(answer: RecordedAnswer, hide: (text: string) => string): RecordedAnswer {
  const { events, body, timesMs, ...others } = answer;
  if (events === undefined) return { ...others, ...(body !== undefined && { body: hide(body) }) };
  const kept: SseEvent[] = [];
  const times: number[] = [];
  const add = (event: SseEvent, index: number): void => {
    kept.push(event);
    times.push(timesMs?.[index] ?? 0);
  };
  for (let index = 0; index < events.length; ) {
    const run = deltasFrom(events, index);
    const [first] = run;
    if (first === undefined || ANNOUNCEMENTS.has(first.type)) {
      index += 1;
      continue;
    }
    for (const [offset, event] of hideRun(run, hide).entries()) add(event, index + offset);
    index += run.length;
  }
  return { ...others, events: kept, ...(timesMs !== undefined && { timesMs: times }) };
}

/** The events of an answer as they are sent, with the values of this run. */
export function eventTexts(events: readonly SseEvent[], reading: Reading): readonly string[] {
  const created = encode({ type: "response.created", response: { id: "resp_cassette" } });
  return [created, ...events.map((event) => encode(mapTexts(event, (text) => show(text, reading))))];
}

function encode(event: unknown): string {
  const type = isRecord(event) ? event["type"] : undefined;
  return `event: ${String(type)}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The deltas of one text that begin at `index`, or the one event there. */
function deltasFrom(events: readonly SseEvent[], index: number): readonly SseEvent[] {
  const first = events[index];
  if (first === undefined) return [];
  let end = index + 1;
  if (typeof first["delta"] === "string") {
    for (let next = events[end]; next !== undefined && continues(first, next); next = events[end]) end += 1;
  }
  return events.slice(index, end);
}

function continues(first: SseEvent, next: SseEvent): boolean {
  return (
    typeof next["delta"] === "string" &&
    ["type", "item_id", "output_index", "content_index", "summary_index"].every((key) => first[key] === next[key])
  );
}

/** A value may be cut by the end of a delta. Its text is kept as one delta then. */
function hideRun(run: readonly SseEvent[], hide: (text: string) => string): readonly SseEvent[] {
  const kept = run.map((event) => essential(event, hide));
  const [first] = kept;
  if (first === undefined || run.length === 1) return kept;
  const whole = hide(run.map(({ delta }) => delta).join(""));
  return kept.map(({ delta }) => delta).join("") === whole ? kept : [{ ...first, delta: whole }];
}

function essential(event: SseEvent, hide: (text: string) => string): SseEvent {
  const members = Object.entries(event)
    .filter(([key]) => !NOISE.has(key))
    .map(([key, value]) => [key, key === "response" && isRecord(value) ? responseOf(value) : value] as const);
  const hidden = withoutEncryption(Object.fromEntries(members), hide);
  return { ...(isRecord(hidden) ? hidden : {}), type: event.type };
}

function responseOf(response: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(response).filter(([key, value]) => RESPONSE_MEMBERS.has(key) && value !== null),
  );
}

/** Hides the texts of a value. Only the provider reads what is encrypted, and a replay has none. */
function withoutEncryption(value: unknown, hide: (text: string) => string): unknown {
  if (typeof value === "string") return hide(value);
  if (Array.isArray(value)) return value.map((part) => withoutEncryption(part, hide));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === "encrypted_content" && typeof part === "string" ? "‹encrypted›" : withoutEncryption(part, hide),
    ]),
  );
}
