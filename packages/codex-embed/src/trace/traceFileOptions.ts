import { absolutePath, expandHome } from "../process/paths.js";

/** Where and how the trace of a client is written. */
export interface TraceFileOptions {
  /** The file. A relative path is resolved against the working directory of this program, `~/` against the home folder. */
  readonly path: string;
  /** The size at which the file is rotated, in bytes. Default 64 MiB. */
  readonly maxBytes?: number | undefined;
  /** How many files are kept, with the one that is written: `trace.jsonl`, `trace.jsonl.1`, … Default 3. */
  readonly files?: number | undefined;
  /**
   * Whether prompts, answers, commands and other text are written. Default true. With false only ids, methods, kinds and
   * numbers are left of a message.
   */
  readonly content?: boolean | undefined;
}

/** Options with their defaults, and an absolute path. */
export type TraceFilePlan = { readonly [K in keyof TraceFileOptions]-?: NonNullable<TraceFileOptions[K]> };

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;

/** Reads the option `traceFile` without touching the file. Throws `UsageError` for a path that cannot be resolved. */
export function traceFilePlan(option: string | TraceFileOptions): TraceFilePlan {
  const {
    path,
    maxBytes = DEFAULT_MAX_BYTES,
    files = 3,
    content = true,
  } = typeof option === "string" ? { path: option } : option;
  return { path: absolutePath(expandHome(path, "traceFile")), maxBytes, files, content };
}
