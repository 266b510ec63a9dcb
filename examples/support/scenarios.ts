/** What the scripted model answers to each example, and the files that each example needs. */

import { join } from "node:path";
import {
  applyPatch,
  delay,
  fail,
  failResponse,
  gate,
  message,
  type Piece,
  type RecordedRequest,
  type Responder,
  shell,
  silence,
  step,
  toolCall,
} from "codex-embed/testing";
import { reviewService } from "./reviewScenario.js";
import type { Scenario } from "./stage.js";

const usage = { input: 1_200, cached: 1_000, output: 40 };
const escalate = (justification: string) => ({ escalate: { justification } });

/** Text as a model streams it: word by word. */
function words(text: string): Piece[] {
  return (text.match(/\S+\s*/g) ?? []).flatMap((word) => [word, delay(15)]);
}

/** A scenario with one answer for each turn. */
function answers(...texts: readonly string[]): Scenario {
  return { script: (model) => model.enqueue(...texts.map((text) => step({ usage }, message(text)))) };
}

const mean = (test: string, result: string) =>
  `/** The mean of numbers. */\nexport function mean(values) {\n${test}  return values.reduce((a, b) => a + b${result}) / values.length;\n}\n`;
const BROKEN = mean("", "");
const FIXED = mean("  if (values.length === 0) return 0;\n", ", 0");
const TEST =
  'import { mean } from "./mean.mjs";\n\nif (mean([]) !== 0) throw new Error("The mean of nothing is not 0.");\nconsole.log("passed");\n';
const project = { "mean.mjs": BROKEN, "test.mjs": TEST };

/** A chart of three bars, 14 by 12 pixels. */
const CHART = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAA4AAAAMAQAAAAB6+7F3AAAAFUlEQVR42mP4/5/hfz8C/YChDgQCAFQIEShX5Y5VAAAAAElFTkSuQmCC",
  "base64",
);

/** Answers with the size of the image that arrived. */
function describePicture(words: string): Responder {
  return (request) => message(`${words} (${pictureBytes(request)} bytes of PNG)`);
}

function pictureBytes(request: RecordedRequest): number {
  const [, data = ""] = /"data:image\/png;base64,([^"]*)"/.exec(JSON.stringify(request.input)) ?? [];
  return Buffer.from(data, "base64").length;
}

const plan = (title: string, days: number) => JSON.stringify({ title, steps: ["Freeze", "Test", "Publish"], days });

