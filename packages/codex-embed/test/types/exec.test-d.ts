/** Holds the promises of the exec client's types, beside those of the package that it replaces. `npm run check:types` is the test. */

import type * as theirs from "@openai/codex-sdk";
import type {
  AgentMessageItem,
  ApprovalMode,
  Codex,
  CodexOptions,
  CommandExecutionItem,
  CyberAccessProgram,
  ErrorItem,
  ExecError,
  FileChangeItem,
  Input,
  ItemCompletedEvent,
  ItemStartedEvent,
  ItemUpdatedEvent,
  McpToolCallItem,
  ModelReasoningEffort,
  PartialTurn,
  ReasoningItem,
  RunResult,
  RunStreamedResult,
  SandboxMode,
  Thread,
  ThreadError,
  ThreadErrorEvent,
  ThreadEvent,
  ThreadItem,
  ThreadOptions,
  ThreadStartedEvent,
  TodoListItem,
  Turn,
  TurnCompletedEvent,
  TurnFailedEvent,
  TurnOptions,
  TurnStartedEvent,
  Usage,
  UserInput,
  WebSearchItem,
  WebSearchMode,
} from "codex-embed/exec";
import { expectTypeOf } from "vitest";
import * as z from "zod";

declare const codex: Codex;
declare const thread: Thread;

/** What is the same there. */
export function same(): void {
  expectTypeOf<ApprovalMode>().toEqualTypeOf<theirs.ApprovalMode>();
  expectTypeOf<SandboxMode>().toEqualTypeOf<theirs.SandboxMode>();
  expectTypeOf<ModelReasoningEffort>().toEqualTypeOf<theirs.ModelReasoningEffort>();
  expectTypeOf<WebSearchMode>().toEqualTypeOf<theirs.WebSearchMode>();
  expectTypeOf<CyberAccessProgram>().toEqualTypeOf<theirs.CyberAccessProgram>();
  expectTypeOf<Usage>().toEqualTypeOf<theirs.Usage>();
  expectTypeOf<UserInput>().toEqualTypeOf<theirs.UserInput>();
  expectTypeOf<Input>().toEqualTypeOf<theirs.Input>();
  expectTypeOf<ThreadStartedEvent>().toEqualTypeOf<theirs.ThreadStartedEvent>();
  expectTypeOf<TurnStartedEvent>().toEqualTypeOf<theirs.TurnStartedEvent>();
  expectTypeOf<TurnCompletedEvent>().toEqualTypeOf<theirs.TurnCompletedEvent>();
  expectTypeOf<TurnFailedEvent>().toEqualTypeOf<theirs.TurnFailedEvent>();
  expectTypeOf<ThreadErrorEvent>().toEqualTypeOf<theirs.ThreadErrorEvent>();
  expectTypeOf<ThreadError>().toEqualTypeOf<theirs.ThreadError>();
  expectTypeOf<ThreadEvent["type"]>().toEqualTypeOf<theirs.ThreadEvent["type"]>();
  expectTypeOf<AgentMessageItem>().toEqualTypeOf<theirs.AgentMessageItem>();
  expectTypeOf<ReasoningItem>().toEqualTypeOf<theirs.ReasoningItem>();
  expectTypeOf<TodoListItem>().toEqualTypeOf<theirs.TodoListItem>();
  expectTypeOf<ErrorItem>().toEqualTypeOf<theirs.ErrorItem>();
  expectTypeOf<Thread["id"]>().toEqualTypeOf<theirs.Thread["id"]>();
}

