/** Tests the oldest accepted runtime: what it has works, and what it lacks is refused instead of dropped. */

import { readFileSync } from "node:fs";
import { Codex, MethodNotFoundError, UnsupportedError, UsageError } from "codex-embed";
import { RUNTIME_VERSION, SUPPORTED_RUNTIMES } from "codex-embed/protocol";
import { message, startTestCodex, type TestCodex } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { floorRuntime, INSTALL_TIMEOUT_MS } from "../support/runtimes.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const { oldest } = SUPPORTED_RUNTIMES;
const warnings: string[] = [];
const say = (_fields: object, text: string) => void warnings.push(text);
const logger = { debug: () => {}, info: () => {}, warn: say, error: say };
let old: TestCodex;
let pinned: TestCodex;

beforeAll(async () => {
  const codexBin = await floorRuntime();
  [old, pinned] = await Promise.all([startTestCodex({ codexBin, logger }), startTestCodex()]);
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  await Promise.all([old?.close(), pinned?.close()]);
});

test("it is accepted in silence, and runs a turn", async () => {
  verifies("runtime-version");
  expect(old.codex.metadata).toMatchObject({ runtimeVersion: oldest, supportedRuntimes: SUPPORTED_RUNTIMES });
  old.model.enqueue(message("Hello from the past"));
  const thread = await old.codex.startThread();
  expect(await thread.run("Hello")).toMatchObject({ status: "completed", finalResponse: "Hello from the past" });
  expect(warnings).toEqual([]);
});

describe("a program that uses what came later", () => {
  /** The same for both runtimes. The options came at different times after the oldest one. */
  const programs: readonly (readonly [option: string, method: string, run: (codex: Codex) => Promise<unknown>])[] = [
    ["excludedThreadIds", "thread/list", (codex) => codex.listThreads({ excludedThreadIds: [] })],
    ["includedThreadIds", "thread/list", (codex) => codex.listThreads({ includedThreadIds: [] })],
    ["daybreakEnabled", "thread/start", (codex) => codex.startThread({ daybreakEnabled: false })],
    ["turnTrigger", "turn/start", async (codex) => (await codex.startThread()).run("Hello", { turnTrigger: "ci" })],
    [
      "toolOutput",
      "turn/start",
      async (codex) => (await codex.startThread()).deliver({ source: "ci", content: "Build failed." }),
    ],
    ["guards", "thread/start", (codex) => codex.startThread({ guards: { beforeTool: () => undefined } })],
    ["threadId", "hooks/list", (codex) => codex.request("hooks/list", { threadId: crypto.randomUUID() })],
    [
      'input[]("image").fileId',
      "turn/start",
      async (codex) => {
        const { id: threadId } = await codex.startThread();
        return codex.request("turn/start", { threadId, input: [{ type: "image", fileId: "file_1" }] });
      },
    ],
  ];

  test.each(programs)("is refused on the oldest runtime: %s of %s", async (option, method, run) => {
    verifies("runtime-lacks-option");
    const error = await rejection(run(old.codex), UnsupportedError);
    expect(error).toMatchObject({ code: "UNSUPPORTED", option, method, version: oldest });
    expect(error.since).toMatch(/^0\.\d+\.\d+$/);
    expect(error.message).toContain(`npm install @openai/codex@${error.since}`);
  });

  // The last two need a hook and an uploaded file.
  test.each(programs.slice(0, -2))("works on the pinned runtime: %s of %s", async (_option, _method, run) => {
    verifies("runtime-lacks-option");
    pinned.model.respondWith(() => message("Hello"));
    await run(pinned.codex);
  });

  test("and leaves the thread free for the next turn", async () => {
    const thread = await old.codex.startThread();
    await rejection(thread.run("Hello", { turnTrigger: "ci" }), UnsupportedError);
    old.model.enqueue(message("Free"));
    expect(await thread.run("Hello")).toMatchObject({ finalResponse: "Free" });
  });
});

describe("codex.supports", () => {
  test("says what each runtime has", async () => {
    verifies("runtime-supports");
    const asked = ["thread/start", "thread/sample", "thread/search/stream", "thread/rollback", "no/such"];
    const of = (codex: Codex) => Promise.all(asked.map((method) => codex.supports(method)));
    expect(await of(old.codex)).toEqual([true, false, false, true, false]);
    expect(await of(pinned.codex)).toEqual([true, true, true, false, false]);
  });

  test("agrees with the generated types of the pinned runtime", async () => {
    verifies("runtime-supports");
    const source = new URL("../../src/protocol/generated/tables.ts", import.meta.url);
    const [, requests = ""] = /export interface ClientRequests \{(.*?)\n\}/s.exec(readFileSync(source, "utf8")) ?? [];
    const methods = Array.from(requests.matchAll(/^ {2}"([^"]+)":/gm), ([, method = ""]) => method);
    expect(methods.length).toBeGreaterThan(150);
    const missing = await Promise.all(
      methods.map(async (method) => ((await pinned.codex.supports(method)) ? null : method)),
    );
    expect(missing.filter((method) => method !== null)).toEqual([]);
  });

  test("starts the runtime if needed", async () => {
    await using idle = new Codex(pinned.codexOptions);
    expect(await idle.supports("thread/start")).toBe(true);
    expect(idle.metadata.runtimeVersion).toBe(RUNTIME_VERSION);
  });

  test.each(["", " ", "thread/", "/thread", "thread start", "thread//start", "thread/start\n", "`x`"])(
    "refuses %j, which is no name",
    async (name) => {
      await rejection(pinned.codex.supports(name), UsageError);
    },
  );
});

test("a request that it lacks is an error with both versions and without the list of those it has", async () => {
  verifies("runtime-supports");
  old.model.enqueue(message("Hello"));
  const thread = await old.codex.startThread();
  await thread.run("Hello");
  const error = await rejection(thread.sample("What next?"), MethodNotFoundError);
  expect(error).toMatchObject({ code: "METHOD_NOT_FOUND", method: "thread/sample", version: oldest });
  expect(error.since).toMatch(/^0\.\d+\.\d+$/);
  expect(error.message).toContain(`npm install @openai/codex@${error.since}`);
  expect(error.message.length).toBeLessThan(200);
});
