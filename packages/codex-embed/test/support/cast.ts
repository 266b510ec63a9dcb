/** Scripts for an agent and its sub-agents, told apart by the task that each was given. */

import { type Part, type RecordedRequest, type ScriptedModel, type Step, toolCall } from "codex-embed/testing";

/** An answer, or how to make one of the request. */
export type Line = Step | Part | ((request: RecordedRequest) => Step | Part);

/** The task of an agent that was given none by a message, such as one that has a goal. */
export const UNTOLD = "";

/** Answers each agent by the lines of its task, in order. A task is found by the text that it begins with. */
export function cast(model: ScriptedModel, roles: Readonly<Record<string, readonly Line[]>>): void {
  const left = new Map(Object.entries(roles).map(([task, lines]) => [task, [...lines]]));
  model.respondWith((request) => {
    const task = request.userTexts().find((text) => left.has(text)) ?? UNTOLD;
    const line = left.get(task)?.shift();
    if (line === undefined) throw new Error(`No line is left for the agent of the task "${task}".`);
    return typeof line === "function" ? line(request) : line;
  });
}

const NAMESPACE = "multi_agent_v1";

/** Begins a sub-agent; `callId` names it in the script. */
export function spawn(callId: string, task: string): Part {
  return toolCall("spawn_agent", { message: task }, { namespace: NAMESPACE, callId });
}

/** Waits until one of the sub-agents has answered. */
export function waitFor(...callIds: readonly string[]): Line {
  return (request) => {
    const targets = callIds.map((callId) => agentId(request, callId));
    return toolCall("wait_agent", { targets, timeout_ms: 30_000 }, { namespace: NAMESPACE });
  };
}

/** Gives a sub-agent more to do. */
export function tell(callId: string, text: string): Line {
  return (request) =>
    toolCall("send_input", { target: agentId(request, callId), message: text }, { namespace: NAMESPACE });
}

/** Closes a sub-agent. */
export function dismiss(callId: string): Line {
  return (request) => toolCall("close_agent", { target: agentId(request, callId) }, { namespace: NAMESPACE });
}

function agentId(request: RecordedRequest, callId: string): string {
  const output: unknown = JSON.parse(request.toolOutput(callId) ?? "null");
  if (typeof output === "object" && output !== null && "agent_id" in output && typeof output.agent_id === "string") {
    return output.agent_id;
  }
  throw new Error(`The call ${callId} has begun no agent.`);
}
