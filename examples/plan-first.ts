/** Has the agent plan, then changes the thread's settings and carries the plan out. */

import { Codex } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const { items } = await thread.run("Plan how to rename the function.", { planMode: true });
  for (const item of items) if (item.type === "plan") console.log(item.text.trim());

  await thread.update({ planMode: false, sandbox: "workspace-write", effort: "low" });
  console.log((await thread.run("Carry it out.")).finalResponse);
} finally {
  await codex.close();
}
