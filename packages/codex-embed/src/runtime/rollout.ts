/** Reads a thread's rollout: the file of JSON lines in which the runtime stores a thread. */

import { open } from "node:fs/promises";
import type { SandboxPolicy } from "../protocol/generated/protocol.js";
import type { ThreadSandbox } from "../stream/threadMemory.js";
import { isRecord } from "../util/json.js";

/** The bytes of a rollout. */
export interface RolloutBytes {
  readonly size: number;
  read(start: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

const CHUNK_BYTES = 64 * 1024;
const LF = 10;

/** Opens a rollout on this machine. Rejects when it cannot be read. */
export async function openRollout(path: string): Promise<RolloutBytes> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  return {
    size,
    async read(start, length) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, start);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

/** A rollout in memory. */
export function rolloutOf(bytes: Buffer): RolloutBytes {
  const read = async (start: number, length: number) => bytes.subarray(start, start + length);
  return { size: bytes.length, read, close: async () => {} };
}

/** The lines, from the last to the first. */
async function* linesBackward(rollout: RolloutBytes): AsyncGenerator<string, void, undefined> {
  /** Pieces of a line whose beginning has not been read yet, the last piece first. */
  let pieces: Buffer[] = [];
  for (let end = rollout.size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    let chunk = await rollout.read(start, end - start);
    for (let cut = chunk.lastIndexOf(LF); cut !== -1; cut = chunk.lastIndexOf(LF)) {
      pieces.push(chunk.subarray(cut + 1));
      yield Buffer.concat(pieces.reverse()).toString("utf8");
      pieces = [];
      chunk = chunk.subarray(0, cut);
    }
    pieces.push(chunk);
    end = start;
  }
  yield Buffer.concat(pieces.reverse()).toString("utf8");
}

interface RolloutLine {
  readonly type: unknown;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The lines that contain one of these words, from the last to the first. Others are not parsed. */
async function* parsedBackward(
  rollout: RolloutBytes,
  words: readonly string[],
): AsyncGenerator<RolloutLine, void, undefined> {
  for await (const text of linesBackward(rollout)) {
    if (!words.some((word) => text.includes(word))) continue;
    const line = parsed(text);
    if (isRecord(line) && isRecord(line["payload"])) yield { type: line["type"], payload: line["payload"] };
  }
}

/** Another process may be writing the last line. */
function parsed(text: string): unknown {
  try {
    const line: unknown = JSON.parse(text);
    return line;
  } catch {
    return null;
  }
}

/** The size of the whole lines. A runtime that is writing may have written the beginning of the next one. */
export async function wholeLinesBytes(rollout: RolloutBytes): Promise<number> {
  for (let end = rollout.size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const cut = (await rollout.read(start, end - start)).lastIndexOf(LF);
    if (cut !== -1) return start + cut + 1;
    end = start;
  }
  return 0;
}

/** The timestamp of the last whole line; null when it has none. */
export async function lastTimestamp(rollout: RolloutBytes): Promise<string | null> {
  for await (const text of linesBackward(rollout)) {
    const line = parsed(text);
    if (isRecord(line)) return typeof line["timestamp"] === "string" ? line["timestamp"] : null;
  }
  return null;
}

/** The bytes up to `end`, piece by piece. Throws when the rollout is shorter. */
export async function* chunksOf(rollout: RolloutBytes, end: number): AsyncGenerator<Buffer, void, undefined> {
  for (let start = 0; start < end; ) {
    const chunk = await rollout.read(start, Math.min(CHUNK_BYTES, end - start));
    if (chunk.length === 0) throw new Error(`The rollout ended after ${start} of ${end} bytes.`);
    start += chunk.length;
    yield chunk;
  }
}

/** The first line, without its line break; null when no line is whole. */
export async function firstLine(rollout: RolloutBytes): Promise<string | null> {
  const pieces: Buffer[] = [];
  for await (const chunk of chunksOf(rollout, rollout.size)) {
    const cut = chunk.indexOf(LF);
    if (cut === -1) {
      pieces.push(chunk);
      continue;
    }
    return Buffer.concat([...pieces, chunk.subarray(0, cut)]).toString("utf8");
  }
  return null;
}

/** The last sandbox of the thread. Null when the rollout does not tell, or not in a form that this SDK knows. */
export async function sandboxIn(rollout: RolloutBytes): Promise<ThreadSandbox | null> {
  for await (const { type, payload } of parsedBackward(rollout, ["turn_context", "thread_settings_applied"])) {
    if (type === "turn_context") return sandboxOf(payload);
    const settings = payload["thread_settings"];
    if (type === "event_msg" && payload["type"] === "thread_settings_applied" && isRecord(settings)) {
      return sandboxOf(settings);
    }
  }
  return null;
}

/**
 * Whether these developer instructions are in the context of the model: the rollout has them after the last compaction, with
 * no other developer message after them.
 */
export async function hasInstructions(rollout: RolloutBytes, instructions: string): Promise<boolean> {
  for await (const { type, payload } of parsedBackward(rollout, ["developer", "compacted"])) {
    if (type === "compacted") return false;
    if (type !== "response_item" || payload["role"] !== "developer" || !Array.isArray(payload["content"])) continue;
    const content: readonly unknown[] = payload["content"];
    if (content.some((part) => isRecord(part) && part["text"] === instructions)) return true;
    // The runtime's own context has several parts; a message that was added later has one.
    if (content.length === 1) return false;
  }
  return false;
}

type Settings = Readonly<Record<string, unknown>>;

function sandboxOf(settings: Settings): ThreadSandbox | null {
  const profile = settings["active_permission_profile"];
  if (isRecord(profile)) return typeof profile["id"] === "string" ? { profileId: profile["id"] } : null;
  const policy = isRecord(settings["sandbox_policy"])
    ? legacyPolicy(settings["sandbox_policy"])
    : policyOf(settings["permission_profile"], settings["cwd"]);
  return policy === null ? null : { policy };
}

/** The policy of a turn, from its names in the configuration. */
function legacyPolicy(policy: Settings): SandboxPolicy | null {
  const networkAccess = policy["network_access"] === true;
  switch (policy["type"]) {
    case "danger-full-access":
      return { type: "dangerFullAccess" };
    case "read-only":
      return { type: "readOnly", networkAccess };
    case "workspace-write": {
      const writableRoots = policy["writable_roots"] ?? [];
      if (!areTexts(writableRoots)) return null;
      return {
        type: "workspaceWrite",
        writableRoots,
        networkAccess,
        excludeTmpdirEnvVar: policy["exclude_tmpdir_env_var"] === true,
        excludeSlashTmp: policy["exclude_slash_tmp"] === true,
      };
    }
    default:
      return null;
  }
}

/** The folders in a workspace that the runtime itself protects from writes. */
const KEPT_FOLDER = /[/\\]\.(?:git|agents|codex|aws)$/;

/** The policy that equals a permission profile. Null when no policy does. */
function policyOf(profile: unknown, cwd: unknown): SandboxPolicy | null {
  if (!isRecord(profile)) return null;
  if (profile["type"] === "disabled") return { type: "dangerFullAccess" };
  const files = profile["file_system"];
  if (profile["type"] !== "managed" || !isRecord(files) || files["type"] !== "restricted") return null;
  const entries: unknown = files["entries"];
  if (!Array.isArray(entries)) return null;
  const writableRoots: string[] = [];
  const specials = new Set<unknown>();
  let readsAll = false;
  for (const entry of entries) {
    const path: unknown = isRecord(entry) ? entry["path"] : null;
    if (!isRecord(entry) || !isRecord(path)) return null;
    const special = isRecord(path["value"]) ? path["value"]["kind"] : null;
    const isWrite = entry["access"] === "write";
    if (!isWrite && entry["access"] !== "read") return null;
    if (path["type"] === "special" && special === "root" && !isWrite) readsAll = true;
    else if (path["type"] === "special" && isWrite && (special === "slash_tmp" || special === "tmpdir")) {
      specials.add(special);
    } else if (path["type"] === "path" && typeof path["path"] === "string") {
      if (isWrite) writableRoots.push(path["path"]);
      else if (!KEPT_FOLDER.test(path["path"])) return null;
    } else return null;
  }
  if (!readsAll) return null;
  const networkAccess = profile["network"] === "enabled";
  if (writableRoots.length === 0 && specials.size === 0) return { type: "readOnly", networkAccess };
  return {
    type: "workspaceWrite",
    writableRoots: [...new Set(writableRoots)].filter((root) => root !== cwd),
    networkAccess,
    excludeTmpdirEnvVar: !specials.has("tmpdir"),
    excludeSlashTmp: !specials.has("slash_tmp"),
  };
}

function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
