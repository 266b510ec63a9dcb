/** Owns the checks of the test bench: the client, the model and the folders together, and their end. */

import { access, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { Codex, LaunchError } from "../../../src/index.js";
import {
  applyPatch,
  createTestHome,
  message,
  ScriptedModel,
  shell,
  startTestCodex,
  type TestCodex,
  type TestCodexOptions,
} from "../../../src/testing/index.js";
import { verifies } from "../../support/verifies.js";

const open = new Set<TestCodex>();
afterEach(async () => {
  for (const bench of open) await bench.close();
  open.clear();
  vi.unstubAllEnvs();
});

async function start(options?: TestCodexOptions): Promise<TestCodex> {
  const bench = await startTestCodex(options);
  open.add(bench);
  return bench;
}

const gone = async (path: string): Promise<void> => {
  await expect(access(path)).rejects.toThrow("ENOENT");
};

test("runs a turn of several steps in the workspace, and prints nothing", async () => {
  verifies("scripted-runtime");
  const stderr: string[] = [];
  const { codex, model, workspace } = await start({ onStderr: (text) => stderr.push(text) });
  model.enqueue(
    applyPatch("*** Begin Patch\n*** Add File: hello.txt\n+hello\n*** End Patch"),
    shell("cat hello.txt"),
    message("All done"),
  );
  const thread = await codex.startThread();
  const result = await thread.run("Say hello in a file");
  expect(result.finalResponse).toBe("All done");
  expect(await readdir(workspace)).toEqual(["hello.txt"]);
  expect(model.requests.at(-1)?.toolOutput("call_2")).toContain("Output:\nhello\n");
  expect(model.requests.at(-1)?.threadId).toBe(thread.id);
  model.assertComplete();
  expect(stderr).toEqual([]);
});

test("ends the runtime, closes the model and removes the folders", async () => {
  verifies("testing-cleanup");
  const bench = await start();
  const { codex, model, workspace, codexHome } = bench;
  expect(codex.metadata.codexHome).toBe(codexHome);
  await writeFile(join(workspace, "file"), "");
  await Promise.all([bench.close(), bench[Symbol.asyncDispose]()]);
  expect(await codex.closed).toMatchObject({ initiator: "client" });
  await expect(fetch(model.baseUrl)).rejects.toThrow("fetch failed");
  await gone(dirname(workspace));
  await gone(codexHome);
});

test("closes everything also when one part fails", async () => {
  const bench = await start();
  const { codex, model, workspace } = bench;
  await codex.close();
  const failure = new Error("broken close");
  codex.close = () => Promise.reject(failure);
  await expect(bench.close()).rejects.toBe(failure);
  open.delete(bench);
  await expect(fetch(model.baseUrl)).rejects.toThrow("fetch failed");
  await gone(workspace);
});

test("leaves nothing behind when the runtime does not start", async () => {
  verifies("testing-cleanup");
  await using model = await ScriptedModel.start();
  await using cache = await createTestHome({ model });
  vi.stubEnv("XDG_CACHE_HOME", cache.workspace);
  const servers = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
  const before = servers();
  await expect(startTestCodex({ codexBin: join(cache.workspace, "no-such-runtime") })).rejects.toThrow(LaunchError);
  expect(servers()).toBe(before);
  expect(await readdir(join(cache.workspace, "codex-embed-testing"))).toEqual([]);
});

test("uses a model that runs already, and leaves it open", async () => {
  await using model = await ScriptedModel.start();
  const first = await start({ model });
  const second = await start({ model });
  for (const { codex } of [first, second]) {
    model.enqueue(message("Hi"));
    expect((await (await codex.startThread()).run("hi")).finalResponse).toBe("Hi");
  }
  expect(first.codexHome).not.toBe(second.codexHome);
  await first.close();
  expect((await fetch(`${model.baseUrl}/models`)).status).toBe(404);
});

test("passes options on, and the environment variable by variable", async () => {
  const { codex, model } = await start({
    clientName: "my-app",
    env: { MY_VARIABLE: "mine" },
    sandbox: "read-only",
    extraConfig: { tools: { update_plan: { enabled: false } } },
  });
  model.enqueue(shell("echo $MY_VARIABLE; touch no.txt"), message("done"));
  await (await codex.startThread()).run("go");
  const last = model.requests.at(-1);
  expect(last?.toolOutput("call_1")).toContain("mine\n");
  expect(last?.toolOutput("call_1")).toContain("Read-only file system");
  expect(last?.headers["originator"]).toBe("my-app");
  expect(last?.toolNames()).not.toContain("update_plan");
});

test("keeps the environment of the test to itself", async () => {
  vi.stubEnv("CODEX_PROBE", "leaked");
  vi.stubEnv("OTHER_PROBE", "passed on");
  const { codex, model } = await start();
  model.enqueue(shell('echo "$CODEX_PROBE, $OTHER_PROBE"'), message("done"));
  await (await codex.startThread()).run("go");
  expect(model.requests[1]?.toolOutput("call_1")).toContain("Output:\n, passed on\n");
});

test("a second client works on the same home", async () => {
  const { codex, model, codexOptions } = await start();
  model.enqueue(message("one"), message("two"));
  const thread = await codex.startThread();
  await thread.run("first");
  await codex.close();
  await using again = await Codex.launch(codexOptions);
  const resumed = await again.resumeThread(thread.id);
  expect((await resumed.run("second")).finalResponse).toBe("two");
  expect(model.requests[1]?.userTexts()).toEqual(expect.arrayContaining(["first", "second"]));
});
