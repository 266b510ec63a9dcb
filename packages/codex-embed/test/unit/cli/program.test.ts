import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/cli/flags.js";
import { COMMANDS, runProgram } from "../../../src/cli/program.js";
import { BadUsage, Failure, type Streams, withTerminal } from "../../../src/cli/terminal.js";
import { TurnDeadlineError, UsageError } from "../../../src/index.js";
import { RUNTIME_VERSION } from "../../../src/protocol/index.js";
import { verifies } from "../../support/verifies.js";
import { keptStreams } from "./streams.js";

const command = (run: Command["run"]): Command => ({
  name: "try",
  summary: "Tries it.",
  usage: ["[WORD]"],
  flags: { loud: { help: "Louder." } },
  notes: ["A note."],
  run,
});

async function program(args: string[], commands: readonly Command[] = COMMANDS) {
  const { streams, stdout, stderr } = keptStreams();
  const code = await runProgram(args, streams, commands);
  return { code, stdout: stdout(), stderr: stderr() };
}

describe("the program", () => {
  it.each([["--help"], ["-h"], ["help"]])("%s lists the commands", async (...args) => {
    const { code, stdout, stderr } = await program(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`codex-embed ${name} +${summary}`));
  });

  it("without arguments prints its help to stderr, and has failed", async () => {
    const { code, stdout, stderr } = await program([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage:");
  });

  it.each(COMMANDS.map(({ name }) => name))("prints all flags of %s", async (name) => {
    const { code, stdout, stderr } = await program([name, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const flags = COMMANDS.find((one) => one.name === name)?.flags ?? {};
    for (const flag of [...Object.keys(flags), "help"])
      expect(stdout).toMatch(new RegExp(`^  (-., )?--${flag}\\b`, "m"));
    expect(await program(["help", name])).toEqual({ code, stdout, stderr });
  });

  it("prints both versions", async () => {
    const { code, stdout } = await program(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^codex-embed \\d+\\.\\d+\\.\\d+\\nruntime ${RUNTIME_VERSION.replaceAll(".", "\\.")} `),
    );
  });

  it.each([
    [["docter"], 'codex-embed: Unknown command "docter". Did you mean doctor?\nSee: codex-embed --help\n'],
    [["quux"], 'codex-embed: Unknown command "quux". Commands: run, doctor, demo, mcp.\nSee: codex-embed --help\n'],
    [["help", "rnu"], 'codex-embed: Unknown command "rnu". Did you mean run?\nSee: codex-embed --help\n'],
    [["--verson"], "codex-embed: Unknown flag --verson. Did you mean --version?"],
    [["--json", "run"], "codex-embed: Unknown flag --json. The flags of a command follow its name."],
    [
      ["run", "--jsn", "hi"],
      "codex-embed run: Unknown flag --jsn. Did you mean --json?\nSee: codex-embed run --help\n",
    ],
    [["doctor", "please"], "codex-embed doctor: Unexpected argument: please."],
    [["run", " "], "codex-embed run: The prompt is empty."],
    [["run", "--deadline", "soon", "hi"], 'codex-embed run: --deadline is "soon"'],
    [["run", "--sandbox", "none", "hi"], 'codex-embed run: --sandbox is "none"'],
    [["run", "--approval-mode", "ask", "hi"], "codex-embed run: --approval-mode ask needs a terminal"],
    [["run", "--output-schema", "/nowhere.json", "hi"], "--output-schema /nowhere.json cannot be read: ENOENT"],
  ])("refuses %j", async (args, message) => {
    const { code, stdout, stderr } = await program(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  it("hands over what was given, and takes the exit code", async () => {
    const { code, stdout } = await program(
      ["try", "--loud", "a", "b"],
      [
        command(async (args, { write }) => {
          write(JSON.stringify([args.has("loud"), args.positionals]));
          return 7;
        }),
      ],
    );
    expect({ code, stdout }).toEqual({ code: 7, stdout: '[true,["a","b"]]' });
  });

  it.each([
    [new Failure("It went wrong."), 1, "\nIt went wrong.\n"],
    [new BadUsage("Not so."), 2, "codex-embed try: Not so.\nSee: codex-embed try --help\n"],
    [new UsageError("cwd is empty."), 2, "\nUsageError (USAGE): cwd is empty.\n"],
    [new TypeError("A bug."), 1, "\nTypeError: A bug.\n"],
    [
      new TurnDeadlineError({ threadId: "t", turnId: "u" }, 5),
      1,
      "\nTurnDeadlineError (TURN_DEADLINE): Turn u took longer than its deadlineMs (5 ms) and was interrupted. Raise deadlineMs if it needs longer.\n",
    ],
  ])("tells %s", async (error, code, stderr) => {
    const failing = command(() => Promise.reject(error));
    expect(await program(["try"], [failing])).toEqual({ code, stdout: "", stderr });
  });

  it.each([
    [["run", "--deadline", "1e12", "hi"], 'codex-embed run: --deadline is "1e12"; it must be a number of seconds'],
    [["mcp", "--deadline", "1e12"], 'codex-embed mcp: --deadline is "1e12"; it must be a number of seconds'],
    [["doctor", "--timeout", "1e12"], 'codex-embed doctor: --timeout is "1e12"; it must be a number of seconds'],
    [["run", "--cwd", "/nowhere", "hi"], "UsageError (USAGE): --cwd is /nowhere, which is not an existing folder."],
    [["run", "-C", "/nowhere", "hi"], "UsageError (USAGE): -C is /nowhere, which is not an existing folder."],
    [["run", "-c", "novalue", "hi"], 'UsageError (USAGE): -c contains "novalue".'],
    [["run", "--config=novalue", "hi"], 'UsageError (USAGE): --config contains "novalue".'],
    [["run", "--codex-home", "/dev/null", "hi"], "UsageError (USAGE): --codex-home (/dev/null) is not a folder"],
    [["run", "--codex-bin", "/nowhere/codex", "hi"], '(BINARY_NOT_FOUND): --codex-bin names "/nowhere/codex", which'],
    [["mcp", "--root", "/nowhere"], "UsageError (USAGE): --root holds /nowhere, which is not an existing folder."],
    [["mcp", "--http", "--token-file", "/dev/null/t"], "--token-file is /dev/null/t, which cannot be written."],
  ])("names the flag that was typed: %j", async (args, message) => {
    verifies("refused-flag-value");
    const { code, stdout, stderr } = await program(args);
    expect(stdout).toBe("");
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });

  it("names the flag of an error that comes later, and leaves alone what others say", async () => {
    const flags = { deadline: { value: "SECONDS", option: ["deadlineMs"], help: "" } };
    const failing = (error: Error): Command => ({ ...command(() => Promise.reject(error)), flags });
    const deadline = failing(new TurnDeadlineError({ threadId: "t", turnId: "u" }, 5));
    expect((await program(["try", "--deadline", "1"], [deadline])).stderr).toBe(
      "\nTurnDeadlineError (TURN_DEADLINE): Turn u took longer than its --deadline (5 ms) and was interrupted. " +
        "Raise --deadline if it needs longer.\n",
    );
    const said = failing(new Failure("The provider says deadlineMs."));
    expect((await program(["try"], [said])).stderr).toBe("\nThe provider says deadlineMs.\n");
  });

  it("tells nothing that would steer the terminal", async () => {
    const failing = command(() => Promise.reject(new Failure("The provider \u001b]0;said\u0007so.\u001b[2J")));
    expect((await program(["try"], [failing])).stderr).toBe("\nThe provider so.\n");
  });

  it("leaves no listener behind", async () => {
    const count = () => ["SIGINT", "SIGTERM", "SIGHUP"].map((name) => process.listenerCount(name));
    const before = count();
    await program(["--help"]);
    await program(["quux"]);
    expect(count()).toEqual(before);
  });
});

describe("stdin", () => {
  it("is read to its end for the prompt, and must hold one", async () => {
    const { streams, stdin, stderr } = keptStreams();
    stdin.end(" \n");
    expect(await runProgram(["run", "-"], streams)).toBe(2);
    expect(stderr()).toContain("codex-embed run: stdin is empty: it must hold the prompt.");
  });

  it("is not waited for on a terminal", async () => {
    const { streams, stderr } = keptStreams({ tty: true });
    expect(await runProgram(["run"], streams)).toBe(2);
    expect(stderr()).toContain("codex-embed run: The prompt is missing");
  });
});

it.each([
  [true, { NO_COLOR: "" }, true],
  [true, { NO_COLOR: "1" }, false],
  [false, { NO_COLOR: "" }, false],
  [false, { NO_COLOR: "", FORCE_COLOR: "1" }, true],
])("on a terminal: %s, with %j: colours: %s", async (tty, env, color) => {
  const { streams, stdout } = keptStreams({ tty, env });
  const showsColor = command(async (_args, terminal) => {
    terminal.write(String(terminal.color));
    return 0;
  });
  await runProgram(["try"], streams, [showsColor]);
  expect(stdout()).toBe(String(color));
});

describe("a slow reader of the output", () => {
  const slow = (): { stdout: PassThrough; streams: Streams } => {
    const stdout = new PassThrough({ highWaterMark: 4 });
    return { stdout, streams: { ...keptStreams().streams, stdout } };
  };

  it("is waited for", async () => {
    const { stdout, streams } = slow();
    const order: string[] = [];
    await withTerminal(async ({ write, drained }) => {
      await drained();
      write("more than it takes at once");
      setImmediate(() => {
        order.push("read");
        stdout.resume();
      });
      await drained();
      order.push("written");
      return 0;
    }, streams);
    expect(order).toEqual(["read", "written"]);
  });

  it("is not waited for when it went away", async () => {
    const { stdout, streams } = slow();
    const code = await withTerminal(async ({ write, drained }) => {
      write("more than it takes at once");
      setImmediate(() => stdout.destroy(new Error("EPIPE")));
      await drained();
      return 0;
    }, streams);
    expect(code).toBe(141);
  });
});
