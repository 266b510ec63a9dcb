/** Owns the results of tools: what `execute` may return, and how it becomes the wire's. */

import type { DynamicToolCallOutputContentItem, DynamicToolCallResponse, JsonValue } from "../generated/protocol.js";
import { toDataUrl } from "../input.js";

/** A picture as a tool's result, or as a part of it. */
export interface ToolImage {
  readonly type: "image";
  /** A `data:` URL, or the bytes of the file. */
  readonly image: string | Uint8Array | Blob;
  /** The media type of the bytes. Default: the Blob's, or recognised for PNG, JPEG, GIF and WebP. */
  readonly mediaType?: string | undefined;
}

/** One part of a result that has several: a picture, or a content item of the protocol. */
export type ToolResultPart = ToolImage | DynamicToolCallOutputContentItem;

/**
 * What a tool may return. A string is sent as it is; a picture, a content item, or a list of nothing but these becomes
 * content; nothing (`undefined`) becomes the text "ok"; anything else is sent as JSON text.
 */
export type ToolResult = ToolResultPart | readonly ToolResultPart[] | JsonValue | object | undefined | void;

const ITEM_FIELDS: ReadonlyMap<unknown, string> = new Map([
  ["inputText", "text"],
  ["inputImage", "imageUrl"],
  ["inputAudio", "audioUrl"],
]);

/**
 * Turns a result into the wire's content.
 *
 * @throws TypeError for what is not JSON (a cycle, a BigInt, a function, a Map, NaN, …); UsageError for a picture that
 * is neither a data URL nor bytes of a known type.
 */
export async function toContentItems(result: unknown): Promise<DynamicToolCallOutputContentItem[]> {
  if (result === undefined) return [textItem("ok")];
  if (typeof result === "string") return [textItem(result)];
  if (isPart(result)) return [await toItem(result)];
  if (Array.isArray(result) && result.length > 0 && result.every(isPart)) {
    return Promise.all(result.map(toItem));
  }
  return [textItem(toJsonText(result))];
}

/** An answer that the model reads as a failure: nothing but its text says so. */
export function failure(text: string): DynamicToolCallResponse {
  return { success: false, contentItems: [textItem(text)] };
}

function textItem(text: string): DynamicToolCallOutputContentItem {
  return { type: "inputText", text };
}

function isPart(value: unknown): value is ToolResultPart {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  if (value.type === "image") return "image" in value;
  const field = ITEM_FIELDS.get(value.type);
  return field !== undefined && typeof Reflect.get(value, field) === "string";
}

async function toItem(part: ToolResultPart): Promise<DynamicToolCallOutputContentItem> {
  if (part.type !== "image") return part;
  const { image, mediaType } = part;
  if (typeof image !== "string" && !(image instanceof Uint8Array) && !(image instanceof Blob)) {
    throw new TypeError("an image is a data: URL, a Uint8Array or a Blob");
  }
  if (typeof image === "string" && !image.startsWith("data:")) {
    throw new TypeError("an image as a string must be a data: URL");
  }
  return { type: "inputImage", imageUrl: typeof image === "string" ? image : await toDataUrl(image, mediaType) };
}

/** What JSON.stringify would leave out or make into something else without a word is refused. */
function toJsonText(value: unknown): string {
  const text: unknown = JSON.stringify(value, (key, member: unknown) => {
    const problem = notJson(member);
    if (problem !== undefined) {
      throw new TypeError(`${key === "" ? "the result" : `"${key}" in the result`} is ${problem}, which is not JSON`);
    }
    return member;
  });
  if (typeof text !== "string") throw new TypeError("the result has no JSON form");
  return text;
}

function notJson(value: unknown): string | undefined {
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") return `a ${typeof value}`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value instanceof Map || value instanceof Set) return `a ${value.constructor.name}`;
  return undefined;
}
