/** Gives the agent a function of this program to call, with validated arguments. */

import { Codex, tool } from "codex-embed";
import { z } from "zod"; // or valibot, arktype, a plain JSON Schema

const tickets = new Map([[7, { title: "Build fails on Node 20", open: true }]]);

const findTicket = tool({
  name: "find_ticket",
  description: "Look up a ticket in the bug tracker by its number.",
  parameters: z.object({ id: z.number().int() }),
  execute: ({ id }) => {
    const ticket = tickets.get(id);
    if (ticket === undefined) throw new Error(`There is no ticket ${id}.`); // the model reads this and can try again
    console.log(`looked up ticket ${id}`);
    return ticket;
  },
});

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only", tools: [findTicket] });
  const { finalResponse, items } = await thread.run("What is ticket 7 about?");
  for (const item of items) {
    if (item.type === "dynamicToolCall") console.log(`${item.tool} ${item.status}: ${JSON.stringify(item.arguments)}`);
  }
  console.log(finalResponse);
} finally {
  await codex.close();
}
