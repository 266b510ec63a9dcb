/** The two tools: what they say about themselves, and the reading of their arguments. */

import type { Sandbox } from "codex-embed";
import { isRecord } from "./checks.js";
import type { Settings } from "./options.js";

/** What the server tells a client about itself. Models read it. */
export const INSTRUCTIONS =
  "Codex is a coding agent that reads and edits files and runs commands in a folder of this machine. Start a task with " +
  "the tool codex. Continue it with codex-reply and the threadId of the result.";

/** The tool that starts a thread. */
export const START_TOOL = {
  name: "codex",
  title: "Codex",
  description:
    "Run a task with the Codex agent, which reads and edits files and runs commands in a folder of the server's " +
    "machine. Use it to start new work. Returns the agent's final message and a threadId for follow-ups with " +
    "codex-reply. A call can take many minutes.",
} as const;

/** The tool that continues a thread. */
export const REPLY_TOOL = {
  name: "codex-reply",
  title: "Codex reply",
  description:
    "Continue a thread that the tool codex started. Use it for follow-up questions and further instructions: the agent " +
    "remembers the thread and keeps its folder and sandbox. Returns the agent's final message and the same threadId. A " +
    "thread runs one call at a time.",
} as const;

/** Narrow to wide. */
export const SANDBOXES: readonly Sandbox[] = ["read-only", "workspace-write", "full-access"];

/** The same sandboxes by the runtime's names, which callers use. */
const SANDBOX_NAMES: readonly string[] = ["read-only", "workspace-write", "danger-full-access"];

/** The keys of the configuration that a caller may set: none of them can widen what the agent may do or reach. */
export const CONFIG_KEYS: readonly string[] = ["model_reasoning_effort", "model_reasoning_summary", "model_verbosity"];

/** The sandbox of a caller that names none. */
export function defaultSandbox(maxSandbox: Sandbox): Sandbox {
  return maxSandbox === "full-access" ? "workspace-write" : maxSandbox;
}

/** A JSON Schema of an object. */
export type ObjectSchema = Readonly<Record<string, unknown>> & {
  readonly properties: Readonly<Record<string, unknown>>;
};

/** The schema of the arguments of `codex`. It states the limits of this server, so that a model can respect them. */
export function startSchema({ maxSandbox, approvalMode, roots, defaultRoot }: Settings): ObjectSchema {
  const setting = { type: "string" };
  return {
    type: "object",
    properties: {
      prompt: {
        type: "string",
        description:
          "The task: what to do, what to know, what to report. The agent sees nothing else of your conversation.",
      },
      cwd: {
        type: "string",
        description:
          `The folder to work in, inside ${roots.join(" or ")}: an absolute path, or one relative to ${defaultRoot}. ` +
          `Default: ${defaultRoot}.`,
      },
      model: { type: "string", description: "The agent's model. Default: the one that the server is configured with." },
      sandbox: {
        type: "string",
        enum: SANDBOX_NAMES.slice(0, SANDBOXES.indexOf(maxSandbox) + 1),
        description:
          "Where the agent's commands may write: read-only (nowhere), workspace-write (the folder and the temporary " +
          `folder, no network), danger-full-access (everywhere). This server allows ${maxSandbox} at most. ` +
          `Default: ${defaultSandbox(maxSandbox)}.`,
      },
      "approval-policy": {
        type: "string",
        enum: approvalMode === "deny_all" ? ["never"] : ["on-request", "never"],
        description:
          approvalMode === "deny_all"
            ? "never: the agent is denied everything beyond its sandbox. This server allows nothing else."
            : "on-request: the agent may ask for more than its sandbox allows, and somebody decides. never: it is " +
              "denied. Default: on-request.",
      },
      config: {
        type: "object",
        description: "Settings of the model. No other keys are allowed.",
        properties: Object.fromEntries(CONFIG_KEYS.map((key) => [key, setting])),
        additionalProperties: false,
      },
      "base-instructions": {
        type: "string",
        description: "Instructions that replace the agent's built-in ones. Leave it out unless you must replace them.",
      },
      "developer-instructions": {
        type: "string",
        description: "Instructions in addition to the built-in ones. They hold for the whole thread.",
      },
    },
    required: ["prompt"],
    additionalProperties: false,
  };
}

/** The schema of the arguments of `codex-reply`. */
export function replySchema(): ObjectSchema {
  return {
    type: "object",
    properties: {
      threadId: { type: "string", description: "The thread to continue: the threadId of a result of codex. Required." },
      conversationId: { type: "string", description: "Deprecated name of threadId. Use threadId." },
      prompt: { type: "string", description: "What the agent should do or answer next." },
    },
    required: ["prompt"],
    additionalProperties: false,
  };
}

