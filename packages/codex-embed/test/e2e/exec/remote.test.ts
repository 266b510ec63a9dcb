/** The end-to-end tests of `codex exec` on an app server. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type AppServer, serveAppServer } from "codex-embed";
import {
  AbortError,
  Codex,
  type CodexOptions,
  ExecExitError,
  type RemoteOptions,
  type SpawnRequest,
  UsageError,
} from "codex-embed/exec";
import { createTestHome, gate, message, ScriptedModel, type TestHome } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { floorRuntime, INSTALL_TIMEOUT_MS } from "../../support/runtimes.js";
import { untyped } from "../../support/turns.js";
import { rejection } from "../../support/execBench.js";
import { verifies } from "../../support/verifies.js";

let model: ScriptedModel;
let home: TestHome;
/** The home of the client, which knows nothing of the model. */
let away: TestHome;
let server: AppServer;
let remote: RemoteOptions;

beforeAll(async () => {
  model = await ScriptedModel.start();
  home = await createTestHome({ model });
  away = await createTestHome({ model: { baseUrl: "http://127.0.0.1:1/v1" } });
  server = await serveAppServer({ codexHome: home.codexHome, cwd: home.workspace, inheritEnv: false, env: home.env });
  remote = { url: server.url, token: server.token };
});
afterAll(async () => {
  await server.close();
  await Promise.all([home.dispose(), away.dispose()]);
  await model.close();
  model.assertComplete();
});

const client = (options: CodexOptions = {}): Codex => new Codex({ env: { ...away.env }, remote, ...options });

describe("a turn on an app server", () => {
  test("runs there, and the thread can be resumed", async () => {
    verifies("exec-remote");
    model.enqueue(message("The first."), message("The second."), message("The third."));
    const thread = client().startThread();
    expect(await thread.run("One.")).toMatchObject({ finalResponse: "The first." });
    const last = join(away.workspace, "last.txt");
    expect(await thread.run("Two.", { outputLastMessage: last })).toMatchObject({ finalResponse: "The second." });
    expect(await readFile(last, "utf8")).toBe("The second.");
    const again = client().resumeThread(thread.id ?? "", { skipGitRepoCheck: true });
    expect(await again.run("Three.")).toMatchObject({ finalResponse: "The third." });
    expect(model.requests.at(-1)?.userTexts()).toEqual(expect.arrayContaining(["One.", "Two.", "Three."]));
    await using watcher = await server.connect();
    expect((await watcher.readThread(thread.id ?? "")).cwd).toBe(home.workspace);
  });

  test("gets its token by an environment variable of the process alone", async () => {
    verifies("exec-remote");
    const started: SpawnRequest[] = [];
    const spawn = (request: SpawnRequest): never => {
      started.push(request);
      throw new Error("Seen.");
    };
    await rejection(client({ spawn }).startThread().run("x"));
    const [request] = started;
    const args = request?.args ?? [];
    expect(args.join(" ")).toContain(` --remote ${server.url} --remote-auth-token-env CODEX_EMBED_REMOTE_TOKEN`);
    expect(args.join(" ")).not.toContain(server.token);
    expect(request?.env["CODEX_EMBED_REMOTE_TOKEN"]).toBe(server.token);
    expect(process.env).not.toHaveProperty("CODEX_EMBED_REMOTE_TOKEN");
  });

  test("is refused for a wrong token", async () => {
    const error = await rejection(
      client({ remote: { ...remote, token: "wrong-token" } })
        .startThread()
        .run("x"),
    );
    expect(error).toBeInstanceOf(ExecExitError);
    expect(error).toMatchObject({ exitCode: 1, stderrTail: expect.stringContaining("401 Unauthorized") });
    expect(String(error)).not.toContain("wrong-token");
  });

  test.skipIf(process.platform === "win32").each(["an abort", "a reader that leaves"])(
    "%s interrupts it there",
    async (how) => {
      verifies("exec-remote");
      model.enqueue(message({ deltas: ["never", gate()] }));
      const controller = new AbortController();
      const count = model.requests.length;
      const { events } = await client().startThread().runStreamed("x", { signal: controller.signal });
      for (let type = ""; type !== "turn.started"; type = (await events.next()).value?.type ?? "turn.started");
      const asked = await model.request(count);
      if (how === "an abort") {
        const reading = rejection(events.next());
        controller.abort();
        expect(await reading).toBeInstanceOf(AbortError);
      } else {
        await events.return();
      }
      expect(await asked.ended).toBe("cut off");
    },
  );
});

