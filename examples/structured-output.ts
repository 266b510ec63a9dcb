/** Gets a typed, validated answer, streams it, and has the model repair an invalid one. */

import { Codex } from "codex-embed";
import { z } from "zod"; // or valibot, arktype, a plain JSON Schema

const Plan = z.object({
  title: z.string(),
  steps: z.array(z.string()).min(1),
  days: z.number().int().positive(),
});

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });

  const turn = await thread.startTurn("Plan the release.", { outputSchema: Plan });
  for await (const partial of turn.partialOutput()) console.log(`so far: ${JSON.stringify(partial)}`);
  const { output } = await turn.result(); // typed by the schema
  console.log(`${output.title}: ${output.steps.length} steps in ${output.days} days`);

  const second = await thread.run("Now in half the time.", { outputSchema: Plan, repairAttempts: 1 });
  console.log(`${second.output.title}: ${second.output.days} days`);
} finally {
  await codex.close();
}
