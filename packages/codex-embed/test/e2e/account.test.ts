/** The end-to-end tests of logging in and out, as far as that goes without a network. */

import { getEventListeners } from "node:events";
import { AuthRequiredError, InternalRpcError, LoginError, TransportClosedError, UsageError } from "codex-embed";
import { message, startTestCodex } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { SharedBench } from "../support/bench.js";
import { nextNotification, rejection, untyped } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

/** The provider asks for a login, so that account() tells who is there. */
const bench = new SharedBench({
  extraConfig: {
    cli_auth_credentials_store: "file",
    model_providers: { mock: { requires_openai_auth: true } },
  },
});

describe("with an API key", () => {
  test("login, account and logout, each announced", async () => {
    verifies("login");
    expect(await bench.codex.account()).toMatchObject({ account: null, requiresOpenaiAuth: true });
    const loggedIn = nextNotification(bench.codex, "account/updated");
    await bench.codex.loginApiKey("sk-test-not-a-real-key");
    expect(await loggedIn).toMatchObject({ authMode: "apikey" });
    expect(await bench.codex.account()).toMatchObject({ account: { type: "apiKey" } });
    const loggedOut = nextNotification(bench.codex, "account/updated");
    await bench.codex.logout();
    expect(await loggedOut).toMatchObject({ authMode: null });
    expect(await bench.codex.account()).toMatchObject({ account: null });
  });

  test("the key goes to the provider", async () => {
    await bench.codex.loginApiKey("sk-test-not-a-real-key");
    const thread = await bench.thread(message("Hello."));
    await thread.run("Hi");
    expect(bench.requestsOf(thread)[0]?.headers.authorization).toBe("Bearer sk-test-not-a-real-key");
    await bench.codex.logout();
  });

  test("what is around the key is left out, so that it reaches the provider", async () => {
    await bench.codex.loginApiKey(" sk-test-read-from-a-file\r\n");
    const thread = await bench.thread(message("Hello."));
    await thread.run("Hi");
    expect(bench.requestsOf(thread)[0]?.headers.authorization).toBe("Bearer sk-test-read-from-a-file");
    await bench.codex.logout();
  });

  test("an empty key is refused before anything is sent", async () => {
    for (const key of ["", "  \n"]) await rejection(bench.codex.loginApiKey(key), UsageError);
  });

  test.each(["sk-a\nsk-b", "sk-a\0", "sk-\tb", untyped<string>(undefined), untyped<string>(7), untyped<string>({})])(
    "the key %o, which no header could carry, is refused before anything is sent",
    async (key) => {
      const error = await rejection(bench.codex.loginApiKey(key), UsageError);
      expect(error.message).not.toContain("sk-");
      expect((await bench.codex.account()).account).toBeNull();
    },
  );

  test("logout without a login does nothing", async () => {
    await bench.codex.logout();
    expect((await bench.codex.account()).account).toBeNull();
  });
});

test("rate limits without a login: AuthRequiredError says what to do", async () => {
  const error = await rejection(bench.codex.rateLimits(), AuthRequiredError);
  expect(error).toMatchObject({ code: "AUTH_REQUIRED", rpcCode: -32600, method: "account/rateLimits/read" });
  expect(error.message).toContain("loginChatgpt()");
});

test("rate limits with an API key: the advice is not to log in with an API key", async () => {
  await bench.codex.loginApiKey("sk-test-not-a-real-key");
  const error = await rejection(bench.codex.rateLimits(), AuthRequiredError);
  await bench.codex.logout();
  expect(error.message).not.toContain("loginApiKey");
});

test("a login by device code without a network: InternalRpcError", async () => {
  const error = await rejection(bench.codex.loginChatgptDeviceCode(), InternalRpcError);
  expect(error).toMatchObject({ rpcCode: -32603, method: "account/login/start" });
});

/**
 * The runtime listens for the browser on a fixed port, takes another when a stranger has it, and cancels the login of
 * another runtime that has it: a login elsewhere on this machine can end one of these, hence the repetition.
 */
describe("by the browser", { retry: 2 }, () => {
  test("begun and cancelled: wait rejects with LoginError, before and after", async () => {
    verifies("login");
    const login = await bench.codex.loginChatgpt();
    expect(login.loginId).toMatch(/^[0-9a-f-]{36}$/);
    expect(new URL(login.authUrl).protocol).toBe("https:");
    const waiting = rejection(login.wait(), LoginError);
    await login.cancel();
    expect(await waiting).toMatchObject({ code: "LOGIN_FAILED", loginId: login.loginId });
    await rejection(login.wait(), LoginError);
    await login.cancel();
  });

  test("a second one cancels the first", async () => {
    const first = await bench.codex.loginChatgpt();
    const waiting = rejection(first.wait(), LoginError);
    const second = await bench.codex.loginChatgpt();
    expect(second.loginId).not.toBe(first.loginId);
    expect((await waiting).loginId).toBe(first.loginId);
    await second.cancel();
    expect((await rejection(second.wait(), LoginError)).loginId).toBe(second.loginId);
  });

  test("waiting can be given up by a signal; the login goes on", async () => {
    const login = await bench.codex.loginChatgpt();
    const controller = new AbortController();
    const reason = new Error("The user left.");
    const waiting = login.wait({ signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(login.wait({ signal: controller.signal })).rejects.toBe(reason);
    const still = new AbortController();
    const again = rejection(login.wait({ signal: still.signal }), LoginError);
    expect(getEventListeners(still.signal, "abort")).toHaveLength(1);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    await login.cancel();
    await again;
    expect(getEventListeners(still.signal, "abort")).toHaveLength(0);
  });

  test("the client is closed while it waits: TransportClosedError", async () => {
    await using own = await startTestCodex();
    const login = await own.codex.loginChatgpt();
    const waiting = rejection(login.wait(), TransportClosedError);
    await own.codex.close();
    await waiting;
    await rejection(login.wait(), TransportClosedError);
    await rejection(login.cancel(), TransportClosedError);
  });
});
