/** Owns the packages that pages show but this repository does not install. Their names are taken on trust. */

/** Each is imported in blocks with the mark `check`, and has no types there. */
export const FOREIGN: readonly string[] = ["electron", "express", "hono", "next"];
