import { createHash } from "node:crypto";
import type { HookMetadata, JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import type { Guards } from "./types.js";

/** The name of the MCP server that answers hooks, and of its one tool. */
export const SERVER_NAME = "codex_embed_guards";
export const TOOL_NAME = "decide";

/** A table of the runtime's configuration, as JSON. */
export type ConfigTable = { readonly [key: string]: JsonValue | undefined };

/** A hook of the runtime, and what it sends. */
interface Hook {
  /** Its name in the configuration. */
  readonly event: string;
  /** Its name in keys and hashes. */
  readonly key: string;
  readonly input: Readonly<Record<string, string>>;
}

/** What every hook sends. The runtime replaces a placeholder with its value, and fails a hook with an unknown one. */
const SESSION = { event: "${hook_event_name}", cwd: "${cwd}" };
const TURN = { ...SESSION, turn: "${turn_id}" };
const CALL = { ...TURN, id: "${tool_use_id}", tool: "${tool_name}", input: "${tool_input}" };
const STOP = { ...TURN, answer: "${last_assistant_message}" };

/** The hook behind each guard. */
export const HOOKS: Readonly<Record<keyof Guards, Hook>> = {
  beforeTool: { event: "PreToolUse", key: "pre_tool_use", input: CALL },
  afterTool: { event: "PostToolUse", key: "post_tool_use", input: { ...CALL, output: "${tool_response}" } },
  onPrompt: { event: "UserPromptSubmit", key: "user_prompt_submit", input: { ...TURN, prompt: "${prompt}" } },
  onStop: { event: "Stop", key: "stop", input: STOP },
  onSessionStart: { event: "SessionStart", key: "session_start", input: { ...SESSION, source: "${source}" } },
  beforeCompact: { event: "PreCompact", key: "pre_compact", input: { ...TURN, trigger: "${trigger}" } },
  afterCompact: { event: "PostCompact", key: "post_compact", input: { ...TURN, trigger: "${trigger}" } },
  onSubagentStart: { event: "SubagentStart", key: "subagent_start", input: { ...TURN, type: "${agent_type}" } },
  onSubagentStop: { event: "SubagentStop", key: "subagent_stop", input: { ...STOP, type: "${agent_type}" } },
};

/** The guards by name. */
export const GUARD_NAMES: readonly (keyof Guards)[] = [
  "beforeTool",
  "afterTool",
  "onPrompt",
  "onStop",
  "onSessionStart",
  "beforeCompact",
  "afterCompact",
  "onSubagentStart",
  "onSubagentStop",
];

/** Where the hooks of a thread are answered. */
export interface GuardAddress {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How long a hook may take, in seconds: more than any guard, so that a late guard is answered for. */
  readonly timeoutSec: number;
}

/** Where the configuration of a thread comes from in the keys of its hooks. */
const LAYER = "/<session-flags>/config.toml";

/**
 * The configuration of a thread with these guards. The hooks of a client's configuration and those of a thread's are one
 * layer, in which the list of the thread replaces that of the client: so ours come after what either of them has. Hooks of
 * files are layers of their own.
 */
export function guardConfig(
  names: readonly (keyof Guards)[],
  address: GuardAddress,
  client: ConfigTable,
  thread: ConfigTable,
): { [key: string]: JsonValue } {
  const [ofClient, ofThread] = [tableIn(client, "hooks"), tableIn(thread, "hooks")];
  const hooks: { [key: string]: JsonValue | undefined } = {};
  const state: { [key: string]: JsonValue | undefined } = {
    ...tableIn(ofClient, "state"),
    ...tableIn(ofThread, "state"),
  };
  for (const name of names) {
    const { event, key, input } = HOOKS[name];
    const before = listIn(ofThread, event) ?? listIn(ofClient, event) ?? [];
    const group = {
      hooks: [
        { type: "mcp_tool", server: SERVER_NAME, tool: TOOL_NAME, input: { ...input }, timeout: address.timeoutSec },
      ],
    };
    hooks[event] = [...before, group];
    state[`${LAYER}:${key}:${before.length}:0`] = { trusted_hash: trustedHash(key, group) };
  }
  const server = {
    url: address.url,
    http_headers: { ...address.headers },
    // The runtime opens no thread whose guards it cannot reach.
    required: true,
    tool_timeout_sec: address.timeoutSec,
  };
  hooks["state"] = defined(state);
  return defined({
    ...thread,
    ...withMembers("hooks", thread, hooks),
    ...withMembers("mcp_servers", thread, { [SERVER_NAME]: server }),
  });
}

/** A table of a thread replaces that of its client, so members are set by their paths unless the thread has the table. */
function withMembers(name: string, thread: ConfigTable, members: ConfigTable): ConfigTable {
  if (thread[name] !== undefined) return { [name]: defined({ ...tableIn(thread, name), ...members }) };
  return Object.fromEntries(Object.entries(members).map(([key, value]) => [`${name}.${key}`, value]));
}

/** A hook of the command line that the configuration of the client does not tell, by its key; null when there is none. */
export function unknownHook(client: ConfigTable, listed: readonly HookMetadata[]): string | null {
  const hooks = tableIn(client, "hooks");
  const known = (key: string) =>
    Object.values(HOOKS).some(
      (hook) => key.includes(`:${hook.key}:`) && indexIn(key) < (listIn(hooks, hook.event)?.length ?? 0),
    );
  return listed.find(({ source, key }) => source === "sessionFlags" && !known(key))?.key ?? null;
}

/** The place of a hook in the list of its event. */
function indexIn(key: string): number {
  return Number(/:(\d+):\d+$/.exec(key)?.[1] ?? Number.NaN);
}

const IS_TRUSTED = /^(?:trusted|managed)$/;

/** The guards whose hook the runtime will not run, by what it lists of a thread. */
export function skippedGuards(names: readonly (keyof Guards)[], listed: readonly HookMetadata[]): (keyof Guards)[] {
  const runs = listed.filter(
    (hook) =>
      hook.handlerType === "mcpTool" &&
      hook.server === SERVER_NAME &&
      hook.enabled &&
      IS_TRUSTED.test(hook.trustStatus),
  );
  return names.filter((name) => !runs.some(({ key }) => key.includes(`:${HOOKS[name].key}:`)));
}

/** What the runtime compares the definition of a hook with (measured from 0.150 to 0.171): a hash of its canonical JSON. */
function trustedHash(eventName: string, group: JsonValue): string {
  const identity = { event_name: eventName, ...(isRecord(group) ? group : {}) };
  return `sha256:${createHash("sha256")
    .update(JSON.stringify(sorted(identity)))
    .digest("hex")}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]));
}

function tableIn(table: ConfigTable, key: string): ConfigTable {
  const value = table[key];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function listIn(table: ConfigTable, key: string): readonly JsonValue[] | undefined {
  const value = table[key];
  return Array.isArray(value) ? value : undefined;
}

function defined(table: ConfigTable): { [key: string]: JsonValue } {
  return Object.fromEntries(
    Object.entries(table).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
