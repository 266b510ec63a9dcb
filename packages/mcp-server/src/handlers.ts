import type { ApprovalMode, ElicitationAnswer, Handlers, Logger, QuestionAnswers } from "codex-embed";
import type { Answer, Caller, Question } from "./caller.js";
import {
  commandForm,
  type Decision,
  elicitationForm,
  fileChangeForm,
  mcpToolForm,
  permissionsForm,
  questionsForm,
  readAnswers,
  readDecision,
  readElicitation,
} from "./forms.js";

/**
 * The handlers of one thread: each asks the user of the current caller, and declines without a clear yes. They never
 * reject: nothing that a client does or fails to do approves a request.
 *
 * @param mode - the handlers for approvals exist only with `ask`
 * @param currentCaller - who called the tool whose turn runs now; null when nobody did
 * @param logger - hears why a request was declined without asking
 */
export function handlersFor(
  mode: ApprovalMode,
  currentCaller: () => Caller | null,
  logger: Logger | undefined,
): Handlers {
  const ask = async (request: string, question: Question | null, signal: AbortSignal): Promise<Answer | null> => {
    const decline = (why: string): null => {
      logger?.warn({ request }, `Declined a request of the agent: ${why}.`);
      return null;
    };
    if (question === null) return decline("it cannot be shown whole in a form");
    const caller = currentCaller();
    if (caller === null) return decline("no call is running that could be asked");
    if (!caller.canAsk(question.mode)) return decline("the client cannot ask its user");
    caller.report("Waiting for an answer.");
    try {
      return await caller.ask(question, signal);
    } catch {
      // The error may hold what the client sent, so it is not logged.
      return signal.aborted ? null : decline("the client failed to ask its user");
    }
  };
  const decide = async (request: string, form: Question | null, signal: AbortSignal): Promise<Decision> =>
    readDecision(await ask(request, form, signal));

  const approvals: Handlers = {
    approveCommand: (request, { signal }) => decide("approveCommand", commandForm(request), signal),
    approveFileChange: (request, { signal }) => decide("approveFileChange", fileChangeForm(request), signal),
    approveMcpTool: (request, { signal }) => decide("approveMcpTool", mcpToolForm(request), signal),
    approvePermissions: async (request, { signal }) => {
      const decision = await decide("approvePermissions", permissionsForm(request), signal);
      if (decision !== "accept" && decision !== "acceptForSession") return "decline";
      const { network, fileSystem } = request.permissions;
      return {
        permissions: { ...(network === null ? {} : { network }), ...(fileSystem === null ? {} : { fileSystem }) },
        scope: decision === "accept" ? "turn" : "session",
      };
    },
  };
  return {
    ...(mode === "ask" && approvals),
    answerQuestions: async (request, { signal }): Promise<QuestionAnswers> => {
      const answer = await ask("answerQuestions", questionsForm(request), signal);
      return answer === null ? {} : readAnswers(request, answer);
    },
    answerElicitation: async (request, { signal }): Promise<ElicitationAnswer> => {
      const answer = await ask("answerElicitation", elicitationForm(request), signal);
      return answer === null ? "decline" : readElicitation(request, answer);
    },
  };
}
