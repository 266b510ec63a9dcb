/** The end-to-end tests of profiles and of homes that leave out the user's configuration and rules. */

import { lstat, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Codex, type CodexOptions, serveAppServer, type StartThreadOptions, UsageError } from "codex-embed";
import { message, type RecordedRequest, shell, startTestCodex, step, type TestCodex } from "codex-embed/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** The kit's configuration as overrides, so that a client can do without its file. */
async function ownConfig(bench: TestCodex): Promise<string[]> {
  const text = await readFile(join(bench.codexHome, "config.toml"), "utf8");
  return text.split("\n").filter((line) => line !== "");
}

async function start(): Promise<TestCodex> {
  const bench = await startTestCodex({ sandbox: "full-access" });
  onTestFinished(() => bench.close());
  return bench;
}

/** Adds to the user's configuration. */
async function configure(bench: TestCodex, text: string): Promise<void> {
  const path = join(bench.codexHome, "config.toml");
  await writeFile(path, `${await readFile(path, "utf8")}\n${text}`);
}

const trusted = (folder: string): string => `[projects.${JSON.stringify(folder)}]\ntrust_level = "trusted"\n`;

/** What the model is asked in the first turn of another client. */
async function asked(
  bench: TestCodex,
  options: CodexOptions,
  thread: StartThreadOptions = {},
): Promise<RecordedRequest> {
  bench.model.enqueue(message("Yes."));
  await using codex = await Codex.launch({ ...bench.codexOptions, ...options });
  await (await codex.startThread({ ephemeral: true, ...thread })).run("Hi");
  const request = bench.model.requests.at(-1);
  if (request === undefined) throw new Error("The model was not asked.");
  return request;
}

describe("a profile", () => {
  test("lies over the user's configuration and the project's, below config and the thread's", async () => {
    verifies("profile");
    const bench = await start();
    await configure(bench, `[model_providers.mock.http_headers]\nx-user = "user"\nx-both = "user"\n`);
    await configure(bench, trusted(bench.workspace));
    await put(
      join(bench.workspace, ".codex", "config.toml"),
      'model_reasoning_effort = "low"\ndeveloper_instructions = "of the project"\n',
    );
    const profile = `model_reasoning_effort = "high"
[model_providers.mock.http_headers]
x-both = "profile"
x-profile = "profile"
${trusted("/another project")}`;
    await put(join(bench.codexHome, "fast.config.toml"), profile);
    const effort = async (...options: [CodexOptions, StartThreadOptions?]) =>
      (await asked(bench, ...options)).body["reasoning"];

    expect(await effort({})).toMatchObject({ effort: "low" });
    const request = await asked(bench, { profile: "fast" });
    expect(request.body["reasoning"]).toMatchObject({ effort: "high" });
    expect(request.headers).toMatchObject({ "x-user": "user", "x-both": "profile", "x-profile": "profile" });
    expect(request.developerTexts().join()).toContain("of the project");

    const config = { model_reasoning_effort: "medium" };
    expect(await effort({ profile: "fast", config })).toMatchObject({ effort: "medium" });
    const configOverrides = ['model_reasoning_effort="minimal"'];
    expect(await effort({ profile: "fast", config, configOverrides })).toMatchObject({ effort: "minimal" });
    expect(await effort({ profile: "fast" }, { config })).toMatchObject({ effort: "medium" });
  });

  test("also for a server, and a missing one is an error before anything starts", async () => {
    verifies("profile");
    const bench = await start();
    await put(join(bench.codexHome, "fast.config.toml"), 'model_verbosity = "high"');
    await using server = await serveAppServer({ ...ofServer(bench.codexOptions), profile: "fast" });
    await using codex = await server.connect();
    const { config } = await codex.request("config/read", {});
    expect(config.model_verbosity).toBe("high");
    const error = await rejection(Codex.launch({ ...bench.codexOptions, profile: "slow" }), UsageError);
    expect(error.message).toContain(join(bench.codexHome, "slow.config.toml"));
    expect(error.message).toContain("does not exist");
    const given: object = { profile: "fast" };
    expect((await rejection(Codex.connect(server.url, given), UsageError)).message).toContain("new Codex({ profile })");
  });
});

/** Without what concerns the client alone, which a server has not. */
function ofServer({ env, inheritEnv, cwd, codexBin }: CodexOptions): CodexOptions {
  return { env, inheritEnv, cwd, codexBin };
}

/** Which of the three commands the rules let through. */
async function allowed(bench: TestCodex, options: CodexOptions): Promise<boolean[]> {
  const commands = ["echo plain", "echo of-user", "echo of-project"];
  bench.model.enqueue(step(...commands.map((command) => shell(command))), message("Done."));
  await using codex = await Codex.launch({ ...bench.codexOptions, ...options });
  const thread = await codex.startThread({ ephemeral: true, approvalMode: "deny_all" });
  await thread.run("Go");
  const outputs = JSON.stringify(bench.model.requests.at(-1)?.body["input"]);
  return ["plain", "of-user", "of-project"].map((name) => outputs.includes(`Output:\\n${name}`));
}

