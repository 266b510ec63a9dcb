/** Owns the comparison with `@openai/codex-sdk`: both packages, side by side, against a binary that records its calls. */

import { existsSync } from "node:fs";
import * as theirs from "@openai/codex-sdk";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import * as ours from "../../../src/exec/index.js";
import { answer, completed, failed, started, turnStarted } from "../../support/execEvents.js";
import { type ExecCall, type ExecPlay, FakeExec } from "../../support/fakeExec.js";
import { verifies } from "../../support/verifies.js";

const RUNS = 75;

interface Scene {
  readonly codex: theirs.CodexOptions;
  readonly thread: theirs.ThreadOptions;
  readonly turn: theirs.TurnOptions;
  readonly input: theirs.Input;
  /** The id of the thread to resume; undefined starts one. */
  readonly resume: string | undefined;
  readonly plays: readonly ExecPlay[];
  readonly streamed: boolean;
}

/** What a scene comes to in one of the packages. */
interface Outcome {
  readonly ids: readonly (string | null)[];
  readonly turns: readonly ({ readonly value: unknown } | { readonly error: unknown })[];
  readonly calls: readonly (ExecCall | undefined)[];
}

interface AnyThread {
  readonly id: string | null;
  run(input: theirs.Input, options?: theirs.TurnOptions): Promise<unknown>;
  runStreamed(input: theirs.Input, options?: theirs.TurnOptions): Promise<{ events: AsyncIterable<object> }>;
}

interface AnyCodex {
  startThread(options?: theirs.ThreadOptions): AnyThread;
  resumeThread(id: string, options?: theirs.ThreadOptions): AnyThread;
}

async function act(fake: FakeExec, make: (options: theirs.CodexOptions) => AnyCodex, scene: Scene): Promise<Outcome> {
  const codex = make({ ...scene.codex, codexPathOverride: fake.path });
  const thread =
    scene.resume === undefined ? codex.startThread(scene.thread) : codex.resumeThread(scene.resume, scene.thread);
  const ids = [thread.id];
  const turns: ({ value: unknown } | { error: unknown })[] = [];
  const calls: (ExecCall | undefined)[] = [];
  for (const play of scene.plays) {
    fake.play(play);
    const turn = scene.streamed ? gather(thread, scene) : thread.run(scene.input, scene.turn);
    turns.push(await turn.then((value) => ({ value })).catch((error: unknown) => ({ error })));
    calls.push(fake.call);
    ids.push(thread.id);
  }
  return { ids, turns, calls };
}

async function gather(thread: AnyThread, { input, turn }: Scene): Promise<object[]> {
  const { events } = await thread.runStreamed(input, turn);
  const seen: object[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** The call without our mark and without the name of the schema's file, which differ each time; and that name. */
function withoutSchemaPath(made: ExecCall | undefined): { call: ExecCall | undefined; path: string | undefined } {
  const call = made && { ...made, env: withoutMark(made.env) };
  const at = call?.argv.indexOf("--output-schema") ?? -1;
  if (call === undefined || at === -1) return { call, path: undefined };
  return { call: { ...call, argv: call.argv.with(at + 1, "SCHEMA") }, path: call.argv[at + 1] };
}

function withoutMark(env: ExecCall["env"]): ExecCall["env"] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("CODEX_EMBED_MARK_")));
}

const fakes = { theirs: new FakeExec(), ours: new FakeExec() };
afterAll(() => {
  for (const fake of Object.values(fakes)) fake.dispose();
});

/** Characters that mean something else in TOML than in JSON, which `@openai/codex-sdk` confuses, are left out. */
const text = fc
  .string({ unit: "grapheme", maxLength: 12 })
  .filter((value) => !/[\0\u007f-\u009f\u2028\u2029\ufeff]/.test(value));
/** Paths that look like an option are left out: the runtime refuses those of theirs. */
const path = text.filter((value) => !value.startsWith("-"));
const key = fc.stringMatching(/^[A-Za-z0-9_-]{1,6}(\.[a-z]{1,3})?$/).filter((name) => name !== "__proto__");
const looseKey = fc.oneof(key, fc.constantFrom("a b", "é", 'q"', "x=y"));

const { value: configValue } = fc.letrec<{ value: string | number | boolean | object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(text, fc.maxSafeInteger(), fc.boolean(), fc.constantFrom(1.5, -0, 1e21, 5e-324, -1.25e300)),
    fc.array(fc.oneof(tie("value"), fc.dictionary(looseKey, tie("value"), { maxKeys: 2 })), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3 }),
  ),
}));

