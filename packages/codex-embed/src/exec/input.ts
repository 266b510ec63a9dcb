/** Owns what a turn is given, and how it becomes a prompt and a list of images. */

import { UsageError } from "../errors/index.js";

/** A piece of text, or an image in a file. */
export type UserInput = { type: "text"; text: string } | { type: "local_image"; path: string };

/** What a turn is given: a text, or several pieces. */
export type Input = string | UserInput[];

/** An input in the form that the runtime takes. */
export interface Prompt {
  /** What goes to stdin. */
  readonly text: string;
  /** The files that go into arguments. */
  readonly images: readonly string[];
}

/**
 * Brings an input to a prompt: the texts, with an empty line between them, and the images.
 *
 * @throws UsageError for anything else.
 */
export function toPrompt(input: Input | readonly UserInput[]): Prompt {
  if (typeof input === "string") return { text: input, images: [] };
  if (!isList(input)) throw new UsageError("The input is neither a string nor a list of parts.");
  const texts: string[] = [];
  const images: string[] = [];
  for (const [index, part] of input.entries()) {
    if (isPart(part, "text", "text")) texts.push(part.text);
    else if (isPart(part, "local_image", "path")) images.push(withoutComma(part.path, index));
    else {
      throw new UsageError(
        `Part ${index} of the input is neither { type: "text", text } nor { type: "local_image", path }, with strings.`,
      );
    }
  }
  return { text: texts.join("\n\n"), images };
}

/** The runtime divides the value of `--image` at commas, knows no way around it, and goes on without the image. */
function withoutComma(path: string, index: number): string {
  if (!path.includes(",")) return path;
  throw new UsageError(
    `Part ${index} of the input is the image ${JSON.stringify(path)}. The runtime takes a comma for the end of a path: ` +
      "give the file, and its folders, names without one.",
  );
}

function isList(input: unknown): input is readonly unknown[] {
  return Array.isArray(input);
}

function isPart<M extends string>(part: unknown, type: string, member: M): part is Record<M, string> {
  if (typeof part !== "object" || part === null || !("type" in part) || part.type !== type) return false;
  return typeof Reflect.get(part, member) === "string";
}
