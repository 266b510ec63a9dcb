/** Prints a line for each turn and each approval of the program, from diagnostics channels. */

import { subscribe } from "node:diagnostics_channel";
import { Codex, type RequestChannelMessage, type TurnChannelMessage } from "codex-embed";

// The client does not know of these: they can be in another file, or in a package.
subscribe("tracing:codex-embed:turn:asyncEnd", (of) => {
  const { kind, status, durationMs, usage } = of as TurnChannelMessage;
  console.log(`${kind} ${status} in ${durationMs} ms with ${usage?.turn.totalTokens ?? 0} tokens`);
});
subscribe("tracing:codex-embed:request:asyncEnd", (of) => {
  const { handler, decidedBy, durationMs } = of as RequestChannelMessage;
  console.log(`${handler}: decided by ${decidedBy} in ${durationMs} ms`);
});

const codex = new Codex({ handlers: { approveCommand: () => "decline" } });
try {
  const thread = await codex.startThread({ sandbox: "read-only" });
  const { finalResponse } = await thread.run("Which version of Node runs here?");
  console.log(finalResponse);
} finally {
  await codex.close();
}
