/** Tests that unforeseen error answers still become errors; the known ones are tested against the runtime. */

import { expect, test } from "vitest";
import { InvalidParamsError, JsonRpcError, ServerBusyError } from "../../../src/errors/connection.js";
import { replyError } from "../../../src/rpc/replyErrors.js";
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
