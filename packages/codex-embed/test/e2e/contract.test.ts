/** Checks real traffic, in both directions, against what the pinned runtime says of itself: its schemas and its types. */

import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { EventEmitter } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Ajv2019, type ErrorObject, type ValidateFunction } from "ajv/dist/2019.js";
import {
  AuthRequiredError,
  type Codex,
  JsonRpcError,
  type NotificationMethod,
  type NotificationOf,
  type Spawn,
  type SpawnedProcess,
  type SpawnRequest,
  type TurnEvent,
  TurnFailedError,
} from "codex-embed";
import {
  applyPatch,
  disconnect,
  fail,
  gate,
  message,
  rawItem,
  reasoning,
  shell,
  startTestCodex,
  step,
  type TestCodex,
  toolCall,
  updatePlan,
} from "codex-embed/testing";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifies } from "../support/verifies.js";

type Json = Readonly<Record<string, unknown>>;

function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a member of an unknown value; undefined when there is none. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

type MessageKind = "ClientRequest" | "ClientNotification" | "ServerRequest" | "ServerNotification";
type AnswerKind = "Result" | "Error";

/** One message: its kind, its method or that of the request it answers, and what it holds. */
interface Message {
  readonly kind: MessageKind | AnswerKind;
  readonly from: "client" | "runtime";
  readonly method: string;
  readonly wire: Json;
}

/** Starts the runtime as it is, and keeps every byte that passes in both directions. */
class Recorder {
  readonly #toRuntime: Buffer[] = [];
  readonly #fromRuntime: Buffer[] = [];
  executable = "";

