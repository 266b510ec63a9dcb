/**
 * The names that short pieces of the documentation use without declaring them. It is read by the compiler alone:
 * none of this exists at run time.
 */

import type * as sdk from "codex-embed";
import type * as kit from "codex-embed/testing";
import type * as vitest from "vitest";

export declare const Codex: typeof sdk.Codex;
export declare const TurnFailedError: typeof sdk.TurnFailedError;
export declare const codex: sdk.Codex;
export declare const thread: sdk.Thread;
export declare const turn: sdk.TurnHandle;
export declare const result: sdk.TurnResult;
export declare const input: sdk.Input;
export declare const id: string;
export declare const error: unknown;

/** The testing kit, and the test around a piece. */
export declare const bench: kit.TestCodex;
export declare const model: kit.ScriptedModel;
export declare const workspace: string;
export declare const file: string;
export declare const ScriptedModel: typeof kit.ScriptedModel;
export declare const applyPatch: typeof kit.applyPatch;
export declare const createTestHome: typeof kit.createTestHome;
export declare const delay: typeof kit.delay;
export declare const disconnect: typeof kit.disconnect;
export declare const fail: typeof kit.fail;
export declare const gate: typeof kit.gate;
export declare const message: typeof kit.message;
export declare const reasoning: typeof kit.reasoning;
export declare const shell: typeof kit.shell;
export declare const startTestCodex: typeof kit.startTestCodex;
export declare const step: typeof kit.step;
export declare const usage: typeof kit.usage;
export declare const expect: typeof vitest.expect;
