/** Owns the list of what differs from `@openai/codex-sdk`: each row is shown in both packages, and stands in the docs. */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as theirs from "@openai/codex-sdk";
import { afterAll, describe, expect, it } from "vitest";
import * as z from "zod";
import * as ours from "../../../src/exec/index.js";
import { answer, failed, says, started } from "../../support/execEvents.js";
import { type ExecPlay, FakeExec } from "../../support/fakeExec.js";
import { verifies } from "../../support/verifies.js";

const docs = readFileSync(new URL("../../../../../docs/exec.md", import.meta.url), "utf8");
const root = fileURLToPath(new URL("../../../../../", import.meta.url));
const fake = new FakeExec();
afterAll(() => fake.dispose());

/** What both packages take, without types: rows also show what a program without them passes. */
interface Attempt {
  readonly play?: ExecPlay;
  readonly codex?: object;
  readonly thread?: object;
  readonly resume?: string;
  readonly input?: unknown;
  readonly turn?: object;
  readonly streamed?: boolean;
}

/** What it comes to: the result or the events, or the error; and the arguments, when a process was started. */
interface Seen {
  readonly value?: unknown;
  readonly error?: unknown;
  readonly argv?: readonly string[] | undefined;
}

async function attempt(
  Codex: unknown,
  { play, codex, thread, resume, input = "x", turn, streamed }: Attempt,
): Promise<Seen> {
  fake.play(play ?? { events: answer("fine") });
  const outcome = await (async () => {
    const client = construct(Codex, { codexPathOverride: fake.path, env: {}, ...codex });
    const made =
      resume === undefined ? call(client, "startThread", thread) : call(client, "resumeThread", resume, thread);
    if (streamed !== true) return await call(made, "run", input, turn);
    const stream = await call(made, "runStreamed", input, turn);
    const events: unknown = isObject(stream) ? Reflect.get(stream, "events") : undefined;
    const seen: unknown[] = [];
    if (isIterable(events)) for await (const event of events) seen.push(event);
    return seen;
  })().then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return { ...outcome, argv: fake.call?.argv.slice(2) };
}

function construct(Codex: unknown, options: object): unknown {
  if (typeof Codex !== "function") throw new Error("It is no class.");
  return Reflect.construct(Codex, [options]);
}

function call(target: unknown, method: string, ...args: unknown[]): unknown {
  const found: unknown = isObject(target) ? Reflect.get(target, method) : undefined;
  if (typeof found !== "function") throw new Error(`There is no ${method}.`);
  return Reflect.apply(found, target, args);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return isObject(value) && Symbol.asyncIterator in value;
}

const plainError = expect.objectContaining({ constructor: Error });
const typed = (code: string, more: object = {}) => expect.objectContaining({ code, ...more });
const resolves = { value: expect.anything() };
const failure: ExecPlay = { events: [started(), says("half"), failed("No.")], exitCode: 1, stderr: "log\n" };

