import { UsageError } from "../errors/base.js";
import type { GuardContext, GuardsWith } from "../guards/types.js";
import type { Environment } from "../process/environment.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { callback, filled, integer, kindOf, milliseconds, recordOf, required, text } from "../validate/kinds.js";
import { checkOptions, type OptionTable } from "../validate/options.js";
import { ruleGuard } from "./guardRules.js";
import { callSafely } from "./types.js";

/** Options of {@link requirePassing}. */
export interface RequirePassingOptions {
  /** The folder to run the command in. Default: the working directory of the agent. */
  readonly cwd?: string | undefined;
  /** Environment variables, merged over those of this program. */
  readonly env?: Environment | undefined;
  /**
   * Milliseconds after which the command and everything that it started are killed, and count as failed. Default 50,000.
   * Keep it below the `guardTimeoutMs` of the thread.
   */
  readonly timeoutMs?: number | undefined;
  /** How many times the agent is sent back in one turn, by any guard. Then it may stop. Default 3. */
  readonly maxRounds?: number | undefined;
  /** How many characters of the end of the output the model reads. Default 4,000. */
  readonly tailChars?: number | undefined;
  /** Called after each run. Errors that it throws are ignored. */
  readonly onRun?: ((run: PassingRun) => void) | undefined;
}

/** One run of the command of {@link requirePassing}. */
export interface PassingRun {
  readonly passed: boolean;
  /** Null when it was killed. */
  readonly exitCode: number | null;
  /** How many times the agent was sent back before. */
  readonly rounds: number;
  /** Whether the agent may stop now: the command passed, or the rounds are used up. */
  readonly isFinal: boolean;
  readonly threadId: string;
  readonly turnId: string | null;
}

/**
 * Lets the agent end its turn only when a command passes. If it fails, the agent reads the end of its output and continues,
 * at most `maxRounds` times. This program runs the command itself: outside the sandbox, with the rights of this program,
 * without approvals. The agent can change what it runs, such as the scripts in `package.json`.
 *
 * A string runs in the shell of the system; an array runs without one.
 *
 * @throws {@link UsageError} for an empty command and for unknown options. The guard rejects with `LaunchError` if the
 * command cannot be started.
 *
 * @example
 * const guards = requirePassing("npm test", { maxRounds: 5 });
 */
export function requirePassing(
  command: string | readonly string[],
  options: RequirePassingOptions = {},
): GuardsWith<"onStop"> {
  const checked = checkOptions(options, "requirePassing", REQUIRE_PASSING);
  const { timeoutMs = 50_000, maxRounds = 3, tailChars = 4_000, onRun } = checked;
  const [program, ...args] = programOf(command);
  const shown = typeof command === "string" ? command : JSON.stringify(command);
  return {
    async onStop({ rounds }, { cwd, signal, threadId, turnId }) {
      // Other guards start no processes, and need not load what does.
      const { runForTail } = await import("../process/run.js");
      const request = { command: program, args, cwd: checked.cwd ?? cwd, env: checked.env ?? {} };
      const { exitCode, isTimedOut, tail, ...exit } = await runForTail({ ...request, tailChars, timeoutMs, signal });
      const passed = exitCode === 0 && !isTimedOut;
      const isFinal = passed || rounds >= maxRounds;
      if (onRun !== undefined) callSafely(onRun, { passed, exitCode, rounds, isFinal, threadId, turnId });
      if (isFinal) return undefined;
      const end = exitCode === null ? `signal ${exit.signal}` : `exit code ${exitCode}`;
      const how = isTimedOut ? `was stopped after ${timeoutMs} ms` : `failed with ${end}`;
      return {
        continueWith: `\`${shown}\` ${how}. It must pass before you finish. End of its output:\n\n${tail}`,
      };
    },
  };
}

function programOf(command: unknown): readonly [string, ...string[]] {
  if (typeof command === "string" && command.trim() !== "") {
    if (process.platform === "win32") return [process.env["ComSpec"] ?? "cmd.exe", "/d", "/s", "/c", command];
    return ["/bin/sh", "-c", command];
  }
  if (Array.isArray(command) && command.every((word: unknown): word is string => typeof word === "string")) {
    const [program, ...args] = command;
    if (program !== undefined && program !== "") return [program, ...args];
  }
  throw new UsageError(
    `requirePassing: command is ${kindOf(command)}. Give a command line such as "npm test", or an array of its arguments.`,
  );
}

/**
 * Denies patches and commands that write to these files: absolute globs, as in `paths.deny` of {@link guardRules}, with the
 * same limits for commands.
 *
 * @throws {@link UsageError} for no globs, and for a glob that is not absolute.
 *
 * @example
 * const guards = protectPaths(["/srv/project/.env", "/srv/project/migrations/**"]);
 */
export function protectPaths(globs: readonly string[]): GuardsWith<"beforeTool"> {
  if (!Array.isArray(globs) || globs.length === 0) {
    throw new UsageError(`protectPaths: globs is ${kindOf(globs)}. Give an array of at least one absolute glob.`);
  }
  return ruleGuard({ paths: { deny: globs } }, "protectPaths");
}

