/** Results in the form of the Model Context Protocol, which a tool may pass on as they are. */

import { isDeepStrictEqual } from "node:util";

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
