/** Owns the handlers of a thread: each puts the agent's request before the caller of the moment, and declines without a clear yes. */

import type { ApprovalMode, ElicitationAnswer, Handlers, Logger, QuestionAnswers } from "codex-embed";
import type { Answer, Caller, Question } from "./caller.js";
import {
  commandForm,
  DECISIONS,
  type Decision,
  type DecisionForm,
  fileChangeForm,
  mcpToolForm,
  permissionsForm,
} from "./forms.js";
import { passedOn, questionsForm, readAnswers, readPassedOn } from "./questionForms.js";
import { isRecord } from "./toolInputs.js";

/**
 * The handlers of one thread: those for approvals only when they are asked for here. `caller` gives who has called the tool whose turn runs at present; null when nobody has.
 * They always return: nothing that a client does or fails to do makes a yes.
 */
export function handlersFor(mode: ApprovalMode, caller: () => Caller | null, logger: Logger | undefined): Handlers {
  const ask = async (what: string, question: Question | null, signal: AbortSignal): Promise<Answer | null> => {
    const asked = caller();
    const why =
      question === null
        ? "it cannot be shown whole in a form"
        : asked === null
          ? "no call is there to ask"
          : asked.canAsk(question.mode)
            ? null
            : "the client cannot ask its user";
    if (why !== null || question === null || asked === null) {
      logger?.warn({ request: what }, `A request of the agent was declined: ${why}.`);
      return null;
    }
    asked.tell("Waiting for an answer.");
    try {
      return await asked.ask(question, signal);
    } catch {
      // The error can hold what the client sent; the agent is told no, and the log that it failed.
      if (!signal.aborted) logger?.warn({ request: what }, "A request of the agent was declined: asking failed.");
      return null;
    }
  };
  const decide = async (what: string, form: DecisionForm, signal: AbortSignal): Promise<Decision> =>
    decisionOf(await ask(what, form, signal));

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
      const answer = await ask("answerElicitation", passedOn(request), signal);
      return answer === null ? "decline" : readPassedOn(request, answer);
    },
  };
}

/** Only an accepted form with a known decision decides; a form that was put away, or holds something else, is a no. */
function decisionOf(answer: Answer | null): Decision {
  if (answer?.action !== "accept" || !isRecord(answer.content)) return "decline";
  const { decision } = answer.content;
  return DECISIONS.find((known) => known === decision) ?? "decline";
}