/** Options of {@link limitCalls}. */
export interface LimitCallsOptions {
  /** How many calls of tools an agent may make in one turn. 0 denies all. */
  readonly perTurn: number;
}

/** How many agents are counted at a time. The one that has been idle for the longest is forgotten. */
const MAX_COUNTED = 10_000;

/**
 * Denies calls of tools beyond a number for each turn. Each agent has its own count: a sub-agent does not use up the calls
 * of the agent that started it. Use one for as many threads as you like.
 *
 * @throws {@link UsageError} unless `perTurn` is an integer ≥ 0.
 */
export function limitCalls(options: LimitCallsOptions): GuardsWith<"beforeTool"> {
  const { perTurn } = checkOptions(options, "limitCalls", LIMIT_CALLS);
  const counts = new Map<string, { turnId: string | null; made: number; readonly ids: Set<string> }>();
  return {
    beforeTool(_call, { threadId, turnId, callId, agent }: GuardContext) {
      const key = agent.kind === "main" ? threadId : agent.threadId;
      const known = counts.get(key);
      const count = known?.turnId === turnId ? known : { turnId, made: 0, ids: new Set<string>() };
      // The last one in the map is the last one used.
      counts.delete(key);
      counts.set(key, count);
      for (const oldest of counts.keys()) {
        if (counts.size <= MAX_COUNTED) break;
        counts.delete(oldest);
      }
      // A call whose input another guard replaced is asked about again.
      if (callId !== null && count.ids.has(callId)) return undefined;
      if (count.made >= perTurn) {
        return { deny: `The limit of ${perTurn} tool calls in one turn is reached. Finish without further calls.` };
      }
      count.made++;
      if (callId !== null) count.ids.add(callId);
      return undefined;
    },
  };
}

/** Options of {@link redactOutput}. */
export interface RedactOutputOptions {
  /** What the model reads in place of a match. Default `[redacted]`. */
  readonly replacement?: string | undefined;
}

/**
 * Hides matches in the output of tools from the model. Events, items and logs of this program keep the original, and the
 * agent can still get at it in other ways, such as by encoding it: keep secrets out of its reach where you can.
 *
 * A string is compared literally, in linear time. A regular expression runs on output that a model chose: avoid nested
 * quantifiers such as `(a+)+`, which take exponential time.
 *
 * @throws {@link UsageError} for an empty string, and for an expression that is sticky or matches the empty string.
 *
 * @example
 * const guards = redactOutput(/sk-[A-Za-z0-9]{20,}/);
 */
export function redactOutput(
  pattern: string | RegExp | readonly (string | RegExp)[],
  options: RedactOutputOptions = {},
): GuardsWith<"afterTool"> {
  const { replacement = "[redacted]" } = checkOptions(options, "redactOutput", REDACT_OUTPUT);
  const patterns = (Array.isArray(pattern) ? pattern : [pattern]).map(redactable);
  const redact = (output: string): string =>
    patterns.reduce((left: string, each) => left.replaceAll(each, () => replacement), output);
  return {
    afterTool(_call, { output }) {
      const redacted = mapStrings(output, redact);
      const [before, after] = [asText(output), asText(redacted)];
      return before === after ? undefined : { replace: after };
    },
  };
}

function redactable(pattern: unknown): string | RegExp {
  if (typeof pattern === "string" && pattern !== "") return pattern;
  if (!(pattern instanceof RegExp)) {
    throw new UsageError(
      `redactOutput: pattern is ${kindOf(pattern)}. Give a non-empty string or a regular expression.`,
    );
  }
  if (pattern.sticky) throw new UsageError("redactOutput: pattern is sticky. Remove its flag y.");
  const global = new RegExp(pattern.source, pattern.flags.includes("g") ? pattern.flags : `${pattern.flags}g`);
  if ("".match(global) !== null) {
    throw new UsageError("redactOutput: pattern matches the empty string. Give one that matches a character or more.");
  }
  return global;
}

function asText(output: JsonValue): string {
  return typeof output === "string" ? output : JSON.stringify(output);
}

/** Applies a function to every string in a value, the keys of objects included. Does not recurse. */
function mapStrings(value: JsonValue, map: (text: string) => string): JsonValue {
  if (typeof value === "string") return map(value);
  return JSON.parse(JSON.stringify(value), (_key, each: JsonValue) => {
    if (typeof each === "string") return map(each);
    if (each === null || typeof each !== "object" || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).map(([key, member]) => [map(key), member]));
  });
}

const REQUIRE_PASSING: OptionTable<RequirePassingOptions> = {
  cwd: filled,
  env: recordOf(text),
  timeoutMs: milliseconds,
  maxRounds: integer(0),
  tailChars: integer(0),
  onRun: callback,
};
const LIMIT_CALLS: OptionTable<LimitCallsOptions> = { perTurn: required(integer(0)) };
const REDACT_OUTPUT: OptionTable<RedactOutputOptions> = { replacement: filled };
