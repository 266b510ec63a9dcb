/** Holds the promises that the public types make. Nothing here runs: `npm run check:types` is the test. */

import {
  type Agent,
  ApprovalMode,
  Codex,
  type CodexError,
  type CodexOptions,
  type CommandApprovalRequest,
  type CommandDecision,
  type DeltaEvent,
  type FileChangeDecision,
  type ForkThreadOptions,
  type HandlerContext,
  type Handlers,
  type Input,
  type JsonRpcError,
  type McpToolDecision,
  type NotificationMethod,
  type ResumeThreadOptions,
  type ReviewHandle,
  type ReviewResult,
  Sandbox,
  type ServerBusyError,
  type StartThreadOptions,
  type Thread,
  type TurnDeadlineError,
  type TurnEvent,
  TurnFailedError,
  type TurnHandle,
  TurnLimitError,
  type TurnOptions,
  type TurnOutcome,
  type TurnResult,
  type TurnSnapshot,
  tool,
  toolGroup,
} from "codex-embed";
import { approvalRules } from "codex-embed/approvals";
import type {
  ClientRequests,
  CodexErrorInfo,
  GetAccountResponse,
  ItemCompletedNotification,
  LogoutAccountResponse,
  Model,
  Notifications,
  ServerRequests,
  ThreadItem,
  ThreadReadResponse,
  Thread as ThreadRecord,
} from "codex-embed/protocol";
import { expectTypeOf } from "vitest";
import { z } from "zod";

declare const codex: Codex;
declare const thread: Thread;
declare const turn: TurnHandle;

export function requests(): void {
  expectTypeOf(
    codex.request("thread/read", { threadId: "t", includeTurns: true }),
  ).resolves.toEqualTypeOf<ThreadReadResponse>();
  expectTypeOf(codex.request("account/logout")).resolves.toEqualTypeOf<LogoutAccountResponse>();
  expectTypeOf(
    codex.request("account/logout", undefined, { timeoutMs: 1 }),
  ).resolves.toEqualTypeOf<LogoutAccountResponse>();
  expectTypeOf(codex.request("account/rateLimits/read")).resolves.not.toBeAny();
  expectTypeOf(codex.account()).resolves.toEqualTypeOf<GetAccountResponse>();
  expectTypeOf(codex.models()).resolves.toEqualTypeOf<Model[]>();
  expectTypeOf(codex.threads()).toEqualTypeOf<AsyncGenerator<ThreadRecord, void, undefined>>();

  // @ts-expect-error: the parameters are missing
  void codex.request("thread/read");
  // @ts-expect-error: a member is missing
  void codex.request("thread/read", {});
  // @ts-expect-error: a member is misspelt
  void codex.request("thread/read", { threadId: "t", includeTurn: true });
  // @ts-expect-error: there is no such method
  void codex.request("thread/reed", { threadId: "t" });
  // @ts-expect-error: this method takes no parameters
  void codex.request("account/logout", {});
  // @ts-expect-error: there is no such option
  void codex.request("account/logout", undefined, { timeout: 1 });
}

export function notifications(): void {
  expectTypeOf(codex.on("item/completed", () => {})).toEqualTypeOf<Disposable>();
  codex.on("item/completed", ({ method, params, emittedAtMs }) => {
    expectTypeOf(method).toEqualTypeOf<"item/completed">();
    expectTypeOf(params).toEqualTypeOf<ItemCompletedNotification>();
    expectTypeOf(emittedAtMs).toEqualTypeOf<number | undefined>();
  });
  codex.on("unknown", ({ method, params }) => {
    expectTypeOf(method).toEqualTypeOf<string>();
    expectTypeOf(params).toEqualTypeOf<unknown>();
  });
  expectTypeOf<NotificationMethod>().toEqualTypeOf<keyof Notifications>();

  // @ts-expect-error: there is no such notification
  codex.on("item/complete", () => {});
  // @ts-expect-error: it has other parameters
  codex.on("item/completed", ({ params }) => params.delta);
}

