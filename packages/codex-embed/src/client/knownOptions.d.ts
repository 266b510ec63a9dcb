/** The tables of the options that a client, its threads and their turns take. */
import type { Handlers } from "../requests/handlers.js";
import {
  type CodexOptions,
  type ConnectOptions,
  type ForkThreadOptions,
  type ListThreadsOptions,
  type ResumeThreadOptions,
  type RunOptions,
  type StartThreadOptions,
  type TurnLimits,
  type TurnOptions,
} from "../runtime/options.js";
import type { Schema } from "../schema/types.js";
import { type Check } from "../validate/kinds.js";
import { type OptionTable } from "../validate/options.js";
/** Every handler; an object with handlers may be an instance of a class, with state of its own. */
export declare const HANDLERS: OptionTable<Handlers>;
/** A logger: an object with these four methods, and whatever else it has. */
export declare const logger: Check;
/** Options of `new Codex` and `Codex.launch`. */
export declare const CODEX: OptionTable<CodexOptions>;
/** Options of `Codex.connect`. */
export declare const CONNECT: OptionTable<ConnectOptions>;
/** Options of `startThread`. */
export declare const START_THREAD: OptionTable<StartThreadOptions>;
/** Options of `resumeThread`. */
export declare const RESUME_THREAD: OptionTable<ResumeThreadOptions>;
/** Options of `forkThread` and `thread.fork`. */
export declare const FORK_THREAD: OptionTable<ForkThreadOptions>;
/** Options of `listThreads` and `threads`. */
export declare const LIST_THREADS: OptionTable<ListThreadsOptions>;
/** What ends a turn early. */
export declare const TURN_LIMITS: OptionTable<TurnLimits>;
/** Options of `startTurn` and `stream`. */
export declare const TURN: OptionTable<TurnOptions<Schema | undefined>>;
/** Options of `run`. */
export declare const RUN: OptionTable<RunOptions<Schema | undefined>>;
