/** Owns the packages that pages show but this repository does not install. Their names are taken on trust. */

/** Each has no types in the blocks that import it. */
export const FOREIGN: readonly string[] = ["electron"];
