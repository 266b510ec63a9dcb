import { describe, expect, test } from "vitest";
import type { DynamicToolCallOutputContentItem } from "../../../src/protocol/generated/protocol.js";
import { type Tool, ToolSet, tool } from "../../../src/tools/tool.js";
import { PICTURES } from "../../support/pictures.js";

const PNG = PICTURES["image/png"];
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
    ["a Blob with another type", { type: "image", image: new Blob([PNG], { type: "image/tiff" }) }, [image]],
    ["bytes with another media type", { type: "image", image: PNG, mediaType: "image/x" }, [image]],
    ["a data URL", { type: "image", image: PNG_URL }, [image]],
    [
      "a content item",
      { type: "inputAudio", audioUrl: "data:audio/wav;base64,AA==" },
      [{ type: "inputAudio", audioUrl: "data:audio/wav;base64,AA==" }],
    ],
    ["a list of content", [text("see:"), { type: "image", image: PNG }, image], [text("see:"), image, image]],
    ["a list of content and data", [text("x"), 1], [text('[{"type":"inputText","text":"x"},1]')]],
    ["a text part", { type: "text", text: "sunny" }, [text("sunny")]],
    ["a text beside a picture", ["The chart:", { type: "image", image: PNG }], [text("The chart:"), image]],
    [
      "a text part beside a picture",
      [
        { type: "text", text: "See" },
        { type: "image", image: PNG },
      ],
      [text("See"), image],
    ],
    ["data beside a picture", [{ type: "image", image: PNG }, { sky: "blue" }], [image, text('{"sky":"blue"}')]],
    ["a list of texts", ["a", "b"], [text('["a","b"]')]],
    ["a list of text parts", [{ type: "text", text: "a" }, "b"], [text("a"), text("b")]],
    ["a picture of MCP", { type: "image", data: PNG.toString("base64"), mimeType: "image/png" }, [image]],
    [
      "a whole result of MCP",
      {
        content: [
          { type: "text", text: "See", annotations: {} },
          { type: "image", data: PNG.toString("base64"), mimeType: "image/png" },
        ],
      },
      [text("See"), image],
    ],
    [
      "resources of MCP",
      {
        content: [
          { type: "resource", resource: { uri: "file:///a.txt", mimeType: "text/plain", text: "inside" } },
          { type: "resource", resource: { uri: "file:///a.png", mimeType: "image/png", blob: PNG.toString("base64") } },
          { type: "resource", resource: { uri: "file:///a.bin", mimeType: "application/zip", blob: "AA==" } },
          { type: "resource_link", uri: "file:///b", name: "b" },
          { type: "audio", data: "AA==", mimeType: "audio/wav" },
        ],
        isError: false,
      },
      [
        text("inside"),
        image,
        text("The resource file:///a.bin (application/zip) is binary and not shown."),
        text('{"type":"resource_link","uri":"file:///b","name":"b"}'),
        { type: "inputAudio", audioUrl: "data:audio/wav;base64,AA==" },
      ],
    ],
    ["structured content alone", { content: [], structuredContent: { a: 1 } }, [text('{"a":1}')]],
    [
      "structured content that a text says too",
      { content: [{ type: "text", text: '{ "a": 1 }' }], structuredContent: { a: 1 } },
      [text('{ "a": 1 }')],
    ],
    [
      "structured content beside another text",
      { content: [{ type: "text", text: "One." }], structuredContent: { a: 1 } },
      [text("One."), text('{"a":1}')],
    ],
    ["data with a list called content", { content: [1] }, [text('{"content":[1]}')]],
    ["data with an empty list called content", { content: [] }, [text('{"content":[]}')]],
    [
      "what is nested deeply",
      JSON.parse("[".repeat(2_000) + "]".repeat(2_000)),
      [text("[".repeat(2_000) + "]".repeat(2_000))],
    ],
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
    [
      "bytes",
      Buffer.from("x"),
      't failed: the result is a Buffer, which is not JSON. Return { type: "image", image: bytes }',
    ],
    ["bytes inside", { data: new Uint8Array(2) }, 't failed: "data" in the result is a Uint8Array, which is not JSON'],
    ["an ArrayBuffer", new ArrayBuffer(2), "t failed: the result is an ArrayBuffer, which is not JSON. Return { type"],
    ["a Blob", new Blob(["x"]), "t failed: the result is a Blob, which is not JSON. Return { type"],
    ["an Error", new TypeError("down"), "t failed: the result is a TypeError, which is not JSON. Throw it instead."],
    [
      "a Promise inside",
      { later: Promise.resolve(1) },
      't failed: "later" in the result is a Promise, which is not JSON. Await it',
    ],
    [
      "an instance of a class",
      new (class Money {})(),
      "t failed: the result is a Money, which is not JSON. Return a plain object",
    ],
    ["a RegExp inside", [/x/], "t failed: [0] in the result is a RegExp"],
    ["a cut picture", { type: "image", image: PNG.subarray(0, 40) }, "t failed: The image is cut off"],
    [
      "a cut picture as a content item",
      { type: "inputImage", imageUrl: "data:image/png;base64,iVBORw0K" },
      "t failed: The image is cut off",
    ],
    [
      "an SVG of MCP",
      { content: [{ type: "image", data: "PHN2Zz4=", mimeType: "image/svg+xml" }] },
      "t failed: The image's bytes are not PNG",
    ],
    ["bytes of no known image", { type: "image", image: new Uint8Array(8) }, "t failed: The image's bytes are not PNG"],
    [
      "a remote image",
      { type: "image", image: "https://example.com/a.png" },
      "t failed: An image must be a data: URL or bytes",
    ],
    [
      "an image of neither",
      { type: "image", image: 7 },
      "t failed: An image must be a data: URL, a Uint8Array or a Blob",
    ],
  ])("is a readable failure when it is %s", async (_, result, message) => {
    const { success, contentItems } = await answerWith(result);
    expect(success).toBe(false);
    expect(contentItems).toStrictEqual([text(expect.stringContaining(message))]);
  });
});

describe("a failure that the result tells of itself", () => {
  test("by isError of MCP is one for the runtime too", async () => {
    const content = [{ type: "text", text: "No such file." }];
    expect(await answerWith({ content, isError: true })).toStrictEqual({
      success: false,
      contentItems: [text("No such file.")],
    });
  });

  test("is told to the developer when it is the tool's own fault, and not when the tool throws", async () => {
    const warnings: string[] = [];
    const run = (execute: () => unknown) => {
      const one: Tool = Reflect.apply(tool, undefined, [
        { name: "t", description: "d", parameters: { type: "object" }, execute },
      ]);
      const call = { threadId: "a", turnId: "b", callId: "c", namespace: null, tool: "t", arguments: {} };
      const warn = (name: string, problem: string) => void warnings.push(`${name}: ${problem}`);
      return new ToolSet([one]).call(call, { signal: new AbortController().signal, log: () => {}, warn });
    };
    await run(() => {
      throw new Error("The station is closed.");
    });
    expect(warnings).toEqual([]);
    await run(() => new Map());
    expect(warnings).toEqual([expect.stringContaining("t: the result is a Map")]);
  });
});
