/** A logger in the shape of pino's; `console` fits as well. Never receives prompts, parameters or secrets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The same logger, except that nothing it throws or rejects with reaches the caller: logging never changes what happens. */
export function safeLogger(logger: Logger): Logger {
  const safe = (level: keyof Logger) => (fields: object, message: string) => {
    try {
      const written: unknown = logger[level](fields, message);
      // An asynchronous logger gives a promise; without a listener, its rejection ends the program.
      if (typeof written === "object" && written !== null) Promise.resolve(written).catch(() => {});
    } catch {
      // There is nowhere left to report it.
    }
  };
  return { debug: safe("debug"), info: safe("info"), warn: safe("warn"), error: safe("error") };
}