/** What is wider here: whatever fits there fits here. */
export function wider(): void {
  expectTypeOf<theirs.CodexOptions>().toExtend<CodexOptions>();
  expectTypeOf<theirs.ThreadOptions>().toExtend<ThreadOptions>();
  expectTypeOf<theirs.TurnOptions>().toExtend<TurnOptions>();
  expectTypeOf<theirs.CommandExecutionItem>().toExtend<CommandExecutionItem>();
  expectTypeOf<theirs.FileChangeItem>().toExtend<FileChangeItem>();
  expectTypeOf<theirs.McpToolCallItem>().toExtend<McpToolCallItem>();
  expectTypeOf<theirs.WebSearchItem>().toExtend<WebSearchItem>();
  expectTypeOf<theirs.ThreadItem>().toExtend<ThreadItem>();
  expectTypeOf<theirs.ThreadEvent>().toExtend<ThreadEvent>();
  expectTypeOf<theirs.ItemStartedEvent>().toExtend<ItemStartedEvent>();
  expectTypeOf<theirs.ItemUpdatedEvent>().toExtend<ItemUpdatedEvent>();
  expectTypeOf<theirs.ItemCompletedEvent>().toExtend<ItemCompletedEvent>();
  expectTypeOf<theirs.RunResult>().toExtend<RunResult>();
  expectTypeOf<RunStreamedResult["events"]>().toExtend<AsyncGenerator<ThreadEvent>>();
  expectTypeOf<Exclude<ThreadItem["type"], theirs.ThreadItem["type"]>>().toEqualTypeOf<"collab_tool_call">();
}

/** Options and inputs are built piece by piece in many programs. */
export function built(): void {
  const options: ThreadOptions = {};
  options.model = "m";
  options.additionalDirectories = [];
  options.additionalDirectories.push("/a");
  const input: UserInput[] = [];
  input.push({ type: "text", text: "t" });
  void thread.run(input);
  void thread.run([{ type: "text", text: "t" }] as const);
  const turn: Turn = { items: [], finalResponse: "", usage: null };
  expectTypeOf(turn).toEqualTypeOf<Turn>();
}

export async function typed(): Promise<void> {
  expectTypeOf(await thread.run("x")).toEqualTypeOf<Turn>();
  expectTypeOf(await thread.run("x", {})).toEqualTypeOf<Turn>();
  expectTypeOf(await thread.run("x", { outputSchema: undefined })).toEqualTypeOf<Turn>();
  const anything: unknown = {};
  expectTypeOf(await thread.run("x", { outputSchema: anything })).toEqualTypeOf<Turn>();
  const options: TurnOptions = { outputSchema: z.string() };
  expectTypeOf(await thread.run("x", options)).toEqualTypeOf<Turn>();
  const schema = z.object({ days: z.number().default(1) });
  const { parsed, finalResponse } = await thread.run("x", { outputSchema: schema });
  expectTypeOf(parsed).toEqualTypeOf<{ days: number }>();
  expectTypeOf(finalResponse).toEqualTypeOf<string>();
  expectTypeOf<ExecError["result"]>().toEqualTypeOf<PartialTurn>();
  // @ts-expect-error: a JSON Schema gives no typed answer
  void (await thread.run("x", { outputSchema: { type: "object" } })).parsed;
  // @ts-expect-error: there is no such mode
  codex.startThread({ sandboxMode: "full-access" });
  // @ts-expect-error: misspelt
  codex.startThread({ workingDirectroy: "/" });
  // @ts-expect-error: there is no such kind of part
  void thread.run([{ type: "image", path: "a" }]);
}

/** A switch over the kinds narrows, and can be exhaustive. */
export function narrowed(event: ThreadEvent): string {
  switch (event.type) {
    case "thread.started":
      return event.thread_id;
    case "turn.started":
      return "";
    case "turn.completed":
      return String(event.usage.input_tokens);
    case "turn.failed":
      return event.error.message;
    case "error":
      return event.message;
    case "item.started":
    case "item.updated":
    case "item.completed":
      if (event.item.type === "todo_list") return event.item.items.map(({ text }) => text).join();
      if (event.item.type === "command_execution")
        expectTypeOf(event.item.exit_code).toEqualTypeOf<number | null | undefined>();
      return event.item.id;
  }
}
