/** Owns text with unknown parts, and whether two such texts could be the same. */

/** Stands for any run of characters, none included. */
export const ANY: unique symbol = Symbol("any");

/** Stands for one character. */
export const ONE: unique symbol = Symbol("one");

/** A single character, or what stands for characters that are not known. */
export type Piece = string | typeof ANY | typeof ONE;

/** Text, as far as it is known. */
export type Wildcard = readonly Piece[];

/** Reads `*` as any run of characters; with `one`, that character as any single one. */
export function wildcard(text: string, one?: string): Wildcard {
  return Array.from(text, (char) => (char === "*" ? ANY : char === one ? ONE : char));
}

/** Text in which nothing is unknown. */
export function literal(text: string): Wildcard {
  return Array.from(text);
}

/** The text as people read it: `*` for any run of characters, `?` for one. */
export function wildcardText(pieces: Wildcard): string {
  return pieces.map((piece) => (piece === ANY ? "*" : piece === ONE ? "?" : piece)).join("");
}

/** Tells whether some text fits both. Takes time in proportion to the product of their lengths, at worst. */
export function couldBeSame(a: Wildcard, b: Wildcard): boolean {
  // Holds j when what was read of `a` and the first j pieces of `b` could be the same text.
  let reachable = new Set([0]);
  for (let i = 0; ; i++) {
    // A set that grows while it is iterated yields what was added.
    for (const j of reachable) if (j < b.length && (a[i] === ANY || b[j] === ANY)) reachable.add(j + 1);
    if (i === a.length) return reachable.has(b.length);
    if (reachable.size === 0) return false;
    const next = new Set<number>();
    for (const j of reachable) {
      if (a[i] === ANY || b[j] === ANY) next.add(j);
      if (j < b.length && isSameCharacter(a[i], b[j])) next.add(j + 1);
    }
    reachable = next;
  }
}

function isSameCharacter(a: Piece | undefined, b: Piece | undefined): boolean {
  if (a === ANY || b === ANY) return false;
  return a === b || a === ONE || b === ONE;
}
