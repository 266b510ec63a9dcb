/** Tests that unforeseen error answers still become errors; the known ones are tested against the runtime. */

import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  InvalidParamsError,
  JsonRpcError,
  MethodNotFoundError,
  ServerBusyError,
} from "../../../src/errors/connection.js";
import { replyError } from "../../../src/rpc/replyErrors.js";
import { Gaps } from "../../../src/rpc/since.js";
import { verifies } from "../../support/verifies.js";

test("an unknown code becomes the plain class with everything that came", () => {
  const error = replyError("x/y", { code: -7, message: "odd", data: [1] });
  expect(error.constructor).toBe(JsonRpcError);
  expect(error).toMatchObject({
    method: "x/y",
    rpcCode: -7,
    data: [1],
    code: "RPC_ERROR",
    message: "x/y failed: odd.",
  });
});

test("an error without code or message still says what failed", () => {
  expect(replyError("x/y", {}).message).toContain("x/y failed");
});

test("a long message is cut", () => {
  const error = replyError("x", { code: -32600, message: `Invalid request: unknown variant ${"y".repeat(5000)}` });
  expect(error.message.length).toBeLessThan(700);
});

test("overload is told by its number", () => {
  expect(replyError("x", { code: -32001, message: "Server overloaded; retry later." })).toBeInstanceOf(ServerBusyError);
});

test("a value that the runtime quotes is left out, however large it is and whatever it holds", () => {
  verifies("errors-without-content");
  const large = 20 * 1024 * 1024;
  for (const value of [
    `"${"a".repeat(large)}"`,
    `"${'\\"'.repeat(large / 2)}"`,
    `\`${"a".repeat(large)}\``,
    '"a \\" b"',
  ]) {
    const error = replyError("x", {
      code: -32600,
      message: `Invalid request: invalid type: string ${value}, expected u32`,
    });
    expect(error.message).toBe("x failed: Invalid request: invalid type: string, expected u32.");
  }
  const words = replyError("x", { message: `Invalid request: invalid type: ${"a ".repeat(large)}` });
  expect(words).toBeInstanceOf(InvalidParamsError);
});

test("what follows a quote that is not closed is left out with it", () => {
  const error = replyError("x", { message: 'Invalid request: invalid value: string "secret' });
  expect(error.message).toBe("x failed: Invalid request: invalid value: string.");
});

test("each quoted value is left out, and no other word", () => {
  const message =
    "Invalid request: unknown variant `a`, expected `b`; unknown field `c` and invalid type: map `d` at 1";
  expect(replyError("x", { message }).message).toBe(
    "x failed: Invalid request: unknown variant, expected `b`; unknown field and invalid type: map at 1.",
  );
});

test.each(["No space left on device (os error 28)", "(code: 13) database or disk is full"])("%s: what to do", (why) => {
  const error = replyError("thread/read", { code: -32603, message: `thread-store internal error: ${why}` });
  expect(error).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("Free space on the disk") });
});

test.each([
  "failed to load configuration: Failed to read requirements file /etc/codex/requirements.toml: No file descriptors available (os error 24)",
  "failed to list threads: Too many open files (os error 24)",
  "error creating thread: Too many open files in system (os error 23)",
])("a runtime without open files is one, whatever it wanted to open: %s", (message) => {
  for (const code of [-32600, -32603]) {
    expect(replyError("thread/start", { code, message })).toMatchObject({
      code: "TOO_MANY_OPEN_FILES",
      message: expect.stringContaining("ulimit -n"),
    });
  }
});

describe("a method that the runtime does not know", () => {
  const listed = Array.from({ length: 190 }, (_, at) => `thing/number${at}`);
  const reply = (method: string) => ({
    code: -32600,
    message: `Invalid request: unknown variant \`${method}\`, expected one of ${listed.map((name) => `\`${name}\``).join(", ")}`,
  });
  const peer = { version: "0.1.0", gaps: new Gaps("0.1.0", { "thing/later": { "": "0.2.0" } }) };

  test("names the method, the runtime and the first version that has it, in place of the list", () => {
    const error = replyError("thing/later", reply("thing/later"), undefined, peer);
    expect(error).toBeInstanceOf(MethodNotFoundError);
    expect(error).toMatchObject({ code: "METHOD_NOT_FOUND", method: "thing/later", version: "0.1.0", since: "0.2.0" });
    expect(error.message).toBe(
      "thing/later failed: runtime 0.1.0 does not know this method. It needs runtime 0.2.0 or later: " +
        "run npm install @openai/codex@0.2.0.",
    );
    expect(inspect(error)).not.toContain("thing/number");
  });

  test("has no first version when none is known, and no version before the handshake", () => {
    expect(replyError("thing/never", reply("thing/never"), undefined, peer)).toMatchObject({
      version: "0.1.0",
      since: null,
    });
    expect(replyError("thing/later", reply("thing/later"))).toMatchObject({
      version: null,
      since: null,
      message: expect.stringContaining("the runtime does not know this method"),
    });
  });

  test("lists what the runtime does know to programs that ask", () => {
    const error = replyError("thing/later", reply("thing/later"), undefined, peer);
    expect(error instanceof MethodNotFoundError && [...(error.knownMethods ?? [])]).toEqual(listed);
    const unlisted = replyError("x/y", { code: -32601, message: "Method not found" }, undefined, peer);
    expect(unlisted).toMatchObject({ code: "METHOD_NOT_FOUND", version: "0.1.0", knownMethods: null });
  });
});