/** Values without types: what is drawn is what the declared types allow. */
const anyConfig: fc.Arbitrary<NonNullable<theirs.CodexOptions["config"]>> = fc
  .dictionary(key, configValue, { maxKeys: 3 })
  .map((config) => JSON.parse(JSON.stringify(config)));

const optional = { requiredKeys: [] };
const codexOptions: fc.Arbitrary<theirs.CodexOptions> = fc.record(
  {
    baseUrl: fc.constantFrom("", "http://127.0.0.1:1/v1", 'http://a"b\\c'),
    apiKey: fc.constantFrom("", "key-1"),
    config: anyConfig,
    configOverrides: fc.array(fc.constantFrom("a=1", 'b.c={"d.e"="f"}', " x = 'y'"), { maxLength: 3 }),
    env: fc.dictionary(
      fc.constantFrom("A", "PATH", "CODEX_HOME", "CODEX_API_KEY", "CODEX_INTERNAL_ORIGINATOR_OVERRIDE"),
      text,
    ),
  },
  optional,
);
const threadOptions: fc.Arbitrary<theirs.ThreadOptions> = fc.record(
  {
    model: text,
    threadSource: text,
    sandboxMode: fc.constantFrom("read-only", "workspace-write", "danger-full-access"),
    workingDirectory: path,
    skipGitRepoCheck: fc.boolean(),
    modelReasoningEffort: fc.constantFrom("minimal", "low", "medium", "high", "xhigh", "max", "ultra", "persistent"),
    networkAccessEnabled: fc.boolean(),
    webSearchMode: fc.constantFrom("disabled", "cached", "live"),
    webSearchEnabled: fc.boolean(),
    approvalPolicy: fc.constantFrom("never", "on-request", "on-failure", "untrusted"),
    additionalDirectories: fc.array(path, { maxLength: 2 }),
  },
  optional,
);
const turnOptions: fc.Arbitrary<theirs.TurnOptions> = fc.record(
  {
    outputSchema: fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }).map((schema) => ({ ...schema })),
    cyberAccessProgram: fc.constantFrom("standard", "daybreak_blue", "daybreak_red"),
  },
  optional,
);
const part: fc.Arbitrary<theirs.UserInput> = fc.oneof(
  fc.record({ type: fc.constant("text"), text }),
  fc.record({ type: fc.constant("local_image"), path: path.filter((value) => !value.includes(",")) }),
);
const input: fc.Arbitrary<theirs.Input> = fc.oneof(fc.string({ unit: "binary" }), fc.array(part, { maxLength: 4 }));

/** The runtimes there have been do not agree on every member: an item without an id is one of them. */
const item = fc.oneof(
  fc.record(
    { id: text, type: fc.constant("agent_message"), text: fc.string({ unit: "binary" }) },
    { requiredKeys: ["type", "text"] },
  ),
  fc.record({ id: text, type: fc.constant("reasoning"), text }),
  fc.record({ id: text, type: fc.constant("novel_item"), extra: fc.jsonValue({ maxDepth: 1 }) }),
);
const middle: fc.Arbitrary<object> = fc.oneof(
  fc.record({ type: fc.constantFrom("item.started", "item.updated", "item.completed", "item.completed"), item }),
  fc.record({ type: fc.constant("error"), message: fc.constant("Reconnecting... 1/5 (stream disconnected)") }),
  fc.record({ type: fc.constant("novel.event"), extra: fc.jsonValue({ maxDepth: 1 }) }),
);
const head = fc.constantFrom("t-1", "t-2").map((id) => [started(id), turnStarted]);
const middles = fc.array(middle, { maxLength: 6 });
/** The second is that of an older runtime. */
const end = fc.constantFrom<object>(
  completed(),
  { type: "turn.completed", usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1 } },
  { type: "turn.completed", usage: { cache_write_input_tokens: null, input_tokens: 1, output_tokens: null } },
);
const play: fc.Arbitrary<ExecPlay> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(head, middles, end).map(([a, b, c]) => ({ events: [...a, ...b, c] })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(head, middles)
      .map(([a, b]) => ({ events: [...a, ...b, failed("It failed.")], exitCode: 1, stderr: "log\n" })),
  },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 255 })
      .map((exitCode) => ({ events: [], exitCode, stderr: "Error: it is so.\n" })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(head, middles).map(([a, b]) => ({ events: [...a, ...b, completed()], exitCode: 3 })),
  },
);
const scene: fc.Arbitrary<Scene> = fc.record({
  codex: codexOptions,
  thread: threadOptions,
  turn: turnOptions,
  input,
  resume: fc.constantFrom(undefined, undefined, "t-9"),
  plays: fc.array(play, { minLength: 1, maxLength: 2 }),
  streamed: fc.boolean(),
});

