import { UsageError } from "../errors/base.js";
import type { BeforeToolDecision, GuardContext, GuardedCall, GuardedResult, Guards } from "../guards/types.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";

/**
 * Combines guards into one. They are asked in order, and the first denial wins: the later ones are not asked then. A guard
 * that replaces the input of a call has the other ones asked again about the call that would run. What several add as
 * context is joined, each `afterTool` sees the output that the ones before it left, and the first `continueWith` counts.
 *
 * @throws {@link UsageError} for something that is not an object of guards.
 *
 * @example
 * const guards = combineGuards(protectPaths(["/srv/project/.env"]), limitCalls({ perTurn: 50 }));
 */
export function combineGuards(...guards: readonly Guards[]): Guards {
  const wrong = guards.findIndex((each: unknown) => !isRecord(each));
  if (wrong !== -1) throw new UsageError(`combineGuards: argument ${wrong + 1} is not an object of guards.`);
  const having = <K extends keyof Guards>(name: K): Pick<Guards, K>[] =>
    guards.filter((each) => each[name] !== undefined);
  const members: { -readonly [K in keyof Guards]: Guards[K] } = {};

  const before = having("beforeTool");
  if (before.length > 0) members.beforeTool = (call, context) => askAll(before, call, context);

  const after = having("afterTool");
  if (after.length > 0) {
    members.afterTool = async (call, result, context) => {
      let replaced: string | undefined;
      const contexts: string[] = [];
      for (const each of after) {
        const seen: GuardedResult = replaced === undefined ? result : { ...result, output: replaced };
        const decision = (await each.afterTool?.(call, seen, context)) ?? undefined;
        if (decision?.replace !== undefined) replaced = decision.replace;
        else if (decision?.context !== undefined) contexts.push(decision.context);
      }
      if (replaced === undefined) return toContext(contexts);
      return { replace: [replaced, ...contexts].join("\n\n") };
    };
  }

  const prompt = having("onPrompt");
  if (prompt.length > 0) {
    members.onPrompt = async (event, context) => {
      const contexts: string[] = [];
      for (const each of prompt) {
        const decision = (await each.onPrompt?.(event, context)) ?? undefined;
        if (decision?.deny !== undefined) return decision;
        if (decision?.context !== undefined) contexts.push(decision.context);
      }
      return toContext(contexts);
    };
  }

  for (const name of ["onStop", "onSubagentStop"] as const) {
    const stop = having(name);
    if (stop.length === 0) continue;
    members[name] = async (event, context) => {
      for (const each of stop) {
        const decision = (await each[name]?.(event, context)) ?? undefined;
        if (decision !== undefined) return decision;
      }
      return undefined;
    };
  }

  const session = having("onSessionStart");
  if (session.length > 0) {
    members.onSessionStart = (event, context) => joined(session, (each) => each.onSessionStart?.(event, context));
  }
  const subagent = having("onSubagentStart");
  if (subagent.length > 0) {
    members.onSubagentStart = (event, context) => joined(subagent, (each) => each.onSubagentStart?.(event, context));
  }

  for (const name of ["beforeCompact", "afterCompact"] as const) {
    const compact = having(name);
    if (compact.length === 0) continue;
    members[name] = async (event, context) => {
      for (const each of compact) await each[name]?.(event, context);
    };
  }
  return members;
}

async function askAll(
  guards: readonly Pick<Guards, "beforeTool">[],
  original: GuardedCall,
  context: GuardContext,
): Promise<BeforeToolDecision> {
  let call = original;
  let isAllowed = false;
  const changed = new Set<number>();
  let latest: number | undefined;
  for (let at = 0; at < guards.length; at++) {
    if (at === latest) continue;
    const decision = (await guards[at]?.beforeTool?.(call, context)) ?? undefined;
    if (typeof decision !== "object") {
      isAllowed ||= decision === "allow";
      continue;
    }
    if (decision.deny !== undefined) return decision;
    if (changed.has(at)) return { deny: "Two guards replace the input of this call in turn." };
    changed.add(at);
    latest = at;
    call = withInput(call, decision.input);
    // The other guards decided on a call that will not run.
    at = -1;
  }
  if (call !== original) return { input: call.input };
  return isAllowed ? "allow" : undefined;
}

/** The call with another input, as the guards see it. */
function withInput(call: GuardedCall, input: JsonValue): GuardedCall {
  switch (call.kind) {
    case "command": {
      const script = isRecord(input) ? input["command"] : undefined;
      if (typeof script === "string") return { ...call, script, argv: null, input };
      throw new UsageError(
        "combineGuards: the new input of a command has no `command`. Return { input: { command } }.",
      );
    }
    case "patch":
      throw new UsageError("combineGuards: a guard in a combination cannot replace a patch. Deny it instead.");
    case "other":
      return { ...call, input };
    default:
      return { ...call, arguments: input, input };
  }
}

async function joined<G>(
  guards: readonly G[],
  ask: (guard: G) => ReturnType<NonNullable<Guards["onSessionStart"]>> | undefined,
): Promise<{ context: string } | undefined> {
  const contexts: string[] = [];
  for (const each of guards) {
    const decision = (await ask(each)) ?? undefined;
    if (decision !== undefined) contexts.push(decision.context);
  }
  return toContext(contexts);
}

function toContext(contexts: readonly string[]): { context: string } | undefined {
  return contexts.length === 0 ? undefined : { context: contexts.join("\n\n") };
}
