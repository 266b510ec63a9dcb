/** Owns what users pass as input, and how it becomes the wire's. */

import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { UsageError } from "../errors/index.js";
import type { ImageDetail, UserInput } from "../protocol/generated/protocol.js";
import { checkPicture, toPictureUrl } from "../tools/picture.js";
import { text, wrongKind } from "../validate/kinds.js";

/** A picture as a data URL, or as bytes that are sent as one. */
export interface ImageInput {
  readonly type: "image";
  /** A `data:` URL in base64, or the bytes of the file: PNG, JPEG, GIF or WebP. */
  readonly image: string | Uint8Array | Blob;
  /** The media type of the bytes. Not needed: it is recognised by the bytes. */
  readonly mediaType?: string | undefined;
  /** How closely the model looks. The pinned runtime leaves a picture of the detail `low` out without a word. */
  readonly detail?: Exclude<ImageDetail, "low"> | undefined;
}

/** A piece of text. */
export interface TextInput {
  readonly type: "text";
  readonly text: string;
}

/** One part of an input: text, a picture, or any other part of the protocol (local image, skill, mention, audio). */
export type InputPart = string | TextInput | ImageInput | UserInput;

/** What a turn is given: a text, one part, or several. */
export type Input = InputPart | readonly InputPart[];

/**
 * Turns an input into the wire's form.
 *
 * @param cwd - what relative paths of local images are relative to; undefined skips the look at the file system.
 * @throws UsageError for a picture that the runtime cannot read: a remote URL, another format than PNG, JPEG, GIF and
 * WebP, an empty or cut file, or a local image that is not there. The runtime would go on without the picture.
 */
export async function toUserInput(input: Input, cwd: string | undefined): Promise<UserInput[]> {
  const parts = isPartList(input) ? input : [input];
  return Promise.all(parts.map((part) => toPart(part, cwd)));
}

function isPartList(input: Input): input is readonly InputPart[] {
  return Array.isArray(input);
}

async function toPart(part: InputPart, cwd: string | undefined): Promise<UserInput> {
  if (typeof part === "string") return { type: "text", text: part, text_elements: [] };
  if (typeof part !== "object" || part === null || typeof part.type !== "string") {
    throw wrongKind(
      part,
      { call: "input", path: "a part" },
      "An input is a string, an object with a type (text, image, localImage, …), or a list of them.",
    );
  }
  switch (part.type) {
    case "text":
      text(part.text, { call: "input", path: "text" });
      return { text_elements: [], ...part };
    case "image": {
      assertDetail(part.detail);
      if ("url" in part) return { ...part, url: await toPictureUrl(part.url) };
      if (!("image" in part)) return part;
      const url = await toPictureUrl(part.image);
      return { type: "image", url, ...(part.detail === undefined ? {} : { detail: part.detail }) };
    }
    case "localImage":
      assertDetail(part.detail);
      if (typeof part.path !== "string") throw new UsageError("A localImage needs its path, a string.");
      if (cwd === undefined) return part;
      // The runtime would resolve a relative path against its own working directory, not the thread's.
      return { ...part, path: await checkedFile(resolve(cwd, part.path)) };
    default:
      return part;
  }
}

function assertDetail(detail: ImageDetail | undefined): void {
  if (detail !== "low") return;
  throw new UsageError('The runtime leaves a picture of the detail "low" out: pass "auto", "high" or "original".');
}

async function checkedFile(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    // A pipe or a device would be read without end.
    if (!(await stat(path)).isFile()) throw new Error("It is not a file.");
    bytes = await readFile(path);
  } catch (cause) {
    throw new UsageError(`The local image ${path} cannot be read. Check the path, or pass the bytes as an image.`, {
      cause,
    });
  }
  checkPicture(bytes, `The local image ${path}`);
  return path;
}
