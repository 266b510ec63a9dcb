/** Owns the forms that approvals are asked with: what is shown, and which decisions can be chosen. */

import type { CommandApprovalRequest, FileChangeApprovalRequest, Handlers, McpToolApprovalRequest } from "codex-embed";
import { escapeForDisplay } from "../../codex-embed/src/util/display.js";
import type { Question } from "./caller.js";
import { setIn } from "./visible.js";

type PermissionsRequest = Parameters<NonNullable<Handlers["approvePermissions"]>>[0];

/** A form with one choice. Null stands for what cannot be shown whole, and so is not asked. */
export type DecisionForm = Question | null;

/** More than a person reads; what is longer is declined, never shown in part. */
const MAX_SHOWN = 16_000;

/** The decisions on everything: for this time, for as long as the thread lives, no, and no with the end of the turn. */
export const DECISIONS = ["accept", "acceptForSession", "decline", "cancel"] as const;
/** One of the decisions. */
export type Decision = (typeof DECISIONS)[number];

/** Asks for a command, for network access of one, or for input to one that runs. */
export function commandForm(request: CommandApprovalRequest): DecisionForm {
  const { command, cwd, environmentId, reason, networkApprovalContext: network, additionalPermissions } = request;
  if (!command && !network) return null;
  const title =
    request.kind === "writeStdin"
      ? "Codex asks to write to a command that is running."
      : network
        ? "Codex asks for network access."
        : "Codex asks to run a command outside its sandbox.";
  return decisionForm(title, [
    ["Command", command],
    ["Host", network && `${network.protocol} ${network.host}`],
    ["Directory", cwd],
    ["Environment", environmentId === "local" ? null : environmentId],
    ["Further permissions", additionalPermissions && JSON.stringify(additionalPermissions, null, 2)],
    ["The agent's reason", reason],
  ]);
}

/** Asks for changes of files: which, how much of each, and every line. */
export function fileChangeForm({ changes, reason, grantRoot }: FileChangeApprovalRequest): DecisionForm {
  const what = changes.length === 1 ? "a file" : `${changes.length} files`;
  const files = changes.map(fileText);
  return decisionForm(`Codex asks to change ${what} outside its sandbox.`, [
    ["Files", files.map(({ head }) => head).join("\n")],
    ["Changes", files.map(({ head, lines }) => [head, ...lines].join("\n")).join("\n")],
    ["Write access for the session below", grantRoot],
    ["The agent's reason", reason],
  ]);
}

/**
 * A changed file on a line, and its lines, each with a sign before it, so that none can look like another file. An
 * added or deleted file comes as its bare text; an update as a diff.
 */
function fileText({ path, kind, diff }: FileChangeApprovalRequest["changes"][number]): FileText {
  const lines = diff === "" ? [] : diff.replace(/\n$/, "").split("\n");
  const name = `${kind.type} ${escapeForDisplay(path, { singleLine: true })}`;
  if (kind.type === "add") return { head: `${name} (+${lines.length})`, lines: lines.map((line) => `+${line}`) };
  if (kind.type === "delete") return { head: `${name} (-${lines.length})`, lines: lines.map((line) => `-${line}`) };
  const target = kind.move_path === null ? "" : ` -> ${escapeForDisplay(kind.move_path, { singleLine: true })}`;
  const count = (sign: string): number =>
    lines.filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length;
  return {
    head: `${name}${target} (+${count("+")} -${count("-")})`,
    lines: lines.map((line) => (/^[-+@ \\]|^$/.test(line) ? line : ` ${line}`)),
  };
}

interface FileText {
  readonly head: string;
  readonly lines: readonly string[];
}

/** Asks for permissions beyond the sandbox. */
export function permissionsForm({ permissions, cwd, reason }: PermissionsRequest): DecisionForm {
  return decisionForm(
    "Codex asks for permissions beyond its sandbox.",
    [
      ["Permissions", JSON.stringify(permissions, null, 2)],
      ["Directory", cwd],
      ["The agent's reason", reason],
    ],
    ["accept", "acceptForSession", "decline"],
  );
}

/** Asks for the call of a tool of one of the agent's own MCP servers. */
export function mcpToolForm(request: McpToolApprovalRequest): DecisionForm {
  const { serverName, toolName, toolArguments, message, persist } = request;
  return decisionForm(
    "Codex asks to call a tool of an MCP server.",
    [
      ["Server", serverName],
      ["Tool", toolName],
      ["Arguments", toolArguments === null ? null : JSON.stringify(toolArguments, null, 2)],
      ["Question", message === "" ? null : message],
    ],
    persist.includes("session") ? DECISIONS : ["accept", "decline", "cancel"],
  );
}

type Part = readonly [name: string, text: string | null | undefined];

function decisionForm(title: string, parts: readonly Part[], decisions: readonly Decision[] = DECISIONS): DecisionForm {
  const shown = parts.flatMap(([name, text]) => (text ? [`${name}:\n${setIn(text)}`] : []));
  const message = [title, ...shown].join("\n\n");
  if (message.length > MAX_SHOWN) return null;
  return {
    mode: "form",
    message,
    requestedSchema: {
      type: "object",
      properties: {
        decision: {
          type: "string",
          title: "Decision",
          description: explain(decisions),
          enum: [...decisions],
        },
      },
      required: ["decision"],
    },
  };
}

const MEANING: Readonly<Record<Decision, string>> = {
  accept: "accept: this time",
  acceptForSession: "acceptForSession: now and whenever this thread asks the same",
  decline: "decline: the agent goes on without",
  cancel: "cancel: no, and the turn ends",
};

function explain(decisions: readonly Decision[]): string {
  return decisions.map((decision) => MEANING[decision]).join("; ");
}
