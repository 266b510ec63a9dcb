import { UsageError } from "../errors/base.js";

/**
 * A format that the runtime reads. It detects the format from the bytes, whatever type is declared, and silently drops
 * pictures of other formats and incomplete ones (measured).
 */
interface Format {
  readonly mediaType: string;
  matches(bytes: Buffer): boolean;
  /** Whether the file is complete, as far as the runtime needs it. */
  isWhole(bytes: Buffer): boolean;
}

const FORMATS: readonly Format[] = [
  { mediaType: "image/png", matches: (bytes) => startsWith(bytes, "\x89PNG"), isWhole: isWholePng },
  { mediaType: "image/jpeg", matches: (bytes) => startsWith(bytes, "\xff\xd8\xff"), isWhole: isWholeJpeg },
  { mediaType: "image/gif", matches: (bytes) => startsWith(bytes, "GIF8"), isWhole: isWholeGif },
  {
    mediaType: "image/webp",
    matches: (bytes) => startsWith(bytes, "RIFF") && startsWith(bytes, "WEBP", 8),
    isWhole: isWholeWebp,
  },
];

/** `data:`, the media type with its parameters, and `;base64`. */
const DATA_HEADER = /^data:([^;,]*)[^,]*;base64$/i;
const MAX_HEADER_CHARS = 1_000;

/**
 * Converts a picture to the data URL that the runtime reads. Its media type is that of the bytes, whatever was declared.
 *
 * @param picture - a `data:` URL, bytes or a Blob.
 * @throws UsageError for anything else, and for a picture that the runtime would silently drop.
 */
export async function toPictureUrl(picture: unknown): Promise<string> {
  if (typeof picture === "string") return checkDataUrl(picture);
  const bytes = await bytesOf(picture);
  return `data:${checkPicture(bytes, "The image")};base64,${bytes.toString("base64")}`;
}

/**
 * Returns the media type of a picture.
 *
 * @param what - what the bytes are, for the message: `The image`, or a path.
 * @throws UsageError for bytes that the runtime cannot read.
 */
export function checkPicture(bytes: Buffer, what: string): string {
  if (bytes.length === 0) throw new UsageError(`${what} is empty. Pass the bytes of a PNG, JPEG, GIF or WebP file.`);
  const format = FORMATS.find((each) => each.matches(bytes));
  if (format === undefined) {
    throw new UsageError(
      `${what}'s bytes are not PNG, JPEG, GIF or WebP, and the runtime reads no other format, whatever mediaType says. Convert it first.`,
    );
  }
  if (format.isWhole(bytes)) return format.mediaType;
  throw new UsageError(
    `${what} is cut off: its ${format.mediaType} data ends too early. Read or fetch the whole file.`,
  );
}

function checkDataUrl(url: string): string {
  const comma = url.slice(0, MAX_HEADER_CHARS).indexOf(",");
  const header = url.slice(0, Math.max(comma, 0));
  if (!/^data:/i.test(url)) {
    throw new UsageError(
      "An image must be a data: URL or bytes; the runtime fetches no URLs. Fetch it yourself and pass the bytes: " +
        '{ type: "image", image: new Uint8Array(await (await fetch(url)).arrayBuffer()) }.',
    );
  }
  const type = DATA_HEADER.exec(header)?.[1];
  if (type === undefined) {
    throw new UsageError("The data: URL of an image must have the form data:TYPE;base64,DATA. Or pass the bytes.");
  }
  const data = url.slice(comma + 1);
  const bytes = Buffer.from(data, "base64");
  if (bytes.toString("base64") !== data) {
    throw new UsageError(
      "The data: URL of an image contains line breaks or other characters that are not padded base64. Pass the bytes instead.",
    );
  }
  const mediaType = checkPicture(bytes, "The image");
  return type.toLowerCase() === mediaType ? url : `data:${mediaType};base64,${data}`;
}

async function bytesOf(picture: unknown): Promise<Buffer> {
  if (picture instanceof Blob) return Buffer.from(await picture.arrayBuffer());
  if (picture instanceof ArrayBuffer) return Buffer.from(picture);
  if (ArrayBuffer.isView(picture)) return Buffer.from(picture.buffer, picture.byteOffset, picture.byteLength);
  throw new UsageError("An image must be a data: URL, a Uint8Array or a Blob.");
}

function startsWith(bytes: Buffer, signature: string, at = 0): boolean {
  return bytes.toString("latin1", at, at + signature.length) === signature;
}

/** Chunks of a length, a name, data and a checksum, from IHDR by IDAT to IEND. */
function isWholePng(bytes: Buffer): boolean {
  let hasData = false;
  for (let at = 8; at + 8 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const name = bytes.toString("latin1", at + 4, at + 8);
    if (name === "IEND") return hasData;
    if (name === "IDAT") hasData = true;
  }
  return false;
}

/** Segments with their lengths up to the first scan, whose data holds an end marker. A thumbnail has one of its own. */
function isWholeJpeg(bytes: Buffer): boolean {
  const scan = 0xda;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    // A marker may be filled up with further 0xff.
    if (marker === 0xff) at += 1;
    else if (marker === scan) return bytes.lastIndexOf("\xff\xd9", undefined, "latin1") > at;
    else at += 2 + bytes.readUInt16BE(at + 2);
  }
  return false;
}

/** Extensions and images, each of blocks that end with an empty one; the runtime reads the first image. */
function isWholeGif(bytes: Buffer): boolean {
  const tableSize = (flags: number | undefined): number =>
    flags === undefined || (flags & 0x80) === 0 ? 0 : 3 << ((flags & 0x07) + 1);
  const endOfBlocks = (from: number): number => {
    let at = from;
    for (let size = bytes[at]; size !== undefined; size = bytes[at]) {
      at += 1 + size;
      if (size === 0) return at;
    }
    return Number.POSITIVE_INFINITY;
  };
  for (let at = 13 + tableSize(bytes[10]); at < bytes.length; ) {
    if (bytes[at] === 0x2c) return endOfBlocks(at + 11 + tableSize(bytes[at + 9])) <= bytes.length;
    if (bytes[at] !== 0x21) return false;
    at = endOfBlocks(at + 2);
  }
  return false;
}

/** A container that says how long it is, with a picture as its first part. */
function isWholeWebp(bytes: Buffer): boolean {
  return bytes.length >= 20 && startsWith(bytes, "VP8", 12) && bytes.readUInt32LE(4) + 8 <= bytes.length;
}