/** The scenarios by the names of the examples. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  quickstart: { files: project, ...answers("It computes the mean of numbers.") },
  run: {
    files: project,
    script: (model) => {
      const patch = [
        "-export function mean(values) {",
        "+export function mean(values) {",
        "+  if (values.length === 0) return 0;",
      ];
      model.enqueue(
        step({ usage }, shell("node test.mjs")),
        step(
          { usage },
          applyPatch(`*** Begin Patch\n*** Update File: mean.mjs\n@@\n${patch.join("\n")}\n*** End Patch`),
        ),
        step({ usage }, shell("node test.mjs")),
        step({ usage }, message("The mean of an empty list is 0 now, and the test passes.")),
      );
    },
  },
  stream: {
    files: project,
    script: (model) =>
      model.enqueue(
        step({ usage }, shell("wc -l mean.mjs")),
        step({ usage }, message({ deltas: words("It has 4 lines.") })),
      ),
  },
  "text-stream": {
    script: (model) => {
      const text = "Give every child the same number of sweets: that number is the mean.";
      model.enqueue(step({ usage }, message({ deltas: words(text) })));
    },
  },
  "existing-thread": answers("I will remember it.", "Your favourite number is 42."),
  "move-thread": answers("I will remember it."),
  "plan-first": answers("<proposed_plan>\n1. Rename it.\n</proposed_plan>", "It is renamed."),
  "running-turn": answers("Hello.", "I looked around.", "It is time for a release."),
  profile: { ...answers("It tests agents."), homeFiles: { "fast.config.toml": 'model_reasoning_effort = "low"\n' } },
  lifecycle: answers("Gladly. When?", "Then there is time for one more test."),
  "image-and-text": {
    files: { "chart.png": CHART },
    script: (model) => model.respondWith(describePicture("Three bars, the last one the highest")),
  },
  "local-image": {
    files: { "chart.png": CHART },
    script: (model) => model.respondWith(describePicture("The third one")),
  },
  concurrency: {
    files: { "mean.mjs": FIXED, "median.mjs": "", "mode.mjs": "" },
    script: (model) => {
      model.respondWith((request) => {
        const [, name = "it"] = /(\w+)\.mjs/.exec(request.lastUserText() ?? "") ?? [];
        return message(`It computes the ${name} of numbers.`);
      });
    },
  },
  "errors-and-retry": {
    script: (model) => {
      model.when((request) => request.lastUserText() === "Is the service up?").enqueue(fail(503), message("It is up."));
      model.respondWith((request) => {
        if (request.lastUserText()?.includes("an hour")) return silence();
        if (request.lastUserText()?.includes("very long")) return failResponse("context_length_exceeded");
        return message("Yes.");
      });
    },
  },
  budget: {
    script: (model) => {
      model
        .when((request) => request.lastUserText() === "Continue.")
        .enqueue(step({ usage }, message("42 lines in one file.")));
      model.enqueue(step({ usage }, message("I count."), shell("true")), step({ usage }, shell("sleep 60")));
      model.respondWith(() => silence());
    },
  },
  chat: {
    script: (model) =>
      model.respondWith((request) => message({ deltas: words(`You said: ${request.lastUserText()}`) })),
  },
  "turn-options": {
    files: project,
    script: (model) => model.enqueue(message("Hello."), message('{"files":2,"summary":"A module and its test."}')),
  },
  models: answers("42"),
  "steer-and-interrupt": {
    script: (model) =>
      model.enqueue(
        message({ deltas: ["The sea", gate()] }),
        message("The mountains stand, the clouds go by."),
        message({ deltas: ["Once upon a time", gate()] }),
      ),
  },
  login: {
    env: { OPENAI_API_KEY: "sk-example" },
    home: {
      extraConfig: { cli_auth_credentials_store: "file", model_providers: { mock: { requires_openai_auth: true } } },
    },
  },
  approvals: {
    files: { "reports/may.txt": "", "reports/june.txt": "" },
    script: (model) =>
      model.enqueue(
        shell("node --version", escalate("See which Node is installed.")),
        shell("rm -rf reports", escalate("Remove the old reports.")),
        shell("mv reports old-reports", escalate("Move the old reports away.")),
        message("The reports are in old-reports now. Node is installed."),
      ),
  },
  tools: {
    script: (model) =>
      model.enqueue(
        toolCall("find_ticket", { id: "seven" }),
        toolCall("find_ticket", { id: 7 }),
        message("Ticket 7: the build fails on Node 20."),
      ),
  },
  observability: {
    script: (model) =>
      model.enqueue(
        shell("node --version", { escalate: { justification: "To report the version." } }),
        message("I may not run commands here.", { usage: { input: 1200, output: 40 } }),
      ),
  },
  "structured-output": {
    script: (model) =>
      model.enqueue(
        message({ deltas: [plan("Release 2.0", 4).slice(0, 40), delay(80), plan("Release 2.0", 4).slice(40)] }),
        message(plan("Release 2.0, in a hurry", 0)),
        message(plan("Release 2.0, in a hurry", 2)),
      ),
  },
  "guard-tests": {
    files: project,
    script: (model) =>
      model.enqueue(
        message("It should work."),
        applyPatch(
          "*** Begin Patch\n*** Update File: mean.mjs\n@@\n export function mean(values) {\n+  if (values.length === 0) return 0;\n*** End Patch",
        ),
        message("The mean of an empty list is 0 now."),
      ),
  },
  "guard-paths": {
    files: project,
    script: (model) =>
      model.enqueue(
        applyPatch("*** Begin Patch\n*** Add File: CHANGELOG.md\n+New: median.\n*** End Patch"),
        applyPatch("*** Begin Patch\n*** Add File: src/median.mjs\n+export const median = 0;\n*** End Patch"),
        shell("echo 'New: median.' > CHANGELOG.md"),
        message("I may write to src alone: the module is there, the changelog is not."),
      ),
  },
  guards: {
    files: {
      "src/mean.mjs": BROKEN,
      "test.mjs": 'import { mean } from "./src/mean.mjs";\nif (mean([]) !== 0) process.exit(1);\n',
    },
    script: (model) =>
      model.enqueue(
        shell("rm test.mjs"),
        message("All is well."),
        applyPatch(
          "*** Begin Patch\n*** Update File: src/mean.mjs\n@@\n export function mean(values) {\n+  if (values.length === 0) return 0;\n*** End Patch",
        ),
        message("The function mean takes an empty list."),
      ),
  },
  undo: {
    files: project,
    script: (model) =>
      model.enqueue(
        applyPatch(
          "*** Begin Patch\n*** Update File: mean.mjs\n@@\n-/** The mean of numbers. */\n+/** The mean. */\n*** End Patch",
        ),
        shell("mv test.mjs mean.test.mjs"),
        message("The modules are tidy."),
      ),
  },
  review: {
    files: { "mean.mjs": FIXED },
    uncommitted: { "mean.mjs": BROKEN },
    script: (model, folder) => {
      const found = (title: string, priority: number, line: number, body: string) => ({
        title,
        body,
        priority,
        confidence_score: 0.8,
        code_location: { absolute_file_path: join(folder, "mean.mjs"), line_range: { start: line, end: line } },
      });
      const findings = [
        found("The name says nothing about numbers", 3, 2, "Call it meanOf."),
        found("Division by zero for an empty list", 1, 3, "Return 0, or throw when there are no values."),
      ];
      const verdict = { overall_correctness: "patch is incorrect", overall_explanation: "Empty lists break it." };
      model.enqueue(message(JSON.stringify({ findings, ...verdict, overall_confidence_score: 0.9 })));
    },
  },
  goals: {
    files: project,
    script: (model) =>
      model.enqueue(
        step({ usage }, message("mean() is tested for an empty list.")),
        step({ usage }, message("mean() is tested for one number as well.")),
        step({ usage }, toolCall("update_goal", { status: "complete" })),
        step({ usage }, message("Every function has a test.")),
      ),
  },
  remote: answers("In a process that listens at an address."),
  "review-service": reviewService,
};