/** The schema of the structured result of both tools. */
export const OUTPUT_SCHEMA: ObjectSchema = {
  type: "object",
  properties: {
    threadId: { type: "string", description: "The thread. Pass it to codex-reply to continue." },
    content: {
      type: "string",
      description: "The agent's final message. If status is interrupted or failed: what went wrong.",
    },
    status: {
      type: "string",
      enum: ["completed", "interrupted", "failed"],
      description: "Whether the agent finished its turn, was stopped before the end, or failed.",
    },
    usage: {
      type: "object",
      description: "The tokens that this turn used.",
      properties: {
        inputTokens: { type: "number" },
        cachedInputTokens: { type: "number" },
        outputTokens: { type: "number" },
        reasoningOutputTokens: { type: "number" },
        totalTokens: { type: "number" },
      },
    },
  },
  required: ["threadId", "content", "status"],
};

/** Arguments of earlier servers, and why they are not supported. */
const RETIRED: Readonly<Record<string, string>> = {
  profile: "callers cannot choose a profile",
  "compact-prompt": "the runtime uses its own",
  "include-plan-tool": "the runtime decides about its plan tool",
};

/** The arguments of the tool `codex`, as the caller gave them. */
export interface StartArguments {
  readonly prompt: string;
  readonly cwd: string | undefined;
  readonly model: string | undefined;
  readonly sandbox: string | undefined;
  readonly approvalPolicy: string | undefined;
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly baseInstructions: string | undefined;
  readonly developerInstructions: string | undefined;
}

/** The arguments of the tool `codex-reply`. */
export interface ReplyArguments {
  readonly threadId: string;
  readonly prompt: string;
}

/** The arguments, or what is wrong with them. The messages name arguments and types, and hold no value. */
export type Reading<T> = { readonly value: T } | { readonly issues: readonly { readonly message: string }[] };

/** Reads the arguments of `codex`. */
export function readStart(given: unknown, settings: Settings): Reading<StartArguments> {
  const reader = new ArgumentReader(given, startSchema(settings), settings.maxPromptBytes);
  const value: StartArguments = {
    prompt: reader.prompt(),
    cwd: reader.text("cwd"),
    model: reader.text("model"),
    sandbox: reader.text("sandbox"),
    approvalPolicy: reader.text("approval-policy"),
    config: reader.object("config"),
    baseInstructions: reader.text("base-instructions"),
    developerInstructions: reader.text("developer-instructions"),
  };
  return reader.reading(value);
}

/** Reads the arguments of `codex-reply`. */
export function readReply(given: unknown, settings: Settings): Reading<ReplyArguments> {
  const reader = new ArgumentReader(given, replySchema(), settings.maxPromptBytes);
  const prompt = reader.prompt();
  const [threadId, conversationId] = [reader.text("threadId"), reader.text("conversationId")];
  if (threadId === undefined && conversationId === undefined) {
    reader.addIssue("threadId is missing: pass the one from a result of codex");
  }
  if (threadId !== undefined && conversationId !== undefined && threadId !== conversationId) {
    reader.addIssue("threadId and conversationId differ: pass threadId only");
  }
  return reader.reading({ prompt, threadId: threadId ?? conversationId ?? "" });
}

/** Reads the arguments of one call, and collects what is wrong with them. */
class ArgumentReader {
  readonly #given: Readonly<Record<string, unknown>>;
  readonly #issues: { message: string }[] = [];
  readonly #maxBytes: number;

  constructor(given: unknown, schema: ObjectSchema, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#given = isRecord(given) ? given : {};
    if (!isRecord(given)) this.addIssue("the arguments must be an object");
    const known = Object.keys(schema.properties);
    for (const key of Object.keys(this.#given)) {
      if (known.includes(key)) continue;
      const name = JSON.stringify(key.slice(0, 100));
      const why = Object.hasOwn(RETIRED, key) ? RETIRED[key] : `this tool takes ${known.join(", ")}`;
      this.addIssue(`unknown argument ${name}: ${why}`);
    }
  }

  addIssue(message: string): void {
    this.#issues.push({ message });
  }

  prompt(): string {
    const prompt = this.text("prompt");
    if (prompt === undefined && (this.#given["prompt"] ?? undefined) === undefined) this.addIssue("prompt is missing");
    else if (prompt?.trim() === "") this.addIssue("prompt is empty");
    return prompt ?? "";
  }

  /** A string. Null counts as left out: some clients send it for arguments that they do not give. */
  text(key: string): string | undefined {
    const value = this.#given[key] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "string") this.addIssue(`${key} must be a string`);
    else if (value.includes("\0")) this.addIssue(`${key} contains a NUL character`);
    else if (Buffer.byteLength(value) > this.#maxBytes) {
      this.addIssue(`${key} has ${Buffer.byteLength(value)} bytes; this server takes ${this.#maxBytes} at most`);
    } else return value;
    return undefined;
  }

  object(key: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.#given[key] ?? undefined;
    if (value === undefined || isRecord(value)) return value;
    this.addIssue(`${key} must be an object`);
    return undefined;
  }

  reading<T>(value: T): Reading<T> {
    return this.#issues.length === 0 ? { value } : { issues: this.#issues };
  }
}
