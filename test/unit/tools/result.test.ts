/** Tests what a tool may return, and how it becomes the wire's. */

import { describe, expect, test } from "vitest";
import type { DynamicToolCallOutputContentItem } from "../../../src/generated/protocol.js";
import { type Tool, ToolSet, tool } from "../../../src/tools/index.js";

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1, 2, 3]);
const PNG_URL = `data:image/png;base64,${Buffer.from(PNG).toString("base64")}`;

function answerWith(result: unknown) {
  const parameters = { type: "object" };
  const options = { name: "t", description: "d", parameters, execute: () => result };
  const one: Tool = Reflect.apply(tool, undefined, [options]);
  const call = { threadId: "a", turnId: "b", callId: "c", namespace: null, tool: "t", arguments: {} };
  return new ToolSet([one]).call(call, { signal: new AbortController().signal, log: () => {} });
}

const text = (value: string): DynamicToolCallOutputContentItem => ({ type: "inputText", text: value });

describe("the result of a tool", () => {
  const image: DynamicToolCallOutputContentItem = { type: "inputImage", imageUrl: PNG_URL };
  test.each<[what: string, result: unknown, items: DynamicToolCallOutputContentItem[]]>([
    ["a string", "sunny", [text("sunny")]],
    ["an empty string", "", [text("")]],
    ["nothing", undefined, [text("ok")]],
    ["null", null, [text("null")]],
    ["a number", 4.5, [text("4.5")]],
    ["a boolean", false, [text("false")]],
    [
      "an object",
      { sky: "blue", at: new Date(0), gone: undefined },
      [text('{"sky":"blue","at":"1970-01-01T00:00:00.000Z"}')],
    ],
    ["a list of data", ["a", 1], [text('["a",1]')]],
    ["an empty list", [], [text("[]")]],
    ["an object with a type of its own", { type: "inputText" }, [text('{"type":"inputText"}')]],
    ["bytes of an image", { type: "image", image: PNG }, [image]],
    [
      "a Blob",
      { type: "image", image: new Blob([PNG], { type: "image/tiff" }) },
      [{ ...image, imageUrl: PNG_URL.replace("png", "tiff") }],
    ],
    [
      "bytes with a media type",
      { type: "image", image: PNG, mediaType: "image/x" },
      [{ ...image, imageUrl: PNG_URL.replace("png", "x") }],
    ],
    ["a data URL", { type: "image", image: PNG_URL }, [image]],
    [
      "a content item",
      { type: "inputAudio", audioUrl: "data:audio/wav;base64,AA==" },
      [{ type: "inputAudio", audioUrl: "data:audio/wav;base64,AA==" }],
    ],
    ["a list of content", [text("see:"), { type: "image", image: PNG }, image], [text("see:"), image, image]],
    ["a list of content and data", [text("x"), 1], [text('[{"type":"inputText","text":"x"},1]')]],
  ])("may be %s", async (_, result, contentItems) => {
    expect(await answerWith(result)).toStrictEqual({ success: true, contentItems });
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  test.each<[what: string, result: unknown, message: string]>([
    ["a cycle", circular, "t failed: Converting circular structure to JSON"],
    ["a BigInt", 1n, "t failed: the result is a bigint, which is not JSON"],
    ["a BigInt inside", { size: 1n }, 't failed: "size" in the result is a bigint, which is not JSON'],
    ["a function", () => 1, "t failed: the result is a function, which is not JSON"],
    ["a function inside", [{ run: () => 1 }], 't failed: "run" in the result is a function'],
    ["a symbol", Symbol("s"), "t failed: the result is a symbol, which is not JSON"],
    ["a Map", new Map([["a", 1]]), "t failed: the result is a Map, which is not JSON"],
    ["a Set inside", { tags: new Set() }, 't failed: "tags" in the result is a Set, which is not JSON'],
    ["no number", { ratio: Number.NaN }, 't failed: "ratio" in the result is NaN, which is not JSON'],
    ["no JSON by its own word", { toJSON: () => undefined }, "t failed: the result has no JSON form"],
    ["bytes of no known image", { type: "image", image: new Uint8Array(8) }, "t failed: The image's bytes are not PNG"],
    [
      "a remote image",
      { type: "image", image: "https://example.com/a.png" },
      "t failed: an image as a string must be a data: URL",
    ],
    ["an image of neither", { type: "image", image: 7 }, "t failed: an image is a data: URL, a Uint8Array or a Blob"],
  ])("is a readable failure when it is %s", async (_, result, message) => {
    const { success, contentItems } = await answerWith(result);
    expect(success).toBe(false);
    expect(contentItems).toStrictEqual([text(expect.stringContaining(message))]);
  });
});
