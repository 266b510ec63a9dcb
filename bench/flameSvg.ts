/** Owns the drawing of a flame graph: one box a function, as wide as its time, on top of the one that has called it. */

/** A function, and what it has called. */
export interface Frame {
  readonly name: string;
  /** Where it is: a file of this package, a module of Node, or nothing for V8 itself. */
  readonly place: string;
  readonly time: number;
  readonly inner: readonly Frame[];
}

const WIDTH = 1200;
const ROW = 18;
const HEAD = 30;
const CHARACTER = 6.3;
/** A narrower box is not seen. */
const MIN_WIDTH = 1.5;
const COLOURS = { own: "#f2b36b", node: "#a9c7e8", v8: "#d5d5d5" };

/** Draws the frames side by side, the widest first. */
export function drawFlame(frames: readonly Frame[], title: string): string {
  const total = frames.reduce((sum, { time }) => sum + time, 0);
  const depth = Math.max(...frames.map(depthOf));
  const height = HEAD + depth * ROW + 4;
  const boxes = row(frames, { left: 0, level: 0, total, height });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10.5">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="4" y="16" font-size="12">${escaped(title)} (orange: this package, blue: Node, grey: V8)</text>`,
    ...boxes,
    "</svg>\n",
  ].join("\n");
}

interface Room {
  readonly left: number;
  readonly level: number;
  readonly total: number;
  readonly height: number;
}

function row(frames: readonly Frame[], { left, level, total, height }: Room): string[] {
  const boxes: string[] = [];
  let at = left;
  for (const frame of merged(frames).toSorted((a, b) => b.time - a.time)) {
    const width = (frame.time / total) * WIDTH;
    if (width < MIN_WIDTH) continue;
    boxes.push(box(frame, { x: at, y: height - (level + 1) * ROW, width, share: frame.time / total }));
    boxes.push(...row(frame.inner, { left: at, level: level + 1, total, height }));
    at += width;
  }
  return boxes;
}

/** Calls of one function from different lines are one. */
function merged(frames: readonly Frame[]): Frame[] {
  const byName = new Map<string, Frame>();
  for (const frame of frames) {
    const key = `${frame.name} ${frame.place}`;
    const known = byName.get(key);
    const time = frame.time + (known?.time ?? 0);
    byName.set(key, { ...frame, time, inner: [...(known?.inner ?? []), ...frame.inner] });
  }
  return [...byName.values()];
}

function box(frame: Frame, { x, y, width, share }: { x: number; y: number; width: number; share: number }): string {
  const { name, place } = frame;
  const label = `${name}${place === "" ? "" : ` ${place}`}`;
  const shown = label.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER)));
  const colour = place === "" ? COLOURS.v8 : place.startsWith("node:") ? COLOURS.node : COLOURS.own;
  const size = `x="${x.toFixed(1)}" y="${y}" width="${Math.max(0, width - 0.5).toFixed(1)}" height="${ROW - 1}"`;
  const text = shown.length < 3 ? "" : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(shown)}</text>`;
  const hint = `<title>${escaped(label)}: ${(share * 100).toFixed(1)} %</title>`;
  return `<g>${hint}<rect ${size} fill="${colour}"/>${text}</g>`;
}

function depthOf({ inner }: Frame): number {
  return 1 + Math.max(0, ...inner.map(depthOf));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
