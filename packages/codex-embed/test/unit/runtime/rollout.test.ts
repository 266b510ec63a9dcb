/** The unit tests of reading a rollout backwards: the sandbox that it tells of, and instructions that are in force. */

import { describe, expect, it } from "vitest";
import { hasInstructions, type RolloutBytes, rolloutOf, sandboxIn } from "../../../src/runtime/rollout.js";
import { quadraticShare } from "../../support/cost.js";

const line = (type: string, payload: object): string => JSON.stringify({ type, payload });
const rollout = (...lines: readonly string[]): RolloutBytes =>
  rolloutOf(Buffer.from(lines.map((l) => `${l}\n`).join("")));
const turn = (payload: object): string => line("turn_context", payload);
const applied = (settings: object): string =>
  line("event_msg", { type: "thread_settings_applied", thread_settings: settings });

const root = { path: { type: "special", value: { kind: "root" } }, access: "read" };
const writes = (path: string) => ({ path: { type: "path", path }, access: "write" });
const reads = (path: string) => ({ path: { type: "path", path }, access: "read" });
const special = (kind: string) => ({ path: { type: "special", value: { kind } }, access: "write" });
const profile = (...entries: readonly object[]) => ({
  type: "managed",
  file_system: { type: "restricted", entries },
  network: "restricted",
});
const WRITE = {
  type: "workspaceWrite",
  writableRoots: [],
  networkAccess: false,
  excludeTmpdirEnvVar: false,
  excludeSlashTmp: false,
};

describe("sandboxIn", () => {
  it.each<[string, readonly string[], object | null]>([
    ["nothing", [], null],
    ["no settings", [line("session_meta", {})], null],
    ["a policy", [turn({ sandbox_policy: { type: "read-only" } })], { type: "readOnly", networkAccess: false }],
    [
      "the last one",
      [turn({ sandbox_policy: { type: "danger-full-access" } }), turn({ sandbox_policy: { type: "workspace-write" } })],
      WRITE,
    ],
    [
      "settings behind a turn",
      [turn({ sandbox_policy: { type: "read-only" } }), applied({ permission_profile: { type: "disabled" } })],
      { type: "dangerFullAccess" },
    ],
    [
      "a profile that reads",
      [applied({ permission_profile: profile(root) })],
      { type: "readOnly", networkAccess: false },
    ],
    [
      "a profile that writes",
      [
        applied({
          cwd: "/w",
          permission_profile: {
            ...profile(root, writes("/w"), writes("/x"), writes("/x"), special("tmpdir"), reads("/w/.git")),
            network: "enabled",
          },
        }),
      ],
      { ...WRITE, writableRoots: ["/x"], networkAccess: true, excludeSlashTmp: true },
    ],
    [
      "a line that is cut off",
      [turn({ sandbox_policy: { type: "read-only" } }), '{"type":"turn_context","pay'],
      { type: "readOnly", networkAccess: false },
    ],
    [
      "words of a user",
      [turn({ sandbox_policy: { type: "read-only" } }), line("response_item", { text: "turn_context" })],
      { type: "readOnly", networkAccess: false },
    ],
    ["an unknown policy", [turn({ sandbox_policy: { type: "external-sandbox" } })], null],
    ["roots that are none", [turn({ sandbox_policy: { type: "workspace-write", writable_roots: [5] } })], null],
    [
      "a file that may not be read",
      [applied({ permission_profile: profile(root, { ...reads("/w/x"), access: "none" }) })],
      null,
    ],
    [
      "a file that may only be read",
      [applied({ permission_profile: profile(root, writes("/w"), reads("/w/src")) })],
      null,
    ],
    ["no right to read all", [applied({ permission_profile: profile(writes("/w")) })], null],
    ["a right to write all", [applied({ permission_profile: profile(special("root")) })], null],
    ["an unknown special place", [applied({ permission_profile: profile(root, special("home")) })], null],
    ["an unknown kind of entry", [applied({ permission_profile: profile(root, { access: "write" }) })], null],
    ["an unknown kind of profile", [applied({ permission_profile: { type: "external" } })], null],
  ])("knows of %s", async (_, lines, policy) => {
    expect(await sandboxIn(rollout(...lines))).toEqual(policy === null ? null : { policy });
  });

  it("leaves a named profile its name", async () => {
    const named = turn({ active_permission_profile: { id: ":workspace" }, sandbox_policy: { type: "read-only" } });
    expect(await sandboxIn(rollout(named))).toEqual({ profileId: ":workspace" });
    expect(await sandboxIn(rollout(turn({ active_permission_profile: {} })))).toBeNull();
  });

  it("finds it wherever the pieces that are read meet", async () => {
    const wanted = turn({ sandbox_policy: { type: "read-only" }, pad: "é".repeat(50) });
    for (let behind = 65_300; behind < 65_700; behind += 7) {
      const found = await sandboxIn(rollout(line("x", {}), wanted, "y".repeat(behind), "z".repeat(70_000)));
      expect(found).toEqual({ policy: { type: "readOnly", networkAccess: false } });
    }
  });

  it("reads in linear time, also one line", async () => {
    const find = async (bytes: number): Promise<void> => {
      expect(
        await sandboxIn(rollout(turn({ sandbox_policy: { type: "read-only" } }), "z".repeat(bytes))),
      ).not.toBeNull();
    };
    expect(await quadraticShare(find, { size: 4_000_000, times: 8 })).toBeLessThan(0.5);
  });
});

describe("hasInstructions", () => {
  const developer = (...texts: readonly string[]): string =>
    line("response_item", { type: "message", role: "developer", content: texts.map((text) => ({ text })) });
  const context = (text: string): string => developer(text, "<skills>", "<permissions>");

  it.each<[string, readonly string[], boolean]>([
    ["nothing", [], false],
    ["of the beginning", [context("A"), line("response_item", { role: "user", content: [{ text: "A" }] })], true],
    ["put in", [context("B"), developer("A")], true],
    ["others", [context("B")], false],
    ["behind others", [context("A"), developer("B")], false],
    ["said by the user alone", [line("response_item", { role: "user", content: [{ text: "A developer" }] })], false],
    ["before a compaction", [context("A"), line("compacted", {})], false],
    ["behind a compaction", [line("compacted", {}), context("A")], true],
  ])("tells of instructions: %s", async (_, lines, expected) => {
    expect(await hasInstructions(rollout(...lines), "A")).toBe(expected);
  });
});
