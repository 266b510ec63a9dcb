/** Owns what users pass as input, and how it becomes the wire's. */

import { access, constants, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { UsageError } from "./errors/index.js";
import type { ImageDetail, UserInput } from "./generated/protocol.js";
import { text, wrongKind } from "./usage/kinds.js";

/** A picture as a data URL, or as bytes that are sent as one. */
export interface ImageInput {
  readonly type: "image";
  /** A `data:` URL, or the bytes of the file. */
  readonly image: string | Uint8Array | Blob;
  /** The media type of the bytes. Default: the Blob's, or recognised for PNG, JPEG, GIF and WebP. */
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
 * @throws UsageError for a remote image URL, unknown image bytes, or a local image that is not there. The runtime would
 * go on without the picture.
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
      if (!("image" in part)) {
        if ("url" in part) assertDataUrl(part.url);
        assertDetail(part.detail);
        return part;
      }
      assertDetail(part.detail);
      const url = typeof part.image === "string" ? part.image : await toDataUrl(part.image, part.mediaType);
      assertDataUrl(url);
      return { type: "image", url, ...(part.detail === undefined ? {} : { detail: part.detail }) };
    }
    case "localImage":
      assertDetail(part.detail);
      if (cwd === undefined) return part;
      // The runtime would resolve a relative path against its own working directory, not the thread's.
      return { ...part, path: await readableFile(resolve(cwd, part.path)) };
    default:
      return part;
  }
}

function assertDetail(detail: ImageDetail | undefined): void {
  if (detail !== "low") return;
  throw new UsageError('The runtime leaves a picture of the detail "low" out: pass "auto", "high" or "original".');
}

function assertDataUrl(url: string): void {
  if (url.startsWith("data:image/")) return;
  if (url.startsWith("data:")) {
    throw new UsageError(
      `A data: URL of the type ${url.slice(5, url.search(/[;,]|$/))} is no image: it must begin with data:image/.`,
    );
  }
  throw new UsageError(
    "An image must be a data: URL or bytes; the runtime takes no remote URLs. Fetch it yourself and pass the bytes: " +
      '{ type: "image", image: new Uint8Array(await (await fetch(url)).arrayBuffer()) }.',
  );
}

async function readableFile(path: string): Promise<string> {
  try {
    await access(path, constants.R_OK);
    if ((await stat(path)).isFile()) return path;
    throw new Error("It is not a file.");
  } catch (cause) {
    throw new UsageError(`The local image ${path} cannot be read. Check the path, or pass the bytes as an image.`, {
      cause,
    });
  }
}

/** Makes a data URL of bytes; the media type is the given one, the Blob's, or recognised. */
export async function toDataUrl(image: Uint8Array | Blob, mediaType: string | undefined): Promise<string> {
  const bytes = image instanceof Blob ? Buffer.from(await image.arrayBuffer()) : Buffer.from(image);
  const type = mediaType ?? (image instanceof Blob && image.type !== "" ? image.type : recognise(bytes));
  return `data:${type};base64,${bytes.toString("base64")}`;
}

const SIGNATURES: readonly (readonly [mediaType: string, offset: number, signature: string])[] = [
  ["image/png", 0, "\x89PNG"],
  ["image/jpeg", 0, "\xff\xd8\xff"],
  ["image/gif", 0, "GIF8"],
  ["image/webp", 8, "WEBP"],
];

function recognise(bytes: Buffer): string {
  for (const [mediaType, offset, signature] of SIGNATURES) {
    if (bytes.toString("latin1", offset, offset + signature.length) === signature) return mediaType;
  }
  throw new UsageError("The image's bytes are not PNG, JPEG, GIF or WebP. Pass its mediaType, for example image/png.");
}
