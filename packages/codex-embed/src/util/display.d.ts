/** Text that a person decides on, made safe to show: nothing in it is hidden, and nothing steers what shows it. */
/**
 * Writes out every character that does not show as itself, as `\u{200b}`: controls, everything that is invisible or
 * turns the direction of text, blanks other than the space, marks that cover a character or pile up. Line feeds stay.
 */
export declare function escapeForDisplay(text: string): string;
/** {@link escapeForDisplay} on one line: line feeds and tabs are written as `\n` and `\t`. */
export declare function escapeToOneLine(text: string): string;
/** Whether {@link escapeForDisplay} leaves a text as it is. */
export declare function isPlainToSee(text: string): boolean;
/** JSON of a value that may be printed on a terminal: what does not show as itself is escaped as `\uXXXX`. */
export declare function displayJson(value: unknown, indent?: number): string;