export async function events(): Promise<void> {
  for await (const event of turn) {
    expectTypeOf(event).toEqualTypeOf<TurnEvent>();
    switch (event.method) {
      case "item/completed":
        expectTypeOf(event.params.item).toEqualTypeOf<ThreadItem>();
        if (event.params.item.type === "commandExecution") {
          expectTypeOf(event.params.item.exitCode).toEqualTypeOf<number | null>();
        }
        break;
      case "item/agentMessage/delta":
        expectTypeOf(event.params.delta).toEqualTypeOf<string>();
        expectTypeOf(event).toExtend<DeltaEvent>();
        break;
      case "turn/completed":
        expectTypeOf(event.params.turn.status).toExtend<"completed" | "interrupted" | "failed" | "inProgress">();
        break;
      // @ts-expect-error: it belongs to no turn
      case "account/updated":
        break;
      default:
        // @ts-expect-error: not every event carries an item
        void event.params.item;
    }
  }
  for await (const text of turn.textStream()) expectTypeOf(text).toEqualTypeOf<string>();
}

export async function results(): Promise<void> {
  const result = await turn.result();
  expectTypeOf(result).toEqualTypeOf<TurnResult>();
  expectTypeOf(result.status).toEqualTypeOf<"completed" | "interrupted">();
  expectTypeOf(result.finalResponse).toEqualTypeOf<string | null>();
  expectTypeOf(result.items).toEqualTypeOf<readonly ThreadItem[]>();
  expectTypeOf(result.usage?.turn.inputTokens).toEqualTypeOf<number | undefined>();
  // @ts-expect-error: a result is not for writing
  result.finalResponse = "";
  // @ts-expect-error: what failed is thrown, not returned
  void (result.status === "failed");
}

export async function outcomes(): Promise<void> {
  const outcome = await turn.outcome();
  expectTypeOf(outcome).toEqualTypeOf<TurnOutcome>();
  expectTypeOf(outcome.result.items).toEqualTypeOf<readonly ThreadItem[]>();
  switch (outcome.status) {
    case "completed":
      expectTypeOf(outcome.result).toEqualTypeOf<TurnResult>();
      expectTypeOf(outcome.error).toEqualTypeOf<undefined>();
      break;
    case "interrupted":
    case "failed":
      expectTypeOf(outcome.result).toEqualTypeOf<TurnSnapshot>();
      break;
    default:
      expectTypeOf(outcome.status).toEqualTypeOf<"ended">();
      expectTypeOf(outcome.error).toEqualTypeOf<CodexError>();
  }
}

export async function reviewHandles(): Promise<void> {
  const review = await thread.startReview({ type: "uncommittedChanges" }, { deadlineMs: 1_000, keepCommands: true });
  expectTypeOf(review).toEqualTypeOf<ReviewHandle>();
  expectTypeOf(await review.result()).toEqualTypeOf<ReviewResult>();
  expectTypeOf(await review.outcome()).toEqualTypeOf<TurnOutcome>();
  for await (const event of review) expectTypeOf(event).toEqualTypeOf<TurnEvent>();
  // @ts-expect-error: a review takes limits, and no input
  await thread.startReview("Look at it.");
}

export function limits(error: unknown): void {
  if (!TurnLimitError.isInstance(error)) return;
  expectTypeOf(error.result).toEqualTypeOf<TurnSnapshot | null>();
  expectTypeOf(error.turnId).toEqualTypeOf<string | null>();
  expectTypeOf<TurnDeadlineError>().toExtend<TurnLimitError>();
}

export function errors(error: unknown): void {
  if (TurnFailedError.isInstance(error)) {
    expectTypeOf(error).toEqualTypeOf<TurnFailedError>();
    expectTypeOf(error.result).toEqualTypeOf<TurnSnapshot>();
    expectTypeOf(error.info).toEqualTypeOf<CodexErrorInfo | null>();
    expectTypeOf(error.code).toEqualTypeOf<string>();
  }
  expectTypeOf<ServerBusyError>().toExtend<JsonRpcError>();
  expectTypeOf<JsonRpcError>().toExtend<CodexError>();
  expectTypeOf<CodexError>().toExtend<Error>();
}

