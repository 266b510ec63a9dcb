/** Owns how the end of a process's stderr becomes part of a message. */

/** Ends a message that has no full stop yet: with one, or with the last lines of a process's stderr. */
export function withStderr(message: string, stderrTail: string): string {
  const tail = stderrTail.trimEnd();
  return tail === "" ? `${message}.`.replace(/\.\.$/, ".") : `${message}. Its last words on stderr:\n${tail}`;
}
