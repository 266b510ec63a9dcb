/** Owns colour: how text is dressed, and whether a stream wants it. */

import { styleText } from "node:util";

/** The styles in use. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Dresses a text. Without colour, it returns the text as it is. */
export type Paint = (style: Style, text: string) => string;

/** Makes the function that dresses text. */
export function painter(color: boolean): Paint {
  // The caller has decided; without this option the state of process.stdout would decide again.
  return (style, text) => (color && text !== "" ? styleText(style, text, { validateStream: false }) : text);
}

/** Whether to write colour to a stream: NO_COLOR forbids it, FORCE_COLOR demands it, else a capable terminal gets it. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}
