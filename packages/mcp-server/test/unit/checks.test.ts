/** What is refused before anything is served, and how the errors say so. */

import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createCodexMcp, serveMcpHttp, serveMcpStdio } from "@codex-embed/mcp-server";
import { UsageError } from "codex-embed";
import { describe, expect, test } from "vitest";
import { untyped } from "../../../codex-embed/test/support/turns.js";
import { absolutePath } from "../../src/checks.js";
import { settingsOf } from "../../src/options.js";

/** The message that the call rejects with. */
async function refusal(call: () => Promise<unknown>): Promise<string> {
  const error = await call().then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!UsageError.isInstance(error)) throw new Error("It was not refused with a UsageError.", { cause: error });
  return error.message;
}

describe("an option", () => {
  test.each([
    [{ maxSandbx: "read-only" }, "unknown option maxSandbx. Did you mean maxSandbox?"],
    [{ sandbox: "read-only" }, "unknown option sandbox. Did you mean maxSandbox?"],
    [{ root: "/" }, "unknown option root. Did you mean roots?"],
    [{ codexHome: "/" }, "unknown option codexHome. Known options: codex, maxSandbox,"],
    [{ "a\nb": 1 }, 'unknown option "a\\nb". Known options:'],
    [{ maxSandbox: 1, maxSandbx: 1 }, "unknown option maxSandbx."],
    [
      { maxSandbox: "none" },
      'maxSandbox is a string; it must be one of "read-only", "workspace-write", "full-access".',
    ],
    [{ approvalMode: null }, "approvalMode is null; it must be one of"],
    [{ roots: "/" }, "roots is a string; it must be an array of folders."],
    [{ roots: ["/", 7] }, "roots[1] is 7; it must be a string."],
    [{ maxConcurrentTurns: 1.5 }, "maxConcurrentTurns is 1.5; it must be an integer ≥ 1."],
    [{ maxPromptBytes: "1" }, "maxPromptBytes is a string; it must be an integer ≥ 1."],
    [{ deadlineMs: 2 ** 31 }, "deadlineMs is 2147483648; it must be more than 0 and at most 2147483647 ms."],
    [{ heartbeatMs: Number.NaN }, "heartbeatMs is NaN; it must be more than 0"],
    [{ serverName: "" }, "serverName is an empty string; it must be a non-empty string."],
    [{ logger: { info() {} } }, "logger is an object; it must be a logger with the methods debug, info, warn, error."],
    [{ codex: [] }, "codex is an array; it must be an object of options for the runtime."],
    [{ codex: { codexPath: "x" } }, "unknown option codex.codexPath."],
    [{ codex: { env: { A: 1 } } }, "codex.env.A "],
    ["read-only", "options is a string; it must be an object of options."],
    [null, "options is null; it must be an object of options."],
  ])("that cannot work is refused by all: %j", async (options, says) => {
    for (const serve of [createCodexMcp, serveMcpHttp, serveMcpStdio]) {
      const message = await refusal(() => serve(untyped(options)));
      expect(message).toContain(`${serve.name}: `);
      expect(message).toContain(says);
    }
  });

  test.each([
    [{ port: -1 }, "port is -1; it must be an integer ≥ 0."],
    [{ host: "0.0.0.0" }, 'host is a string; it must be one of "127.0.0.1", "::1".'],
    [{ token: 7 }, "token is 7; it must be a string."],
    [{ maxSession: 7 }, "unknown option maxSession. Did you mean maxSessions?"],
  ])("of HTTP is checked as well: %j", async (options, says) => {
    expect(await refusal(() => serveMcpHttp(untyped(options)))).toBe(`serveMcpHttp: ${says}`);
  });

  test.each([
    [{ stdin: {} }, "stdin is an object; it must be a readable stream with the methods on, read."],
    [{ stdout: "x" }, "stdout is a string; it must be a writable stream with the methods on, write."],
  ])("of stdio is checked as well: %j", async (options, says) => {
    expect(await refusal(() => serveMcpStdio(untyped(options)))).toBe(`serveMcpStdio: ${says}`);
  });

  test("may be inherited, and undefined counts as left out", async () => {
    class Options {
      readonly heartbeatMs = undefined;
      get maxConcurrentTurns(): number {
        return 0;
      }
    }
    expect(await refusal(() => createCodexMcp(new Options()))).toContain("maxConcurrentTurns is 0");
  });
});

describe("a folder", () => {
  test("that does not exist is refused, by the name of its option", async () => {
    const missing = join(tmpdir(), "codex-embed-no-such-folder");
    expect(await refusal(() => createCodexMcp({ roots: [missing] }))).toBe(
      `roots holds ${missing}, which is not an existing folder.`,
    );
    expect(await refusal(() => createCodexMcp({ codex: { cwd: missing } }))).toBe(
      `codex.cwd is ${missing}, which is not an existing folder.`,
    );
    expect(await refusal(() => createCodexMcp({ roots: [process.execPath] }))).toContain("which is not a folder.");
    expect(await refusal(() => createCodexMcp({ roots: [""] }))).toBe("roots holds an empty path. Give a folder.");
    expect(await refusal(() => createCodexMcp({ roots: ["~root/x"] }))).toContain("begins with ~ and a name.");
  });

  test("that begins with ~ is in the user's home", () => {
    expect(absolutePath("~", "x")).toBe(homedir());
    expect(absolutePath("~/a/../b", "x")).toBe(join(homedir(), "b"));
    expect(settingsOf({ roots: ["~"] }, "test").roots).toEqual([realpathSync(homedir())]);
  });

  test("is needed when the working directory was deleted", async () => {
    const before = process.cwd();
    const deleted = mkdtempSync(join(tmpdir(), "codex-embed-deleted-"));
    process.chdir(deleted);
    rmSync(deleted, { recursive: true });
    try {
      for (const serve of [createCodexMcp, serveMcpHttp, serveMcpStdio]) {
        expect(await refusal(() => serve())).toBe(
          'The working directory of this program was deleted. Give roots, such as ["/path/to/project"].',
        );
      }
      expect(await refusal(() => createCodexMcp({ roots: ["below"] }))).toContain(
        'roots holds "below", which is relative to a working directory that was deleted.',
      );
      expect(await refusal(() => serveMcpHttp({ roots: [before], tokenFile: "token" }))).toContain(
        "tokenFile is relative to a working directory that was deleted.",
      );
      await (await createCodexMcp({ roots: [before] })).close();
    } finally {
      process.chdir(before);
    }
  });
});