const forbidden = (word: string): string => `prefix_rule(pattern=["echo", "${word}"], decision="forbidden")\n`;

describe("what is ignored", () => {
  test("is the user's configuration, or the rules, or both, and nothing else", async () => {
    verifies("ignored-config");
    const bench = await start();
    const configOverrides = await ownConfig(bench);
    await configure(bench, `developer_instructions = "of the user"\n${trusted(bench.workspace)}`);
    await put(join(bench.codexHome, "rules", "default.rules"), forbidden("of-user"));
    await put(join(bench.workspace, ".codex", "rules", "default.rules"), forbidden("of-project"));
    const instructed = async (options: CodexOptions) =>
      (await asked(bench, options)).developerTexts().join().includes("of the user");

    expect(await instructed({})).toBe(true);
    expect(await instructed({ ignoreRules: true })).toBe(true);
    expect(await instructed({ ignoreUserConfig: true, configOverrides })).toBe(false);

    expect(await allowed(bench, {})).toEqual([true, false, false]);
    // Without the user's configuration no project is trusted, and so none has rules.
    expect(await allowed(bench, { ignoreUserConfig: true, configOverrides })).toEqual([true, false, true]);
    expect(await allowed(bench, { ignoreRules: true })).toEqual([true, true, false]);
    const both = { ignoreUserConfig: true, ignoreRules: true, configOverrides };
    expect(await allowed(bench, both)).toEqual([true, true, true]);
  });

  test("is not the login: a link shares it both ways, and a logout ends the sharing alone", async () => {
    verifies("ignored-config");
    const bench = await start();
    const login = join(bench.codexHome, "auth.json");
    // Without the kit's provider, which needs no login, and offline.
    const options = { ...bench.codexOptions, ignoreUserConfig: true, ignoreRules: true, disable: ["plugins", "apps"] };
    const launch = () => Codex.launch(options);
    await bench.codex.loginApiKey("sk-of-the-user");
    const written = await readFile(login, "utf8");
    {
      await using codex = await launch();
      expect(codex.metadata.codexHome).toBe(join(bench.codexHome, "codex-embed", "bare"));
      expect((await codex.account()).account).toMatchObject({ type: "apiKey" });
      await codex.loginApiKey("sk-of-the-client");
      expect(await readFile(login, "utf8")).toBe(written.replace("sk-of-the-user", "sk-of-the-client"));
      expect((await lstat(join(codex.metadata.codexHome, "auth.json"))).isSymbolicLink()).toBe(true);
      await codex.logout();
      expect((await codex.account()).account).toBeNull();
    }
    expect(await readFile(login, "utf8")).toContain("sk-of-the-client");
    await using again = await launch();
    expect((await again.account()).account).toMatchObject({ type: "apiKey" });
  });

  test("hides the user's threads, while clients that ignore the same share theirs", async () => {
    verifies("ignored-config");
    const bench = await start();
    const options = { ...bench.codexOptions, ignoreUserConfig: true, configOverrides: await ownConfig(bench) };
    bench.model.respondWith(() => message("Yes."));
    const theirs = await bench.codex.startThread();
    await theirs.run("Hi");
    let ours: string;
    {
      await using codex = await Codex.launch(options);
      const thread = await codex.startThread();
      await thread.run("Hi");
      ours = thread.id;
    }
    await using codex = await Codex.launch(options);
    expect((await codex.listThreads()).data.map(({ id }) => id)).toEqual([ours]);
    expect((await bench.codex.listThreads()).data.map(({ id }) => id)).toEqual([theirs.id]);
    expect(await (await codex.resumeThread(ours)).run("And?")).toMatchObject({ finalResponse: "Yes." });
  });

  test("leaves the testing kit its model", async () => {
    const config = { model_providers: { mock: { http_headers: { "x-own": "1" } } } };
    await using bench = await startTestCodex({ ignoreUserConfig: true, ignoreRules: true, config });
    bench.model.enqueue(message("Yes."), message("Yes."));
    await (await bench.codex.startThread({ ephemeral: true })).run("Hi");
    await using codex = await Codex.launch(bench.codexOptions);
    await (await codex.startThread({ ephemeral: true })).run("Hi");
    expect(bench.model.requests.map(({ headers }) => headers["x-own"])).toEqual(["1", "1"]);
  });

  test("stays ignored when a client wrote it itself", async () => {
    verifies("ignored-config");
    const bench = await start();
    const options = { ...bench.codexOptions, ignoreUserConfig: true, configOverrides: await ownConfig(bench) };
    const verbosity = async (codex: Codex) => (await codex.request("config/read", {})).config.model_verbosity;
    const before = await readFile(join(bench.codexHome, "config.toml"), "utf8");
    {
      await using codex = await Codex.launch(options);
      await codex.request("config/value/write", {
        keyPath: "model_verbosity",
        value: "high",
        mergeStrategy: "replace",
      });
      expect(await verbosity(codex)).toBe("high");
    }
    await using codex = await Codex.launch(options);
    expect(await verbosity(codex)).toBeNull();
    expect(await readFile(join(bench.codexHome, "config.toml"), "utf8")).toBe(before);
  });
});
