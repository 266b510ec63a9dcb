/** The end-to-end tests of turns without a login: refused at once where one is needed, and nowhere else. */

import { AuthRequiredError, type Thread, TurnFailedError } from "codex-embed";
import { fail, message, ScriptedModel, startTestCodex, type TestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { rejection } from "../support/turns.js";
import { verifies } from "../support/verifies.js";
import { Wiretap } from "../support/wiretap.js";

/** A runtime whose provider is OpenAI's, at the address of the scripted model. */
async function openaiBench(): Promise<TestCodex & { readonly model: ScriptedModel }> {
  const model = await ScriptedModel.start();
  model.respondWith(() => message("Hello."));
  const extraConfig = { model_provider: "openai", openai_base_url: model.baseUrl, cli_auth_credentials_store: "file" };
  const bench = await startTestCodex({ model, extraConfig });
  const close = async (): Promise<void> => {
    await bench.close();
    await model.close();
  };
  return { ...bench, close, [Symbol.asyncDispose]: close };
}

const ASKING: Readonly<Record<string, (thread: Thread) => Promise<unknown>>> = {
  run: (thread) => thread.run("Hi"),
  startTurn: (thread) => thread.startTurn("Hi"),
  stream: (thread) => thread.stream("Hi").next(),
  startGoal: (thread) => thread.startGoal("Be done."),
  resumeGoal: (thread) => thread.resumeGoal(),
  review: (thread) => thread.review({ type: "uncommittedChanges" }),
  compact: (thread) => thread.compact(),
  sample: (thread) => thread.sample("Hi"),
  "queue.add": (thread) => thread.queue.add("Hi"),
};

test.concurrent("nobody is logged in: whatever would ask the model rejects at once, with the two ways to log in", async () => {
  verifies("login-required");
  await using bench = await openaiBench();
  const thread = await bench.codex.startThread();
  for (const [name, ask] of Object.entries(ASKING)) {
    const error = await rejection(ask(thread), AuthRequiredError);
    expect(error, name).toMatchObject({ code: "AUTH_REQUIRED" });
    expect(error.message, name).toContain("the model provider openai needs a login.");
    expect(error.message, name).toContain("npx codex login");
    expect(error.message, name).toContain("await codex.loginApiKey(key)");
  }
  expect(bench.model.requests).toEqual([]);

  await bench.codex.loginApiKey("sk-test-not-a-real-key");
  expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  expect(bench.model.requests[0]?.headers.authorization).toBe("Bearer sk-test-not-a-real-key");
  await bench.codex.logout();
  await rejection(thread.run("Hi"), AuthRequiredError);
  expect(bench.model.requests).toHaveLength(1);
});

test.concurrent("a login that was made by another program is taken", async () => {
  await using bench = await openaiBench();
  const thread = await bench.codex.startThread();
  await rejection(thread.run("Hi"), AuthRequiredError);
  // As another client of the same runtime would do it.
  await bench.codex.request("account/login/start", { type: "apiKey", apiKey: "sk-test-not-a-real-key" });
  expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
});

describe.concurrent("a provider of one's own", () => {
  test("that needs no login is not bothered, and one question is asked for all threads and turns", async () => {
    verifies("login-required");
    const tap = new Wiretap();
    await using bench = await startTestCodex({ spawn: tap.spawn });
    bench.model.respondWith(() => message("Hello."));
    for (const text of ["One", "Two"]) {
      const thread = await bench.codex.startThread();
      await thread.run(text);
      await thread.run(text);
    }
    expect(tap.sent("account/read")).toHaveLength(1);
    expect(tap.sent("config/read")).toEqual([]);
  });

  test("that needs a login is not asked without one", async () => {
    const extraConfig = {
      cli_auth_credentials_store: "file",
      model_providers: { mock: { requires_openai_auth: true } },
    };
    await using bench = await startTestCodex({ extraConfig });
    const thread = await bench.codex.startThread();
    const error = await rejection(thread.run("Hi"), AuthRequiredError);
    expect(error.message).toContain("the model provider mock needs a login.");
  });

  test("is not bothered when the configuration's own one needs a login", async () => {
    verifies("login-required");
    await using bench = await openaiBench();
    const thread = await bench.codex.startThread({ modelProvider: "mock" });
    expect((await thread.run("Hi")).finalResponse).toBe("Hello.");
  });
});

test.concurrent("a 401 of the model says that it is one, and how to log in", async () => {
  verifies("unauthorized");
  await using bench = await startTestCodex();
  bench.model.enqueue(fail(401, { message: "Missing bearer authentication." }));
  const thread = await bench.codex.startThread();
  const error = await rejection(thread.run("Hi"), TurnFailedError);
  expect(error.message).toContain("The model provider rejected the credentials, or received none (401).");
  expect(error.message).toContain("npx codex login");
  bench.model.enqueue(fail(400, { message: "No." }));
  expect((await rejection(thread.run("Hi"), TurnFailedError)).message).not.toContain("npx codex login");
});
