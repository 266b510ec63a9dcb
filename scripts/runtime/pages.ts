/** What the documentation says of the version of the runtime. */

/** A line of a page that names a version. */
export interface Mention {
  /** `docs/cli.md:101` */
  readonly place: string;
  readonly text: string;
}

/** A page after a move to another version. */
export interface MovedPage {
  readonly text: string;
  /** What was rewritten: output and commands of a code block, and `@openai/codex@VERSION` everywhere. */
  readonly rewritten: readonly Mention[];
  /** What still names the old version: facts that were measured on it. */
  readonly left: readonly Mention[];
}

/** Rewrites the plain mentions of a version on a page, and lists them and the others. */
export function movePage(path: string, page: string, from: string, to: string): MovedPage {
  const old = new RegExp(String.raw`(?<![\d.])${from.replaceAll(".", String.raw`\.`)}(?![\w-]|\.\d)`, "g");
  const rewritten: Mention[] = [];
  const left: Mention[] = [];
  let fence: string | undefined;
  const lines = page.split("\n").map((line, index) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined) fence = mark;
    else if (mark !== undefined && mark.startsWith(fence)) fence = undefined;
    const moved =
      fence === undefined ? line.replaceAll(`@openai/codex@${from}`, `@openai/codex@${to}`) : line.replace(old, to);
    const place = `${path}:${index + 1}`;
    if (moved !== line) rewritten.push({ place, text: moved.trim() });
    if (moved.search(old) !== -1) left.push({ place, text: moved.trim() });
    return moved;
  });
  return { text: lines.join("\n"), rewritten, left };
}