  readonly spawn: Spawn = (request) => {
    this.executable = request.command;
    return new RecordedProcess(request, this.#toRuntime, this.#fromRuntime);
  };

  get messages(): Message[] {
    const sent = parseLines(this.#toRuntime);
    const received = parseLines(this.#fromRuntime);
    return [...read("client", sent, methodsById(received)), ...read("runtime", received, methodsById(sent))];
  }
}

function methodsById(messages: readonly Json[]): ReadonlyMap<unknown, string> {
  const requests = messages.filter((wire) => "method" in wire && "id" in wire);
  return new Map(requests.map(({ id, method }) => [id, String(method)]));
}

function read(from: Message["from"], messages: readonly Json[], asked: ReadonlyMap<unknown, string>): Message[] {
  const side = from === "client" ? "Client" : "Server";
  return messages.map((wire): Message => {
    if ("method" in wire) {
      return {
        kind: `${side}${"id" in wire ? "Request" : "Notification"}`,
        from,
        method: String(wire["method"]),
        wire,
      };
    }
    const method = asked.get(wire["id"]) ?? "(unasked)";
    return { kind: "error" in wire ? "Error" : "Result", from, method, wire };
  });
}

class RecordedProcess extends EventEmitter implements SpawnedProcess {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr: Readable;
  readonly #child;

  constructor({ command, args, cwd, env }: SpawnRequest, toRuntime: Buffer[], fromRuntime: Buffer[]) {
    super();
    this.#child = spawn(command, args, { cwd, env, stdio: "pipe" });
    this.stderr = this.#child.stderr;
    this.stdin.on("data", (chunk: Buffer) => toRuntime.push(chunk)).pipe(this.#child.stdin);
    this.#child.stdout.on("data", (chunk: Buffer) => fromRuntime.push(chunk)).pipe(this.stdout);
    this.#child.stdin.on("error", () => {});
    this.#child.on("spawn", () => this.emit("spawn"));
    this.#child.on("error", (error) => this.emit("error", error));
    this.#child.on("exit", (exitCode, signal) => this.emit("exit", exitCode, signal));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

function parseLines(chunks: readonly Buffer[]): Json[] {
  const lines = Buffer.concat(chunks).toString("utf8").split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const parsed: unknown = JSON.parse(line);
      if (!isJson(parsed)) throw new Error(`Not an object: ${line}`);
      return parsed;
    });
}

/** The runtime's own schemas, one check per method: a check against a whole union is slow and says nothing useful. */
class Schemas {
  readonly #folder: string;
  readonly #ajv = new Ajv2019({ strict: false, validateFormats: false, validateSchema: false, allErrors: true });
  readonly #documents = new Map<string, Json | null>();
  readonly #checks = new Map<string, ValidateFunction | null>();
  readonly #results = resultTypes();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the runtime print them. */
  static async print(executable: string): Promise<Schemas> {
    const folder = await mkdtemp(join(tmpdir(), "codex-embed-schemas-"));
    const args = ["app-server", "generate-json-schema", "--experimental", "--out", folder];
    await promisify(execFile)(executable, args, { env: { ...process.env, CODEX_HOME: folder } });
    return new Schemas(folder);
  }

  async dispose(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** What is wrong with a message. */
  problems({ kind, method, wire }: Pick<Message, "kind" | "method" | "wire">): string[] {
    const key = `${kind} ${method}`;
    let check = this.#checks.get(key);
    if (check === undefined) {
      const schema = this.#schema(kind, method);
      check = schema === null ? null : this.#ajv.compile({ ...schema, unevaluatedProperties: false });
      this.#checks.set(key, check);
    }
    if (check === null) return [`${key} has no schema`];
    return check(kind === "Result" ? wire["result"] : wire)
      ? []
      : telling(check.errors ?? []).map((error) => key + error);
  }

  #schema(kind: Message["kind"], method: string): object | null {
    if (kind === "Error") return this.#reference("JSONRPCError");
    if (kind === "Result") return this.#reference(this.#results.get(method) ?? "");
    const document = this.#document(kind);
    const branches: unknown = document?.["oneOf"];
    if (!Array.isArray(branches)) return null;
    const index = branches.findIndex((branch) => at(branch, "properties", "method", "enum", 0) === method);
    return index === -1 ? null : { $ref: `${kind}#/oneOf/${index}`, properties: document?.["properties"] ?? {} };
  }

  #reference(name: string): object | null {
    return this.#document(name) === null ? null : { $ref: `${name}#` };
  }

  /** Loads a file of the runtime's output; null when there is none of that name. */
  #document(name: string): Json | null {
    let document = this.#documents.get(name);
    if (document === undefined) {
      const path = ["", "v2", "v1"].map((version) => join(this.#folder, version, `${name}.json`)).find(existsSync);
      document = path === undefined ? null : closeObjects(JSON.parse(readFileSync(path, "utf8")), true);
      if (document !== null) this.#ajv.addSchema({ ...document, $id: name });
      this.#documents.set(name, document);
    }
    return document;
  }
}

/** The errors that say what is wrong: in a union, those of the member that was meant by its `type`. */
function telling(errors: readonly ErrorObject[]): string[] {
  const others = errors.flatMap(
    ({ schemaPath }) => /^(.*\/(?:one|any)Of\/\d+)\/properties\/type\/enum$/.exec(schemaPath)?.[1] ?? [],
  );
  const own = errors.filter(({ schemaPath }) => !others.some((member) => schemaPath.startsWith(`${member}/`)));
  const leaves = own.filter(({ keyword }) => !["oneOf", "anyOf"].includes(keyword));
  const texts = (leaves.length > 0 ? leaves : own).map(({ instancePath, message: text, params }) => {
    const name: unknown = params["unevaluatedProperty"];
    const place = instancePath.replace(/\/\d+(?=\/|$)/g, "/*");
    return `${place} ${text}${typeof name === "string" ? ` (${name})` : ""}`;
  });
  return [...new Set(texts)];
}

/**
 * Makes a schema refuse members that it does not name, everywhere, since a misspelt one is ignored by the runtime and
 * an unknown one is out of reach of the types. A part of a composition stays open: the composition as a whole is closed.
 */
function closeObjects(schema: unknown, isPart: boolean): Json {
  if (!isJson(schema)) return { additionalProperties: true };
  // It says draft 7, of which it uses nothing that later drafts read in another way.
  const { $schema: _draft, ...closed }: Record<string, unknown> = schema;
  const properties = schema["properties"];
  const mapped = (value: Json, part: boolean) =>
    Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, closeObjects(inner, part)]));
  for (const key of ["properties", "definitions"]) {
    const members = schema[key];
    if (isJson(members)) closed[key] = mapped(members, key === "definitions");
  }
  for (const key of ["allOf", "anyOf", "oneOf"]) {
    const parts = schema[key];
    if (Array.isArray(parts)) closed[key] = parts.map((part) => closeObjects(part, true));
  }
  const { items, additionalProperties } = schema;
  if (Array.isArray(items)) closed["items"] = items.map((item) => closeObjects(item, false));
  else if (items !== undefined) closed["items"] = closeObjects(items, false);
  if (isJson(additionalProperties)) closed["additionalProperties"] = closeObjects(additionalProperties, false);
  if (additionalProperties !== undefined) return closed;
  const names = isJson(properties) || ["$ref", "allOf", "anyOf", "oneOf"].some((key) => key in schema);
  if (names) return isPart ? closed : { ...closed, unevaluatedProperties: false };
  return "enum" in schema ? closed : { ...closed, additionalProperties: true };
}

/** The names of the result types, which the schemas do not tie to their methods, from the generated tables. */
function resultTypes(): ReadonlyMap<string, string> {
  const tables = readFileSync(new URL("../../src/protocol/generated/tables.ts", import.meta.url), "utf8");
  const rows = tables.matchAll(/^ {2}"([^"]+)": \{ params: .*; (?:result|response): (\w+) \};$/gm);
  return new Map([...rows].map(([, method = "", name = ""]) => [method, name]));
}

