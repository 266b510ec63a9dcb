/** The corpora of recorded messages, which tests damage and replay: they hold no message that no supported runtime sends. */

/** The methods of messages from the runtime, of two protocols. */
export interface Methods {
  readonly before: ReadonlySet<string>;
  /** With those that only older runtimes send. */
  readonly after: ReadonlySet<string>;
}

/** A corpus, one message a line, without those whose method is gone. Lines that no protocol has ever known stay. */
export function withoutVanished(corpus: string, { before, after }: Methods): string {
  return corpus
    .split("\n")
    .filter((line) => {
      const method = methodOf(line);
      return method === undefined || !before.has(method) || after.has(method);
    })
    .join("\n");
}

function methodOf(line: string): string | undefined {
  if (line === "") return undefined;
  const message: unknown = JSON.parse(line);
  const method: unknown = typeof message === "object" && message !== null ? Reflect.get(message, "method") : undefined;
  return typeof method === "string" ? method : undefined;
}
