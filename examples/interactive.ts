/** Approvals decided by rules, a tool of the program's own, and a typed answer, in one turn. */

import { approvalRules, tool } from "codex-embed";
import { message, shell, toolCall } from "codex-embed/testing";
import { z } from "zod";
import { openCodex } from "./support/openCodex.js";

const findTicket = tool({
  name: "find_ticket",
  description: "Finds a ticket of the bug tracker by its number.",
  parameters: z.object({ id: z.number().int() }),
  execute: ({ id }) => ({ id, title: "Build fails on Node 20", openedBy: "CI" }),
});
const handlers = approvalRules({
  commands: { allow: ["node --version"], deny: ["rm"] },
  onDecision: ({ decision, subject, reason }) => console.log(`${decision}: ${subject}\n  ${reason}`),
});
const Report = z.object({ ticket: z.number(), cause: z.string(), nodeMajor: z.number() });

await using session = await openCodex(() => [
  shell("node --version", { escalate: { justification: "See which Node is used." } }),
  toolCall("find_ticket", { id: 7 }),
  message(JSON.stringify({ ticket: 7, cause: "An API that came later is used.", nodeMajor: 20 })),
]);
const thread = await session.codex.startThread({ sandbox: "workspace-write", handlers, tools: [findTicket] });
const { output } = await thread.run("What is ticket 7 about?", { outputSchema: Report });
console.log(`Ticket ${output.ticket}: ${output.cause} (Node ${output.nodeMajor})`);
