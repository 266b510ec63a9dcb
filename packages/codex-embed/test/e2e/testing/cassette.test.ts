/** Records sessions with a provider that behaves like the real one, and replays them on fresh homes. */

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Codex, Sandbox, TurnFailedError } from "codex-embed";
import {
  applyPatch,
  type CassetteCodex,
  CassetteError,
  type CassetteOptions,
  message,
  type RecordedRequest,
  reasoning,
  ScriptedModel,
  shell,
  startTestCodex,
  step,
  toolCall,
  usage,
} from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { installRuntime } from "../../../../../scripts/shared/runtimes.js";
import { ACCOUNT_ID, type Provider, startProvider } from "../../support/provider.js";
import { INSTALL_TIMEOUT_MS } from "../../support/runtimes.js";
import { rejection } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const KEY_ENV = "CASSETTE_TEST_KEY";
const KEY = "a-key-without-a-form";

let folder: string;
let file: string;
let model: ScriptedModel;
let provider: Provider;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cassettes-"));
  file = join(folder, "cassettes", "session.json");
  model = await ScriptedModel.start();
  provider = await startProvider(model);
  vi.stubEnv(KEY_ENV, KEY);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await provider[Symbol.asyncDispose]();
  await model.close();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a recording, or an update. */
const record = (options: Partial<CassetteOptions> = {}, more: { streamMaxRetries?: number } = {}) =>
  startTestCodex({
    ...more,
    cassette: {
      file,
      mode: "record",
      model: "mock-model",
      provider: { baseUrl: provider.baseUrl, apiKeyEnv: KEY_ENV },
      ...options,
    },
  });

const outputsOf = ({ input }: RecordedRequest): number =>
  input.filter(({ type }) => String(type).endsWith("_output")).length;

/** A model that answers what it sees, as a real one does: absolute paths, and the id of a program that waits. */
function answerLikeAModel(): void {
  model.respondWith((request) => {
    const seen = JSON.stringify(request.input);
    const workspace = /<cwd>(.*?)<\/cwd>/.exec(seen)?.[1] ?? "";
    const last = request.lastUserText() ?? "";
    if (last.startsWith("Then")) {
      if (request.input.some(({ type }) => type === "custom_tool_call_output")) return message("Patched.");
      return applyPatch(`*** Begin Patch\n*** Add File: ${workspace}/note.txt\n+forty-two\n*** End Patch`);
    }
    switch (outputsOf(request)) {
      case 0:
        return step(
          reasoning({ summary: ["Ask the program"], deltas: 3 }),
          message(`I work in ${workspace}.`, { phase: "commentary", deltas: 2 }),
          shell(`cd ${workspace} && read -p 'name? ' n; echo "hello $n"`, { tty: true, yieldTimeMs: 500 }),
        );
      case 1:
        return toolCall("write_stdin", {
          session_id: Number(/session ID (\d+)/.exec(seen)?.[1]),
          chars: "Ada\n",
          yield_time_ms: 5_000,
        });
      default:
        return step(message("It said hello Ada.", { deltas: 3 }), usage({ input: 40, output: 4 }));
    }
  });
}

/** What a session gave, with the workspace as a word. */
async function session({ codex, workspace }: CassetteCodex, second = "Then note it."): Promise<unknown> {
  const thread = await codex.startThread({ sandbox: "full-access" });
  const first = await thread.run("Ask the program and tell me what it said.");
  const patched = await thread.run(second);
  const told = JSON.stringify([
    first.items.flatMap((item) => (item.type === "commandExecution" ? [[item.command, item.exitCode]] : [])),
    first.items.flatMap((item) => (item.type === "agentMessage" ? item.text : [])),
    first.usage?.turn,
    patched.finalResponse,
    await readFile(join(workspace, "note.txt"), "utf8"),
  ]);
  return JSON.parse(told.replaceAll(workspace, "$WORKSPACE"));
}

async function recorded(): Promise<unknown> {
  answerLikeAModel();
  const bench = await record();
  const result = await session(bench);
  bench.cassette.assertComplete();
  await bench.close();
  await provider[Symbol.asyncDispose]();
  return result;
}

test("a recorded session replays without the provider, with the same answers, commands and files", async () => {
  verifies("cassette-replay");
  const first = await recorded();
  for (let run = 0; run < 3; run += 1) {
    await using bench = await startTestCodex({ cassette: file });
    expect(await session(bench)).toEqual(first);
    bench.cassette.assertComplete();
    expect(bench.cassette.report()).toBe("");
  }
});

test("a cassette replays on another runtime", { timeout: INSTALL_TIMEOUT_MS }, async () => {
  verifies("cassette-replay");
  const first = await recorded();
  await using bench = await startTestCodex({ cassette: file, codexBin: await installRuntime("0.169.0") });
  expect(await session(bench)).toEqual(first);
  bench.cassette.assertComplete();
});

test("the file has no paths, ids, keys, headers and accounts of the recording", async () => {
  verifies("cassette-secrets");
  await recorded();
  expect(provider.headers[0]?.authorization).toBe(`Bearer ${KEY}`);
  const text = await readFile(file, "utf8");
  expect(text).toContain("‹workspace›/note.txt");
  for (const secret of [KEY, ACCOUNT_ID, "codex-embed-testing", "x-request-id", "obfuscation"]) {
    expect(text).not.toContain(secret);
  }
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  expect(JSON.parse(text)).toMatchObject({ format: "codex-embed-cassette", version: 1, model: "mock-model" });
});
