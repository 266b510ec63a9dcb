/** A logger in the shape of pino's; `console` fits as well. Never receives prompts, parameters or secrets. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
/** The same logger, except that nothing it throws or rejects with reaches the caller: logging never changes what happens. */
export declare function safeLogger(logger: Logger): Logger;
