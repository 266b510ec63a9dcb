import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../errors/base.js";
import type {
  DynamicToolCallOutputContentItem,
  DynamicToolCallResponse,
  JsonValue,
} from "../protocol/generated/protocol.js";
import { findJsonFault, isRecord, type JsonFault, MAX_READ_LEVELS } from "../util/json.js";
import { toPictureUrl } from "./picture.js";

/** A picture as the result of a tool, or as a part of it. */
export interface ToolImage {
  readonly type: "image";
  /** A base64 `data:` URL, or the bytes of a PNG, JPEG, GIF or WebP file. */
  readonly image: string | Uint8Array | Blob;
  /** Ignored: the media type is detected from the bytes. */
  readonly mediaType?: string | undefined;
}

/** A text as a part of the result of a tool. */
export interface ToolText {
  readonly type: "text";
  readonly text: string;
}

/** One part of a result: a text, a picture, or a content item of the protocol. */
export type ToolResultPart = ToolText | ToolImage | DynamicToolCallOutputContentItem;

/**
 * What a tool may return:
 *
 * - a string, which is sent as it is; `undefined` is sent as "ok";
 * - a part (text, picture, content item), or an array of strings and parts with at least one part;
 * - a content block or a whole result of an MCP tool, whose `isError` counts;
 * - anything else, which is sent as JSON.
 *
 * What JSON would drop or change (bytes, a Blob, an Error, a Promise, a Map, an instance of a class without `toJSON`,
 * NaN, …) makes the call fail, with a message that says what to return instead.
 */
export type ToolResult = ToolResultPart | readonly (string | ToolResultPart)[] | JsonValue | object | undefined | void;

/**
 * Converts the result of a tool into the answer that is sent.
 *
 * @throws UsageError for a value that is neither content nor JSON, with what to return instead, and for a picture that the
 * runtime cannot read.
 */
export async function toToolResponse(result: unknown): Promise<DynamicToolCallResponse> {
  const mcp = isRecord(result) ? readMcpResult(result) : undefined;
  if (mcp === undefined) return { success: true, contentItems: await toContentItems(result) };
  const contentItems = await Promise.all(
    partsOfMcp(mcp).map(async (part) => (part.kind === "json" ? textItem(toJsonText(part.value)) : mcpItem(part))),
  );
  return { success: !mcp.isError, contentItems };
}

async function toContentItems(result: unknown): Promise<DynamicToolCallOutputContentItem[]> {
  if (result === undefined) return [textItem("ok")];
  if (Array.isArray(result) && isContent(result)) return Promise.all(result.map(toItem));
  return [await toItem(result)];
}

/** Tells whether an array is content: strings and parts only, at least one of them a part. With a file, it always is. */
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

/** The content items of the protocol, with the field that holds their content. */
const ITEM_FIELDS: ReadonlyMap<unknown, string> = new Map([
  ["inputText", "text"],
  ["inputImage", "imageUrl"],
  ["inputAudio", "audioUrl"],
]);

function isItem(value: unknown): value is DynamicToolCallOutputContentItem {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  const field = ITEM_FIELDS.get(value.type);
  return field !== undefined && typeof Reflect.get(value, field) === "string";
}

/** Refuses what JSON.stringify would silently drop or change. */
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
interface McpBlock {
  readonly type: string;
  readonly text?: unknown;
  readonly data?: unknown;
  readonly mimeType?: unknown;
  readonly resource?: unknown;
}

/** The result of an MCP tool. */
interface McpResult {
  readonly content: readonly McpBlock[];
  readonly structuredContent: unknown;
  readonly isError: boolean;
}

/** A content block as the model gets it: a text, or a file as a data URL. */
type McpPart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "image" | "audio"; readonly url: string };

/** Tells a content block by its type and the member that belongs to it. */
function isMcpBlock(value: unknown): value is McpBlock {
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

/** Reads the result of an MCP tool; undefined for any other object. An empty `content` alone may be data. */
function readMcpResult(value: Readonly<Record<string, unknown>>): McpResult | undefined {
  const { content, structuredContent, isError } = value;
  if (!Array.isArray(content) || !content.every(isMcpBlock)) return undefined;
  if (content.length === 0 && structuredContent === undefined && typeof isError !== "boolean") return undefined;
  return { content, structuredContent, isError: isError === true };
}

/** The parts that the model gets. Structured content is one, unless a text says the same, as MCP recommends. */
function partsOfMcp({
  content,
  structuredContent,
}: McpResult): (McpPart | { readonly kind: "json"; value: unknown })[] {
  const parts = content.map(partOfMcp);
  const isShown = parts.some((part) => part.kind === "text" && isDeepStrictEqual(parsed(part.text), structuredContent));
  return structuredContent === undefined || isShown ? parts : [...parts, { kind: "json", value: structuredContent }];
}

/** Converts one block. A binary resource other than a picture is named, and not included. */
function partOfMcp(block: McpBlock): McpPart {
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
