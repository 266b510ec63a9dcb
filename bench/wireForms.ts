/** Owns the two forms in which the clients of a replay read their messages. */

/** As the runtime writes them: a line each. */
export function lines(messages: readonly string[]): string {
  return messages.map((message) => `${message}\n`).join("");
}

/** As `vscode-jsonrpc` reads them: a header before each. */
export function framed(messages: readonly string[]): string {
  return messages.map((message) => `Content-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`).join("");
}