export function options(signal: AbortSignal | undefined): void {
  expectTypeOf<Sandbox>().toEqualTypeOf<"read-only" | "workspace-write" | "full-access">();
  expectTypeOf<ApprovalMode>().toEqualTypeOf<"auto_review" | "deny_all" | "ask">();
  expectTypeOf(Sandbox.readOnly).toEqualTypeOf<"read-only">();
  expectTypeOf(ApprovalMode.denyAll).toEqualTypeOf<"deny_all">();

  const accepted: CodexOptions = {
    // What may be undefined can be passed on as it is, in spite of exactOptionalPropertyTypes.
    codexBin: process.env["SOME_BIN"],
    env: { PATH: undefined },
    config: { model: "m", mcp_servers: { "a.b": { command: "c", args: ["d"], enabled: true } } },
    logger: console,
    onStderr: (text) => expectTypeOf(text).toEqualTypeOf<string>(),
  };
  void new Codex(accepted);
  void codex.startThread({ sandbox: "read-only", approvalMode: Sandbox.readOnly === "read-only" ? "ask" : "deny_all" });
  void codex.startThread({ model: "m", developerInstructions: "Be brief.", config: { a: 1 } });
  const turnOptions: TurnOptions = { signal, effort: "high", sandbox: Sandbox.workspaceWrite };
  const inputs: Input[] = ["Hi", { type: "text", text: "Hi" }, ["Hi", { type: "image", image: new Uint8Array() }]];
  void [turnOptions, inputs];

  // @ts-expect-error: there is no such sandbox
  void codex.startThread({ sandbox: "danger-full-access" });
  // @ts-expect-error: there is no such mode
  void codex.startThread({ approvalMode: "on-request" });
  // @ts-expect-error: the modes stand for the wire's policies
  void codex.startThread({ approvalPolicy: "never" });
  // @ts-expect-error: there is no such option
  void codex.resumeThread("t", { sandBox: "read-only" });
  // @ts-expect-error: there is no such option
  void new Codex({ codexPath: "codex" });
  // @ts-expect-error: a turn's thread is the thread's
  const wrong: TurnOptions = { threadId: "t" };
  // @ts-expect-error: text is text
  const odd: Input = { type: "text", text: 1 };
  void [wrong, odd];
}

export function handlers(): void {
  const synchronous: Handlers = { approveCommand: () => "decline", approveMcpTool: () => "acceptAlways" };
  const promised: Handlers = {
    approveCommand: () => Promise.resolve("decline"),
    approveFileChange: async ({ changes }) => {
      expectTypeOf(changes[0].diff).toEqualTypeOf<string>();
      return (await Promise.resolve(changes.length)) === 1 ? "accept" : "decline";
    },
    // TypeScript widens the only literal of an async function whose result may also come without a promise.
    approvePermissions: async () => "decline" as const,
  };
  const seen: Handlers = {
    approveCommand: (request, context) => {
      expectTypeOf(request).toEqualTypeOf<CommandApprovalRequest>();
      expectTypeOf(context).toEqualTypeOf<HandlerContext>();
      expectTypeOf(request.proposedExecpolicyAmendment).toEqualTypeOf<string[] | null | undefined>();
      return { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["ls"] } };
    },
    approvePermissions: ({ permissions }) => ({ permissions: { network: permissions.network ?? { enabled: null } } }),
    answerQuestions: ({ questions }) => Object.fromEntries(questions.map(({ id }) => [id, ["yes"]])),
    answerElicitation: () => ({ action: "accept", content: { name: "x" } }),
    refreshChatgptTokens: () => ({ accessToken: "a", chatgptAccountId: "b" }),
  };
  expectTypeOf<Extract<CommandDecision, string>>().toEqualTypeOf<
    "accept" | "acceptForSession" | "decline" | "cancel"
  >();
  expectTypeOf<FileChangeDecision>().toEqualTypeOf<"accept" | "acceptForSession" | "decline" | "cancel">();
  expectTypeOf<McpToolDecision>().toEqualTypeOf<
    "accept" | "acceptForSession" | "acceptAlways" | "decline" | "cancel"
  >();

  // @ts-expect-error: there is no such decision
  const misspelt: Handlers = { approveCommand: () => "approve" };
  // @ts-expect-error: a file change knows no rules
  const foreign: Handlers = { approveFileChange: () => ({ acceptWithExecpolicyAmendment: {} }) };
  // @ts-expect-error: a decision is needed
  const silent: Handlers = { approveCommand: () => {} };
  // @ts-expect-error: there is no such handler
  const unknown: Handlers = { approveCommands: () => "accept" };
  // @ts-expect-error: a rule decides to accept or to decline
  void approvalRules({ otherwise: "accept" });
  const others: Handlers = {};
  void approvalRules({ otherwise: others, commands: undefined });
  void codex.startThread({ handlers: approvalRules({ onDecision: ({ decision }) => isDecision(decision) }) });
  void [synchronous, promised, seen, misspelt, foreign, silent, unknown];
}

