/** The end-to-end tests of what a turn can be given: texts, pictures, skills, and what is refused. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Input, InvalidParamsError, UsageError } from "codex-embed";
import { type JsonObject, message } from "codex-embed/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { PICTURES } from "../support/pictures.js";
import { itemsOf, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

const wiretap = new Wiretap();
const bench = new SharedBench({ spawn: wiretap.spawn });
const base64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const png = Buffer.from(base64, "base64");
const dataUrlOf = (type: string, bytes: string) => `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
const dataUrl = `data:image/png;base64,${base64}`;

/** Runs a turn and returns the parts of the user message that the model got. */
async function received(input: Input, options: { cwd?: string } = {}): Promise<JsonObject[]> {
  const thread = await bench.threadWith({ ephemeral: true, ...options }, message("Ok."));
  await thread.run(input);
  return lastUserParts(bench.requestsOf(thread)[0]?.input ?? []);
}

function lastUserParts(input: readonly JsonObject[]): JsonObject[] {
  const content = input.findLast(({ role }) => role === "user")?.["content"];
  return Array.isArray(content) ? content : [];
}

const text = (value: string) => ({ type: "input_text", text: value });
const picture = { type: "input_image", image_url: dataUrl };

describe("texts", () => {
  const cases: readonly (readonly [what: string, input: Input, parts: readonly object[]])[] = [
    ["a string", "Hi", [text("Hi")]],
    ["a text part", { type: "text", text: "Hi" }, [text("Hi")]],
    ["a part of the protocol", { type: "text", text: "Hi", text_elements: [] }, [text("Hi")]],
    ["several strings and parts", ["One", { type: "text", text: "Two" }], [text("One"), text("Two")]],
    ["line breaks and emoji", "a\n\tb\u2028c 👩‍👩‍👧‍👦", [text("a\n\tb\u2028c 👩‍👩‍👧‍👦")]],
  ];

  test.each(cases)("%s", async (_what, input, parts) => {
    expect(await received(input)).toEqual(parts);
  });

  test("nothing at all: a turn without a user message", async () => {
    const thread = await bench.thread(message("Ok."));
    const result = await thread.run([]);
    expect(itemsOf(result, "userMessage")).toEqual([]);
    expect(result.finalResponse).toBe("Ok.");
  });

  test("exactly as long as the runtime takes", async () => {
    const [part] = await received("x".repeat(1_048_576));
    expect(String(part?.["text"]).length).toBe(1_048_576);
  });

  test("longer: InvalidParamsError with the numbers, and the thread stays usable", async () => {
    const thread = await bench.thread(message("Ok."));
    const error = await rejection(thread.run("x".repeat(1_048_577)), InvalidParamsError);
    expect(error).toMatchObject({
      code: "INVALID_PARAMS",
      rpcCode: -32602,
      data: { input_error_code: "input_too_large", max_chars: 1_048_576, actual_chars: 1_048_577 },
    });
    expect(error.message.length).toBeLessThan(300);
    expect((await thread.run("Hi")).finalResponse).toBe("Ok.");
  });
});

