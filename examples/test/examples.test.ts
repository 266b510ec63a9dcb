/** Runs every example offline, as a user does, and checks what it prints, how it ends, and that it leaves nothing behind. */

import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunOptions } from "codex-embed";
import { message, type RecordedRequest } from "codex-embed/testing";
import { afterAll, describe, expect, test } from "vitest";
import { EXAMPLES, programOf } from "../../packages/codex-embed/test/support/bundle.js";
import { type CliOptions, runNode } from "../../packages/codex-embed/test/support/cli.js";
import { readExamples } from "../support/catalog.js";
import { scenarios } from "../support/scenarios.js";
import { openStage, type Stage } from "../support/stage.js";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";

const FOLDER = fileURLToPath(new URL("../", import.meta.url));
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A folder that the runtime's sandbox keeps for each user and uses again. */
const OF_THE_RUNTIME = /^codex-bwrap-synthetic-mount-targets-\d+$/;

/** What an example is expected to do. */
interface Expected {
  /** Every line that it prints. */
  readonly lines: readonly (string | RegExp)[];
  /** Other lines, of which there may be more or fewer: how often one looks at what grows is a matter of speed. */
  readonly growing?: RegExp;
  readonly options?: CliOptions;
  /** What else has to be so when it has ended. */
  readonly also?: (stage: Stage, requests: readonly RecordedRequest[], growing: readonly string[]) => unknown;
}

/** The shell is the one of the user's account. */
const shell = (command: string): string => String.raw`\S+ -l?c '?${command}'?`;

