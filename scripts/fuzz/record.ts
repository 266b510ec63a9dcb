/** The recording of the corpus: what the pinned runtime writes during scripted turns of every kind. */

import { dirname } from "node:path";
import { approveAll, type StartThreadOptions, type Thread } from "codex-embed";
import {
  applyPatch,
  disconnect,
  fail,
  gate,
  message,
  type Part,
  type RecordedRequest,
  reasoning,
  type Step,
  shell,
  startTestCodex,
  step,
  type TestCodex,
  toolCall,
  updatePlan,
} from "codex-embed/testing";
import { teed } from "../shared/teed.js";

/** How many lines of one shape are kept. */
const LINES_PER_SHAPE = 2;
/** A longer line would only make every run slower. */
const MAX_LINE_CHARS = 20_000;

/** Runs the scripted turns and returns the lines worth keeping, without the folders of this machine. */
export async function recordCorpus(): Promise<string[]> {
  const chunks: Buffer[] = [];
  await using bench = await startTestCodex({
    sandbox: "workspace-write",
    streamMaxRetries: 1,
    handlers: approveAll,
    spawn: teed(chunks),
  });
  for (const play of [plainTurn, approvals, failures, agents, answers]) await play(bench);
  await bench.codex.close();
  const text = Buffer.concat(chunks)
    .toString("utf8")
    .replaceAll(bench.codexHome, "/home/user/.codex")
    .replaceAll(bench.workspace, "/home/user/project")
    .replaceAll(dirname(bench.workspace), "/home/user");
  return worthKeeping(text.split("\n"));
}

function worthKeeping(lines: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return lines.filter((line) => {
    if (line === "" || line.length > MAX_LINE_CHARS) return false;
    const shape = shapeOf(JSON.parse(line));
    const count = (seen.get(shape) ?? 0) + 1;
    seen.set(shape, count);
    return count <= LINES_PER_SHAPE;
  });
}

/** What two lines have in common that differ in their texts and numbers only. */
function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length === 0 ? "" : shapeOf(value[0])}]`;
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  const members = Object.entries(value).map(([key, member]: [string, unknown]) => {
    const names = key === "method" || key === "type" || key === "tool" || key === "status";
    return `${key}:${names && typeof member === "string" ? member : shapeOf(member)}`;
  });
  return `{${members.join()}}`;
}

const answer = (text: string) => message(text, { usage: { input: 10, output: 2 } });
const addFile = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+new\n*** End Patch`);

async function run(
  { codex, model }: TestCodex,
  options: StartThreadOptions,
  ...steps: readonly (Step | Part)[]
): Promise<Thread> {
  const thread = await codex.startThread(options);
  model.enqueue(...steps);
  await thread.run("Begin").catch(() => {});
  return thread;
}

async function plainTurn(bench: TestCodex): Promise<void> {
  await run(
    bench,
    {},
    step(
      reasoning({ summary: ["**Think**"], content: ["deeply"], deltas: 2 }),
      message("On it", { phase: "commentary" }),
      shell("echo hi; exit 3"),
    ),
    step(updatePlan([{ step: "Write", status: "in_progress" }]), addFile("new.txt")),
    message({ deltas: ["Grüße ", "\u2028", "😀"] }),
  );
}

async function approvals(bench: TestCodex): Promise<void> {
  const question = { id: "q", header: "Which", question: "Which?", options: [{ label: "A", description: "a" }] };
  const parts = [
    shell("true", { escalate: { justification: "Because", prefixRule: ["true"] } }),
    addFile("../outside.txt"),
    toolCall("request_user_input", { questions: [question] }),
    toolCall("request_permissions", { reason: "Because", permissions: { network: { enabled: true } } }),
  ];
  for (const part of parts) await run(bench, { approvalMode: "ask", ephemeral: true }, part, answer("Done"));
}

async function failures(bench: TestCodex): Promise<void> {
  await run(bench, { ephemeral: true }, step(message({ deltas: ["lost"] }), disconnect()), answer("Found again"));
  await run(bench, { ephemeral: true }, fail(400, { message: "No." }));
  const thread = await bench.codex.startThread({ ephemeral: true });
  const held = gate();
  bench.model.enqueue(message({ deltas: ["part", held] }));
  const turn = await thread.startTurn("Talk on");
  for await (const event of turn) if (event.method === "item/agentMessage/delta") void turn.interrupt();
  held.open();
}

async function agents({ codex, model }: TestCodex): Promise<void> {
  const namespace = "multi_agent_v1";
  const target = (request: RecordedRequest): string => {
    const output: unknown = JSON.parse(request.toolOutput("a") ?? "null");
    return typeof output === "object" && output !== null && "agent_id" in output ? String(output.agent_id) : "";
  };
  const script: ((request: RecordedRequest) => Part)[] = [
    () => toolCall("spawn_agent", { message: "left" }, { namespace, callId: "a" }),
    (request) => toolCall("wait_agent", { targets: [target(request)], timeout_ms: 10_000 }, { namespace }),
    (request) => toolCall("close_agent", { target: target(request) }, { namespace }),
  ];
  model.respondWith((request) => {
    if (request.userTexts().includes("left")) return message("Left is done.");
    return script.shift()?.(request) ?? message("All is done.");
  });
  await (await codex.startThread({ ephemeral: true })).run("root");
}

async function answers(bench: TestCodex): Promise<void> {
  const { codex, model } = bench;
  const thread = await run(bench, {}, answer("One"));
  await thread.read({ includeTurns: true });
  await thread.setName("The name");
  await codex.listThreads();
  await codex.models();
  await codex.account();
  await codex.readThread("no-such-thread").catch(() => {});
  await codex.request("turn/interrupt", { threadId: thread.id, turnId: "no-such-turn" }).catch(() => {});
  await codex.rateLimits().catch(() => {});
  model.enqueue(toolCall("update_goal", { status: "complete" }), answer("Reached"));
  await thread.runGoal("Finish");
  model.enqueue(answer("Summary"));
  await thread.compact();
  await thread.runShellCommand("echo hi");
  await codex.resumeThread(thread.id);
  const forked = await thread.fork();
  await forked.unsubscribe();
  const closed = new Promise((resolve) => codex.on("thread/archived", resolve));
  await thread.archive();
  await closed;
}
