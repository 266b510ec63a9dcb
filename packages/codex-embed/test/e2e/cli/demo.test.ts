import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { Codex, TurnFailedError } from "codex-embed";
import * as kit from "codex-embed/testing";
import {
  applyPatch,
  createTestHome,
  disconnect,
  fail,
  failResponse,
  message,
  type Part,
  rawItem,
  ScriptedModel,
  type Step,
  shell,
  silence,
  step,
  type TestHome,
} from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRepository, PROMPT, scriptedSteps } from "../../../src/cli/demo.js";
import { TurnRenderer, type TurnRendererOptions } from "../../../src/cli/render/turnRenderer.js";
import { makeTestFolder } from "../../../src/testing/testHome.js";
import { type CliResult, runCli } from "../../support/cli.js";
import { verifies } from "../../support/verifies.js";

const linuxOnly = test.runIf(process.platform === "linux");

/** Expects all of the lines, in this order; others may stand between them. */
function expectLines(output: string, wanted: readonly (string | RegExp)[]): void {
  const lines = output.split("\n");
  let from = 0;
  for (const line of wanted) {
    const index = lines.findIndex(
      (text, at) => at >= from && (line instanceof RegExp ? line.test(text) : text === line),
    );
    if (index === -1) expect(lines.slice(from)).toContain(String(line));
    from = index + 1;
  }
}

describe("the renderer over real turns", () => {
  async function render(
    steps: readonly (Step | Part)[],
    options: Partial<TurnRendererOptions> = {},
    prepare: (home: TestHome, codex: Codex) => Promise<string> = (home) => Promise.resolve(home.workspace),
  ): Promise<string> {
    await using model = await ScriptedModel.start();
    await using home = await createTestHome({ model, streamMaxRetries: 1 });
    await using codex = new Codex({ codexHome: home.codexHome, env: home.env, inheritEnv: false });
    const cwd = await prepare(home, codex);
    const thread = await codex.startThread({ cwd });
    let output = "";
    const renderer = new TurnRenderer((text) => (output += text), { color: false, cwd, ...options });
    model.enqueue(...steps);
    const turn = await thread.startTurn(PROMPT);
    try {
      for await (const event of turn) renderer.render(event);
      renderer.summary(await turn.result(), { modelRequests: model.requests.length });
    } catch (error) {
      if (!TurnFailedError.isInstance(error)) throw error;
      renderer.summary(error.result);
    }
    model.assertComplete();
    return output;
  }

  test("the demo's own turn", async () => {
    const output = await render(scriptedSteps(kit, 0), {}, async ({ workspace }, codex) => {
      const { path } = await createRepository(codex, join(workspace, "median"), AbortSignal.timeout(30_000));
      return path;
    });
    expectLines(output, [
      `> ${PROMPT}`,
      "  ~ Reproduce first",
      "I'll run the test first, to see what fails.",
      "",
      /^ {2}\$ node test\.mjs {2}exit 1 · \S+ s$/,
      "    FAIL  numbers of different length: median([10, 9, 1]) is 10, not 9",
      "    3 passed, 1 failed",
      "  tokens  4,210 in, 118 out (41 reasoning) · 1.7% of the context window",
      /^ {2}\$ sed -n 1,20p median\.mjs {2}exit 0/,
      "      const sorted = [...values].sort();",
      "  plan  [>] Sort the numbers by value",
      "        [ ] Note it in the changelog",
      "        [ ] Run the test again",
      "  edit  median.mjs  +1 -1",
      "    2   export function median(values) {",
      "    3 -   const sorted = [...values].sort();",
      "    3 +   const sorted = [...values].sort((a, b) => a - b);",
      "  plan  [x] Sort the numbers by value",
      "        [x] Note it in the changelog",
      "        [>] Run the test again",
      /^ {2}\$ node test\.mjs {2}exit 0/,
      "    4 passed, 0 failed",
      "  plan  [x] Run the test again",
      "The test passes: 4 of 4 cases.",
      "- Fix: median.mjs sorts by value. No other code had to change.",
      /^ {2}turn {5}completed in \S+ s$/,
      "  items    1 thought, 4 messages, 3 commands (1 failed), 1 file change",
      "  model    7 requests",
      "  tokens   33,719 in (27,648 cached), 768 out (41 reasoning)",
      "           34,487 in this turn, 34,487 in this thread",
    ]);
    expect(output).not.toContain("\x1b");
    expect(output.endsWith("thread\n")).toBe(true);
  });

  test("changes of every kind, quoted commands, long output, a search, a stream that is tried again", async () => {
    const output = await render(
      [
        step(message("I'll start"), disconnect()),
        step(
          { endTurn: false },
          rawItem({ type: "web_search_call", id: "ws_1", action: { type: "search", query: "how to" } }),
        ),
        shell(`for i in $(seq 30); do echo "it's $i"; done; printf '\\033[31mred\\033[0m\\n10%%\\r100%%\\n'`),
        applyPatch(
          "*** Begin Patch\n*** Add File: new.txt\n+one\n+two\n*** Delete File: old.txt\n" +
            "*** Update File: here.txt\n*** Move to: there.txt\n@@\n-a\n+b\n*** End Patch",
        ),
        message("Done."),
      ],
      { maxOutputLines: 3 },
      async ({ workspace }) => {
        await writeFile(join(workspace, "old.txt"), "gone\n");
        await writeFile(join(workspace, "here.txt"), "a\nz\n");
        return workspace;
      },
    );
    expectLines(output, [
      "I'll start",
      /^ {2}! Reconnecting\.\.\. 1\/1 .*: retrying$/,
      "  search how to",
      /^ {2}\$ for i in \$\(seq 30\); do echo "it's \$i"; done; printf '.*' {2}exit 0/,
      "    … 29 more above",
      "    it's 30",
      "    red",
      "    100%",
      "  move  here.txt -> there.txt  +1 -1",
      "    1 - a",
      "    1 + b",
      "    2   z",
      "  add   new.txt  +2 -0",
      "    1 + one",
      "    2 + two",
      "  del   old.txt  +0 -1",
      "    1 - gone",
      "Done.",
    ]);
    expect(output).not.toContain("Moved to");
  });

  test("a turn that fails", async () => {
    const output = await render([failResponse("invalid_prompt", "bad prompt")]);
    expectLines(output, ["  x bad prompt", /^ {2}turn {5}failed in/]);
  });
});