const expected: Readonly<Record<string, Expected>> = {
  quickstart: {
    lines: ["It computes the mean of numbers."],
    also: (_, [request]) => expect(request?.lastUserText()).toContain("What does this project do?"),
  },
  run: {
    lines: [
      new RegExp(`^ran     ${shell("node test.mjs")} \\(exit code 1\\)$`),
      "update  mean.mjs",
      new RegExp(`^ran     ${shell("node test.mjs")} \\(exit code 0\\)$`),
      /^status {2}completed after \d+ ms$/,
      "tokens  4960 in this turn, 4960 in the thread",
      "The mean of an empty list is 0 now, and the test passes.",
    ],
    also: async ({ cwd }) =>
      expect(await readFile(join(cwd, "mean.mjs"), "utf8")).toContain("if (values.length === 0) return 0;"),
  },
  stream: {
    lines: [
      new RegExp(`^\\$ ${shell("wc -l mean.mjs")}$`),
      "  exit code 0",
      "  1240 tokens",
      "It has 4 lines.",
      "  1240 tokens",
      "turn completed",
    ],
    also: (_, requests) => expect(requests[1]?.toolOutput("call_1")).toContain("4 mean.mjs"),
  },
  "text-stream": {
    lines: ["Give every child the same number of sweets: that number is the mean.", "(completed, 40 tokens)"],
  },
  "existing-thread": {
    lines: ['on disk: "My favourite number is 42."', "Your favourite number is 42."],
    also: (_, requests) => expect(requests[1]?.userTexts()).toContain("My favourite number is 42."),
  },
  "move-thread": { lines: ['moved: Numbers, "My favourite number is 42.", same id: true'] },
  "plan-first": {
    lines: ["1. Rename it.", "It is renamed."],
    also: (_, requests) => {
      expect(requests[0]?.developerTexts().join()).toContain("# Plan Mode");
      expect(requests[1]?.body["reasoning"]).toMatchObject({ effort: "low" });
    },
  },
  "running-turn": {
    lines: [/^the turn (still runs|has ended)$/, "It is time for a release."],
    also: (_, requests) => expect(JSON.stringify(requests.at(-1)?.input)).toContain("The build passed."),
  },
  profile: {
    lines: ["It tests agents."],
    also: (_, requests) => expect(requests[0]?.body["reasoning"]).toMatchObject({ effort: "low" }),
  },
  lifecycle: {
    lines: [
      /^runtime \d+\.\d+\.\d+, ready$/,
      "named: release plan",
      "fork: Then there is time for one more test.",
      "archived: release plan",
      "resumed: true",
      "closed, by the client",
    ],
  },
  "image-and-text": { lines: ["Three bars, the last one the highest (78 bytes of PNG)"] },
  "local-image": {
    lines: ["The third one (78 bytes of PNG)", /^The local image \S+missing\.png cannot be read\./],
    also: (_, requests) => expect(requests).toHaveLength(1),
  },
  concurrency: {
    lines: ["mean", "median", "mode"].map((name) => `${name}.mjs: It computes the ${name} of numbers.`),
    also: (_, requests) => expect(new Set(requests.map(({ threadId }) => threadId)).size).toBe(3),
  },
  "errors-and-retry": {
    lines: [
      "It is up. (attempt 2)",
      "interrupted after 500 ms",
      "Yes. (attempt 1)",
      'failed: "contextWindowExceeded", retryable: false',
    ],
  },
  budget: {
    lines: ["interrupted after 2480 of 2000 tokens: I count.", "42 lines in one file."],
  },
  chat: {
    lines: ["Talking to mock-model.", "> You said: hello", "> A new thread.", "> You said: again", /^> ?$/],
    options: { stdin: "hello\n/new\nagain\n/quit\n" },
    also: (_, requests) => {
      expect(requests).toHaveLength(2);
      expect(requests[1]?.userTexts()).not.toContain("hello");
    },
  },
  "turn-options": {
    lines: ["completed: 2 files. A module and its test."],
    also: (_, requests) => {
      const sent = JSON.stringify([requests[1]?.body, requests[1]?.headers]);
      for (const value of ["The last build took 12 minutes.", "nightly", "docs", '"effort":"low"']) {
        expect(sent).toContain(value);
      }
    },
  },
  models: {
    lines: ["* mock-model (Mock): low, medium, high", "mock-model, low: 42"],
    also: (_, [request]) => expect(request?.body).toMatchObject({ model: "mock-model", reasoning: { effort: "low" } }),
  },
  "steer-and-interrupt": {
    lines: ["steered: The mountains stand, the clouds go by.", "interrupted: true"],
    also: (_, requests) => expect(requests[1]?.lastUserText()).toBe("About the mountains instead."),
  },
  login: {
    lines: ["login changed to: apikey", "logged in with: apiKey", "An API key has no account rate limits."],
  },
  approvals: {
    lines: [
      new RegExp(`^accept by rule: ${shell("node --version")}$`),
      new RegExp(`^decline by rule: ${shell("rm -rf reports")}$`),
      new RegExp(
        `^Run ${shell("mv reports old-reports")}\\? \\(Move the old reports away\\.\\) \\[y/N\\] accept by otherwise: `,
      ),
      "The reports are in old-reports now. Node is installed.",
    ],
    options: {
      stdin: null,
      onOutput: ({ stdout }, child) => {
        if (stdout.endsWith("[y/N] ")) child.stdin?.end("y\n");
      },
    },
    also: ({ cwd }) => access(join(cwd, "old-reports", "june.txt")),
  },
  tools: {
    lines: [
      "looked up ticket 7",
      'find_ticket failed: {"id":"seven"}',
      'find_ticket completed: {"id":7}',
      "Ticket 7: the build fails on Node 20.",
    ],
    also: (_, requests) => expect(requests[2]?.toolOutput("call_2")).toContain("Build fails on Node 20"),
  },
  observability: {
    lines: [
      /^approveCommand: decided by handler in \d+ ms$/,
      /^turn completed in \d+ ms with 1240 tokens$/,
      "I may not run commands here.",
    ],
  },
  "structured-output": {
    lines: ["Release 2.0: 3 steps in 4 days", "Release 2.0, in a hurry: 2 days"],
    growing: /^so far: /,
    also: (_, requests, growing) => {
      expect(growing.at(-1)).toBe('so far: {"title":"Release 2.0","steps":["Freeze","Test","Publish"],"days":4}');
      expect(requests[2]?.lastUserText()).toContain("days");
    },
  },
  "guard-tests": {
    lines: ["tests fail after 0 rounds", "tests pass after 1 rounds", "The mean of an empty list is 0 now."],
    also: (_, requests) => expect(requests[1]?.lastUserText()).toContain("Reduce of empty array"),
  },
  "guard-paths": {
    lines: [
      "deny patch",
      "allow patch",
      "deny command",
      "I may write to src alone: the module is there, the changelog is not.",
    ],
    also: async ({ cwd }) => {
      expect((await readdir(cwd)).sort()).toEqual(["mean.mjs", "src", "test.mjs"]);
    },
  },
  guards: {
    lines: ["denied: command", "tests fail", "tests pass", "The function mean takes an empty list."],
    also: async ({ cwd }) => expect(await readdir(cwd)).toContain("test.mjs"),
  },
  undo: {
    lines: [
      "The modules are tidy.",
      "update mean.mjs (+1 -1)",
      "rename test.mjs -> mean.test.mjs (+0 -0)",
      "restored mean.mjs, mean.test.mjs, test.mjs",
    ],
    also: async ({ cwd }) => {
      expect((await readdir(cwd)).sort()).toEqual(["mean.mjs", "test.mjs"]);
      expect(await readFile(join(cwd, "mean.mjs"), "utf8")).toContain("The mean of numbers.");
    },
  },
  review: {
    lines: [
      "mean.mjs:3  Division by zero for an empty list (priority 1, 80 % sure)",
      "  Return 0, or throw when there are no values.",
      "mean.mjs:2  The name says nothing about numbers (priority 3, 80 % sure)",
      "  Call it meanOf.",
      "2 findings: patch is incorrect. Empty lists break it.",
    ],
  },
  goals: {
    lines: [
      "- mean() is tested for an empty list.",
      "- mean() is tested for one number as well.",
      "- Every function has a test.",
      "complete after 3 turns, 4960 tokens",
    ],
  },
  remote: {
    lines: [
      /^listening on ws:\/\/127\.0\.0\.1:\d+$/,
      "In a process that listens at an address.",
      "wrong token: UNAUTHORIZED",
    ],
  },
  "review-service": {
    lines: [/^Open http:\/\/127\.0\.0\.1:\d+\/$/],
    options: {
      onOutput: ({ stdout }, child) => {
        const [, url] = /^Open (\S+)\n$/.exec(stdout) ?? [];
        if (url !== undefined) void fetch(url).then((response) => response.ok && child.kill("SIGTERM"));
      },
    },
  },
};

