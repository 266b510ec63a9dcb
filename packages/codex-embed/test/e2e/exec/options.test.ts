import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import * as theirs from "@openai/codex-sdk";
import { Codex, type CodexOptions, type ThreadOptions } from "codex-embed/exec";
import { message, shell } from "codex-embed/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { ExecBench, gitOf, rejection } from "../../support/execBench.js";

/** One pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

const firstLine = (text: string) => text.split("\n")[0] ?? "";

describe("threads", () => {
  test("are resumed by id, by being the last, and forked", async () => {
    const bench = await ExecBench.start();
    bench.model.respondWith((request) => message(`To ${request.lastUserText()}`));
    const codex = bench.codex();
    const thread = codex.startThread(bench.threadOptions);
    await thread.run("one");
    const id = thread.id ?? "";

    const again = codex.resumeThread(id, bench.threadOptions);
    expect(again.id).toBe(id);
    expect(await again.run("two")).toMatchObject({ finalResponse: "To two" });
    expect(again.id).toBe(id);
    expect(bench.lastTexts()).toEqual(["one", "two"]);

    const fork = codex.forkThread(id, { ...bench.threadOptions, ephemeral: true });
    await fork.run("aside");
    expect(fork.id).not.toBe(id);
    expect(bench.lastTexts()).toEqual(["one", "two", "aside"]);

    const last = codex.resumeLast(bench.threadOptions);
    expect(last.id).toBeNull();
    await last.run("three");
    expect(last.id).toBe(id);
    expect(bench.lastTexts()).toEqual(["one", "two", "three"]);

    const elsewhere = { workingDirectory: bench.home.codexHome, skipGitRepoCheck: true };
    const fresh = codex.resumeLast(elsewhere);
    await fresh.run("four");
    expect(bench.lastTexts()).toEqual(["four"]);
  });

  test("of all working directories are looked at when asked for", async () => {
    const bench = await ExecBench.start();
    bench.model.respondWith(() => message("Yes."));
    await bench.thread().run("one");
    const elsewhere = { workingDirectory: bench.home.codexHome, skipGitRepoCheck: true };
    await bench
      .codex()
      .resumeLast({ ...elsewhere, all: true })
      .run("two");
    expect(bench.lastTexts()).toEqual(["one", "two"]);
  });

  test("in a worktree have one turn there, and are taken up again in it by their id", async () => {
    const bench = await ExecBench.start();
    const git = gitOf(bench);
    const thread = bench.thread({ worktree: true });
    bench.model.enqueue(shell("pwd"), message("There."), message("Forked."));
    const { items } = await thread.run("one");
    const [, worktree = ""] = git("worktree", "list", "--porcelain")
      .split(/^worktree /m)
      .slice(1)
      .map(firstLine);
    expect(items[0]).toMatchObject({ aggregated_output: `${worktree}\n` });

    expect(await rejection(thread.run("two"))).toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("git worktree list"),
    });
    await bench
      .codex()
      .forkThread(thread.id ?? "", { ...bench.threadOptions, worktree: true })
      .run("aside");
    expect(git("worktree", "list").trim().split("\n")).toHaveLength(3);

    bench.model.enqueue(shell("pwd"), message("There again."));
    const again = bench.codex().resumeThread(thread.id ?? "", { workingDirectory: worktree });
    expect((await again.run("two")).items[0]).toMatchObject({ aggregated_output: `${worktree}\n` });
  });

  test("that are ephemeral leave nothing and have one turn", async () => {
    const bench = await ExecBench.start();
    bench.model.enqueue(message("Once."));
    const thread = bench.thread({ ephemeral: true });
    expect(await thread.run("one")).toMatchObject({ finalResponse: "Once." });
    expect(await rejection(thread.run("two"))).toMatchObject({ code: "USAGE" });
    const resumed = bench.codex().resumeThread(thread.id ?? "", bench.threadOptions);
    expect(await rejection(resumed.run("two"))).toMatchObject({
      code: "EXEC_EXITED",
      exitCode: 1,
      stderrTail: expect.stringContaining("no rollout found"),
    });
  });
});

describe("configuration", () => {
  test("comes from config, configOverrides, the profile and the options, and the later wins", async () => {
    const bench = await ExecBench.start();
    bench.model.respondWith(() => message("Yes."));
    await writeFile(join(bench.home.codexHome, "work.config.toml"), 'model = "of-the-profile"\n');
    const modelOf = async (options: CodexOptions, thread: ThreadOptions = {}) => {
      await bench
        .codex(options)
        .startThread({ ...bench.threadOptions, ...thread })
        .run("x");
      return bench.model.requests.at(-1)?.body["model"];
    };
    expect(await modelOf({})).toBe("mock-model");
    expect(await modelOf({ profile: "work" })).toBe("of-the-profile");
    expect(await modelOf({ config: { model: "one" } })).toBe("one");
    expect(await modelOf({ config: { model: "one" }, configOverrides: ['model="two"'] })).toBe("two");
    expect(await modelOf({ configOverrides: ['model="two"'] }, { model: "three" })).toBe("three");
  });

  test("of nested tables, dotted keys and odd characters arrives as it was meant", async () => {
    const bench = await ExecBench.start();
    bench.model.respondWith(() => message("Yes."));
    const odd = 'q"\\ \u007f é';
    const headers = { "x-odd": 'q"\\ = {}', "x-two": "2" };
    const config = { "model_providers.mock": { http_headers: headers }, model_reasoning_effort: "high" };
    await bench.codex({ config }).startThread(bench.threadOptions).run("x");
    expect(bench.model.requests.at(-1)?.headers).toMatchObject(headers);
    await bench
      .codex({ config: { developer_instructions: odd } })
      .startThread(bench.threadOptions)
      .run("x");
    expect(bench.model.requests.at(-1)?.developerTexts().join()).toContain(odd);
  });

  test("of features, and without the user's own", async () => {
    const bench = await ExecBench.start();
    bench.model.respondWith(() => message("Yes."));
    await bench
      .codex({ disable: ["shell_tool"] })
      .startThread(bench.threadOptions)
      .run("x");
    const without = bench.model.requests.at(-1)?.toolNames() ?? [];
    await bench
      .codex({ enable: ["shell_tool"] })
      .startThread(bench.threadOptions)
      .run("x");
    const added = (bench.model.requests.at(-1)?.toolNames() ?? []).filter((name) => !without.includes(name));
    expect(added.length).toBeGreaterThan(0);
    const alone = bench.codex({ ignoreUserConfig: true, config: { model_provider: "mock" } });
    expect(await rejection(alone.startThread(bench.threadOptions).run("x"))).toMatchObject({
      code: "EXEC_EXITED",
      stderrTail: expect.stringContaining("Model provider `mock` not found"),
    });
  });

  test("with unknown fields is refused when it is strict", async () => {
    const bench = await ExecBench.start();
    bench.model.enqueue(message("Never mind."));
    const config = { no_such_field: 1 };
    await bench.codex({ config }).startThread(bench.threadOptions).run("x");
    const strict = bench.codex({ config, strictConfig: true }).startThread(bench.threadOptions);
    expect(await rejection(strict.run("x".repeat(1 << 20)))).toMatchObject({
      code: "EXEC_EXITED",
      exitCode: 1,
      message: expect.stringContaining("no_such_field"),
    });
  });
});

describe("a run", () => {
  test("writes the last message to a file, of a resumed thread too", async () => {
    const bench = await ExecBench.start();
    bench.model.enqueue(message("One."), message("Two."));
    const outputLastMessage = join(bench.home.workspace, "last.txt");
    const thread = bench.thread();
    for (const expected of ["One.", "Two."]) {
      await thread.run("x", { outputLastMessage });
      expect(await readFile(outputLastMessage, "utf8")).toBe(expected);
    }
  });

  test("takes every other option that the command line has", async () => {
    const bench = await ExecBench.start();
    bench.model.respondWith(() => message("Yes."));
    gitOf(bench);
    for (const options of [
      { threadSource: "test", sandboxMode: "read-only", approvalPolicy: "never", modelReasoningEffort: "low" },
      { networkAccessEnabled: true, webSearchMode: "disabled", additionalDirectories: [bench.home.codexHome] },
      { trust: true, approveForMe: true },
      { dangerouslyBypassApprovalsAndSandbox: true },
      { dangerouslyBypassHookTrust: true },
    ] satisfies ThreadOptions[]) {
      const thread = bench.thread(options);
      for (const turn of ["first", "second"]) expect(await thread.run(turn)).toMatchObject({ finalResponse: "Yes." });
    }
    const rules = bench.codex({ ignoreRules: true }).startThread(bench.threadOptions);
    expect(await rules.run("x")).toMatchObject({ finalResponse: "Yes." });
  }, 60_000);

  test.each<{ what: string; options: ThreadOptions; exitCode: number; says: string }>([
    {
      what: "a folder that is no repository",
      options: { skipGitRepoCheck: false },
      exitCode: 1,
      says: "--skip-git-repo-check",
    },
    {
      what: "a folder that is not there",
      options: { workingDirectory: "/no/such/folder" },
      exitCode: 1,
      says: "No such file",
    },
    {
      what: "two options that exclude each other",
      options: { approveForMe: true, dangerouslyBypassApprovalsAndSandbox: true },
      exitCode: 2,
      says: "cannot be used with",
    },
  ])("tells why the runtime refuses $what", async ({ options, exitCode, says }) => {
    const bench = await ExecBench.start();
    const error = await rejection(bench.thread(options).run("x".repeat(1 << 20)));
    expect(error).toMatchObject({ code: "EXEC_EXITED", exitCode, message: expect.stringContaining(says) });
    expect(bench.model.requests).toEqual([]);
  });
});

describe("what the page says of both packages", () => {
  const clients = [
    ["@openai/codex-sdk", theirs.Codex],
    ["codex-embed/exec", Codex],
  ] as const;

  test.each(clients)(
    "a relative image is found from the program's folder, not from the thread's: %s",
    async (_, Client) => {
      const bench = await ExecBench.start();
      bench.model.respondWith(() => message("Seen."));
      const { workspace } = bench.home;
      await writeFile(join(workspace, "here.png"), Buffer.from(PIXEL, "base64"));
      const thread = new Client({ env: bench.env }).startThread({
        workingDirectory: workspace,
        skipGitRepoCheck: true,
      });
      const image = (path: string) =>
        thread.run([
          { type: "text", text: "Look." },
          { type: "local_image", path },
        ]);
      await image(relative(process.cwd(), join(workspace, "here.png")));
      expect(JSON.stringify(bench.model.requests[0]?.input)).toContain("input_image");
      await image("here.png");
      expect(JSON.stringify(bench.model.requests[1]?.input)).toContain("could not read the local image at `here.png`");
    },
  );

  test.each(clients)("the runtime refuses the approval policy untrusted: %s", async (_, Client) => {
    const bench = await ExecBench.start();
    const options = { workingDirectory: bench.home.workspace, approvalPolicy: "untrusted" } as const;
    const error = await rejection(new Client({ env: bench.env }).startThread(options).run("x"));
    expect(String(error)).toContain('approval_policy = "untrusted" is no longer supported');
  });
});

test("images and folders whose names begin with a dash are found", async () => {
  const bench = await ExecBench.start();
  bench.model.enqueue(message("Seen."));
  const { workspace } = bench.home;
  const before = process.cwd();
  await mkdir(join(workspace, "-sub"));
  await writeFile(join(workspace, "-dash.png"), Buffer.from(PIXEL, "base64"));
  process.chdir(workspace);
  onTestFinished(() => process.chdir(before));
  const thread = bench.codex().startThread({ workingDirectory: "-sub", skipGitRepoCheck: true });
  const input = [
    { type: "text" as const, text: "Look." },
    { type: "local_image" as const, path: "-dash.png" },
  ];
  await thread.run(input, { outputLastMessage: "-last" });
  const sent = JSON.stringify(bench.model.requests[0]?.input);
  expect(sent).toContain("input_image");
  expect(sent).toContain(`<cwd>${join(workspace, "-sub")}</cwd>`);
  expect(await readFile(join(workspace, "-last"), "utf8")).toBe("Seen.");
});
