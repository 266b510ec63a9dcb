/** Owns the handlers that put the agent's requests before the person at the terminal. */

import type { Handlers } from "../index.js";
import type { ToolRequestUserInputQuestion } from "../protocol/index.js";
import { escapeForDisplay } from "../util/display.js";
import type { Ask, QuestionRow } from "./question.js";
import { changeRows } from "./render/diff.js";
import { commandText, shortPath, spelledOut } from "./render/text.js";

/** What asking goes by. */
export interface AskPersonOptions {
  readonly ask: Ask;
  /** Writes what nobody is asked about. */
  readonly note: (text: string) => void;
  readonly cwd: string;
  /** Called before each question, so that an open line of other output can be ended. */
  readonly before: () => void;
}

/** Handlers that ask for each approval, one after the other. Only `y` and `yes` accept, after all of it was shown. */
export function askPerson({ ask, note, cwd, before }: AskPersonOptions): Handlers {
  const put = (title: string, rows: readonly QuestionRow[], prompt: string, signal: AbortSignal) =>
    ask({ title, rows, prompt, before }, signal);
  const approves = async (title: string, rows: readonly QuestionRow[], signal: AbortSignal): Promise<boolean> => {
    const answer = await put(title, rows, "  Allow it? [y/N] ", signal);
    return answer !== null && /^y(?:es)?$/i.test(answer.trim());
  };
  const decide = async (
    title: string,
    rows: readonly QuestionRow[],
    signal: AbortSignal,
  ): Promise<"accept" | "decline"> => ((await approves(title, rows, signal)) ? "accept" : "decline");
  const skip = (title: string, why: string): void => {
    before();
    note(`\n? ${title}\n  Declined without asking you: ${why}.\n`);
  };
  const unknown = (title: string): "decline" => {
    skip(title, "it does not say what it is about");
    return "decline";
  };

  return {
    approveCommand(request, { signal }) {
      const host = request.networkApprovalContext;
      const title =
        request.kind === "writeStdin"
          ? "The agent asks to write to a command that is running."
          : "The agent asks to run a command outside its sandbox.";
      if (!request.command && !host) return unknown(title);
      const rows = [
        ...field("$", request.command && commandText(request.command)),
        ...field("Network:", host && `${host.protocol} ${host.host}`),
        ...placeRows(request),
        ...jsonRows("Permissions:", request.additionalPermissions),
        ...field("Reason:", request.reason),
      ];
      return decide(title, rows, signal);
    },
    approveFileChange(request, { signal }) {
      const title = "The agent asks to change files outside its sandbox.";
      if (request.changes.length === 0) return unknown(title);
      const rows = [
        ...request.changes.flatMap((change) => changeRows(change, cwd)),
        ...(request.grantRoot ? [{ text: `And to write to all of ${shortPath(request.grantRoot)} from now on` }] : []),
        ...field("Reason:", request.reason),
      ];
      return decide(title, rows, signal);
    },
    async approvePermissions(request, { signal }) {
      const { network, fileSystem } = request.permissions;
      const rows = [
        ...jsonRows("Network:", network),
        ...jsonRows("Files:", fileSystem),
        ...placeRows(request),
        ...field("Reason:", request.reason),
      ];
      if (!(await approves("The agent asks for more permissions, for this turn.", rows, signal))) return "decline";
      const permissions = { ...(network === null ? {} : { network }), ...(fileSystem === null ? {} : { fileSystem }) };
      return { permissions };
    },
    approveMcpTool(request, { signal }) {
      const rows = [
        { text: spelledOut(`${request.serverName}.${request.toolName ?? "?"}`) },
        ...jsonRows("Arguments:", request.toolArguments),
        ...field("Question:", request.message),
        ...field("Description:", request.toolDescription),
      ];
      return decide("The agent asks to call a tool of an MCP server.", rows, signal);
    },
    async answerQuestions({ questions }, { signal }) {
      const answers: Record<string, string> = {};
      for (const question of questions) {
        if (question.isSecret) {
          skip(
            `The agent asks you: ${escapeForDisplay(question.question, { singleLine: true })}`,
            "what is typed here shows, and it is a secret",
          );
          continue;
        }
        const answer = await put("The agent asks you.", questionRows(question), "  > ", signal);
        if (answer !== null && answer.trim() !== "") answers[question.id] = chosen(question, answer.trim());
      }
      return answers;
    },
    answerElicitation({ serverName }) {
      skip(
        `The MCP server ${escapeForDisplay(serverName, { singleLine: true })} asks for a form to be filled in.`,
        "it cannot be shown here",
      );
      return "decline";
    },
  };
}

/** A text of the request under its name; nothing when there is none. */
function field(name: string, text: string | null | undefined): QuestionRow[] {
  return text ? [{ text: `${name} ${spelledOut(text)}` }] : [];
}

function jsonRows(name: string, value: unknown): QuestionRow[] {
  return value === null || value === undefined ? [] : field(name, JSON.stringify(value));
}

/** Where it would happen: the folder, and the machine if it is another one. */
function placeRows(request: { readonly cwd?: string | null; readonly environmentId: string | null }): QuestionRow[] {
  const { cwd, environmentId } = request;
  return [
    ...(cwd ? [{ text: `In ${shortPath(cwd)}` }] : []),
    ...field("Environment:", environmentId === "local" ? null : environmentId),
  ];
}

function questionRows({ question, options }: ToolRequestUserInputQuestion): QuestionRow[] {
  const choices = (options ?? []).map(({ label, description }, index) => `${index + 1}. ${label}: ${description}`);
  return [question, ...choices].map((text) => ({ text: spelledOut(text) }));
}

/** A number stands for the option of that number. */
function chosen({ options }: ToolRequestUserInputQuestion, typed: string): string {
  return /^\d+$/.test(typed) ? (options?.[Number(typed) - 1]?.label ?? typed) : typed;
}