const stages: Stage[] = [];
afterAll(async () => {
  for (const stage of stages) await stage.close();
});

describe("each example", () => {
  test.each(EXAMPLES)("$name: $sentence", async (example) => {
    verifies("examples");
    const wanted = expected[example.name];
    if (wanted === undefined) throw new Error(`examples/${example.file} has no test: add what it prints.`);
    const stage = await openStage(scenarios[example.name] ?? {});
    stages.push(stage);
    const { cwd, env } = stage;
    const { code, signal, stdout, stderr } = await runNode([programOf(example)], { cwd, env, ...wanted.options });
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: "" });
    const lines = stdout.replace(/\n$/, "").split("\n");
    const growing = lines.filter((line) => wanted.growing?.test(line));
    expect(lines.filter((line) => !growing.includes(line))).toEqual(
      wanted.lines.map((line) => (line instanceof RegExp ? expect.stringMatching(line) : line)),
    );
    stage.check();
    await wanted.also?.(stage, stage.model?.requests ?? [], growing);
    expect(await processesWith(env["CODEX_HOME"] ?? "")).toEqual([]);
    expect((await readdir(env["TMPDIR"] ?? "")).filter((name) => !OF_THE_RUNTIME.test(name))).toEqual([]);
  });
});

describe("npm run example", () => {
  const main = (args: readonly string[], env: CliOptions["env"] = process.env) =>
    runNode(["--import", "tsx", "examples/support/main.ts", ...args], { cwd: ROOT, env });

  test("runs one by its name: the tests of an agent", async () => {
    const { code, stdout, stderr } = await main(["testing"], { ...process.env, NO_COLOR: "1" });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/Tests +3 passed \(3\)/);
  });

  test("with --live, runs it with the user's own configuration, in a folder that goes with it", async () => {
    const user = await openStage({ script: (model) => model.enqueue(message("It is yours.")) });
    stages.push(user);
    expect(await main(["quickstart", "--live"], user.env)).toMatchObject({
      code: 0,
      stdout: "It is yours.\n",
      stderr: "",
    });
    user.check();
    expect(JSON.stringify(user.model?.requests[0]?.input)).toContain("/codex-embed-example-");
    const left = await readdir(user.env["TMPDIR"] ?? "");
    expect(left.filter((name) => name.startsWith("codex-embed-example-"))).toEqual([]);
  });

  test("lists all with their sentences, and refuses another name", async () => {
    const { code, stdout, stderr } = await main(["nonsense"]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "Unknown example: nonsense\n\n" });
    const lines = stdout.split("\n").map((line) => line.split(/ {2,}/));
    for (const { name, sentence } of readExamples(FOLDER)) expect(lines).toContainEqual([name, sentence]);
  });
});

test("examples/README.md names each with its sentence", async () => {
  const readme = await readFile(join(FOLDER, "README.md"), "utf8");
  const rows = readExamples(FOLDER).map(({ name, file, sentence }) => `| [${name}](${file}) | ${sentence} |`);
  expect(rows.filter((row) => !readme.includes(row))).toEqual([]);
  expect(readme.match(/^\| \[/gm)).toHaveLength(rows.length);
});

test("turn-options names every option of a turn", async () => {
  // A new option of the runtime is an error of the compiler here.
  const options: Record<keyof RunOptions, true> = {
    additionalContext: true,
    approvalMode: true,
    budget: true,
    checkpoint: true,
    clientUserMessageId: true,
    collaborationMode: true,
    planMode: true,
    cwd: true,
    cyberAccessProgram: true,
    deadlineMs: true,
    disabledPluginIds: true,
    effort: true,
    environments: true,
    idleTimeoutMs: true,
    keepCommands: true,
    model: true,
    multiAgentMode: true,
    outputSchema: true,
    parentTurnId: true,
    permissions: true,
    personality: true,
    repairAttempts: true,
    responsesapiClientMetadata: true,
    responsesapiClientMetadataPatch: true,
    rootTurnId: true,
    runtimeWorkspaceRoots: true,
    sandbox: true,
    serviceTier: true,
    serviceTierForTurn: true,
    signal: true,
    summary: true,
    toolOutput: true,
    turnTrigger: true,
  };
  const source = await readFile(join(FOLDER, "turn-options.ts"), "utf8");
  expect(Object.keys(options).filter((name) => !new RegExp(`\\b${name}\\b`).test(source))).toEqual([]);
});

/** The processes of this machine that have a text in their environment. Empty where there is no `/proc`. */
async function processesWith(text: string): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, "utf8").catch(() => "")));
  return pids.filter((_, index) => environments[index]?.includes(text));
}
