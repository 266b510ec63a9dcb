/** The recorded part of docs/wire.md: its blocks, between two marks each. */

import type { Recording } from "./recordTurn.js";
import { renderLines, renderSpawn } from "./renderTurn.js";

/** The page with the blocks of this recording. Throws when it has no place for them. */
export function withRecording(page: string, recording: Recording): string {
  return withBlock(withBlock(page, "spawned", renderSpawn(recording)), "sent", renderLines(recording));
}

function withBlock(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`docs/wire.md has no place for what was ${name}.`);
  return `${page.slice(0, from + begin.length)}\n\`\`\`text\n${text}\`\`\`\n${page.slice(to)}`;
}