function isDecision(decision: "accept" | "decline"): void {
  expectTypeOf(decision).toEqualTypeOf<"accept" | "decline">();
}

export async function typedAnswers(thread: Thread): Promise<void> {
  const outputSchema = z.object({ tickets: z.array(z.number()), note: z.string().optional() });
  const { output } = await thread.run("?", { outputSchema, repairAttempts: 1 });
  expectTypeOf(output).toEqualTypeOf<{ tickets: number[]; note?: string | undefined }>();
  const typed = await thread.startTurn("?", { outputSchema });
  expectTypeOf(typed.result()).resolves.toExtend<{ output: { tickets: number[] } }>();
  expectTypeOf((await thread.run("?", { outputSchema: { type: "object" } })).output).toBeUnknown();
  expectTypeOf((await thread.run("?")).output).toEqualTypeOf<undefined>();
  // @ts-expect-error: a schema is an object
  void thread.run("?", { outputSchema: "json" });
  // @ts-expect-error: only `run` can ask again
  void thread.startTurn("?", { outputSchema, repairAttempts: 1 });
}

export function tools(): void {
  const named = { name: "t", description: "d", parameters: z.object({ id: z.number() }) };
  const typed = tool({
    ...named,
    execute: ({ id }, { signal, threadId, log }) => {
      expectTypeOf(id).toEqualTypeOf<number>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(threadId).toEqualTypeOf<string>();
      log("x");
      return { found: id };
    },
  });
  void codex.startThread({ tools: [typed, toolGroup("g", "d", [typed])] });
  // @ts-expect-error: the schema has no such member
  void tool({ ...named, execute: ({ name }) => name });
  // @ts-expect-error: it cannot be sent as JSON
  void tool({ ...named, execute: () => 1n });
}

export async function agents(): Promise<void> {
  for await (const agent of turn.agents()) {
    expectTypeOf(agent).toEqualTypeOf<Agent>();
    for await (const event of agent) expectTypeOf(event).toEqualTypeOf<TurnEvent>();
  }
  for (const agent of turn.agents()) expectTypeOf([...agent.agents()]).toEqualTypeOf<Agent[]>();
}

export async function reviews(thread: Thread): Promise<void> {
  const { findings, verdict } = await thread.review({ type: "commit", sha: "abc" });
  expectTypeOf(findings[0]?.confidence).toEqualTypeOf<number | null | undefined>();
  expectTypeOf(verdict?.correctness).toEqualTypeOf<string | null | undefined>();
  // @ts-expect-error: a branch is named
  void thread.review({ type: "baseBranch" });
}

/** Whether a type is `any`, which would switch off every check of whoever uses it. */
type IsAny<T> = 0 extends 1 & T ? true : false;
/** The keys of the members that are `any`. */
type AnyMembers<T> = { [K in keyof T]-?: IsAny<T[K]> extends true ? K : never }[keyof T];
type Params = { [M in keyof ClientRequests]: ClientRequests[M]["params"] };
type Results = { [M in keyof ClientRequests]: ClientRequests[M]["result"] };
type Asked = { [M in keyof ServerRequests]: ServerRequests[M]["params"] };
type Answers = { [M in keyof ServerRequests]: ServerRequests[M]["response"] };

/** The whole exported surface is walked by `surface.test.ts`; the maps of the wire are checked here. */
export function noAny(): void {
  expectTypeOf<AnyMembers<Params>>().toEqualTypeOf<never>();
  expectTypeOf<AnyMembers<Results>>().toEqualTypeOf<never>();
  expectTypeOf<AnyMembers<Asked>>().toEqualTypeOf<never>();
  expectTypeOf<AnyMembers<Answers>>().toEqualTypeOf<never>();
  expectTypeOf<AnyMembers<Notifications>>().toEqualTypeOf<never>();
  expectTypeOf<AnyMembers<StartThreadOptions & ResumeThreadOptions & ForkThreadOptions>>().toEqualTypeOf<never>();
}
