/** The files that pages show: blocks with the mark `file`, each with its name in a comment in its first line. */

import type { CodeBlock, Page } from "./pages.js";

/** A file of the reader's, as a page has it. */
export interface PageFile {
  readonly page: string;
  readonly name: string;
  readonly block: CodeBlock;
}

/** Whether a block is a file. */
export const isFile = ({ marks }: CodeBlock): boolean => marks.includes("file");

/** The name of a file. */
export function fileName({ place, text }: CodeBlock): string {
  const name = /^(?:\/\/|<!--) (\w[\w./-]*\.\w+)/.exec(text)?.[1];
  if (name === undefined) throw new Error(`${place}: the first line of a file has to be a comment with its name.`);
  return name;
}

/** All files of pages. */
export function filesOf(pages: readonly Page[]): PageFile[] {
  return pages.flatMap(({ path, blocks }) =>
    blocks.filter(isFile).map((block) => ({ page: path, name: fileName(block), block })),
  );
}

/** The folder that the files of a page are in, below another one. */
export function folderOf(page: string): string {
  return page.replace(/\.md$/, "").replaceAll("/", "__");
}
