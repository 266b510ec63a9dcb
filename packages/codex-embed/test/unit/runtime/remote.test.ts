/** Tests what is refused before anything is sent: addresses, tokens that would be read along, headers. */

import { inspect } from "node:util";
import { expect, test } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import type { ConnectOptions } from "../../../src/runtime/options.js";
import { remoteEndpoint } from "../../../src/runtime/remote.js";
import { checkedToken } from "../../../src/transport/address.js";
import { timeLimit } from "../../../src/util/async.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const SECRET = "s3cr3t-t0ken";

function refusal(address: string, options: ConnectOptions = {}): string {
  try {
    remoteEndpoint(address, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(inspect(error)).not.toContain(SECRET);
    return error.message;
  }
  return "accepted";
}

test.each([
  ["", "not a URL"],
  ["127.0.0.1:8080", "not a URL"],
  ["http://127.0.0.1:1", "scheme http:"],
  ["unix://relative.sock", "absolute path"],
  ["unix://", "absolute path"],
  [`ws://me:${SECRET}@127.0.0.1:1`, "user name or a password"],
  ["ws://127.0.0.1:1/#x", "fragment"],
])("the address %o is refused: %s", (address, why) => {
  expect(refusal(address)).toContain(why);
});

test.each([
  ["ws://example.com:1", false],
  ["ws://10.0.0.1:1", false],
  ["ws://127.0.0.1.example.com:1", false],
  ["ws://localhost.example.com:1", false],
  ["ws://[2001:db8::1]:1", false],
  ["ws://0.0.0.0:1", false],
  ["wss://example.com", true],
  ["ws://127.0.0.1:1", true],
  ["ws://127.1.2.3:1", true],
  ["ws://localhost:1", true],
  ["ws://[::1]:1", true],
  ["unix:///tmp/x.sock", true],
])("a token for %s is let through: %s", (address, allowed) => {
  verifies("unencrypted-token");
  const secrets: ConnectOptions[] = [
    { token: SECRET },
    { tokenProvider: () => SECRET },
    { headers: { authorization: `Bearer ${SECRET}` } },
    { headers: { Cookie: SECRET } },
  ];
  for (const options of secrets) {
    if (allowed) expect(refusal(address, options)).toBe("accepted");
    else expect(refusal(address, options)).toContain("unencrypted");
    expect(refusal(address, { ...options, allowInsecureToken: true })).toBe("accepted");
  }
  expect(refusal(address)).toBe("accepted");
});

test("what a query may hold is not shown", () => {
  expect(refusal(`ws://example.com/x?key=${SECRET}`, { token: SECRET })).toContain("ws://example.com/x unencrypted");
});

const unending = new AbortController().signal;

test("headers and tokens that contradict each other or can do no good are refused", () => {
  expect(refusal("ws://127.0.0.1:1", { headers: { origin: "http://x" } })).toContain("Origin");
  expect(refusal("ws://127.0.0.1:1", { token: "a", tokenProvider: () => "b" })).toContain("Remove one of them");
  expect(refusal("ws://127.0.0.1:1", { token: "a", headers: { Authorization: "b" } })).toContain("Remove one of them");
});

test.each([
  ["a line break", { "X-Key": `${SECRET}\n` }],
  ["a NUL", { "X-Key": `${SECRET}\0` }],
  ["a name that is none", { "X Key": SECRET }],
  ["no string", { "X-Key": untyped<string>(7) }],
])("headers with %s are refused before anything is sent", (_, headers) => {
  expect(refusal("ws://127.0.0.1:1", { headers })).toContain("The header");
});

test("a token that is no string is refused, and blanks around one are left out", async () => {
  await expect(remoteEndpoint("ws://127.0.0.1:1", { token: untyped(7) }).open(unending)).rejects.toThrow(UsageError);
  expect(checkedToken(` ${SECRET}\r\n`)).toBe(SECRET);
});

test.each(["", "two words", "line\nbreak", "ü"])("the token %o is refused when it is to be sent", async (token) => {
  await expect(remoteEndpoint("ws://127.0.0.1:1", { token }).open(unending)).rejects.toThrow(UsageError);
});

test("a token provider that throws, or takes too long, is named as the reason", async () => {
  const thrown = remoteEndpoint("ws://127.0.0.1:1", { tokenProvider: () => Promise.reject(new Error("No vault.")) });
  await expect(thrown.open(unending)).rejects.toMatchObject({
    code: "CONNECT_FAILED",
    message: expect.stringContaining("No vault."),
  });
  const late = remoteEndpoint("ws://127.0.0.1:1", { tokenProvider: () => new Promise(() => {}) });
  const limit = timeLimit("startupTimeoutMs", 20, unending);
  await expect(late.open(limit.signal)).rejects.toMatchObject({
    message: expect.stringContaining("no answer within startupTimeoutMs (20 ms)"),
  });
});
