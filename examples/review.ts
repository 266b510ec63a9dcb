/** Reviews the uncommitted changes, and prints the findings by priority. */

import { relative } from "node:path";
import { Codex } from "codex-embed";

// Only raw events contain the reviewer's confidence and verdict.
const codex = new Codex({ optOutNotifications: [] });
try {
  const thread = await codex.startThread({ sandbox: "read-only", experimentalRawEvents: true });
  const { findings, verdict } = await thread.review({ type: "uncommittedChanges" });
  const urgentFirst = findings.toSorted((a, b) => (a.priority ?? 9) - (b.priority ?? 9));
  for (const { priority, confidence, file, startLine, title, body } of urgentFirst) {
    const sure = confidence === null ? "" : `, ${Math.round(confidence * 100)} % sure`;
    console.log(`${relative(thread.cwd, file)}:${startLine}  ${title} (priority ${priority ?? "unknown"}${sure})`);
    console.log(`  ${body}`);
  }
  console.log(`${findings.length} findings: ${verdict?.correctness ?? "no verdict"}. ${verdict?.explanation ?? ""}`);
} finally {
  await codex.close();
}
