import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  createTestHome,
  fail,
  failResponse,
  gate,
  message,
  type Part,
  ScriptedModel,
  type Step,
  shell,
  silence,
  type TestHome,
  type TestHomeOptions,
} from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CliOptions, PROGRAM, runCli, runNode } from "../../support/cli.js";
import { descendantsOf, isAlive } from "../../support/processes.js";
import { verifies } from "../../support/verifies.js";

const FAKE = fileURLToPath(new URL("../../fixtures/fakeRuntime.mjs", import.meta.url));
const notWindows = test.skipIf(process.platform === "win32");
/** One pixel. */
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

let model: ScriptedModel;
let home: TestHome;
const open = async (options: Partial<TestHomeOptions> = {}): Promise<void> => {
  home = await createTestHome({ model, ...options });
};
beforeEach(async () => {
  model = await ScriptedModel.start();
  await open();
});
afterEach(async () => {
  await home.dispose();
  await model.close();
});

const run = (args: readonly string[], options: CliOptions = {}) =>
  runCli(["run", ...args], { cwd: home.workspace, env: home.env, ...options });
const script = (...steps: readonly (Step | Part)[]) => void model.enqueue(...steps);
const threadIn = (stdout: string): string => /^ {2}thread {3}(\S+)$/m.exec(stdout)?.[1] ?? "no thread";
/** What the model was sent, as text. */
const sent = (index: number): string => JSON.stringify(model.requests[index]?.body ?? null);

describe("a turn", () => {
  test("is streamed, with its commands and what it has come to", async () => {
    verifies("cli-run");
    script(shell("echo from the command"), message("Hello there."));
    const { code, stdout, stderr } = await run(["Say", "hello."]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^> Say hello\.\n[^]*\n {2}\$ echo from the command {2}exit 0[^\n]*\n {4}from the command\n[^]*\nHello there\.\n[^]*\n {2}turn {5}completed in .*\n[^]*\n {2}thread {3}\S+\n$/,
    );
    expect(stdout).not.toContain("\x1b");
    model.assertComplete();
  });

  test("is printed as JSON, an event a line", async () => {
    verifies("cli-run");
    script(message("A \u2028\u009b2J\u200b line."));
    const { code, stdout, stderr } = await run(["--json", "Go."]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const events: { method: string; params: unknown }[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    for (const event of events) expect(Object.keys(event)).toEqual(["method", "params"]);
    expect(events.map(({ method }) => method)).toEqual(
      expect.arrayContaining(["turn/started", "item/completed", "turn/completed"]),
    );
    expect(events.at(-1)).toMatchObject({ method: "turn/completed", params: { turn: { status: "completed" } } });
    // What a terminal could take for more than text is escaped.
    expect(stdout).toContain("A \\u2028\\u009b2J\\u200b line.");
  });

  test.each([["-"], []])("takes its prompt from stdin: %j", async (...args) => {
    script(message("Read."));
    const { code, stdout } = await run(args, { stdin: "Grüße aus\nzwei Zeilen\n" });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^> Grüße aus\nzwei Zeilen\n/);
  });

  test("goes on with a thread", async () => {
    script(message("First."), message("Second."));
    const first = await run(["One."]);
    const second = await run(["--resume", threadIn(first.stdout), "Two."]);
    expect(second).toMatchObject({ code: 0, stderr: "" });
    expect(threadIn(second.stdout)).toBe(threadIn(first.stdout));
    expect(sent(1)).toContain("One.");
    expect(sent(1)).toContain("First.");
  });

  test("takes a model, a setting, pictures, a folder, and a home", async () => {
    script(message("Seen."));
    await writeFile(join(home.workspace, "pixel.png"), Buffer.from(PNG, "base64"));
    const { CODEX_HOME: _home, ...env } = home.env;
    const settings = ["--model", "mock-model", "-c", 'model_reasoning_effort="high"', "--codex-home", home.codexHome];
    const { code, stderr } = await run([...settings, "--cwd", "..", "--image", "pixel.png", "Look."], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(sent(0)).toContain(`data:image/png;base64,`);
    expect(sent(0)).toContain('"effort":"high"');
    expect(sent(0)).toContain(`<cwd>${join(home.workspace, "..")}</cwd>`);
  });

  test("answers by a schema, or fails", async () => {
    const schema = {
      type: "object",
      properties: { n: { type: "number" } },
      required: ["n"],
      additionalProperties: false,
    };
    await writeFile(join(home.workspace, "schema.json"), JSON.stringify(schema));
    script(message('{"n":1}'), message('{"n":"one"}'));
    expect(await run(["--output-schema", "schema.json", "Count."])).toMatchObject({ code: 0, stderr: "" });
    expect(sent(0)).toContain('"json_schema"');
    const failed = await run(["--output-schema", "schema.json", "Count."]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/OutputValidationError \(OUTPUT_INVALID\): .*--output-schema/);
    expect(failed.stderr).toContain("n: must be number");
  });
});

describe("a call that cannot work", () => {
  test.each([
    [["--image", "gone.png", "Look."], /^\nUsageError \(USAGE\): --image .*gone\.png cannot be read/],
    [["--cwd", "/nowhere", "Go."], /^\nUsageError \(USAGE\): --cwd is \/nowhere/],
    [["--config", "novalue", "Go."], /^\nUsageError \(USAGE\): --config contains "novalue"/],
    [["--output-schema", "notes.txt", "Go."], /^codex-embed run: --output-schema notes\.txt is not JSON: /],
    [
      ["--output-schema", "list.json", "Go."],
      /^codex-embed run: --output-schema list\.json does not hold a JSON object\./,
    ],
    [["--sandbx", "read-only", "Go."], /^codex-embed run: Unknown flag --sandbx\. Did you mean --sandbox\?/],
    [["--approval-mode", "ask", "Go."], /^codex-embed run: --approval-mode ask needs a terminal/],
  ])("%j", async (args, stderr) => {
    await writeFile(join(home.workspace, "notes.txt"), "notes");
    await writeFile(join(home.workspace, "list.json"), "[]");
    expect(await run(args)).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(stderr) });
    expect(model.requests).toEqual([]);
  });
});

