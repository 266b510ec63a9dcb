import { isRecord } from "../util/json.js";
import type { Entry, RecordedAnswer } from "./cassetteFile.js";
import { type JsonObject, parseJson } from "./recordedRequest.js";
import type { SseEvent } from "./script.js";

/**
 * Writes a cassette as the source of a script: calls of `model.enqueue`, with one queue for each thread and each helper of
 * the runtime. The path of the workspace becomes `${workspace}`. What else differs from run to run stays a placeholder,
 * such as `‹session 1›`: take it from `model.requests`.
 *
 * @param file - the path of the cassette.
 * @returns TypeScript that uses the names of `codex-embed/testing`, `model` and `workspace`.
 * @throws CassetteError if the file is missing or is not a cassette.
 */
export async function toScript(file: string): Promise<string> {
  const [{ readCassette }, { CassetteError }] = await Promise.all([
    import("./cassetteFile.js"),
    import("./cassetteOptions.js"),
  ]);
  const content = await readCassette(file);
  if (content === null) throw new CassetteError(`There is no cassette at ${file}. Give the path of one.`);
  const queues = new Map<string, Entry[]>();
  for (const entry of content.entries) {
    const key = `${entry.thread} ${entry.kind}`;
    const queue = queues.get(key);
    if (queue === undefined) queues.set(key, [entry]);
    else queue.push(entry);
  }
  const calls = [...queues.values()].map((entries) => {
    const steps = entries.map(({ answer }) => `  ${stepOf(answer)},\n`).join("");
    return `${queues.size === 1 ? "model" : `model.when(${filterOf(entries)})`}.enqueue(\n${steps});\n`;
  });
  return calls.join("\n");
}

/** Tells the requests of a queue by who asks, and those of a thread by its first prompt. */
function filterOf([first]: readonly Entry[]): string {
  if (first === undefined) return "() => false";
  const { kind, conversation } = first;
  const conditions = kind === "turn" ? ["request.subagent === undefined"] : [`request.subagent === ${quote(kind)}`];
  const prompt = conversation
    .filter(isRecord)
    .flatMap(userTexts)
    .findLast((text) => text !== "‹environment›");
  if (prompt !== undefined) conditions.push(`request.userTexts().includes(${quote(prompt)})`);
  return `(request) => ${conditions.join(" && ")}`;
}

function userTexts({ role, content }: JsonObject): readonly string[] {
  if (role !== "user" || !Array.isArray(content)) return [];
  return content.flatMap((part) => (isRecord(part) && typeof part["text"] === "string" ? [part["text"]] : []));
}

function stepOf({ status, retryAfter, events, body, end }: RecordedAnswer): string {
  if (events === undefined) {
    const headers = retryAfter === undefined ? {} : { headers: { "retry-after": retryAfter } };
    return call("fail", status, { body: body ?? "", ...headers });
  }
  const parts = events.flatMap((event) => partOf(event, events));
  if (end === "dropped") parts.push("disconnect()");
  if (end === "hung up") parts.push("silence()");
  const response = events.findLast(({ type }) => type === "response.completed")?.["response"];
  const endTurn = isRecord(response) ? response["end_turn"] : undefined;
  if (typeof endTurn === "boolean") return `step({ endTurn: ${endTurn} }, ${parts.join(", ")})`;
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : `step(${parts.join(", ")})`;
}

function partOf(event: SseEvent, all: readonly SseEvent[]): readonly string[] {
  const { type, item, response } = event;
  if (type === "response.output_item.done" && isRecord(item)) return [itemPart(item, all)];
  if (!isRecord(response)) return [];
  if (type === "response.completed") return usageOf(response["usage"]);
  if (type === "response.failed") {
    const error = isRecord(response["error"]) ? response["error"] : {};
    return [call("failResponse", error["code"] ?? "server_error", error["message"] ?? "")];
  }
  if (type === "response.incomplete") {
    const details = isRecord(response["incomplete_details"]) ? response["incomplete_details"] : {};
    return [call("incomplete", details["reason"] ?? "max_output_tokens")];
  }
  return [];
}

function itemPart(item: JsonObject, all: readonly SseEvent[]): string {
  const { type, id, name, namespace, input } = item;
  const callId = typeof item["call_id"] === "string" ? { callId: item["call_id"] } : {};
  switch (type) {
    case "message": {
      const phase = typeof item["phase"] === "string" ? { phase: item["phase"] } : {};
      const deltas = all.filter((event) => event["item_id"] === id && typeof event["delta"] === "string").length;
      return call("message", textsOf(item["content"]).join(""), { ...phase, ...(deltas !== 1 && { deltas }) });
    }
    case "reasoning": {
      const [summary, content] = [textsOf(item["summary"]), textsOf(item["content"])];
      return call("reasoning", { summary, ...(content.length > 0 && { content }) });
    }
    case "function_call": {
      const options = { ...(typeof namespace === "string" && { namespace }), ...callId };
      const written = typeof item["arguments"] === "string" ? item["arguments"] : "";
      const args = parseJson(written);
      // A placeholder that stands for a number makes the arguments something else than JSON.
      return args === undefined ? call("rawToolCall", name, written, options) : call("toolCall", name, args, options);
    }
    case "custom_tool_call":
      if (name === "apply_patch") return call("applyPatch", input, callId);
      return call("customToolCall", name, input, callId);
    default:
      return call("rawItem", item);
  }
}

function textsOf(parts: unknown): readonly string[] {
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((part) => (isRecord(part) && typeof part["text"] === "string" ? [part["text"]] : []));
}

function usageOf(source: unknown): readonly string[] {
  if (!isRecord(source)) return [];
  const { input_tokens: input, output_tokens: output } = source;
  if (typeof input !== "number" || typeof output !== "number") return [];
  const detail = (of: string, name: string): number => {
    const details = source[of];
    const count = isRecord(details) ? details[name] : 0;
    return typeof count === "number" ? count : 0;
  };
  const cached = detail("input_tokens_details", "cached_tokens");
  const reasoning = detail("output_tokens_details", "reasoning_tokens");
  return [call("usage", { input, output, ...(cached > 0 && { cached }), ...(reasoning > 0 && { reasoning }) })];
}

/** A call in source form. Empty options at the end are left out. */
function call(name: string, ...args: readonly unknown[]): string {
  const last = args.at(-1);
  const needed = isRecord(last) && Object.keys(last).length === 0 && args.length > 1 ? args.slice(0, -1) : args;
  return `${name}(${needed.map(sourceOf).join(", ")})`;
}

function sourceOf(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (Array.isArray(value)) return `[${value.map(sourceOf).join(", ")}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? "undefined";
  const members = Object.entries(value).map(([key, member]) => {
    const name = /^[A-Za-z_]\w*$/.test(key) && key !== "__proto__" ? key : `[${JSON.stringify(key)}]`;
    return `${name}: ${sourceOf(member)}`;
  });
  return `{ ${members.join(", ")} }`;
}

/** A text in source form: a template where it names a folder of the test. */
function quote(text: string): string {
  if (!text.includes("‹workspace›")) return JSON.stringify(text);
  const escaped = text.replace(/[\\`]|\$(?=\{)/g, "\\$&");
  return `\`${escaped.replaceAll("‹workspace›", "$" + "{workspace}")}\``;
}