describe("codex-embed demo", () => {
  let cache: string;
  beforeEach(async () => {
    // Where test homes are made: a bubblewrap in the system's temporary folder would not be taken by the runtime.
    cache = await makeTestFolder();
  });
  afterEach(() => rm(cache, { recursive: true, force: true }));

  function runDemo(
    args: readonly string[],
    options: { env?: Readonly<Record<string, string>>; stopAt?: string } = {},
  ): Promise<CliResult> {
    const env = { ...process.env, FORCE_COLOR: undefined, NO_COLOR: "1", XDG_CACHE_HOME: cache, ...options.env };
    let stopped = false;
    return runCli(["demo", ...args], {
      env,
      onOutput: ({ stdout }, child) => {
        if (stopped || options.stopAt === undefined || !stdout.includes(options.stopAt)) return;
        stopped = true;
        child.kill("SIGINT");
      },
    });
  }

  async function expectNothingLeft(): Promise<void> {
    expect(await readdir(join(cache, "codex-embed-testing"))).toEqual([]);
    if (process.platform !== "linux") return;
    const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    for (const id of processes) {
      const [environment = "", command = ""] = await Promise.all(
        ["environ", "cmdline"].map((name) => readFile(`/proc/${id}/${name}`, "utf8").catch(() => "")),
      );
      // The compiler of tsx ends on its own, a moment after the program.
      if (!command.includes("esbuild")) expect(environment.includes(cache), `left: ${id} ${command}`).toBe(false);
    }
  }

  test("fixes the bug, checks it, and leaves nothing behind", async () => {
    verifies("demo");
    const { code, stdout, stderr } = await runDemo([]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expectLines(stdout, [
      /^ {2}runtime {2}codex \d+\.\d+\.\d+, process \d+$/,
      /^ {2}folder {3}.*median/,
      /^ {2}sandbox {2}/,
      `> ${PROMPT}`,
      /^ {2}\$ node test\.mjs {2}exit 1/,
      "  edit  median.mjs  +1 -1",
      /^ {2}\$ node test\.mjs {2}exit 0/,
      "The test passes: 4 of 4 cases.",
      /^ {2}turn {5}completed in/,
      "  Checked without the agent",
      "  script   all 7 steps of the model were requested, and nothing else",
      "  test     passes: 4 passed, 0 failed",
    ]);
    expect(stdout).not.toContain("\x1b");
    await expectNothingLeft();
  });

  linuxOnly("goes on without a sandbox where there is none, and says so", async () => {
    // The runtime prefers a bubblewrap on PATH to its own, if it knows all the options that it needs.
    const bubblewrap = join(cache, "bwrap");
    await writeFile(
      bubblewrap,
      '#!/bin/sh\n[ "$1" = --help ] && echo "--argv0 --as-pid-1 --perms" && exit\necho "bwrap: no namespaces here" >&2\nexit 1\n',
    );
    await chmod(bubblewrap, 0o755);
    const path = `${cache}${delimiter}${process.env["PATH"] ?? ""}`;
    const { code, stdout } = await runDemo([], { env: { PATH: path } });
    expect(code).toBe(0);
    expectLines(stdout, [
      "  sandbox  this machine cannot sandbox commands: continuing with full-access",
      "           bwrap: no namespaces here",
      /^ {2}\$ node test\.mjs {2}exit 0/,
      "  test     passes: 4 passed, 0 failed",
    ]);
  });

  test.skipIf(process.platform === "win32")("Ctrl-C in the middle of the turn cleans up", async () => {
    const { code, stdout, stderr } = await runDemo([], { stopAt: "$ node test.mjs" });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "\nInterrupted.\n" });
    expect(stdout).not.toContain("Checked without the agent");
    await expectNothingLeft();
  });

  test.each([
    [["--nonsense"], "--nonsense"],
    [["--live"], '--live needs a prompt: --live "PROMPT".'],
    [["--live", " "], '--live needs a prompt: --live "PROMPT".'],
    [["hello"], 'A prompt needs --live: --live "hello"'],
  ])("%j is refused with the usage", async (args, problem) => {
    const { code, stdout, stderr } = await runDemo(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(problem);
    expect(stderr).toContain("See: codex-embed demo --help");
  });

  test("--help prints the usage", async () => {
    const { code, stdout } = await runDemo(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain('\nUsage:\n  codex-embed demo\n  codex-embed demo --live "PROMPT"\n');
  });

  test("--live runs a turn with the user's own configuration; failures are short", async () => {
    await using model = await ScriptedModel.start();
    await using home = await createTestHome({ model });
    model.enqueue(message("Hello from your model."), fail(401), silence());
    const said = await runDemo(["--live", "say hello"], { env: home.env });
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expectLines(said.stdout, [
      "  model    mock-model",
      "> say hello",
      "Hello from your model.",
      /^ {2}turn {5}completed/,
    ]);
    const failed = await runDemo(["--live", "again"], { env: home.env });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/^\nTurnFailedError \(TURN_FAILED\): .*401/);
    expect(failed.stderr).toContain("Run: npx codex login");
    expect(failed.stderr).not.toMatch(/^ {4}at /m);
    const stopped = await runDemo(["--live", "take your time"], { env: home.env, stopAt: "> take your time" });
    expect(stopped).toMatchObject({ code: 130, stderr: "\nInterrupted.\n" });
  });

  test("a runtime that cannot be found is a short message", async () => {
    const { code, stdout, stderr } = await runDemo(["--live", "hi"], { env: { CODEX_BIN: join(cache, "missing") } });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^\nLaunchError \(BINARY_NOT_FOUND\): /);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});
