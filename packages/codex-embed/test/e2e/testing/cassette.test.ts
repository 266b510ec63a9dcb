/** Records sessions with a provider that behaves like the real one, and replays them on fresh homes. */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import zlib from "node:zlib";
import { type Codex, TurnFailedError } from "codex-embed";
import {
  applyPatch,
  type CassetteCodex,
  CassetteError,
  type CassetteOptions,
  customToolCall,
  delay,
  disconnect,
  fail,
  message,
  type RecordedRequest,
  reasoning,
  ScriptedModel,
  shell,
  silence,
  startTestCodex,
  step,
  toolCall,
  toScript,
  usage,
} from "codex-embed/testing";
import * as kit from "codex-embed/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import WebSocket from "ws";
import { ACCOUNT_ID, type Provider, startProvider } from "../../support/provider.js";
import { floorRuntime, INSTALL_TIMEOUT_MS } from "../../support/runtimes.js";
import { rejection } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const INSTALL = { timeout: INSTALL_TIMEOUT_MS };
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

/** The entries of the file. */
async function written(): Promise<unknown> {
  const content: unknown = JSON.parse(await readFile(file, "utf8"));
  return Reflect.get(Object(content), "entries");
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

test("a cassette replays on the oldest runtime", INSTALL, async () => {
  verifies("cassette-replay");
  const first = await recorded();
  await using bench = await startTestCodex({ cassette: file, codexBin: await floorRuntime() });
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

describe("a session that is not the recorded one", () => {
  test("fails its turn with the place, the recorded and the live value", async () => {
    verifies("cassette-drift");
    await recorded();
    await using bench = await startTestCodex({ cassette: file });
    const error = await rejection(session(bench, "Then delete it."), TurnFailedError);
    const where = /at input\.\d+\.content\.0\.text: recorded \\"Then note it\.\\", now \\"Then delete it\.\\"/;
    expect(JSON.stringify(String(error)).replaceAll('\\\\\\"', '\\"')).toMatch(where);
    expect(String(error)).toContain("CODEX_CASSETTE=update");
    expect(bench.cassette.report()).toMatch(
      /^input\.\d+\.content\.0\.text \(thread 1, turn\)\n- "Then note it\."\n\+ "Then delete it\."\nAn unused call/,
    );
    expect(() => bench.cassette.assertComplete()).toThrow(CassetteError);
  });

  test("has calls that were not used", async () => {
    verifies("cassette-drift");
    await recorded();
    await using bench = await startTestCodex({ cassette: file });
    await (await bench.codex.startThread()).run("Ask the program and tell me what it said.");
    expect(() => bench.cassette.assertComplete()).toThrow(
      "An unused call (thread 1, turn)\nAn unused call (thread 1, turn)",
    );
  });

  test("asks more than was recorded", async () => {
    verifies("cassette-drift");
    await recorded();
    await using bench = await startTestCodex({ cassette: file });
    await session(bench);
    const more = (await bench.codex.startThread()).run("And more.");
    expect(String(await rejection(more, TurnFailedError))).toContain(
      "The cassette has no call left for this request (a new thread, turn)",
    );
  });

  test("is recorded again from the first difference on by an update", async () => {
    verifies("cassette-update");
    answerLikeAModel();
    const first = await record();
    await session(first);
    await first.close();
    const before = model.requests.length;
    const again = await record({ mode: "update" });
    const updated = await session(again, "Then write it down.");
    again.cassette.assertComplete();
    await again.close();
    expect(model.requests.length - before).toBe(2); // of the second turn alone
    await provider[Symbol.asyncDispose]();
    await using bench = await startTestCodex({ cassette: file });
    expect(await session(bench, "Then write it down.")).toEqual(updated);
    bench.cassette.assertComplete();
  });

  test("is not touched by an update that finds no difference", async () => {
    verifies("cassette-update");
    answerLikeAModel();
    const first = await record();
    await session(first);
    await first.close();
    await writeFile(file, `${await readFile(file, "utf8")}\n`);
    const text = await readFile(file, "utf8");
    const again = await record({ mode: "update" });
    await session(again);
    await again.close();
    expect(await readFile(file, "utf8")).toBe(text);
  });
});

describe("failures of the provider", () => {
  test("a rate limit and its retry are replayed", async () => {
    verifies("cassette-errors");
    const run = async ({ codex }: { codex: Codex }): Promise<readonly string[]> => {
      const turn = await (await codex.startThread()).startTurn("Hello");
      const seen: string[] = [];
      for await (const { method } of turn) if (method === "error") seen.push(method);
      return [...seen, (await turn.result()).finalResponse ?? ""];
    };
    model.respondWith(() => message("Hi"));
    provider.limitNext(1);
    const bench = await record({}, { streamMaxRetries: 2 });
    expect(await run(bench)).toEqual(["error", "Hi"]);
    await bench.close();
    expect(await written()).toMatchObject([{ status: 429, retryAfter: "0" }, { status: 200 }]);
    await provider[Symbol.asyncDispose]();
    await using replayed = await startTestCodex({ cassette: file, streamMaxRetries: 2 });
    expect(await run(replayed)).toEqual(["error", "Hi"]);
    replayed.cassette.assertComplete();
  });

  test("an error that ends the turn is replayed", async () => {
    verifies("cassette-errors");
    model.respondWith(() => fail(400, { code: "invalid_prompt", message: "Not that." }));
    const bench = await record();
    const before = await rejection((await bench.codex.startThread()).run("Hello"), TurnFailedError);
    await bench.close();
    await using replayed = await startTestCodex({ cassette: file });
    const after = await rejection((await replayed.codex.startThread()).run("Hello"), TurnFailedError);
    expect(after.message).toContain("Not that.");
    expect(after.info).toEqual(before.info);
  });

  test("a stream that drops, drops again", async () => {
    verifies("cassette-errors");
    model.respondWith(() => step(message("Half an", { deltas: 2 }), disconnect()));
    const bench = await record();
    await expect((await bench.codex.startThread()).run("Hello")).rejects.toThrow(TurnFailedError);
    await bench.close();
    expect(await written()).toMatchObject([{ end: "dropped" }]);
    await using replayed = await startTestCodex({ cassette: file });
    const error = await rejection((await replayed.codex.startThread()).run("Hello"), TurnFailedError);
    expect(error.result?.text).toBe("Half an");
  });

  test("a turn that was interrupted can be interrupted again", async () => {
    verifies("cassette-errors");
    const run = async ({ codex }: { codex: Codex }): Promise<string> => {
      const turn = await (await codex.startThread()).startTurn("Tell me a story.");
      for await (const text of turn.textStream()) if (text !== "") break;
      await turn.interrupt();
      return (await turn.result()).status;
    };
    model.respondWith(() => step(message("Once upon", { deltas: 1 }), silence()));
    const bench = await record();
    expect(await run(bench)).toBe("interrupted");
    await bench.close();
    expect(await written()).toMatchObject([{ end: "hung up" }]);
    await using replayed = await startTestCodex({ cassette: file });
    expect(await run(replayed)).toBe("interrupted");
    replayed.cassette.assertComplete();
  });

  test("nothing is written when the provider is not reached", async () => {
    await provider[Symbol.asyncDispose]();
    const bench = await record();
    await expect((await bench.codex.startThread()).run("Hello")).rejects.toThrow(TurnFailedError);
    await expect(bench.close()).rejects.toThrow("was not written. The provider was not reached");
    expect(existsSync(file)).toBe(false);
  });
});

describe("what must not be in a cassette", () => {
  const secrets = [
    ["a key", "sk-proj-0123456789abcdef0123"],
    ["an access token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln"],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----"],
    ["the key of the recording", KEY],
  ] as const;

  test.each(secrets)("%s in an answer is not written", async (_, secret) => {
    verifies("cassette-secrets");
    model.respondWith(() => message(`It is ${secret}, I think.`, { deltas: 4 }));
    const bench = await record();
    await (await bench.codex.startThread()).run("What is it?");
    const error = await rejection(bench.close(), CassetteError);
    expect(String(error)).toContain("entry 0 (thread 1) holds what looks like a secret");
    expect(String(error)).not.toContain(secret);
    expect(existsSync(file)).toBe(false);
  });

  test("what `redact` names is replaced, in requests and answers, and replays", async () => {
    verifies("cassette-secrets");
    const redact = [/sk-proj-\w+/];
    const prompt = "My key is sk-proj-0123456789abcdef0123.";
    model.respondWith((request) => message(`I read ${/sk-proj-\w+/.exec(request.lastUserText() ?? "")?.[0]}`));
    const bench = await record({ redact });
    await (await bench.codex.startThread()).run(prompt);
    await bench.close();
    expect(await readFile(file, "utf8")).not.toContain("sk-proj");
    await using replayed = await startTestCodex({ cassette: { file, redact } });
    const result = await (await replayed.codex.startThread()).run(prompt);
    expect(result.finalResponse).toBe("I read ‹redacted›");
  });
});

test("the runtime's default model is recorded by its name: code mode, and tools in the conversation", async () => {
  verifies("cassette-replay");
  model.respondWith((request) =>
    outputsOf(request) === 0 ? customToolCall("exec", 'text("from code mode");') : message("Done."),
  );
  const options = { file, mode: "record", provider: { baseUrl: provider.baseUrl } } as const;
  const bench = await startTestCodex({ cassette: options });
  await (await bench.codex.startThread()).run("Hello");
  bench.cassette.assertComplete();
  const [first] = bench.cassette.requests;
  expect(first?.input[0]?.["type"]).toBe("additional_tools");
  expect(JSON.stringify(model.requests[1]?.input)).toContain("from code mode");
  await bench.close();
  expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ model: first?.body["model"] });
  expect(await readFile(file, "utf8")).not.toContain("additional_tools");
  await using replayed = await startTestCodex({ cassette: file });
  expect((await (await replayed.codex.startThread()).run("Hello")).finalResponse).toBe("Done.");
  expect(replayed.cassette.requests[0]?.body["model"]).toBe(first?.body["model"]);
  replayed.cassette.assertComplete();
});

describe("a request that is compressed", () => {
  const text = JSON.stringify({ model: "x", input: [{ type: "message", role: "user", content: "Hello" }] });
  const send = async (bench: CassetteCodex, encoding: string, body: Uint8Array): Promise<string> => {
    const init = { method: "POST", headers: { "content-encoding": encoding }, body: Buffer.from(body) };
    return (await fetch(`${bench.cassette.baseUrl}/responses`, init)).text();
  };
  const zstd: unknown = Reflect.get(zlib, "zstdCompressSync");

  test.each([
    ["gzip", (source: string) => zlib.gzipSync(source)],
    ["br", (source: string) => zlib.brotliCompressSync(source)],
    ...(typeof zstd === "function" ? [["zstd", (source: string): Uint8Array => zstd(source)] as const] : []),
  ] as const)("is read: %s", async (encoding, compress) => {
    model.respondWith(() => message("Hi"));
    await using bench = await record();
    await send(bench, encoding, compress(text));
    expect(bench.cassette.requests[0]?.lastUserText()).toBe("Hello");
  });

  test("is refused with advice where it cannot be read", async () => {
    const bench = await record();
    expect(await send(bench, "lzma", Buffer.from(text))).toContain("compressed with lzma");
    if (zstd === undefined) expect(await send(bench, "zstd", Buffer.from(text))).toContain("from 22.15 on");
    await expect(bench.close()).rejects.toThrow("was not written");
  });
});

test("a WebSocket is refused with advice", async () => {
  model.respondWith(() => message("Hi"));
  const bench = await record();
  const socket = new WebSocket(`${bench.cassette.baseUrl.replace("http", "ws")}/responses`);
  await once(socket, "error");
  expect(bench.cassette.report()).toContain("supports_websockets");
  await expect(bench.close()).rejects.toThrow("was not written");
});

test("the pace of the recording is kept on request", async () => {
  verifies("cassette-replay");
  model.respondWith(() => message({ deltas: ["Once", delay(300), " more"] }));
  const bench = await record({ pace: "recorded" });
  await (await bench.codex.startThread()).run("Hello");
  await bench.close();
  await using replayed = await startTestCodex({ cassette: file });
  const startedAt = performance.now();
  expect((await (await replayed.codex.startThread()).run("Hello")).finalResponse).toBe("Once more");
  expect(performance.now() - startedAt).toBeGreaterThan(290);
});

test("two sub-agents at once get their own answers", async () => {
  verifies("cassette-concurrent");
  const agents = { namespace: "multi_agent_v1" };
  const spawn = (name: string) => toolCall("spawn_agent", { message: `Do ${name}.` }, agents);
  model.respondWith((request) => {
    if (request.subagent === "collab_spawn") {
      const name = /Do (\w+)\./.exec(request.userTexts().join())?.[1];
      return outputsOf(request) === 0 ? shell(`echo ${name} > ${name}.txt`) : message(`I did ${name}.`);
    }
    const ids = [...JSON.stringify(request.input).matchAll(/agent_id\W+([0-9a-f-]{36})/g)].map(([, id]) => id);
    switch (outputsOf(request)) {
      case 0:
        return step(spawn("alpha"), spawn("beta"));
      case 2:
      case 3:
        // One at a time: which of them ends first is not for the test to say.
        return toolCall("wait_agent", { targets: [ids[outputsOf(request) - 2]], timeout_ms: 60_000 }, agents);
      default:
        return message("Both are done.");
    }
  });
  const run = async ({ codex, workspace }: CassetteCodex): Promise<unknown> => {
    const result = await (await codex.startThread()).run("Share the work.");
    const files = ["alpha", "beta"].map((name) => readFile(join(workspace, `${name}.txt`), "utf8"));
    return [result.finalResponse, ...(await Promise.all(files))];
  };
  const bench = await record();
  expect(await run(bench)).toEqual(["Both are done.", "alpha\n", "beta\n"]);
  await bench.close();
  for (let round = 0; round < 5; round += 1) {
    await using replayed = await startTestCodex({ cassette: file });
    expect(await run(replayed)).toEqual(["Both are done.", "alpha\n", "beta\n"]);
    expect(replayed.cassette.report()).toBe("");
  }
});

test("four threads at once get their own answers, in any order", async () => {
  verifies("cassette-concurrent");
  const names = ["north", "east", "south", "west"];
  model.respondWith((request) => {
    const name = request.userTexts().find((text) => names.includes(text));
    return outputsOf(request) === 0 ? shell(`echo ${name}`) : message(`I am ${name}.`);
  });
  const run = ({ codex }: { codex: Codex }, order: readonly string[]): Promise<readonly (string | null)[]> =>
    Promise.all(
      order.map(async (name) => {
        const thread = await codex.startThread();
        await thread.run(name);
        return (await thread.run(`Are you ${name}?`)).finalResponse;
      }),
    );
  const bench = await record();
  const answers = names.map((name) => `I am ${name}.`);
  expect(await run(bench, names)).toEqual(answers);
  await bench.close();
  await using replayed = await startTestCodex({ cassette: file });
  expect(await run(replayed, names.toReversed())).toEqual(answers.toReversed());
  replayed.cassette.assertComplete();
});

describe("a cassette that cannot be used", () => {
  test("a missing one names the command that records it", async () => {
    await expect(startTestCodex({ cassette: file })).rejects.toThrow(
      `There is no cassette at ${file}. Record it with the real model: CODEX_CASSETTE=record npx vitest run`,
    );
  });

  test.each([
    ["other JSON", "{}", /is not a cassette: `format`/],
    ["a newer format", '{"format":"codex-embed-cassette","version":99}', /another version of the format than 1/],
    ["a damaged entry", '{"format":"codex-embed-cassette","version":1,"entries":[{}]}', /entry 0 is incomplete/],
  ])("%s is refused", async (_, text, expected) => {
    const path = join(folder, "odd.json");
    await writeFile(path, text);
    await expect(startTestCodex({ cassette: path })).rejects.toThrow(expected);
  });

  test("the mode of the environment is checked, and one of the options is preferred", async () => {
    vi.stubEnv("CODEX_CASSETTE", "recrod");
    await expect(startTestCodex({ cassette: file })).rejects.toThrow("Set it to replay, record, update");
    await expect(startTestCodex({ cassette: { file, mode: "replay" } })).rejects.toThrow("There is no cassette");
  });

  test("a recording without a login says how to log in", async () => {
    vi.stubEnv("OPENAI_API_KEY", "");
    vi.stubEnv("CODEX_HOME", folder);
    await expect(startTestCodex({ cassette: { file, mode: "record" } })).rejects.toThrow("npx codex login");
  });

  test("a model and a cassette exclude each other", async () => {
    const both = { model, cassette: file };
    await expect(startTestCodex(both)).rejects.toThrow("give model or cassette, not both");
  });
});

describe("a cassette as a script", () => {
  /** Runs the source of a script, as a test file would. */
  async function runScript(source: string, on: ScriptedModel, workspace: string): Promise<void> {
    const names = Object.keys(kit).join(", ");
    const code = `export default ({ ${names} }, model, workspace) => { ${source} };`;
    const path = join(folder, "script.mjs");
    await writeFile(path, code);
    const script: { default: (names: typeof kit, model: ScriptedModel, workspace: string) => void } = await import(
      path
    );
    script.default(kit, on, workspace);
  }

  test("plays the same session", async () => {
    verifies("cassette-script");
    model.respondWith((request) => {
      const workspace = /<cwd>(.*?)<\/cwd>/.exec(JSON.stringify(request.input))?.[1] ?? "";
      switch (outputsOf(request)) {
        case 0:
          return step(reasoning({ summary: ["`think` ${it}"] }), shell(`cat ${workspace}/in.txt`));
        case 1:
          return applyPatch(`*** Begin Patch\n*** Add File: ${workspace}/note.txt\n+forty-two\n*** End Patch`);
        default:
          return step(
            message("Done.", { phase: "final_answer", deltas: 2 }),
            usage({ input: 9, cached: 2, output: 4 }),
          );
      }
    });
    const run = async ({ codex, workspace }: { codex: Codex; workspace: string }): Promise<unknown> => {
      await writeFile(join(workspace, "in.txt"), "in\n");
      const { items, finalResponse, usage: spent } = await (await codex.startThread()).run("Go.");
      return [
        items.map(({ type }) => type),
        finalResponse,
        spent?.turn,
        await readFile(join(workspace, "note.txt"), "utf8"),
      ];
    };
    const bench = await record();
    const first = await run(bench);
    await bench.close();
    const source = await toScript(file);
    expect(source).toContain("`cat ${workspace}/in.txt`");
    await using scripted = await startTestCodex();
    await runScript(source, scripted.model, scripted.workspace);
    expect(await run(scripted)).toEqual(first);
    scripted.model.assertComplete();
  });

  test("has a queue for each thread, and the failures of the provider", async () => {
    verifies("cassette-script");
    model.respondWith((request) => {
      const prompt = request.lastUserText();
      if (prompt === "fails") return fail(400, { code: "invalid_prompt", message: "Not that." });
      return message(`You said ${prompt}.`);
    });
    const run = async ({ codex }: { codex: Codex }): Promise<unknown> => {
      const say = async (prompt: string) => (await codex.startThread()).run(prompt);
      const answers = await Promise.all(["one", "two"].map(async (prompt) => (await say(prompt)).finalResponse));
      return [...answers, (await rejection(say("fails"), TurnFailedError)).info];
    };
    const bench = await record();
    const first = await run(bench);
    await bench.close();
    await using scripted = await startTestCodex();
    await runScript(await toScript(file), scripted.model, scripted.workspace);
    expect(await run(scripted)).toEqual(first);
    scripted.model.assertComplete();
  });

  test("needs a file", async () => {
    await expect(toScript(file)).rejects.toThrow(CassetteError);
  });
});
