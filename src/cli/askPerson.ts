/** Owns the handlers that put the agent's requests before the person at the terminal. */

import type { Handlers } from "../index.js";
import type { ToolRequestUserInputQuestion } from "../protocol.js";
import { changeLines } from "./render/diff.js";
import type { Paint } from "./render/style.js";
import { commandText, shortPath, spelledOut } from "./render/text.js";
import type { Ask } from "./terminal.js";

/** What asking goes by. */
export interface AskPersonOptions {
  readonly ask: Ask;
  /** Writes what is asked about. */
  readonly note: (text: string) => void;
  readonly paint: Paint;
  readonly cwd: string;
  /** Called before each question, so that an open line of other output can be ended. */
  readonly before: () => void;
}

/** Handlers that ask for each approval, one after the other. Only `y` and `yes` accept. */
export function askPerson({ ask, note, paint, cwd, before }: AskPersonOptions): Handlers {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(signal: AbortSignal, put: () => Promise<T>): Promise<T> => {
    const next = last.then(async () => {
      signal.throwIfAborted();
      before();
      return put();
    });
    last = next.catch(() => {});
    return next;
  };
  const lines = (title: string, rows: readonly string[]): void =>
    note(["", `${paint("yellow", "?")} ${paint("bold", title)}`, ...indented(rows), ""].join("\n"));
  const approves = (title: string, rows: readonly string[], signal: AbortSignal): Promise<boolean> =>
    inTurn(signal, async () => {
      lines(title, rows);
      return /^y(?:es)?$/i.test((await ask("  Allow it? [y/N] ", signal)).trim());
    });
  const decide = async (title: string, rows: readonly string[], signal: AbortSignal): Promise<"accept" | "decline"> =>
    (await approves(title, rows, signal)) ? "accept" : "decline";
  const reason = (text: string | null | undefined): string[] => (text ? [`Reason: ${spelledOut(text)}`] : []);

  return {
    approveCommand(request, { signal }) {
      const host = request.networkApprovalContext;
      const rows = [
        ...(request.command ? [`$ ${spelledOut(commandText(request.command))}`] : []),
        ...(host ? [`Network: ${spelledOut(`${host.protocol} ${host.host}`)}`] : []),
        ...(request.cwd ? [`In ${shortPath(request.cwd)}`] : []),
        ...jsonRows("Permissions", request.additionalPermissions),
        ...reason(request.reason),
      ];
      return decide("The agent asks to run a command outside its sandbox.", rows, signal);
    },
    approveFileChange(request, { signal }) {
      const rows = [
        ...request.changes.flatMap((change) => changeLines(change, paint, cwd)),
        ...(request.grantRoot ? [`And to write to all of ${shortPath(request.grantRoot)} from now on`] : []),
        ...reason(request.reason),
      ];
      return decide("The agent asks to change files outside its sandbox.", rows, signal);
    },
    async approvePermissions({ permissions: { network, fileSystem }, reason: why }, { signal }) {
      const rows = [...jsonRows("Network", network), ...jsonRows("Files", fileSystem), ...reason(why)];
      if (!(await approves("The agent asks for more permissions, for this turn.", rows, signal))) return "decline";
      const permissions = { ...(network === null ? {} : { network }), ...(fileSystem === null ? {} : { fileSystem }) };
      return { permissions };
    },
    approveMcpTool(request, { signal }) {
      const rows = [
        `${spelledOut(`${request.serverName}.${request.toolName ?? "?"}`)}`,
        ...jsonRows("Arguments", request.toolArguments),
        ...(request.toolDescription === null ? [] : [spelledOut(request.toolDescription)]),
      ];
      return decide("The agent asks to call a tool of an MCP server.", rows, signal);
    },
    async answerQuestions({ questions }, { signal }) {
      const answers: Record<string, string> = {};
      for (const question of questions) {
        const answer = await inTurn(signal, async () => {
          lines("The agent asks you.", questionRows(question));
          // What is typed shows on the screen, so a secret is not asked for.
          return question.isSecret ? "" : chosen(question, (await ask("  > ", signal)).trim());
        });
        if (answer !== "") answers[question.id] = answer;
      }
      return answers;
    },
    answerElicitation({ serverName }, { signal }) {
      return inTurn(signal, async () => {
        lines(
          `The MCP server ${spelledOut(serverName)} asks for a form to be filled in: declined, it cannot be shown here.`,
          [],
        );
        return "decline" as const;
      });
    },
  };
}

/** Every line stands apart, so that nothing that is asked about can look like the question itself. */
function indented(rows: readonly string[]): string[] {
  return rows.flatMap((row) => row.split("\n")).map((line) => `    ${line}`);
}

function questionRows({ question, options, isSecret }: ToolRequestUserInputQuestion): string[] {
  const choices = (options ?? []).map(({ label, description }, index) => `${index + 1}. ${label}: ${description}`);
  const secret = isSecret ? ["(It asks for a secret, which cannot be typed here: left without an answer.)"] : [];
  return [question, ...choices, ...secret].map(spelledOut);
}

/** A number stands for the option of that number. */
function chosen({ options }: ToolRequestUserInputQuestion, typed: string): string {
  return /^\d+$/.test(typed) ? (options?.[Number(typed) - 1]?.label ?? typed) : typed;
}

function jsonRows(name: string, value: unknown): string[] {
  return value === null || value === undefined ? [] : [`${name}: ${spelledOut(JSON.stringify(value))}`];
}
