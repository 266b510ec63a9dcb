/** What `execute` may return, and how it becomes the wire's. */

import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../errors/base.js";
import type {
  DynamicToolCallOutputContentItem,
  DynamicToolCallResponse,
  JsonValue,
} from "../protocol/generated/protocol.js";
import { findJsonFault, type JsonFault, MAX_READ_LEVELS } from "../util/json.js";
import { toPictureUrl } from "./picture.js";

/** A picture as a tool's result, or as a part of it. */
export interface ToolImage {
  readonly type: "image";
  /** A `data:` URL in base64, or the bytes of the file: PNG, JPEG, GIF or WebP. */
  readonly image: string | Uint8Array | Blob;
  /** The media type of the bytes. Not needed: it is recognised by the bytes. */
  readonly mediaType?: string | undefined;
}

/** A text as a part of a tool's result. */
export interface ToolText {
  readonly type: "text";
  readonly text: string;
}

/** One part of a result that has several: a text, a picture, or a content item of the protocol. */
export type ToolResultPart = ToolText | ToolImage | DynamicToolCallOutputContentItem;

/**
 * What a tool may return. A string is sent as it is; nothing (`undefined`) becomes the text "ok". A part, or a list in
 * which texts, parts and at least one part stand side by side, becomes content, and so do the content blocks and the
 * whole results of MCP tools, whose `isError` counts. Anything else is sent as JSON text. What JSON would lose or change
 * (bytes, a Blob, an Error, a Promise, a Map, an instance of a class without `toJSON`, NaN, …) is a failure.
 */
export type ToolResult = ToolResultPart | readonly (string | ToolResultPart)[] | JsonValue | object | undefined | void;

const ITEM_FIELDS: ReadonlyMap<unknown, string> = new Map([
  ["inputText", "text"],
  ["inputImage", "imageUrl"],
  ["inputAudio", "audioUrl"],
]);

/**
 * Turns a result into the wire's answer.
 *
 * @throws UsageError for what is neither content nor JSON, with what to return instead, and for a picture that the
 * runtime cannot read.
 */
export async function toToolResponse(result: unknown): Promise<DynamicToolCallResponse> {
  const mcp = typeof result === "object" && result !== null ? readMcpResult(result) : undefined;
  if (mcp === undefined) return { success: true, contentItems: await toContentItems(result) };
  const contentItems = await Promise.all(
    partsOfMcp(mcp).map(async (part) => (part.kind === "json" ? textItem(toJsonText(part.value)) : mcpItem(part))),
  );
  return { success: !mcp.isError, contentItems };
}

/** An answer that the model reads as a failure: nothing but its text says so. */
export function failure(text: string): DynamicToolCallResponse {
  return { success: false, contentItems: [textItem(text)] };
}

async function toContentItems(result: unknown): Promise<DynamicToolCallOutputContentItem[]> {
  if (result === undefined) return [textItem("ok")];
  if (Array.isArray(result) && isContent(result)) return Promise.all(result.map(toItem));
  return [await toItem(result)];
}

/** Whether a list is content: nothing but texts and parts, with at least one part. Files make content of any list. */
function isContent(list: readonly unknown[]): boolean {
  if (list.some(isFile)) return true;
  return list.some(isPart) && list.every((each) => typeof each === "string" || isPart(each));
}

async function toItem(value: unknown): Promise<DynamicToolCallOutputContentItem> {
  if (typeof value === "string") return textItem(value);
  if (isToolImage(value)) return pictureItem(value.image);
  if (isMcpBlock(value)) return mcpItem(partOfMcp(value));
  if (isItem(value)) return value.type === "inputImage" ? pictureItem(value.imageUrl) : value;
  return textItem(toJsonText(value));
}

function textItem(text: string): DynamicToolCallOutputContentItem {
  return { type: "inputText", text };
}

async function pictureItem(image: unknown): Promise<DynamicToolCallOutputContentItem> {
  return { type: "inputImage", imageUrl: await toPictureUrl(image) };
}

async function mcpItem(part: McpPart): Promise<DynamicToolCallOutputContentItem> {
  if (part.kind === "text") return textItem(part.text);
  return part.kind === "image" ? pictureItem(part.url) : { type: "inputAudio", audioUrl: part.url };
}

function isPart(value: unknown): boolean {
  return isToolImage(value) || isItem(value) || isMcpBlock(value);
}

function isFile(value: unknown): boolean {
  if (isToolImage(value)) return true;
  if (isItem(value)) return value.type !== "inputText";
  return isMcpBlock(value) && value.type !== "text";
}

function isToolImage(value: unknown): value is { readonly image: unknown } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "image" && "image" in value;
}

