import { resolve } from "node:path";
import type { FileUpdateChange, JsonValue, PatchChangeKind } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import type { GuardedCall } from "./types.js";

/** What tells the calls of a thread apart. */
export interface CallReader {
  /** A tool of this program by its name for hooks. */
  readonly tool: (hookName: string) => { readonly name: string; readonly namespace?: string | undefined } | undefined;
  /** The arguments of a script that is one plain command, or null. */
  readonly argv: (script: string) => readonly string[] | null;
}

/** Reads a call from what a hook sends. Throws for a call of a known kind that cannot be read. */
export function readCall(name: string, input: JsonValue, cwd: string, reader: CallReader): GuardedCall {
  const own = reader.tool(name);
  if (own !== undefined) return { kind: "tool", ...own, arguments: input, input };
  if (name === "Bash") {
    const script = commandIn(name, input);
    return { kind: "command", script, argv: reader.argv(script), cwd, input };
  }
  if (name === "apply_patch") {
    const patch = commandIn(name, input);
    return { kind: "patch", files: patchedFiles(patch, cwd), patch, cwd, input };
  }
  const [, server, tool] = /^mcp__(.+?)__(.+)$/s.exec(name) ?? [];
  if (server !== undefined && tool !== undefined) return { kind: "mcp", server, tool, arguments: input, input };
  return { kind: "other", name, input };
}

function commandIn(tool: string, input: JsonValue): string {
  if (isRecord(input) && typeof input["command"] === "string") return input["command"];
  throw new TypeError(`The runtime sent a call of ${tool} without a command.`);
}

const FILE_HEADER = /^\*\*\* (Add|Update|Delete) File: (.+)$/;
const MOVE_HEADER = /^\*\*\* Move to: (.+)$/;

/** The files of a patch, in the format of `apply_patch`. Throws for a patch that names none. */
function patchedFiles(patch: string, cwd: string): FileUpdateChange[] {
  const files: { path: string; kind: PatchChangeKind; lines: string[] }[] = [];
  for (const given of patch.split("\n")) {
    // The runtime reads a header with blanks around it too.
    const line = given.trim();
    const [, verb, path] = FILE_HEADER.exec(line) ?? [];
    const target = MOVE_HEADER.exec(line)?.[1];
    const last = files.at(-1);
    if (path !== undefined) {
      const kind: PatchChangeKind =
        verb === "Add" ? { type: "add" } : verb === "Delete" ? { type: "delete" } : { type: "update", move_path: null };
      files.push({ path: resolve(cwd, path.trim()), kind, lines: [] });
    } else if (target !== undefined && last?.kind.type === "update" && last.lines.length === 0) {
      last.kind = { type: "update", move_path: resolve(cwd, target.trim()) };
    } else if (!/^\*\*\* (?:Begin|End) Patch$/.test(line)) {
      last?.lines.push(given);
    }
  }
  if (files.length === 0) throw new TypeError("The patch names no file.");
  return files.map(({ path, kind, lines }) => ({ path, kind, diff: lines.join("\n") }));
}
