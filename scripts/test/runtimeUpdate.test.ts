/** The tests of what an update of the runtime writes and tells. */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import { verifies } from "../../packages/codex-embed/test/support/verifies.js";
import { GENERATED } from "../generate/modules.js";
import { read, versions } from "../release/repository.js";
import { withoutVanished } from "../runtime/corpus.js";
import { diffProtocols } from "../runtime/diff.js";
import { printLegacy } from "../runtime/legacy.js";
import { withTested } from "../runtime/move.js";
import { movePage } from "../runtime/pages.js";
import { decisionsOf, printReport } from "../runtime/report.js";
import { testsIn } from "../runtime/verify.js";

describe("requests that a runtime dropped", () => {
  const tables = (...rows: string[]) => `export interface ServerRequests {\n${rows.join("\n")}\n}`;
  const ping = '"ping": { params: PingParams; response: PongResponse };';
  const keep = '"keep": { params: Shared; response: Shared };';
  const types =
    "/** Of a ping. */\nexport type PingParams = { at: Clock; by: Shared };\nexport type PongResponse = {};";
  const shared = "export type Shared = { id: string };";
  const clock = "export type Clock = { zone: Zone | null };\nexport type Zone = string;";
  const before = {
    version: "1.0.0",
    protocol: `${types}\n${clock}\n${shared}`,
    tables: tables(ping, keep),
    legacy: "",
  };

  it("are kept with the types that are gone, and refer to those that stay", () => {
    verifies("runtime-update");
    const text = printLegacy(before, shared, tables(keep));
    expect(text).toContain('import type { Shared } from "./protocol.js";');
    expect([...text.matchAll(/^export type (\w+)/gm)].map(([, name]) => name)).toEqual([
      "Clock",
      "PingParams",
      "PongResponse",
      "Zone",
    ]);
    expect(text).toContain(
      `/** Last sent by the runtime 1.0.0. */\n  ping: { params: PingParams; response: PongResponse };`,
    );
    expect(text).toContain('legacyServerRequestMethods = ["ping"] as const');
  });

  it("stay through further runtimes, and go when a runtime sends them again", () => {
    const legacy = printLegacy(before, shared, tables(keep));
    const next = { version: "1.1.0", protocol: shared, tables: tables(keep), legacy };
    expect(printLegacy(next, shared, tables(keep))).toBe(legacy);
    const again = printLegacy(next, before.protocol, before.tables);
    expect(again).toContain("export interface LegacyServerRequests {}");
    expect(again).not.toContain("export type");
  });

  it("are written as the committed module has them", () => {
    const [protocol, current, legacy] = ["protocol.ts", "tables.ts", "legacy.ts"].map((name) => read(GENERATED + name));
    const origin = {
      version: versions().runtime,
      protocol: protocol ?? "",
      tables: current ?? "",
      legacy: legacy ?? "",
    };
    expect(printLegacy(origin, origin.protocol, origin.tables)).toBe(legacy);
  });
});

test("a corpus loses the messages that no supported runtime sends, and nothing else", () => {
  verifies("runtime-update");
  const lines = ["kept", "legacy", "gone", "never/known"].map((method) => JSON.stringify({ method, params: {} }));
  const corpus = `{"id":1,"result":{"method":5}}\n${lines.join("\n")}\n`;
  const methods = { before: new Set(["kept", "legacy", "gone"]), after: new Set(["kept", "legacy"]) };
  expect(withoutVanished(corpus, methods)).toBe(corpus.replace(`${lines[2]}\n`, ""));
});

describe("a page", () => {
  const page = [
    "Measured on 1.20.0. Not 1.20.01, 11.20.0 or 1.20.0-alpha.",
    "Run `npm install @openai/codex@1.20.0`.",
    "```text",
    "runtime 1.20.0 (codex-embed/1.20.0)",
    "~~~",
    "```",
    "- v1.20.0",
  ].join("\n");

  it("gets new commands and outputs; facts that were measured on the old version are listed", () => {
    verifies("runtime-update");
    const { text, rewritten, left } = movePage("docs/a.md", page, "1.20.0", "1.21.3");
    expect(text).toBe(
      page
        .replace("@openai/codex@1.20.0", "@openai/codex@1.21.3")
        .replace("runtime 1.20.0 (codex-embed/1.20.0)", "runtime 1.21.3 (codex-embed/1.21.3)"),
    );
    expect(rewritten.map(({ place }) => place)).toEqual(["docs/a.md:2", "docs/a.md:4"]);
    expect(left.map(({ place }) => place)).toEqual(["docs/a.md:1", "docs/a.md:7"]);
  });
});

