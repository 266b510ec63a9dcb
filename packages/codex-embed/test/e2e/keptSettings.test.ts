/** The end-to-end tests of what a thread keeps when it is opened again: its sandbox, and instructions that are given. */

import { readFile, writeFile } from "node:fs/promises";
import { Codex, type ResumeThreadOptions, SettingsMismatchError, serveAppServer, UsageError } from "codex-embed";
import type { SandboxPolicy } from "codex-embed/protocol";
import { message, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

/** The kit's configuration says full access, so that a sandbox that is forgotten is the widest. */
const bench = new SharedBench();

const WRITE: SandboxPolicy = {
  type: "workspaceWrite",
  writableRoots: [],
  networkAccess: false,
  excludeTmpdirEnvVar: false,
  excludeSlashTmp: false,
};
const details = { network_access: true, writable_roots: ["/opt/shared"], exclude_slash_tmp: true };
const WIDER: SandboxPolicy = {
  ...WRITE,
  networkAccess: true,
  writableRoots: ["/opt/shared"],
  excludeSlashTmp: true,
};

/** What a client does with threads before it goes, and the sandbox that each has to come back in. */
const lives = [
  ["one that was started in it", { sandbox: "workspace-write" }, {}, WRITE],
  [
    "one with a network and a writable root",
    { sandbox: "workspace-write", config: { sandbox_workspace_write: details } },
    {},
    WIDER,
  ],
  ["one that a turn has put into it", {}, { sandbox: "workspace-write" }, WRITE],
  ["one that a turn has made read-only", { sandbox: "workspace-write" }, { sandbox: "read-only" }, null],
  ["one with a named profile", { permissions: ":workspace" }, {}, WRITE],
] as const;

/** The sandbox in force, which a thread that is loaded tells. */
async function sandboxOf(codex: Codex, threadId: string): Promise<SandboxPolicy> {
  return (await codex.request("thread/resume", { threadId, excludeTurns: true })).sandbox;
}

describe("the sandbox of a thread that another process had", () => {
  test.each(lives)("%s: resumed and forked without a sandbox, it is the same", async (_, start, turn, policy) => {
    verifies("resumed-sandbox");
    const expected = policy ?? { type: "readOnly", networkAccess: false };
    await using own = await startTestCodex();
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread(start);
    await thread.run("Hi", turn);
    await own.codex.close();

    await using second = await Codex.launch(own.codexOptions);
    const fork = await second.forkThread(thread.id);
    expect(await sandboxOf(second, fork.id)).toEqual(expected);
    const forkOfFork = await fork.fork();
    expect(await sandboxOf(second, forkOfFork.id)).toEqual(expected);
    await second.resumeThread(thread.id);
    expect(await sandboxOf(second, thread.id)).toEqual(expected);
    await second.close();

    await using third = await Codex.launch(own.codexOptions);
    await third.resumeThread(fork.id);
    expect(await sandboxOf(third, fork.id)).toEqual(expected);
    await third.resumeThread(thread.id);
    expect(await sandboxOf(third, thread.id)).toEqual(expected);
  });

  test("another one that is asked for is given, and so are details of the configuration", async () => {
    await using own = await startTestCodex();
    own.model.respondWith(() => message("Hello."));
    const threads = await Promise.all(
      ["one", "two", "three"].map(async (text) => {
        const thread = await own.codex.startThread({ sandbox: "workspace-write" });
        await thread.run(text);
        return thread.id;
      }),
    );
    await own.codex.close();
    await using second = await Codex.launch(own.codexOptions);
    const [one = "", two = "", three = ""] = threads;
    await second.resumeThread(one, { sandbox: "full-access" });
    expect((await sandboxOf(second, one)).type).toBe("dangerFullAccess");
    await second.resumeThread(two, { config: { sandbox_mode: "read-only" } });
    expect((await sandboxOf(second, two)).type).toBe("readOnly");
    await second.resumeThread(three, { config: { sandbox_workspace_write: { network_access: true } } });
    expect(await sandboxOf(second, three)).toEqual({ ...WRITE, networkAccess: true });
  });

  test("settings that were changed between two turns count", async () => {
    await using own = await startTestCodex();
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread({ sandbox: "full-access" });
    await thread.run("Hi");
    await own.codex.request("thread/settings/update", { threadId: thread.id, sandboxPolicy: WRITE });
    await own.codex.close();
    await using second = await Codex.launch(own.codexOptions);
    await second.resumeThread(thread.id);
    expect(await sandboxOf(second, thread.id)).toEqual(WRITE);
  });

  test("what its record does not tell has to be given", async () => {
    verifies("untold-sandbox");
    await using own = await startTestCodex();
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread({ sandbox: "workspace-write" });
    await thread.run("Hi");
    const path = (await thread.read()).path ?? "";
    await own.codex.close();
    const lines = await readFile(path, "utf8");
    await writeFile(
      path,
      lines.replaceAll('"permission_profile":{', '"x_profile":{').replaceAll("sandbox_policy", "x"),
    );

    await using second = await Codex.launch(own.codexOptions);
    for (const open of [() => second.resumeThread(thread.id), () => second.forkThread(thread.id)]) {
      const error = await rejection(open(), UsageError);
      expect(error.message).toContain(`the sandbox of thread ${thread.id} is unknown`);
      expect(error.message).toContain('Pass sandbox: "read-only"');
    }
    expect((await second.readThread(thread.id)).status).toEqual({ type: "notLoaded" });
    await second.resumeThread(thread.id, { sandbox: "read-only" });
    expect((await sandboxOf(second, thread.id)).type).toBe("readOnly");
  });

  test("the runtime is asked for the record when it is elsewhere", async () => {
    verifies("resumed-sandbox");
    await using own = await startTestCodex();
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread({ sandbox: "workspace-write" });
    await thread.run("Hi");
    const path = (await thread.read()).path ?? "";
    await own.codex.close();
    await using server = await serveAppServer(own.codexOptions);
    await using remote = await server.connect();
    await remote.resumeThread(thread.id);
    expect(await sandboxOf(remote, thread.id)).toEqual(WRITE);
    expect(path).not.toBe("");
  });

  test("a crash does not change it", async () => {
    verifies("resumed-sandbox");
    await using own = await startTestCodex({ restart: "on-crash" });
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread({
      sandbox: "workspace-write",
      config: { sandbox_workspace_write: details },
    });
    await thread.run("Hi");
    process.kill(own.codex.pid ?? 0, "SIGKILL");
    await expect.poll(() => own.codex.status).toBe("idle");
    await thread.run("Again");
    expect(await sandboxOf(own.codex, thread.id)).toEqual(WIDER);
  });
});

describe("a thread that is loaded", () => {
  test.each([{ model: "other" }, { modelProvider: "nope" }, { serviceTier: "flex" }, { permissions: ":read-only" }])(
    "asked for %j: SettingsMismatchError",
    async (asked) => {
      const thread = await bench.threadWith({}, message("Hello."));
      await thread.run("Hi");
      const error = await rejection(bench.codex.resumeThread(thread.id, asked), SettingsMismatchError);
      expect(error.requested).toEqual(asked);
      expect(Object.keys(error.effective)).toEqual(Object.keys(asked));
    },
  );

  test.each<ResumeThreadOptions>([
    { baseInstructions: "You are a cat." },
    { developerInstructions: "Be brief." },
    { config: { features: { view_image: false } } },
    { runtimeWorkspaceRoots: ["/opt"] },
    { personality: "friendly" },
  ])("asked for %j, which it would drop: UsageError", async (asked) => {
    verifies("dropped-settings");
    const [name] = Object.keys(asked);
    const thread = await bench.threadWith({}, message("Hello."));
    await thread.run("Hi");
    const error = await rejection(bench.codex.resumeThread(thread.id, asked), UsageError);
    expect(error.message).toContain(`is loaded, and a loaded thread ignores ${name}.`);
    expect(error.message).not.toContain("cat");
  });

  test("by another client: what it would drop is refused as well", async () => {
    verifies("dropped-settings");
    await using own = await startTestCodex();
    await using server = await serveAppServer(own.codexOptions);
    await own.codex.close();
    await using first = await server.connect();
    own.model.respondWith(() => message("Hello."));
    const thread = await first.startThread({ sandbox: "workspace-write" });
    await thread.run("Hi");
    await using second = await server.connect();
    const asked = { developerInstructions: "Be brief." };
    await rejection(second.resumeThread(thread.id, asked), UsageError);
    await rejection(second.resumeThread(thread.id, { serviceTier: "flex" }), SettingsMismatchError);
    const resumed = await second.resumeThread(thread.id, { developerInstructions: null });
    expect((await resumed.run("Again")).finalResponse).toBe("Hello.");
  });

  test("what it has is no mismatch", async () => {
    const thread = await bench.threadWith({ permissions: ":workspace" }, message("Hello."), message("Again."));
    await thread.run("Hi");
    const asked = { model: "mock-model", modelProvider: "mock", permissions: ":workspace", config: null } as const;
    expect((await (await bench.codex.resumeThread(thread.id, asked)).run("Again")).finalResponse).toBe("Again.");
  });
});

describe("developer instructions for a thread with a history", () => {
  test("reach the model when it is resumed in another process, once", async () => {
    verifies("developer-instructions");
    await using own = await startTestCodex();
    own.model.respondWith(() => message("Hello."));
    const thread = await own.codex.startThread({ developerInstructions: "Be kind." });
    await thread.run("Hi");
    await own.codex.close();
    const heard = async (developerInstructions: string): Promise<string[]> => {
      await using next = await Codex.launch(own.codexOptions);
      const resumed = await next.resumeThread(thread.id, { developerInstructions });
      await resumed.run("And?");
      return (own.model.requests.at(-1)?.developerTexts() ?? []).filter((text) => text.startsWith("Be "));
    };
    expect(await heard("Be kind.")).toEqual(["Be kind."]);
    expect(await heard("Be brief.")).toEqual(["Be kind.", "Be brief."]);
    expect(await heard("Be brief.")).toEqual(["Be kind.", "Be brief."]);
    expect(await heard("Be kind.")).toEqual(["Be kind.", "Be brief.", "Be kind."]);
    expect(await heard("")).toEqual(["Be kind.", "Be brief.", "Be kind."]);
  });

  test("reach the model when it is forked", async () => {
    verifies("developer-instructions");
    const thread = await bench.threadWith({ developerInstructions: "Be kind." }, message("Hello."));
    await thread.run("Hi");
    for (const ephemeral of [false, true]) {
      const fork = await thread.fork({ developerInstructions: "Be brief.", ephemeral });
      bench.script(fork, message("Fork."));
      await fork.run("And?");
      const texts = bench.requestsOf(fork).at(-1)?.developerTexts() ?? [];
      expect(texts.filter((text) => text.startsWith("Be "))).toEqual(["Be kind.", "Be brief."]);
    }
  });

  test("base instructions do as well", async () => {
    const thread = await bench.threadWith({}, message("Hello."));
    await thread.run("Hi");
    const fork = await thread.fork({ baseInstructions: "You are a cat." });
    bench.script(fork, message("Fork."));
    await fork.run("And?");
    expect(bench.requestsOf(fork).at(-1)?.developerTexts()[0]).toBe("You are a cat.");
  });
});