describe("pictures", () => {
  const cases: readonly (readonly [what: string, input: Input])[] = [
    ["a data URL", { type: "image", image: dataUrl }],
    ["a data URL in the protocol's form", { type: "image", url: dataUrl }],
    ["a Buffer", { type: "image", image: png }],
    ["a Uint8Array", { type: "image", image: new Uint8Array(png) }],
    ["a Uint8Array on a part of its memory", { type: "image", image: new Uint8Array([0, ...png, 0]).subarray(1, -1) }],
    ["a Blob with a type", { type: "image", image: new Blob([png], { type: "image/png" }) }],
    ["a Blob without one", { type: "image", image: new Blob([png]) }],
    ["bytes with their type", { type: "image", image: png, mediaType: "image/png" }],
    ["bytes with another type", { type: "image", image: png, mediaType: "image/heic" }],
    ["a Blob of bytes of any type", { type: "image", image: new Blob([png], { type: "application/octet-stream" }) }],
    ["a data URL with another type", { type: "image", image: `data:application/octet-stream;base64,${base64}` }],
    ["a data URL in capitals", { type: "image", image: `DATA:image/JPEG;BASE64,${base64}` }],
    ["a picture with something behind it", { type: "image", image: Buffer.concat([png, Buffer.from("more")]) }],
  ];

  test.each(cases)("%s", async (_what, input) => {
    expect(await received(input)).toMatchObject([
      { type: "input_image", image_url: expect.stringMatching(/^data:image\/png;base64,iVBORw0KGgo/) },
    ]);
  });

  test.each(Object.entries(PICTURES))("%s is read, and recognised by its bytes", async (_, image) => {
    expect(await received({ type: "image", image: new Blob([image]) })).toMatchObject([{ type: "input_image" }]);
  });

  test("with a text and a detail, in order", async () => {
    verifies("input-kinds");
    const parts = await received(["Look:", { type: "image", url: dataUrl, detail: "auto" }, "And say."]);
    expect(parts.map(({ type }) => type)).toEqual(["input_text", "input_image", "input_text"]);
    expect(parts[1]).toMatchObject({ image_url: dataUrl, detail: "auto" });
  });

  beforeAll(async () => {
    await writeFile(join(bench.workspace, "page.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>");
    await writeFile(join(bench.workspace, "empty.png"), "");
    await writeFile(join(bench.workspace, "cut.png"), png.subarray(0, 40));
  });

  const refused: readonly (readonly [what: string, input: Input, why: RegExp])[] = [
    ["an http URL", { type: "image", image: "https://example.com/a.png" }, /data: URL or bytes/],
    ["an http URL in the protocol's form", { type: "image", url: "http://example.com/a.png" }, /data: URL or bytes/],
    ["one among others", ["Look", { type: "image", image: "https://example.com/a.png" }], /data: URL or bytes/],
    ["bytes of an unknown kind", { type: "image", image: Buffer.from("BM not a known picture") }, /mediaType/],
    ["no bytes", { type: "image", image: new Uint8Array() }, /is empty/],
    ["an empty Blob", { type: "image", image: new Blob([], { type: "image/png" }) }, /is empty/],
    ["an empty data URL", { type: "image", image: "data:image/png;base64," }, /is empty/],
    ["a data URL of an SVG", { type: "image", image: dataUrlOf("image/svg+xml", "<svg/>") }, /are not PNG/],
    ["a HEIC by its type", { type: "image", image: Buffer.from("x"), mediaType: "image/heic" }, /are not PNG/],
    ["a BMP in the protocol's form", { type: "image", url: dataUrlOf("image/bmp", "BM0000") }, /are not PNG/],
    ["a data URL with line breaks", { type: "image", image: dataUrl.replace("AAAA", "AA\nAA") }, /line breaks/],
    ["a data URL without its padding", { type: "image", image: dataUrl.replace(/=+$/, "") }, /padded base64/],
    ["a data URL that is not base64", { type: "image", image: "data:image/png,abc" }, /TYPE;base64,DATA/],
    ["a number", { type: "image", image: untyped(7) }, /must be a data: URL/],
    ...Object.entries(PICTURES).flatMap(([type, bytes]) =>
      [0.3, 0.9].map((share): [string, Input, RegExp] => [
        `${type} that is cut after ${share} of it`,
        { type: "image", image: bytes.subarray(0, Math.floor(bytes.length * share)) },
        /is cut off/,
      ]),
    ),
    ["a local image of another kind", { type: "localImage", path: "page.svg" }, /page\.svg's bytes are not PNG/],
    ["a local image that is empty", { type: "localImage", path: "empty.png" }, /empty\.png is empty/],
    ["a local image that is cut", { type: "localImage", path: "cut.png" }, /cut\.png is cut off/],
    ["a local image without a path", untyped({ type: "localImage" }), /path/],
    ["a local image that is not there", { type: "localImage", path: "missing.png" }, /missing\.png cannot be read/],
    ["no input", untyped(undefined), /An input is/],
    ["null in a list", untyped(["Hi", null]), /An input is/],
    ["a number", untyped(42), /An input is/],
  ];

  test.each(refused)("%s is refused before anything is sent", async (_what, input, why) => {
    const thread = await bench.thread(message("Ok."));
    const sent = wiretap.messages.length;
    const error = await rejection(thread.run(input), UsageError);
    expect(error.message).toMatch(why);
    expect(wiretap.messages.slice(sent)).toEqual([]);
    expect((await thread.run("Hi")).finalResponse).toBe("Ok.");
  });
});

describe("what the runtime would leave out without an error is refused", () => {
  const dropped: readonly (readonly [what: string, input: Input])[] = [
    ["a detail that it does not take", { type: "image", url: dataUrl, detail: "low" }],
    ["a data URL that is no picture", { type: "image", image: "data:text/plain;base64,aGk=" }],
    ["a folder in place of a local picture", { type: "localImage", path: "." }],
  ];

  test.each(dropped)("%s", async (_what, input) => {
    const thread = await bench.thread();
    bench.respond(thread, () => message("Ok."));
    await rejection(thread.run(["Look.", ...[input].flat()]), UsageError);
    expect(bench.requestsOf(thread)).toEqual([]);
  });
});

describe("local pictures", () => {
  async function folderWith(name: string): Promise<string> {
    const folder = join(bench.workspace, crypto.randomUUID());
    await mkdir(folder);
    await writeFile(join(folder, name), png);
    return folder;
  }

  test("by an absolute path", async () => {
    verifies("input-kinds");
    const path = join(await folderWith("a.png"), "a.png");
    expect(await received({ type: "localImage", path })).toContainEqual(expect.objectContaining(picture));
  });

  test("by a path relative to the thread's working directory", async () => {
    const cwd = await folderWith("b.png");
    expect(await received({ type: "localImage", path: "b.png" }, { cwd })).toContainEqual(
      expect.objectContaining(picture),
    );
  });

  test("by a path relative to the turn's working directory", async () => {
    const cwd = await folderWith("c.png");
    const thread = await bench.thread(message("Ok."));
    await thread.run({ type: "localImage", path: "c.png" }, { cwd });
    expect(lastUserParts(bench.requestsOf(thread)[0]?.input ?? [])).toContainEqual(expect.objectContaining(picture));
  });

  test("by a path relative to the working directory that an earlier turn has set", async () => {
    const cwd = await folderWith("d.png");
    const thread = await bench.thread(message("1"), message("2"));
    await thread.run("Go there.", { cwd });
    await thread.run({ type: "localImage", path: "d.png" });
    expect(lastUserParts(bench.requestsOf(thread)[1]?.input ?? [])).toContainEqual(expect.objectContaining(picture));
  });

  test("in a turn whose working directory is relative to the runtime's", async () => {
    const cwd = await folderWith("e.png");
    const thread = await bench.thread(message("Ok."));
    await thread.run({ type: "localImage", path: join(cwd, "e.png") }, { cwd: cwd.slice(bench.workspace.length + 1) });
    expect(lastUserParts(bench.requestsOf(thread)[0]?.input ?? [])).toContainEqual(expect.objectContaining(picture));
  });
});

describe("skills and mentions", () => {
  test("a skill adds its instructions", async () => {
    verifies("input-kinds");
    const folder = join(bench.codexHome, "skills", "greeter");
    await mkdir(folder, { recursive: true });
    const path = join(folder, "SKILL.md");
    await writeFile(path, "---\nname: greeter\ndescription: Greets.\n---\nSay hello in Latin.");
    const thread = await bench.thread(message("Salve."));
    await thread.run(["Greet me.", { type: "skill", name: "greeter", path }]);
    expect(bench.requestsOf(thread)[0]?.userTexts().join("\n")).toContain("Say hello in Latin.");
  });

  test("a mention is taken", async () => {
    verifies("input-kinds");
    const thread = await bench.thread(message("Ok."));
    const path = join(bench.workspace, "README.md");
    const result = await thread.run(["See this.", { type: "mention", name: "README.md", path }]);
    expect(itemsOf(result, "userMessage")[0]?.content).toContainEqual({ type: "mention", name: "README.md", path });
  });
});
