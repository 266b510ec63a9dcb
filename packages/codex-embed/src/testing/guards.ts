import type { BeforeToolDecision, GuardContext, GuardedCall, Guards } from "../guards/types.js";

/** A call that `beforeTool` was asked about. */
export interface RecordedGuardCall {
  readonly call: GuardedCall;
  readonly context: GuardContext;
  /** What was decided; undefined until then, and for no decision. */
  readonly decision: BeforeToolDecision | void;
}

/** Guards that remember the calls they were asked about, in order. */
export interface RecordedGuards extends Guards {
  readonly beforeTool: NonNullable<Guards["beforeTool"]>;
}

/**
 * Wraps guards, so that a test can look at what they were asked: pass `guards` to a thread or a client, and read `calls`.
 * Without guards, every call is recorded and continues.
 */
export function recordGuards(guards: Guards = {}): {
  readonly guards: RecordedGuards;
  readonly calls: readonly RecordedGuardCall[];
} {
  const calls: { call: GuardedCall; context: GuardContext; decision: BeforeToolDecision | void }[] = [];
  return {
    calls,
    guards: {
      ...guards,
      beforeTool: async (call, context) => {
        const recorded: (typeof calls)[number] = { call, context, decision: undefined };
        calls.push(recorded);
        recorded.decision = await guards.beforeTool?.(call, context);
        return recorded.decision;
      },
    },
  };
}
