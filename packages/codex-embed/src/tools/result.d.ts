/** What `execute` may return, and how it becomes the wire's. */
import type {
  DynamicToolCallOutputContentItem,
  DynamicToolCallResponse,
  JsonValue,
} from "../protocol/generated/protocol.js";
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
/**
 * Turns a result into the wire's answer.
 *
 * @throws UsageError for what is neither content nor JSON, with what to return instead, and for a picture that the
 * runtime cannot read.
 */
export declare function toToolResponse(result: unknown): Promise<DynamicToolCallResponse>;
/** An answer that the model reads as a failure: nothing but its text says so. */
export declare function failure(text: string): DynamicToolCallResponse;
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
  | {
      readonly kind: "text";
      readonly text: string;
    }
  | {
      readonly kind: "image" | "audio";
      readonly url: string;
    };
/** Whether a value is a content block, by its type and the member that belongs to it. */
export declare function isMcpBlock(value: unknown): value is McpBlock;
/** Reads a whole result; undefined for any other object. An empty `content` alone says nothing, and may be data. */
export declare function readMcpResult(value: object): McpResult | undefined;
/** What the model is shown of a result. Structured content is shown unless a text says the same, as MCP recommends. */
export declare function partsOfMcp({ content, structuredContent }: McpResult): (
  | McpPart
  | {
      readonly kind: "json";
      value: unknown;
    }
)[];
/** What the model is shown of one block. A binary resource that is no picture is named and not shown. */
export declare function partOfMcp(block: McpBlock): McpPart;
