/** Tests that unforeseen error answers still become errors; the known ones are tested against the runtime. */

import { expect, test } from "vitest";
import { JsonRpcError, ServerBusyError } from "../../../src/errors/index.js";
import { replyError } from "../../../src/rpc/replyErrors.js";

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
