/** Owns what the two tools take: their JSON schemas, and the reading of arguments into typed values. */

import type { Sandbox } from "codex-embed";
import type { Settings } from "./options.js";

/** Narrow to wide. */
export const SANDBOXES: readonly Sandbox[] = ["read-only", "workspace-write", "full-access"];

/** The same, as the runtime's users know them. */
const SANDBOX_NAMES: readonly string[] = ["read-only", "workspace-write", "danger-full-access"];

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

/** A JSON Schema of an object. */
export type ObjectSchema = Readonly<Record<string, unknown>> & {
  readonly properties: Readonly<Record<string, unknown>>;
};

/** The arguments, or what is wrong with them. The messages name keys and types, and hold no value. */
export type Reading<T> = { readonly value: T } | { readonly issues: readonly { readonly message: string }[] };

/** The schema of the arguments of `codex`: what this server allows is said in it, so that a model can keep to it. */
export function startSchema({ maxSandbox, approvalMode, roots }: Settings): ObjectSchema {
  return {
    type: "object",
    properties: {
      prompt: { type: "string", description: "What the agent shall do." },
      cwd: { type: "string", description: `The folder to work in; below ${roots.join(", ")}. Default: ${roots[0]}.` },
      model: { type: "string", description: "The model. Default: the configured one." },
      sandbox: {
        type: "string",
        enum: SANDBOX_NAMES.slice(0, SANDBOXES.indexOf(maxSandbox) + 1),
        description: `Where the agent's commands may write. This server allows ${maxSandbox} at most.`,
      },
      "approval-policy": {
        type: "string",
        enum: approvalMode === "deny_all" ? ["never"] : ["on-request", "never"],
        description: "Whether the agent may ask to go beyond its sandbox.",
      },
      config: {
        type: "object",
        description: "Settings of the model: model_reasoning_effort, model_reasoning_summary, model_verbosity.",
      },
      "base-instructions": { type: "string", description: "Replaces the agent's own instructions." },
      "developer-instructions": { type: "string", description: "Added to the agent's instructions." },
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
      threadId: { type: "string", description: "The thread to continue, from the result of codex." },
      conversationId: { type: "string", description: "The former name of threadId." },
      prompt: { type: "string", description: "What the agent shall do next." },
    },
    required: ["prompt"],
    additionalProperties: false,
  };
}

/** The schema of what both tools give. */
export const OUTPUT_SCHEMA: ObjectSchema = {
  type: "object",
  properties: {
    threadId: { type: "string", description: "Continue with codex-reply and this id." },
    content: { type: "string", description: "The agent's final message; what went wrong when the turn failed." },
    status: { type: "string", enum: ["completed", "interrupted", "failed"] },
    usage: {
      type: "object",
      description: "The tokens of this turn.",
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

/** Why a key that used to be taken is taken no more. */
const RETIRED: Readonly<Record<string, string>> = {
  profile: "the runtime takes no profiles here",
  "compact-prompt": "the runtime's own is used",
  "include-plan-tool": "the plan tool is the runtime's to offer",
};

/** Reads the arguments of `codex`. */
export function readStart(given: unknown, settings: Settings): Reading<StartArguments> {
  const reader = new ArgumentReader(given, startSchema(settings), settings.maxPromptBytes);
  const value: StartArguments = {
    prompt: reader.prompt(),
    cwd: reader.text("cwd"),
    model: reader.text("model"),
    sandbox: reader.text("sandbox"),
    approvalPolicy: reader.text("approval-policy"),
    config: reader.table("config"),
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
  if (threadId === undefined && conversationId === undefined) reader.complain("threadId is missing");
  if (threadId !== undefined && conversationId !== undefined && threadId !== conversationId) {
    reader.complain("threadId and conversationId differ; give threadId alone");
  }
  return reader.reading({ prompt, threadId: threadId ?? conversationId ?? "" });
}

/** Reads one object key by key, and collects what is wrong with it. */
class ArgumentReader {
  readonly #given: Readonly<Record<string, unknown>>;
  readonly #issues: { message: string }[] = [];
  readonly #maxBytes: number;

  constructor(given: unknown, schema: ObjectSchema, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#given = isRecord(given) ? given : {};
    if (!isRecord(given)) this.complain("the arguments must be an object");
    const known = Object.keys(schema.properties);
    for (const key of Object.keys(this.#given)) {
      if (known.includes(key)) continue;
      const name = JSON.stringify(key.slice(0, 100));
      const why = Object.hasOwn(RETIRED, key) ? RETIRED[key] : `this tool takes ${known.join(", ")}`;
      this.complain(`${name} is not taken: ${why}`);
    }
  }

  complain(message: string): void {
    this.#issues.push({ message });
  }

  prompt(): string {
    const prompt = this.text("prompt");
    if (prompt === undefined && (this.#given["prompt"] ?? undefined) === undefined) this.complain("prompt is missing");
    else if (prompt?.trim() === "") this.complain("prompt is empty");
    return prompt ?? "";
  }

  /** A text; null counts as left out, as some clients fill in what they do not give. */
  text(key: string): string | undefined {
    const value = this.#given[key] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "string") this.complain(`${key} must be a string`);
    else if (value.includes("\0")) this.complain(`${key} holds a NUL character`);
    else if (Buffer.byteLength(value) > this.#maxBytes) {
      this.complain(`${key} has ${Buffer.byteLength(value)} bytes; this server takes ${this.#maxBytes} at most`);
    } else return value;
    return undefined;
  }

  table(key: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.#given[key] ?? undefined;
    if (value === undefined || isRecord(value)) return value;
    this.complain(`${key} must be an object`);
    return undefined;
  }

  reading<T>(value: T): Reading<T> {
    return this.#issues.length === 0 ? { value } : { issues: this.#issues };
  }
}

/** Whether a value is an object with members. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