notWindows.each(["run Go.", "doctor", "mcp"])(
  "a folder that was deleted is told, with the way out: %s",
  async (command) => {
    const cwd = await mkdtemp(join(home.workspace, "deleted-"));
    const script = `rmdir "$PWD" && exec '${process.execPath}' '${PROGRAM.join("' '")}' ${command}`;
    const { code, stdout, stderr } = await runNode(["-c", script], { cwd, env: home.env }, "/bin/sh");
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/The working directory .*was deleted\. .*--(?:cwd|root)/);
    const there = await runNode(
      ["-c", `${script} --cwd '${home.workspace}'`],
      { cwd: await mkdtemp(cwd), env: home.env },
      "/bin/sh",
    );
    expect(there.stdout + there.stderr).not.toContain("The working directory");
  },
);

describe("a failure", () => {
  test("of the turn is told with what to do", async () => {
    script(fail(401));
    const { code, stdout, stderr } = await run(["Go."]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/\n {2}turn {5}failed in /);
    expect(stderr).toMatch(
      /^\nTurnFailedError \(TURN_FAILED\): .*401[^]*\nThe model provider rejected the login\. Run: npx codex login\n$/,
    );
  });

  test("of the turn in JSON", async () => {
    script(failResponse("invalid_prompt", "bad prompt"));
    const { code, stdout, stderr } = await run(["--json", "Go."]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
      method: "turn/completed",
      params: { turn: { status: "failed" } },
    });
    expect(stderr).toContain("bad prompt");
  });

  test("of time", async () => {
    script(silence());
    const { code, stderr } = await run(["--deadline", "0.5", "Go."]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/TurnDeadlineError \(TURN_DEADLINE\): .*--deadline \(500 ms\)[^]*Raise --deadline/);
  });

  test("of the thread's id", async () => {
    const { code, stderr } = await run(["--resume", "01a00000-0000-7000-8000-000000000001", "Go."]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\nThreadNotFoundError \(THREAD_NOT_FOUND\): /);
  });

  test("of the start names the doctor", async () => {
    const { code, stderr } = await run(["--codex-bin", "/nowhere/codex", "Go."]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^\nLaunchError \(BINARY_NOT_FOUND\): [^]*\nFor a full diagnosis, run: npx codex-embed doctor\n$/,
    );
  });

  test("of the configuration names the file and the place", async () => {
    await writeFile(join(home.codexHome, "config.toml"), "model = 1\nfoo");
    const { code, stdout, stderr } = await run(["Go."]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}! Invalid configuration; .*config\.toml:2:/);
    expect(stderr).toMatch(/config\.toml:2:/);
    expect(stderr).not.toContain("logged in");
  });

  test("of the login is told before anything is asked", async () => {
    const { code, stderr } = await run(["-c", "model_providers.mock.requires_openai_auth=true", "Go."]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "\nNot logged in. Run: npx codex login\n" });
    expect(model.requests).toEqual([]);
  });
});