test(
  "a runtime without --remote is named as the reason",
  async () => {
    const codexPathOverride = await floorRuntime();
    const error = await rejection(client({ codexPathOverride }).startThread().run("x"));
    expect(error).toBeInstanceOf(ExecExitError);
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("The runtime is older than 0.171.0, which brought remote."),
      stderrTail: expect.stringContaining("unexpected argument '--remote'"),
    });
  },
  INSTALL_TIMEOUT_MS,
);

describe("refuses before anything is started", () => {
  test.each([
    ["an address without a scheme", { url: "example.org:1" }, /has the scheme example\.org:/],
    ["another scheme", { url: "http://127.0.0.1:1" }, /has the scheme http:/],
    ["a path", { url: "ws://127.0.0.1:1/x" }, /has a path or a query/],
    ["a password in it", { url: "ws://me:secret@127.0.0.1:1" }, /a user name or a password/],
    [
      "a token over an open line",
      { url: "ws://192.0.2.1:1", token: "abc" },
      /sent to ws:\/\/192\.0\.2\.1:1\/ unencrypted/,
    ],
    ["a token with a line break", { url: "wss://example.org", token: "a\nb" }, /The token is empty, or contains/],
    ["a token for a socket", { url: "unix:///run/codex.sock", token: "abc" }, /A Unix socket takes no token/],
    ["no url", { token: "abc" }, /remote\.url is undefined/],
    ["an unknown member", { url: "ws://127.0.0.1:1", headers: {} }, /unknown option remote\.headers/],
  ])("%s", (_, given, expected) => {
    const make = () => new Codex({ remote: untyped(given) });
    expect(make).toThrow(UsageError);
    expect(make).toThrow(expected);
    expect(make).not.toThrow(/abc|secret/);
  });

  test.each<readonly [string, (codex: Codex) => Promise<unknown>, CodexOptions]>([
    ["config", (codex) => codex.startThread().run("x"), { config: { model: "other" } }],
    ["apiKey", (codex) => codex.startThread().run("x"), { apiKey: "sk-test" }],
    ["sandboxMode", (codex) => codex.startThread({ sandboxMode: "read-only" }).run("x"), {}],
    ["workingDirectory", (codex) => codex.startThread({ workingDirectory: "/" }).run("x"), {}],
    ["ephemeral", (codex) => codex.startThread({ ephemeral: true }).run("x"), {}],
    ["outputSchema", (codex) => codex.startThread().run("x", { outputSchema: { type: "object" } }), {}],
  ])("%s", async (option, run, options) => {
    const error = await rejection(run(client({ ...options, spawn: () => expect.fail("It was started.") })));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ message: expect.stringMatching(`^${option} does not work with remote: `) });
  });

  test.each<readonly [string, (codex: Codex) => Promise<unknown>, RegExp]>([
    ["an image", (codex) => codex.startThread().run([{ type: "local_image", path: "a.png" }]), /sends no images/],
    [
      "a fork",
      (codex) => codex.forkThread("01a22346-886e-7cc0-80a7-ab4550bece89").run("x"),
      /starts a thread, or resumes/,
    ],
    ["the name of a thread", (codex) => codex.resumeThread("my thread").run("x"), /starts a thread, or resumes/],
    ["the last thread", (codex) => codex.resumeLast().run("x"), /starts a thread, or resumes/],
    ["a review", (codex) => codex.review({ type: "uncommittedChanges" }), /starts a thread, or resumes/],
  ])("%s", async (_, run, expected) => {
    const error = await rejection(run(client({ spawn: () => expect.fail("It was started.") })));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ message: expect.stringMatching(expected) });
  });
});
