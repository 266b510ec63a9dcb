/** Owns the answers to what the runtime asks of the client when nobody is there to decide: never an acceptance. */

import type { ServerRequests } from "./generated/tables.js";

type Declines = { readonly [M in keyof ServerRequests]: (() => ServerRequests[M]["response"]) | null };

/**
 * The refusal for each request, in the shape that its schema demands: an answer of another shape fails the turn.
 * Null: the protocol has no refusal for it, so it is answered as an error. A new request of a newer runtime breaks the
 * build here.
 */
const DECLINES: Declines = {
  "item/commandExecution/requestApproval": () => ({ decision: "decline" }),
  "item/fileChange/requestApproval": () => ({ decision: "decline" }),
  "item/permissions/requestApproval": () => ({ permissions: {}, scope: "turn" }),
  "item/tool/requestUserInput": () => ({ answers: {} }),
  "mcpServer/elicitation/request": () => ({ action: "decline", content: null, _meta: null }),
  "item/tool/call": () => ({
    contentItems: [{ type: "inputText", text: "This tool is not available." }],
    success: false,
  }),
  "currentTime/read": () => ({ currentTimeAt: Math.floor(Date.now() / 1000) }),
  applyPatchApproval: () => ({ decision: { denied: { rejection: "Nobody is there to decide." } } }),
  execCommandApproval: () => ({ decision: { denied: { rejection: "Nobody is there to decide." } } }),
  "account/chatgptAuthTokens/refresh": null,
  "attestation/generate": null,
};

/** The answer to a request of the runtime that nobody handles. Throws when there is none but an error. */
export function declineRequest(method: string): unknown {
  const decline = isServerRequest(method) ? DECLINES[method] : null;
  if (decline === null) throw new Error(`Nothing handles ${method}.`);
  return decline();
}

function isServerRequest(method: string): method is keyof ServerRequests {
  return Object.hasOwn(DECLINES, method);
}