describe("what goes beyond the sandbox", () => {
  beforeEach(async () => {
    await home.dispose();
    await open({ sandbox: "workspace-write" });
  });
  const asking = (path: string): Part => shell(`touch ${path}`, { escalate: { justification: "Needed." } });
  const outside = (): string => join(home.codexHome, "outside");

  test("is denied where nobody can be asked", async () => {
    verifies("cli-approvals");
    script(asking(outside()), message("Then not."));
    const { code } = await run(["Go."]);
    expect(code).toBe(0);
    expect(existsSync(outside())).toBe(false);
    expect(sent(1)).toContain("rejected");
  });
});

describe("the end from outside", () => {
  /** Runs until `stop` shows in the output, calls `act` once, and tells what was below the program then. */
  async function stopped(
    args: readonly string[],
    stop: string,
    act: (child: ChildProcess) => unknown = (child) => child.kill("SIGINT"),
    options: CliOptions = {},
  ) {
    let below: Promise<number[]> | undefined;
    const result = await run(args, {
      ...options,
      onOutput: ({ stdout, stderr }, child) => {
        if (below !== undefined || !(stdout + stderr).includes(stop)) return;
        below = descendantsOf(child.pid ?? 0);
        void below.then(() => act(child));
      },
    });
    const pids = (await below) ?? [];
    // A process that was killed takes a moment to be gone.
    const limit = performance.now() + 3_000;
    let left = pids;
    do {
      const alive = await Promise.all(pids.map(isAlive));
      left = pids.filter((_, index) => alive[index] === true);
    } while (left.length > 0 && performance.now() < limit);
    return { ...result, started: pids.length, left };
  }

  notWindows("Ctrl-C interrupts the turn and stops its commands", async () => {
    script(shell("echo running; exec sleep 1000"));
    const result = await stopped(["Go."], "$ echo running");
    expect(result).toMatchObject({ code: 130, signal: null, left: [] });
    expect(result.stderr).toBe(
      "\nInterrupting the turn. Press Ctrl-C again to end everything at once.\n\nInterrupted.\n",
    );
    if (process.platform === "linux") expect(result.started).toBeGreaterThan(0);
  });

  notWindows("an interrupted thread can be gone on with", async () => {
    script(message({ deltas: ["Begun.", gate()] }), message("On."));
    const first = await stopped(["Go."], "Begun.");
    expect(first.code).toBe(130);
    const second = await run(["--resume", threadIn(first.stdout), "Go on."]);
    expect(second).toMatchObject({ code: 0, stderr: "" });
    expect(threadIn(second.stdout)).toBe(threadIn(first.stdout));
  });

  notWindows("SIGTERM ends it as well", async () => {
    script(silence());
    const result = await stopped(["Go."], "> Go.", (child) => child.kill("SIGTERM"));
    expect(result).toMatchObject({ code: 143, left: [] });
  });

  notWindows("a second Ctrl-C ends everything at once", async () => {
    // A runtime that answers an interrupt and then does nothing.
    const env = { ...home.env, CODEX_BIN: FAKE, FAKE_MODE: "stalls" };
    const began = performance.now();
    const result = await stopped(
      ["--json", "Go."],
      '"turn/started"',
      (child) => {
        // One that follows at once is taken for the same, so it is sent until it is not.
        const again = setInterval(() => child.kill("SIGINT"), 50);
        child.once("exit", () => clearInterval(again));
      },
      { env },
    );
    // A third one may arrive before the exit. It ends the program by the signal, which a shell reports as 130 too.
    expect({ ...result, code: result.code ?? 130 }).toMatchObject({ code: 130, left: [] });
    expect([null, "SIGINT"]).toContain(result.signal);
    expect(performance.now() - began).toBeLessThan(20_000);
  });

  notWindows.each([
    [["Go."], true],
    [["--json", "Go."], true],
    [["Go."], false],
  ])("a reader that leaves ends %j without a word, while the turn runs: %s", async (args, runs) => {
    const [rest, never] = [gate(), gate()];
    script(message({ deltas: ["Begun.", rest, "More.", ...(runs ? [never] : [])] }));
    const result = await stopped(args, "Begun.", (child) => {
      child.stdout?.destroy();
      rest.open();
    });
    expect(result).toMatchObject({ code: 141, stderr: "", left: [] });
  });
});