describe.skipIf(process.platform === "win32")("what differs from @openai/codex-sdk", () => {
  it.each<{ row: string; attempt: Attempt; their: Seen; our: Seen }>([
    {
      row: "Exit code 0 without `turn.completed`",
      attempt: { play: { events: [started(), says("half")] } },
      their: { value: { items: expect.anything(), finalResponse: "half", usage: null } },
      our: { error: typed("EXEC_EXITED", { exitCode: 0 }) },
    },
    {
      row: "Exit code 0 after a fatal `error` event",
      attempt: { play: { events: [started(), { type: "error", message: "Over." }] } },
      their: { value: { items: [], finalResponse: "", usage: null } },
      our: { error: typed("EXEC_EXITED", { message: expect.stringContaining("Over.") }) },
    },
    {
      row: "A failed turn",
      attempt: { play: failure },
      their: { error: plainError },
      our: {
        error: typed("TURN_FAILED", {
          exitCode: 1,
          signal: null,
          stderrTail: "log\n",
          threadId: "t-1",
          result: expect.objectContaining({ finalResponse: "half" }),
        }),
      },
    },
    {
      row: "A stream of a failed turn",
      attempt: { play: failure, streamed: true },
      their: { error: expect.objectContaining({ message: expect.not.stringContaining("No.") }) },
      our: { error: typed("TURN_FAILED", { message: expect.stringContaining("No.") }) },
    },
    {
      row: "A stream of a failed turn whose runtime exits with 0",
      attempt: { play: { ...failure, exitCode: 0 }, streamed: true },
      their: resolves,
      our: { error: typed("TURN_FAILED") },
    },
    {
      row: "An exit code other than 0",
      attempt: { play: { events: [], exitCode: 2, stderr: "Error: no.\n" } },
      their: { error: plainError },
      our: { error: typed("EXEC_EXITED", { exitCode: 2, stderrTail: "Error: no.\n" }) },
    },
    {
      row: "A line that is no event",
      attempt: { play: { events: answer("fine"), prefix: "Hello\n" } },
      their: { error: expect.objectContaining({ message: expect.stringContaining("Hello") }) },
      our: resolves,
    },
    {
      row: "U+2028 in a message",
      attempt: { play: { events: answer("one\u2028two") } },
      // Node's readline has split at it since version 24.
      their: Number.parseInt(process.versions.node) >= 24 ? { error: plainError } : resolves,
      our: { value: expect.objectContaining({ finalResponse: "one\u2028two" }) },
    },
    {
      row: "A runtime that is not there",
      attempt: { codex: { codexPathOverride: "/nowhere/codex" } },
      their: { error: typed("ENOENT") },
      our: { error: typed("BINARY_NOT_FOUND", { tried: [expect.anything()] }) },
    },
    {
      row: "An empty thread id",
      attempt: { resume: "" },
      their: { ...resolves, argv: [] },
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "A thread id that begins with `-`",
      attempt: { resume: "--dangerously-bypass-approvals-and-sandbox" },
      their: { ...resolves, argv: ["resume", "--dangerously-bypass-approvals-and-sandbox"] },
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "A part of an input that is neither text nor image",
      attempt: { input: [{ type: "image", path: "a.png" }, "text"] },
      their: resolves,
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "An image with a comma in its path",
      attempt: { input: [{ type: "local_image", path: "a,b.png" }] },
      their: { ...resolves, argv: ["--image", "a,b.png"] },
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "An image or a folder whose path begins with `-`",
      attempt: {
        input: [{ type: "local_image", path: "-a.png" }],
        thread: { workingDirectory: "-work", additionalDirectories: ["--more"] },
      },
      their: { argv: ["--cd", "-work", "--add-dir", "--more", "--image", "-a.png"] },
      our: { argv: ["--cd", "./-work", "--add-dir", "./--more", "--image", "./-a.png"] },
    },
    {
      row: "An `outputSchema` that is no schema",
      attempt: { turn: { outputSchema: new Date(0) } },
      their: resolves,
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "An `outputSchema` made by `z.toJSONSchema`",
      attempt: {
        turn: { outputSchema: z.toJSONSchema(z.object({ a: z.number() })) },
        play: { events: answer('{"a":"no number"}') },
      },
      their: { value: expect.objectContaining({ finalResponse: '{"a":"no number"}' }) },
      our: { error: typed("OUTPUT_INVALID", { text: '{"a":"no number"}' }) },
    },
    {
      row: "A value that TOML cannot hold in `config`",
      attempt: { codex: { config: { a: new Date(0) } } },
      their: { ...resolves, argv: ["--config", "a={}"] },
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "A `config` with null, NaN or a function",
      attempt: { codex: { config: { a: { b: null } } } },
      their: { error: expect.objectContaining({ message: "Codex config override at a.b cannot be null" }) },
      our: {
        error: typed("USAGE", {
          message: "config.a.b is null. TOML has no null: leave the entry out, or give undefined.",
        }),
        argv: undefined,
      },
    },
    {
      row: "The text of an error",
      attempt: { play: failure },
      their: { error: expect.objectContaining({ message: "No." }) },
      our: { error: typed("TURN_FAILED", { message: "The turn failed: No." }) },
    },
    {
      row: "The text of an error",
      attempt: { play: { events: [], exitCode: 2, stderr: "Error: no.\n" } },
      their: { error: expect.objectContaining({ message: "Codex Exec exited with code 2: Error: no.\n" }) },
      our: {
        error: typed("EXEC_EXITED", {
          message: expect.stringMatching(/^codex exec exited with code 2 before the turn was completed[^]*Error: no\./),
        }),
      },
    },
    {
      row: "A character that TOML does not take as JSON writes it",
      attempt: { codex: { config: { a: "\u007f" } } },
      their: { argv: ["--config", 'a="\u007f"'] },
      our: { argv: ["--config", 'a="\\u007f"'] },
    },
    {
      row: "A key with `=` in `config`",
      attempt: { codex: { config: { a: { "b=c": 1 } } } },
      their: { argv: ["--config", "a.b=c=1"] },
      our: { argv: ["--config", 'a={"b=c" = 1}'] },
    },
    {
      row: "An integer beyond 2^53 in `config`",
      attempt: { codex: { config: { a: 2 ** 53 } } },
      their: { argv: ["--config", "a=9007199254740992"] },
      our: { error: typed("USAGE"), argv: undefined },
    },
    {
      row: "An override without `=`",
      attempt: { codex: { configOverrides: ["model"] } },
      their: { argv: ["--config", "model"] },
      our: { error: typed("USAGE"), argv: undefined },
    },
  ])("$row", async ({ row, attempt: each, their, our }) => {
    verifies("exec-differences");
    expect(docs).toContain(`| ${row} |`);
    expect(await attempt(theirs.Codex, each)).toMatchObject(their);
    expect(await attempt(ours.Codex, each)).toMatchObject(our);
  });

  it("has these in the docs as well, which other tests show of our side", () => {
    verifies("exec-differences");
    for (const row of [
      "A runtime that exits before it has read the prompt",
      "An abort",
      "A reader that leaves while it waits for an event",
      "A process that a command detached",
      "A grandchild that holds stdout",
    ]) {
      expect(docs).toContain(`| ${row} |`);
    }
  });

  it("their program dies of a runtime that exits before it has read the prompt", () => {
    const program = (name: string) => `
      import { Codex } from ${JSON.stringify(name)};
      await new Codex({ codexPathOverride: "/bin/false" }).startThread().run("x".repeat(8 << 20)).catch(() => {});
    `;
    const args = ["--input-type=module", "-e", program("@openai/codex-sdk")];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("EPIPE") });
  });
});