test("the runtime that was pinned becomes a tested one, and newer ones than the pinned one do not stay", () => {
  const text = (...versions: string[]) =>
    `x\n  tested: [OLDEST, ${versions.map((version) => `"${version}", `).join("")}RUNTIME_VERSION],\n`;
  expect(withTested(text("0.9.0", "0.160.1"), "0.171.0", "0.172.0")).toBe(text("0.9.0", "0.160.1", "0.171.0"));
  expect(withTested(text("0.160.1", "0.169.0"), "0.171.0", "0.164.0")).toBe(text("0.160.1"));
  expect(withTested("none", "0.171.0", "0.172.0")).toBe("none");
});

describe("the report", () => {
  const union = (name: string, ...methods: string[]) =>
    `export type ${name} = ${methods.map((method) => `{ method: "${method}"; params: P }`).join(" | ")};`;
  const protocol = (...methods: string[]) => {
    const text = `${union("ClientRequest", "a")}\n${union("ServerRequest", ...methods)}`;
    return { all: text, stable: text };
  };

  it("says what a person decides: requests of the runtime, and what breaks users", () => {
    verifies("runtime-update");
    const decisions = decisionsOf(diffProtocols(protocol("ask", "old"), protocol("ask", "new")));
    expect(decisions).toEqual([
      expect.stringMatching(/asks `new` now\. .*requests\/values\.ts/),
      expect.stringMatching(/asks `old` no more\. .*generated\/legacy\.ts/),
      expect.stringContaining("breaks programs"),
    ]);
    expect(decisionsOf(diffProtocols(protocol("ask"), protocol("ask", "new")))).toHaveLength(1);
  });

  it("lists failures, decisions, pages and the difference", () => {
    const report = printReport({
      from: "1.0.0",
      to: "1.1.0",
      failures: [{ step: "types", what: "a.ts(1,2): error TS1: No." }],
      decisions: ["Decide."],
      rewritten: [],
      mentions: [{ place: "docs/a.md:1", text: "`1.0.0`" }],
      difference: "# Protocol 1.0.0 → 1.1.0\n\nNothing has changed.\n",
    });
    expect(report).toContain("- [ ] types: a.ts(1,2): error TS1: No.");
    expect(report).toContain("npm run runtime:update -- --continue");
    expect(report).toContain("- [ ] Decide.");
    expect(report).toContain("- docs/a.md:1: `'1.0.0'`");
    expect(report).toContain("\n## Protocol 1.0.0 → 1.1.0\n");
  });
});

test("failed tests are told one by one, and a file that does not load as a whole", () => {
  const json = JSON.stringify({
    testResults: [
      {
        name: "/r/a.test.ts",
        status: "failed",
        assertionResults: [
          { status: "passed", fullName: "fine" },
          { status: "failed", fullName: "is broken" },
        ],
      },
      { name: "/r/b.test.ts", status: "failed", assertionResults: [] },
      { name: "/r/c.test.ts", status: "passed", assertionResults: [{ status: "passed", fullName: "fine" }] },
    ],
  });
  expect(testsIn(json, "/r/").map(({ what }) => what)).toEqual([
    "a.test.ts: is broken",
    "b.test.ts could not be loaded",
  ]);
});

describe("the command", () => {
  const update = (...args: string[]) => {
    try {
      execFileSync(process.execPath, ["--import", "tsx", "scripts/runtimeUpdate.ts", ...args], {
        cwd: fileURLToPath(new URL("../../", import.meta.url)),
        encoding: "utf8",
        stdio: ["ignore", "pipe", "pipe"],
      });
      return { status: 0, stderr: "" };
    } catch (error) {
      return error;
    }
  };

  it.each([[[]], [["1.0.0", "2.0.0"]], [["latest", "--continue"]]])("shows its usage for %j", (args) => {
    expect(update(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining("-- VERSION|latest") });
  });

  it("refuses a range, and --continue without an update", () => {
    verifies("runtime-update");
    expect(update("^1.0.0")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("neither a version nor a tag"),
    });
    expect(update("--continue")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("No update is in progress"),
    });
  });
});