function isItem(value: unknown): value is DynamicToolCallOutputContentItem {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  const field = ITEM_FIELDS.get(value.type);
  return field !== undefined && typeof Reflect.get(value, field) === "string";
}

/** What JSON.stringify would leave out or make into something else without a word is refused. */
function toJsonText(value: unknown): string {
  const fault = findJsonFault(value, { maxLevels: MAX_READ_LEVELS, unpairedSurrogates: true, reservedNames: true });
  if (fault !== undefined && "value" in fault) {
    throw new UsageError(`${placeOf(fault)} ${fault.problem}, which is not JSON. ${hintFor(fault.value)}`);
  }
  let text: unknown;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : "the result cannot be written as JSON", { cause });
  }
  if (typeof text !== "string") throw new UsageError("the result has no JSON form");
  return text;
}

function placeOf({ path }: JsonFault): string {
  const last = path.at(-1);
  if (last === undefined) return "the result";
  return `${typeof last === "number" ? `[${last}]` : JSON.stringify(last)} in the result`;
}

function hintFor(value: unknown): string {
  if (value instanceof Blob || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return 'Return { type: "image", image: bytes } for a picture, or the bytes as text.';
  }
  if (value instanceof Error) return "Throw it instead.";
  if (value instanceof Promise) return "Await it first.";
  if (value instanceof Map) return "Return Object.fromEntries(map).";
  if (value instanceof Set) return "Return [...set].";
  if (typeof value === "object") return "Return a plain object, or give the class a toJSON().";
  return "Return plain JSON data.";
}

/** A content block of MCP: text, image, audio, resource or resource_link. */
export interface McpBlock {
  readonly type: string;
  readonly text?: unknown;
  readonly data?: unknown;
  readonly mimeType?: unknown;
  readonly resource?: unknown;
}

/** A whole result of an MCP tool. */
export interface McpResult {
  readonly content: readonly McpBlock[];
  readonly structuredContent: unknown;
  readonly isError: boolean;
}

/** What one block becomes: a text, or a file as a data URL. */
export type McpPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image" | "audio"; readonly url: string };

/** Whether a value is a content block, by its type and the member that belongs to it. */
export function isMcpBlock(value: unknown): value is McpBlock {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  switch (value.type) {
    case "text":
      return "text" in value && typeof value.text === "string";
    case "image":
    case "audio":
      return "data" in value && typeof value.data === "string";
    case "resource":
      return "resource" in value && typeof Object(value.resource).uri === "string";
    case "resource_link":
      return "uri" in value && typeof value.uri === "string";
    default:
      return false;
  }
}

/** Reads a whole result; undefined for any other object. An empty `content` alone says nothing, and may be data. */
export function readMcpResult(value: object): McpResult | undefined {
  const content: unknown = Reflect.get(value, "content");
  const structuredContent: unknown = Reflect.get(value, "structuredContent");
  const isError: unknown = Reflect.get(value, "isError");
  if (!Array.isArray(content) || !content.every(isMcpBlock)) return undefined;
  if (content.length === 0 && structuredContent === undefined && typeof isError !== "boolean") return undefined;
  return { content, structuredContent, isError: isError === true };
}

/** What the model is shown of a result. Structured content is shown unless a text says the same, as MCP recommends. */
export function partsOfMcp({
  content,
  structuredContent,
}: McpResult): (McpPart | { readonly kind: "json"; value: unknown })[] {
  const parts = content.map(partOfMcp);
  const isShown = parts.some((part) => part.kind === "text" && isDeepStrictEqual(parsed(part.text), structuredContent));
  return structuredContent === undefined || isShown ? parts : [...parts, { kind: "json", value: structuredContent }];
}

/** What the model is shown of one block. A binary resource that is no picture is named and not shown. */
export function partOfMcp(block: McpBlock): McpPart {
  if (block.type === "text") return { kind: "text", text: String(block.text) };
  if (block.type === "image" || block.type === "audio") return file(block.type, block.mimeType, block.data);
  if (block.type !== "resource") return { kind: "text", text: JSON.stringify(block) };
  const { text, blob, mimeType, uri }: { text?: unknown; blob?: unknown; mimeType?: unknown; uri?: unknown } = {
    ...Object(block.resource),
  };
  if (typeof text === "string") return { kind: "text", text };
  if (typeof mimeType === "string" && mimeType.startsWith("image/")) return file("image", mimeType, blob);
  return { kind: "text", text: `The resource ${String(uri)} (${String(mimeType)}) is binary and not shown.` };
}

function file(kind: "image" | "audio", mimeType: unknown, data: unknown): McpPart {
  const type = typeof mimeType === "string" ? mimeType : "application/octet-stream";
  return { kind, url: `data:${type};base64,${String(data)}` };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