/** The reason of a failure must be in our message, and the exit code and the end of stderr in our error. */
function expectSameFailure(their: unknown, our: unknown, { exitCode, stderr = "" }: ExecPlay): void {
  if (!(their instanceof Error)) throw new Error("It did not throw an error.");
  expect(our).toBeInstanceOf(ours.ExecError);
  expect(our).toMatchObject({ exitCode, stderrTail: stderr });
  const reason = /exited with code \d+/.exec(their.message)?.[0] ?? their.message;
  // A stream of theirs tells the exit code alone, after the event that has the reason.
  const isToldByEvent = our instanceof ours.ExecTurnFailedError && reason !== their.message;
  if (!isToldByEvent) expect(our).toMatchObject({ message: expect.stringContaining(reason) });
}

describe.skipIf(process.platform === "win32")("beside @openai/codex-sdk", () => {
  it(`calls the runtime in the same way and gives the same results, in ${RUNS} drawn scenes`, {
    timeout: 240_000,
  }, async () => {
    const drawn = { streamed: 0, resumed: 0, schemas: 0, failures: 0, second: 0, noEnv: 0 };
    await fc.assert(
      fc.asyncProperty(scene, async (each) => {
        const [their, our] = await Promise.all([
          act(fakes.theirs, (options) => new theirs.Codex(options), each),
          act(fakes.ours, (options) => new ours.Codex(options), each),
        ]);
        expect(our.ids).toEqual(their.ids);
        for (const [index, theirTurn] of their.turns.entries()) {
          const ourTurn = our.turns[index];
          const one = withoutSchemaPath(their.calls[index]);
          const two = withoutSchemaPath(our.calls[index]);
          expect(two.call).toEqual(one.call);
          expect(two.path === undefined).toBe(one.path === undefined);
          for (const { path } of [one, two]) if (path !== undefined) expect(existsSync(path)).toBe(false);
          if (ourTurn !== undefined && "error" in ourTurn && "error" in theirTurn) {
            expectSameFailure(theirTurn.error, ourTurn.error, each.plays[index] ?? { events: [] });
            drawn.failures++;
          } else {
            expect(ourTurn).toEqual(theirTurn);
            // Programs print results: the keys are in the same order too.
            expect(JSON.stringify(ourTurn)).toBe(JSON.stringify(theirTurn));
          }
          drawn.schemas += one.path === undefined ? 0 : 1;
        }
        drawn.streamed += each.streamed ? 1 : 0;
        drawn.resumed += each.resume ? 1 : 0;
        drawn.second += each.plays.length - 1;
        drawn.noEnv += each.codex.env === undefined ? 1 : 0;
      }),
      { seed: 20_261_121, numRuns: RUNS, endOnFailure: true },
    );
    // A generator that stopped drawing one of them would make the comparison hollow.
    for (const count of Object.values(drawn)) expect(count).toBeGreaterThan(RUNS / 10);
  });

  it("exports the same names", () => {
    verifies("exec-exports");
    expect(Object.keys(ours)).toEqual(expect.arrayContaining(Object.keys(theirs)));
  });

  it("aborts with the same error", async () => {
    const outcomes = [];
    for (const [fake, Codex] of [
      [fakes.theirs, theirs.Codex],
      [fakes.ours, ours.Codex],
    ] as const) {
      fake.play({ events: answer("late") });
      const controller = new AbortController();
      const thread: AnyThread = new Codex({ codexPathOverride: fake.path }).startThread();
      const { events } = await thread.runStreamed("x", { signal: controller.signal });
      const read = async () => {
        for await (const _ of events) controller.abort(new Error("Enough."));
      };
      outcomes.push(await read().catch(({ name, code, cause }: ours.AbortError) => ({ name, code, cause })));
    }
    expect(outcomes).toEqual(Array(2).fill({ name: "AbortError", code: "ABORT_ERR", cause: new Error("Enough.") }));
  });
});
