/**
 * The message of whatever was thrown. Never throws: anything can be thrown, including an object without a prototype, a
 * revoked proxy, and an error whose `message` throws.
 */
export function messageOf(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return String(thrown);
    const { message, name } = thrown;
    return String(message === "" ? name : message);
  } catch {
    return "unknown error";
  }
}
