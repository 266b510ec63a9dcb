/** What the scripted model says to the programs of the documentation: something sensible, whatever is asked. */

import { message, type Part, type RecordedRequest, type Step, shell, step, toolCall, usage } from "codex-embed/testing";
import { isObject, sampleOf } from "./sample.js";

/** The tools that every thread has: what is offered besides is the program's own. */
const OF_THE_RUNTIME = new Set([
  "apply_patch",
  "create_goal",
  "exec_command",
  "get_goal",
  "request_permissions",
  "request_user_input",
  "update_goal",
  "update_plan",
  "view_image",
  "web_search",
  "write_stdin",
]);

/**
 * Answers with JSON that conforms when a schema asks for it. Before that the model calls each tool of the program once,
 * and runs, outside of its sandbox, the command that the prompt has in backticks.
 */
export function answer(request: RecordedRequest): Step | Part {
  if (request.subagent === "guardian") return message('{"outcome":"allow"}');
  const prompt = request.lastUserText() ?? "";
  const call = isFirst(request) ? firstCalls(request, prompt) : [];
  return step(...(call.length > 0 ? call : [message(text(request))]), usage({ input: 1200, cached: 1000, output: 40 }));
}

function text(request: RecordedRequest): string {
  const schema = request.outputSchema();
  if (request.subagent === "review") return JSON.stringify(REVIEW);
  return schema === undefined ? "It is done." : JSON.stringify(sampleOf(schema));
}

function firstCalls(request: RecordedRequest, prompt: string): Part[] {
  const own = request.toolNames().filter((name) => !name.startsWith("multi_agent") && !OF_THE_RUNTIME.has(name));
  const tools = own.map((name, index) => {
    const [space = "", inner] = name.split(".", 2);
    const schema = request.tool(name)?.["parameters"];
    const callId = `own_${request.index}_${index}`;
    return inner === undefined
      ? toolCall(space, sampleOf(schema), { callId })
      : toolCall(inner, sampleOf(schema), { namespace: space, callId });
  });
  const command = /`([^`]+)`/.exec(prompt)?.[1];
  if (command === undefined) return tools;
  return [...tools, shell(command, { escalate: { justification: "It needs to." }, callId: `shell_${request.index}` })];
}

/** Whether the model has not called anything since the last input. */
function isFirst(request: RecordedRequest): boolean {
  const last = request.input.findLast((item) => isObject(item) && item["type"] !== "reasoning");
  return last?.["type"] === "message";
}

const REVIEW = {
  findings: [
    {
      title: "The sum is off by one",
      body: "The loop ends one element too early.",
      confidence_score: 0.9,
      priority: 1,
      code_location: { absolute_file_path: "/path/to/project/sum.ts", line_range: { start: 3, end: 4 } },
    },
  ],
  overall_correctness: "patch is incorrect",
  overall_explanation: "One mistake.",
  overall_confidence_score: 0.9,
};
