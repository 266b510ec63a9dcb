/** A test runtime writes nothing to stderr, and does not touch git, the user's files or the project's. */

import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTestHome, message, ScriptedModel, shell, type TestHome } from "../../../src/testing/index.js";
import { RawRuntime } from "./rawRuntime.js";

async function withRuntime(
  options: Omit<Parameters<typeof createTestHome>[0], "model">,
  use: (model: ScriptedModel, runtime: RawRuntime, home: TestHome) => Promise<void>,
  prepare: (home: TestHome) => Promise<TestHome> = (home) => Promise.resolve(home),
): Promise<void> {
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model, ...options });
  const prepared = await prepare(home);
  const runtime = await RawRuntime.start(prepared);
  try {
    await use(model, runtime, prepared);
  } finally {
    await runtime.close();
  }
}

describe.each(["full-access", "workspace-write", "read-only"] as const)("sandbox %s", (sandbox) => {
  test("a plain turn leaves stderr empty and warns of nothing", () =>
    withRuntime({ sandbox }, async (model, runtime) => {
      model.enqueue(message("Hi"));
      const turn = await runtime.run("hi");
      expect(turn.status).toBe("completed");
      await runtime.close();
      expect(runtime.stderr).toBe("");
      expect(runtime.events.filter(({ method }) => /warning/i.test(method))).toEqual([]);
    }));
});

describe.each(["workspace-write", "read-only"] as const)("sandbox %s", (sandbox) => {
  test("a command that wants out of the sandbox has to be approved", () =>
    withRuntime({ sandbox }, async (model, runtime, home) => {
      model.enqueue(shell("echo yes > out.txt", { escalate: { justification: "why not" } }), message("done"));
      const threadId = await runtime.startThread({ approvalPolicy: "on-request", approvalsReviewer: "user" });
      const turnId = await runtime.startTurn(threadId, "go");
      const ask = await runtime.until(({ method }) => method === "item/commandExecution/requestApproval");
      expect(ask.params).toMatchObject({ itemId: "call_1", reason: "why not" });
      runtime.answer(ask.id ?? -1, { decision: "accept" });
      await runtime.finish(turnId);
      expect(await readFile(join(home.workspace, "out.txt"), "utf8")).toBe("yes\n");
    }));
});

test.skipIf(process.platform === "win32")("no git process runs", () =>
  withRuntime(
    {},
    async (model, runtime, home) => {
      const log = join(dirname(home.workspace), "git.log");
      model.enqueue(message("Hi"), shell("git status"), message("done"));
      await runtime.run("hi");
      await expect(access(log)).rejects.toThrow("ENOENT");
      // The spy does notice what it is there for.
      await runtime.run("git");
      expect(await readFile(log, "utf8")).toBe("status\n");
    },
    async (home) => {
      const spies = join(dirname(home.workspace), "spies");
      const log = join(dirname(home.workspace), "git.log");
      await mkdir(spies);
      await writeFile(join(spies, "git"), `#!/bin/sh\necho "$@" >> '${log}'\n`, { mode: 0o755 });
      return { ...home, env: { ...home.env, PATH: `${spies}${delimiter}${home.env["PATH"] ?? ""}` } };
    },
  ),
);

test("the AGENTS.md of a project around the workspace does not get to the model, that of the workspace does", () =>
  withRuntime(
    {},
    async (model, runtime, home) => {
      model.enqueue(message("Hi"), message("Hi"));
      await runtime.run("hi");
      expect(JSON.stringify(model.requests[0]?.input)).not.toContain("OF THE PROJECT AROUND");
      await writeFile(join(home.workspace, "AGENTS.md"), "OF THE WORKSPACE");
      await runtime.run("hi");
      expect(model.requests[1]?.userTexts().join()).toContain("OF THE WORKSPACE");
    },
    async (home) => {
      const root = dirname(home.workspace);
      await mkdir(join(root, ".git"));
      await writeFile(join(root, ".git", "HEAD"), "ref: refs/heads/main\n");
      await writeFile(join(root, "AGENTS.md"), "OF THE PROJECT AROUND");
      return home;
    },
  ));

test("the runtime knows every field of the configuration", async () => {
  await using model = await ScriptedModel.start();
  await using home = await createTestHome({ model, sandbox: "workspace-write" });
  const runtime = await RawRuntime.start(home, ["--strict-config"]);
  await runtime.startThread();
  await runtime.close();
  expect(runtime.stderr).toBe("");
  await using odd = await createTestHome({ model, extraConfig: { no_such_field: 1 } });
  await expect(RawRuntime.start(odd, ["--strict-config"])).rejects.toThrow("no_such_field");
});