/**
 * Compiles messages as literals of the generated types and returns what does not fit. Unlike the schemas, the types say
 * of each member that can be null whether it may be absent.
 */
function typeProblems(messages: readonly Message[]): string[] {
  const typed = messages.flatMap(({ kind, from, method, wire }) => {
    const name = JSON.stringify(method);
    const types: Readonly<Record<Message["kind"], string | null>> = {
      ClientRequest: `ClientRequests[${name}]["params"]`,
      ClientNotification: null,
      ServerRequest: `ServerRequests[${name}]["params"]`,
      ServerNotification: `Notifications[${name}]`,
      Result: from === "client" ? `ServerRequests[${name}]["response"]` : `ClientRequests[${name}]["result"]`,
      Error: null,
    };
    const type = types[kind];
    const value = JSON.stringify(kind === "Result" ? wire["result"] : wire["params"]);
    return type === null ? [] : [{ what: `${kind} ${method}`, line: `{ const it: ${type} = ${value}; void it; }` }];
  });
  const header =
    'import type { ClientRequests, Notifications, ServerRequests } from "../../src/protocol/generated/tables.js";';
  const text = [header, ...typed.map(({ line }) => line)].join("\n");
  const path = fileURLToPath(new URL("traffic.ts", import.meta.url));
  const { config } = ts.readConfigFile("tsconfig.json", (file) => ts.sys.readFile(file));
  const { options } = ts.convertCompilerOptionsFromJson(at(config, "compilerOptions"), process.cwd());
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([path], options, {
    ...host,
    fileExists: (file) => file === path || host.fileExists(file),
    getSourceFile: (file, target, ...rest) =>
      file === path ? ts.createSourceFile(file, text, target) : host.getSourceFile(file, target, ...rest),
  });
  const source = program.getSourceFile(path);
  if (source === undefined) throw new Error("The traffic was not compiled.");
  const problems = program.getSemanticDiagnostics(source).map(({ start = 0, messageText }) => {
    const what = typed[source.getLineAndCharacterOfPosition(start).line - 1]?.what;
    const member = /^\w+/.exec(text.slice(start).replace(/^"/, ""))?.[0];
    const why = ts
      .flattenDiagnosticMessageText(messageText, "\n")
      .split("\n")[0]
      ?.replace(/ in type .*/, "");
    return `${what}${member === undefined ? "" : ` ${member}`}: ${why}`;
  });
  return [...new Set(problems)].sort();
}

/** An MCP server with one tool. */
const MCP_SERVER = `
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  const results = {
    initialize: { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "probe", version: "1" } },
    "tools/list": { tools: [{ name: "look", description: "Looks", inputSchema: { type: "object", properties: {} } }] },
    "tools/call": { content: [{ type: "text", text: "seen" }] },
  };
  if (id !== undefined) console.log(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
});`;

const NO_PROPERTIES = { type: "object", properties: {} };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const answer = (text: string) => message(text, { usage: { input: 10, output: 2 } });
const addFile = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+new\n*** End Patch`);

type Scene = (bench: TestCodex) => Promise<void>;

const modes: Scene = async ({ codex }) => {
  for (const sandbox of ["read-only", "workspace-write", "full-access"] as const) {
    await codex.startThread({ sandbox, ephemeral: true });
  }
  for (const approvalMode of ["ask", "auto_review", "deny_all"] as const) {
    await codex.startThread({ approvalMode, ephemeral: true });
  }
};

/** A turn with all that a model can say. */
const fullTurn: Scene = async ({ codex, model, workspace }) => {
  const thread = await codex.startThread({ cwd: workspace, developerInstructions: "Be brief." });
  model.enqueue(
    step(
      reasoning({ summary: ["**Think**"], content: ["deeply"], deltas: 2 }),
      message("On it", { phase: "commentary" }),
      shell("echo hi; exit 3"),
    ),
    step(
      { headers: { "x-codex-primary-used-percent": "40", "openai-model": "other" } },
      updatePlan([{ step: "Write", status: "in_progress" }]),
      addFile("new.txt"),
      rawItem({ type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "x" } }),
    ),
    answer("{}"),
  );
  await writeFile(join(workspace, "dot.png"), Buffer.from(PIXEL, "base64"));
  await thread.run(
    ["Do it", { type: "image", image: `data:image/png;base64,${PIXEL}` }, { type: "localImage", path: "dot.png" }],
    { effort: "low", summary: "auto", outputSchema: { type: "object", properties: {}, additionalProperties: false } },
  );
  model.enqueue(answer("<proposed_plan>\n1. Look\n</proposed_plan>"));
  const settings = { model: thread.model, reasoning_effort: null, developer_instructions: null };
  await thread.run("Plan it", { collaborationMode: { mode: "plan", settings } });
  await thread.read({ includeTurns: true });
  await thread[Symbol.asyncDispose]();
};

const hardTurns: Scene = async ({ codex, model }) => {
  const thread = await codex.startThread({ ephemeral: true });
  model.enqueue(step(message({ deltas: ["lost"] }), disconnect()), answer("Found again"));
  await thread.run("Retry");
  model.enqueue(fail(400, { message: "No." }));
  await expect(thread.run("Fail")).rejects.toBeInstanceOf(TurnFailedError);
  const held = gate();
  model.enqueue(message({ deltas: ["part", held] }));
  const interrupted = await thread.startTurn("Talk on", { sandbox: "read-only", approvalMode: "deny_all" });
  await reaches(interrupted, "item/agentMessage/delta");
  await interrupted.interrupt();
  await interrupted.result();
  held.open();
  const second = gate();
  model.enqueue(message({ deltas: ["part", second] }), answer("Steered"));
  const steered = await thread.startTurn("Begin");
  await reaches(steered, "item/agentMessage/delta");
  await steered.steer("Turn left");
  second.open();
  await steered.result();
};

/** What the runtime asks of the client, which declines all of it. */
const declined: Scene = async ({ codex, model, workspace }) => {
  const dynamicTools = [{ type: "function" as const, name: "ring", description: "Rings", inputSchema: NO_PROPERTIES }];
  const { thread } = await codex.request("thread/start", {
    cwd: workspace,
    sandbox: "workspace-write",
    approvalPolicy: "on-request",
    approvalsReviewer: "user",
    dynamicTools,
    experimentalRawEvents: true,
    ephemeral: true,
  });
  const question = { id: "q", header: "Which", question: "Which?", options: [{ label: "A", description: "a" }] };
  const calls = [
    shell("touch never", { escalate: { justification: "Because", prefixRule: ["touch"] } }),
    addFile("../outside.txt"),
    toolCall("ring"),
    toolCall("request_user_input", { questions: [question] }),
    toolCall("request_permissions", { reason: "Because", permissions: { network: { enabled: true } } }),
    toolCall("look", {}, { namespace: "mcp__probe" }),
  ];
  for (const call of calls) {
    model.enqueue(call, answer("Declined"));
    const completed = next(codex, "turn/completed", ({ threadId }) => threadId === thread.id);
    await codex.request("turn/start", {
      threadId: thread.id,
      input: [{ type: "text", text: "Ask", text_elements: [] }],
    });
    await completed;
  }
};

const autoReview: Scene = async ({ codex, model }) => {
  const thread = await codex.startThread({ approvalMode: "auto_review", sandbox: "read-only", ephemeral: true });
  model
    .when(({ subagent }) => subagent === "guardian")
    .enqueue(
      message(JSON.stringify({ risk_level: "high", user_authorization: "low", outcome: "deny", rationale: "No." })),
    );
  model.enqueue(shell("touch never", { escalate: { justification: "Because" } }), answer("Denied"));
  await thread.run("Ask");
};

const history: Scene = async ({ codex, model, workspace }) => {
  const thread = await codex.startThread({ cwd: workspace });
  const threadId = thread.id;
  model.enqueue(answer("One"), answer("Two"));
  const { id: turnId } = await thread.run("First");
  await thread.run("Second");
  await thread.setName("The name");
  for await (const { id } of codex.threads({ limit: 1 })) expect(id).not.toBe("");
  await codex.listThreads({ searchTerm: "First" });
  await codex.readThread(threadId);
  await codex.request("thread/turns/list", { threadId, itemsView: "full" });
  await codex.request("thread/items/list", { threadId });
  await codex.request("thread/search", { searchTerm: "First" });
  await codex.request("thread/inject_items", { threadId, items: [{ type: "message", role: "user", content: [] }] });
  await codex.request("thread/loaded/list", {});
  await codex.request("getConversationSummary", { conversationId: threadId });
  const fork = await thread.fork();
  await codex.resumeThread(threadId);
  model.enqueue(answer("Summary"));
  const compacted = await thread.compact();
  model.enqueue(answer("Aside"));
  await codex.request("thread/sample", { threadId, expectedTurnId: compacted.id, prompt: "Aside" });
  await codex.request("thread/settings/update", { threadId, effort: "high" });
  await codex.request("thread/revert", { threadId, beforeTurnId: turnId });
  model.enqueue(answer("Queued"));
  const queued = next(codex, "turn/completed", (params) => params.threadId === threadId);
  const input = [{ type: "text" as const, text: "Later", text_elements: [] }];
  await codex.request("thread/queue/add", { threadId, input, clientUserMessageId: "later" });
  await queued;
  await thread.archive();
  await codex.unarchiveThread(threadId);
  await codex.archiveThread(fork.id);
  await codex.deleteThread(fork.id);
  await expect(codex.deleteThread("no-such-thread")).rejects.toBeInstanceOf(JsonRpcError);
};

const goalsAndReviews: Scene = async ({ codex, model, workspace }) => {
  const { id: threadId } = await codex.startThread({ cwd: workspace });
  model.enqueue(toolCall("update_goal", { status: "complete" }), answer("Reached"));
  const done = next(codex, "turn/completed", (params) => params.threadId === threadId);
  await codex.request("thread/goal/set", { threadId, objective: "Finish", status: "active" });
  await done;
  await codex.request("thread/goal/get", { threadId });
  await codex.request("thread/goal/clear", { threadId });
  const finding = {
    title: "A",
    body: "B",
    confidence_score: 1,
    priority: 1,
    code_location: { absolute_file_path: join(workspace, "a"), line_range: { start: 1, end: 2 } },
  };
  const review = {
    findings: [finding],
    overall_correctness: "patch is correct",
    overall_explanation: "C",
    overall_confidence_score: 1,
  };
  model.enqueue(message(JSON.stringify(review)));
  const reviewed = next(codex, "turn/completed", (params) => params.threadId === threadId);
  await codex.request("review/start", { threadId, target: { type: "custom", instructions: "Look" } });
  await reviewed;
  const ran = next(codex, "turn/completed", (params) => params.threadId === threadId);
  await codex.request("thread/shellCommand", { threadId, command: "echo hi" });
  await ran;
};

const account: Scene = async ({ codex }) => {
  await codex.models({ includeHidden: true });
  await codex.account();
  await expect(codex.rateLimits()).rejects.toBeInstanceOf(AuthRequiredError);
  await codex.loginApiKey("sk-contract");
  await codex.account();
  await codex.logout();
  // A login in the browser takes a fixed port, which other tests may need.
  await codex.request("account/login/cancel", { loginId: randomUUID() });
};

const utilities: Scene = async ({ codex, workspace }) => {
  const path = join(workspace, "folder", "a.txt");
  await codex.request("fs/createDirectory", { path: join(workspace, "folder"), recursive: true });
  const changed = next(codex, "fs/changed");
  await codex.request("fs/watch", { watchId: "w", path: join(workspace, "folder") });
  await codex.request("fs/writeFile", { path, dataBase64: "aGk=" });
  await changed;
  await codex.request("fs/unwatch", { watchId: "w" });
  await codex.request("fs/readFile", { path });
  await codex.request("fs/getMetadata", { path });
  await codex.request("fs/readDirectory", { path: workspace });
  await codex.request("fs/copy", { sourcePath: path, destinationPath: `${path}2` });
  await codex.request("fs/remove", { path: `${path}2` });
  await expect(codex.request("fs/readFile", { path: `${path}3` })).rejects.toBeInstanceOf(JsonRpcError);
  await codex.request("fuzzyFileSearch", { query: "a", roots: [workspace], cancellationToken: null });
  await codex.request("command/exec", { command: ["echo", "hi"], processId: "p", streamStdoutStderr: true });
  const exited = next(codex, "process/exited");
  await codex.request("process/spawn", {
    command: ["echo"],
    processHandle: "h",
    cwd: workspace,
    streamStdoutStderr: true,
  });
  await exited;
  await codex.request("config/read", { includeLayers: true });
  await codex.request("config/value/write", { keyPath: "model_verbosity", value: "low", mergeStrategy: "replace" });
  await codex.request("configRequirements/read", undefined);
  await codex.request("skills/list", { cwds: [workspace] });
  await codex.request("hooks/list", { cwds: [workspace] });
  await codex.request("mcpServerStatus/list", {});
  await codex.request("experimentalFeature/list", {});
  await codex.request("permissionProfile/list", {});
  await codex.request("collaborationMode/list", {});
  await codex.request("modelProvider/capabilities/read", {});
  await codex.request("app/list", {});
  await codex.request("server/diagnostics", {});
  await codex.request("environment/info", { environmentId: "local" });
  await codex.request("getAuthStatus", { includeToken: null, refreshToken: null });
};

/** Talks with a runtime about everything that the SDK does and that works offline. */
async function converse(spawnRecorded: Spawn): Promise<void> {
  const silent = (): void => {};
  const bench = await startTestCodex({
    spawn: spawnRecorded,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    streamMaxRetries: 1,
    optOutNotifications: [],
    extraConfig: {
      cli_auth_credentials_store: "file",
      features: { request_permissions_tool: true, default_mode_request_user_input: true },
      mcp_servers: { probe: { command: process.execPath, args: ["-e", MCP_SERVER] } },
    },
  });
  try {
    for (const scene of [
      modes,
      fullTurn,
      hardTurns,
      declined,
      autoReview,
      history,
      goalsAndReviews,
      account,
      utilities,
    ]) {
      await scene(bench);
    }
    bench.model.assertComplete();
  } finally {
    await bench.close();
  }
}

async function reaches(turn: AsyncIterable<TurnEvent>, method: TurnEvent["method"]): Promise<void> {
  for await (const event of turn) if (event.method === method) return;
  throw new Error(`The turn ended without ${method}.`);
}

/** Resolves with the next notification that is wanted. Ask for it before what causes it. */
function next<M extends NotificationMethod>(
  codex: Codex,
  method: M,
  wanted: (params: NotificationOf<M>["params"]) => boolean = () => true,
): Promise<void> {
  return new Promise((resolve, reject) => {
    void codex.closed.then(() => reject(new Error(`The runtime closed before ${method}.`)));
    const subscription = codex.on(method, ({ params }) => {
      if (!wanted(params)) return;
      subscription[Symbol.dispose]();
      resolve();
    });
  });
}

/** Where the pinned runtime departs from its own schemas, and why that is none of this SDK's faults. */
const SCHEMA_DEVIATIONS: Readonly<Record<string, string>> = {
  "ClientRequest getAuthStatus has no schema": "deprecated; only the printed types have it",
  "ClientRequest getConversationSummary has no schema": "deprecated; only the printed types have it",
  "Result getAuthStatus has no schema": "deprecated; only the printed types have it",
  "Result getConversationSummary has no schema": "deprecated; only the printed types have it",
  "ServerNotification rawResponse/completed has no schema": "internal; only the printed types have it",
  "ServerNotification rawResponseItem/completed has no schema": "internal; only the printed types have it",
};

const NULL_FOR_ABSENT = "the schema allows null, the printed type only absence";
const NULLABLE_DETAIL = "detail: Type 'null' is not assignable to type 'ImageDetail | undefined'.";
const UNKNOWN_MEMBER = "Object literal may only specify known properties, and";

/** Where it departs from its own types, which `codex-embed/protocol` passes on as they are. */
const TYPE_DEVIATIONS: Readonly<Record<string, string>> = {
  [`ServerNotification item/started ${NULLABLE_DETAIL}`]: NULL_FOR_ABSENT,
  [`ServerNotification item/completed ${NULLABLE_DETAIL}`]: NULL_FOR_ABSENT,
  [`Result thread/read ${NULLABLE_DETAIL}`]: NULL_FOR_ABSENT,
  ...Object.fromEntries(
    ["brandColor", "defaultPrompt", "iconLarge", "iconSmall"].map((member) => [
      `Result skills/list ${member}: Type 'null' is not assignable to type 'string | undefined'.`,
      NULL_FOR_ABSENT,
    ]),
  ),
  "Result config/read: Property 'disabledReason' is missing": "absent when a layer is not disabled, not null",
  [`ServerNotification rawResponseItem/completed content_item_kinds: ${UNKNOWN_MEMBER} '"content_item_kinds"' does not exist`]:
    "internal; the item is passed on as the model gave it",
  [`ServerNotification rawResponseItem/completed create_time: ${UNKNOWN_MEMBER} '"create_time"' does not exist`]:
    "internal; the item is passed on as the model gave it",
};

const words = (text: string): string[] => text.trim().split(/\s+/);

/** What the session has to have shown. */
const COVERED: Readonly<Record<string, readonly string[]>> = {
  "client ClientRequest": words(`
    account/login/cancel account/login/start account/logout account/rateLimits/read account/read app/list
    collaborationMode/list command/exec config/read config/value/write configRequirements/read environment/info
    experimentalFeature/list fs/copy fs/createDirectory fs/getMetadata fs/readDirectory fs/readFile fs/remove
    fs/unwatch fs/watch fs/writeFile fuzzyFileSearch getAuthStatus getConversationSummary hooks/list initialize
    mcpServerStatus/list model/list modelProvider/capabilities/read permissionProfile/list process/spawn
    review/start server/diagnostics skills/list thread/archive thread/compact/start thread/delete thread/fork
    thread/goal/clear thread/goal/get thread/goal/set thread/inject_items thread/items/list thread/list
    thread/loaded/list thread/name/set thread/queue/add thread/read thread/resume thread/revert thread/sample
    thread/search thread/settings/update thread/shellCommand thread/start thread/turns/list thread/unarchive
    thread/unsubscribe turn/interrupt turn/start turn/steer
  `),
  "runtime Error": words(`
    account/rateLimits/read fs/readFile thread/delete
  `),
  "runtime ServerNotification": words(`
    account/login/completed account/rateLimits/updated account/updated command/exec/outputDelta deprecationNotice
    error fs/changed guardianWarning item/agentMessage/delta item/autoApprovalReview/completed
    item/autoApprovalReview/started item/commandExecution/outputDelta item/completed item/plan/delta
    item/reasoning/summaryPartAdded item/reasoning/summaryTextDelta item/reasoning/textDelta item/started
    mcpServer/startupStatus/updated model/rerouted process/exited process/outputDelta rawResponse/completed
    rawResponseItem/completed remoteControl/status/changed serverRequest/resolved thread/archived thread/deleted
    thread/goal/cleared thread/goal/updated thread/name/updated thread/queue/changed thread/readState/changed
    thread/reverted thread/settings/updated thread/started thread/status/changed thread/tokenUsage/updated
    thread/unarchived turn/completed turn/diff/updated turn/plan/updated turn/started warning
  `),
  "runtime ServerRequest": words(`
    item/commandExecution/requestApproval item/fileChange/requestApproval item/permissions/requestApproval
    item/tool/call item/tool/requestUserInput mcpServer/elicitation/request
  `),
  "client Result": words(`
    item/commandExecution/requestApproval item/fileChange/requestApproval item/permissions/requestApproval
    item/tool/call item/tool/requestUserInput mcpServer/elicitation/request
  `),
};

describe("the traffic of a whole session", () => {
  const recorder = new Recorder();
  let messages: readonly Message[] = [];
  let schemas: Schemas;

  const find = (kind: Message["kind"], method: string): Message => {
    const found = messages.find((message) => message.kind === kind && message.method === method);
    if (found === undefined) throw new Error(`No ${kind} ${method} was recorded.`);
    return found;
  };

  beforeAll(async () => {
    await converse(recorder.spawn);
    messages = recorder.messages;
    schemas = await Schemas.print(recorder.executable);
  }, 120_000);
  afterAll(() => schemas?.dispose());

  it("fits the runtime's schemas in both directions", () => {
    verifies("real-traffic");
    const problems = new Set(messages.flatMap((message) => schemas.problems(message)));
    expect([...problems].sort()).toEqual(Object.keys(SCHEMA_DEVIATIONS).sort());
  });

  it("fits the generated types in both directions", () => {
    verifies("real-traffic");
    expect(typeProblems(messages)).toEqual(Object.keys(TYPE_DEVIATIONS).sort());
  });

  it("leaves no request unanswered", () => {
    const count = (from: Message["from"], ...kinds: Message["kind"][]) =>
      messages.filter((message) => message.from === from && kinds.includes(message.kind)).length;
    expect(count("runtime", "Result", "Error")).toBe(count("client", "ClientRequest"));
    expect(count("client", "Result", "Error")).toBe(count("runtime", "ServerRequest"));
  });

  it.each(Object.entries(COVERED))("covers every %s that it is meant to", (what, methods) => {
    const covered = messages.map(({ from, kind, method }) => `${from} ${kind} ${method}`);
    expect(methods.filter((method) => !covered.includes(`${what} ${method}`))).toEqual([]);
  });

  it("would show what does not fit", () => {
    const start = find("ClientRequest", "turn/start");
    const paramsOf = ({ wire }: Message): Json => (isJson(wire["params"]) ? wire["params"] : {});
    const input = [{ type: "text", text: "Hi", textElements: [] }];
    const started = find("ServerNotification", "turn/started");
    const broken: Message[] = [
      { ...start, wire: { ...start.wire, params: { ...paramsOf(start), input } } },
      { ...start, wire: { ...start.wire, params: { input: [] } } },
      { ...start, method: "turn/begin" },
      { ...started, wire: { ...started.wire, params: { ...paramsOf(started), threadId: 1 } } },
      { ...find("Result", "item/fileChange/requestApproval"), wire: { id: 0, result: { decision: "yes" } } },
      { ...find("Error", "thread/delete"), wire: { id: 0, error: { code: "x", message: "y" } } },
    ];
    expect(broken.map((message) => schemas.problems(message))).toEqual([
      ["ClientRequest turn/start/params/input/* must NOT have unevaluated properties (textElements)"],
      ["ClientRequest turn/start/params must have required property 'threadId'"],
      ["ClientRequest turn/begin has no schema"],
      ["ServerNotification turn/started/params/threadId must be string"],
      ["Result item/fileChange/requestApproval/decision must be equal to one of the allowed values"],
      ["Error thread/delete/error/code must be integer"],
    ]);
    expect(typeProblems(broken).map((problem) => problem.split(":")[0])).toEqual([
      "ClientRequest turn/begin turn",
      "ClientRequest turn/start it",
      "ClientRequest turn/start textElements",
      "Result item/fileChange/requestApproval decision",
      "ServerNotification turn/started threadId",
    ]);
  });
});
