/** An automated code reviewer: reviews what has not been committed, and prints the findings as a table. */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { message } from "codex-embed/testing";
import { openCodex } from "./support/openCodex.js";

await using session = await openCodex((workspace) => [message(JSON.stringify(scriptedReview(workspace)))]);
if (!process.argv.includes("--live")) {
  execFileSync("git", ["init", "--quiet"], { cwd: session.workspace });
  const source = "export function f(values) {\n  return values.reduce((a, b) => a + b) / values.length;\n}\n";
  writeFileSync(join(session.workspace, "mean.mjs"), source);
}
const thread = await session.codex.startThread({
  cwd: session.workspace,
  sandbox: "read-only",
  experimentalRawEvents: true,
});
const { findings: found, verdict } = await thread.review({ type: "uncommittedChanges" });
for (const { priority, confidence, file, startLine, title } of found) {
  const place = `${relative(session.workspace, file)}:${startLine}`;
  const sure = confidence === null ? "" : `${Math.round(confidence * 100)} %`;
  console.log(`P${priority ?? "?"}  ${sure.padStart(5)}  ${place.padEnd(14)}  ${title.replace(/^\[P\d\] /, "")}`);
}
console.log(`\n${found.length} findings, ${verdict?.correctness ?? "no verdict"}. ${verdict?.explanation ?? ""}`);

function scriptedReview(workspace: string) {
  const finding = (priority: number, title: string, line: number, body: string) => ({
    title: `[P${priority}] ${title}`,
    body,
    priority,
    confidence_score: 0.8,
    code_location: { absolute_file_path: join(workspace, "mean.mjs"), line_range: { start: line, end: line } },
  });
  return {
    findings: [
      finding(1, "Division by zero for an empty list", 2, "Return 0, or throw when there are no values."),
      finding(3, "The name says nothing", 1, "Call it `mean`."),
    ],
    overall_correctness: "patch is incorrect",
    overall_explanation: "Empty lists break it.",
    overall_confidence_score: 0.9,
  };
}
