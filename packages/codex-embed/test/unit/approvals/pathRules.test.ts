import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileChangeApprovalRequest, UsageError } from "codex-embed";
import { approvalRules } from "codex-embed/approvals";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { networkRules, pathRules, permissionVerdict } from "../../../src/approvals/pathRules.js";
import { askAbout, context, shown } from "../../support/approvals.js";
import { untyped } from "../../support/turns.js";

describe("paths", () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "approval-rules-")));
    for (const name of ["docs", "docs/private", "outside"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "outside", "secret"), "");
    symlinkSync(join(folder, "outside"), join(folder, "docs", "escape"));
    symlinkSync(join(folder, "outside", "secret"), join(folder, "docs", "link.md"));
    symlinkSync(join(folder, "outside", "new"), join(folder, "docs", "dangling.md"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function change(paths: readonly string[], moveTo?: string) {
    const rules = approvalRules({
      paths: { allow: [join(folder, "docs/**")], deny: [join(folder, "docs/private/**")] },
    });
    const changes = paths.map((path) => ({
      path: path.startsWith("=") ? path.slice(1) : join(folder, "docs", "x", "..", path),
      kind: { type: "update" as const, move_path: moveTo === undefined ? null : join(folder, moveTo) },
      diff: "",
    }));
    const request = { threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1, changes };
    return rules.approveFileChange?.(untyped<FileChangeApprovalRequest>(request), context);
  }

  test.each([[["a.md"]], [["a.md", "new/b.md"]]])("%j is allowed", async (paths) => {
    expect(await change(paths)).toBe("accept");
  });

  test.each([
    ["nothing known", []],
    ["one of two outside", ["a.md", "../outside/secret"]],
    ["a way out by ..", ["../outside/secret"]],
    ["a folder that is a link out", ["escape/secret"]],
    ["a file that is a link out", ["link.md"]],
    ["a link out to what is not there yet", ["dangling.md"]],
    ["what is denied", ["private/a.md"]],
    ["a relative path", ["=docs/a.md"]],
  ])("%s is declined", async (_what, paths) => {
    expect(await change(paths)).toBe("decline");
  });

  test("a move is held against both places", async () => {
    expect(await change(["a.md"], "docs/b.md")).toBe("accept");
    expect(await change(["a.md"], "outside/b.md")).toBe("decline");
  });
});

describe("hosts", () => {
  const network = { allow: ["registry.example.org", "*.inner.example.org"], deny: ["bad.inner.example.org"] };

  test.each([
    ["registry.example.org", "accept"],
    ["REGISTRY.example.ORG", "accept"],
    ["a.inner.example.org", "accept"],
    ["bad.inner.example.org", "decline"],
    ["inner.example.org.evil.test", "decline"],
    ["evilregistry.example.org", "decline"],
    ["example.org", "decline"],
  ])("%s: %s", async (host, expected) => {
    const networkApprovalContext = { host, protocol: "https" };
    expect((await askAbout({ network }, shown("curl x"), { networkApprovalContext })).decision).toBe(expected);
  });
});

describe("network.deny knows an address however it is written", () => {
  const addresses = [
    "1.2.3.4",
    "::ffff:1.2.3.4",
    "::FFFF:102:304",
    "[::ffff:1.2.3.4]",
    "0:0:0:0:0:ffff:0102:0304",
    "::ffff:1.2.3.4%eth0",
    "64:ff9b::1.2.3.4",
    "::1.2.3.4",
    "::ffff:0:1.2.3.4",
    "0x1.2.0x3.04",
    "16909060",
    "0x01020304",
    "1.2.772",
    "1.2.3.4.",
    "１.2.3.4",
    "%31.2.3.4",
  ];
  const asked = (deny: string, host: string) =>
    askAbout({ network: { deny: [deny] }, otherwise: { approveCommand: () => "accept" } }, shown("x"), {
      networkApprovalContext: { host, protocol: "https" },
    });

  test.each(addresses)("asked for as %s", async (host) => {
    for (const deny of ["1.2.3.4", "[::ffff:102:304]", "::ffff:1.2.3.4"]) {
      expect(await asked(deny, host)).toMatchObject({ decision: "decline", why: { rule: deny } });
    }
  });

  test.each(["1.2.3.5", "::ffff:1.2.3.5", "::1", "2001:db8::102:304", "fe80::1%eth0", "::fffe:1.2.3.4"])(
    "and not %s",
    async (host) => expect((await asked("1.2.3.4", host)).decision).toBe("accept"),
  );
});

describe("the folder of an allowed command", () => {
  let folder: string;
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "rules-folder-")));
    for (const name of ["project", "project/sub", "project2"]) mkdirSync(join(folder, name));
    symlinkSync(join(folder, "project"), join(folder, "link"));
    symlinkSync(join(folder, "project2"), join(folder, "project", "out"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function decideIn(where: string | null, list: { cwd?: string | string[] }, threadCwd: string | null) {
    const rules = approvalRules({ commands: { allow: ["ls"], ...list } });
    const request = {
      kind: "command",
      threadId: "t",
      turnId: "u",
      itemId: "i",
      startedAtMs: 1,
      environmentId: null,
    } as const;
    return rules.approveCommand({ ...request, command: shown("ls"), cwd: where }, { ...context, threadCwd });
  }
  const at = (...parts: string[]) => join(folder, ...parts);

  test.each([
    ["the thread's", "project", "accept"],
    ["the thread's, by a link", "link", "accept"],
    ["the thread's, spelled with dots", "project/sub/..", "accept"],
    ["one below", "project/sub", "decline"],
    ["one beside that begins alike", "project2", "decline"],
    ["a link in the thread's that leads out", "project/out", "decline"],
    ["dots behind a link", "project/out/../project", "decline"],
    ["the one above", ".", "decline"],
  ])("is by default the thread's alone: %s", async (_what, name, expected) => {
    expect(await decideIn(`${folder}/${name}`, {}, at("project"))).toBe(expected);
  });

  test("is not covered when either is not known, relative, or on another machine", async () => {
    expect(await decideIn(null, {}, at("project"))).toBe("decline");
    expect(await decideIn(at("project"), {}, null)).toBe("decline");
    expect(await decideIn(null, {}, null)).toBe("decline");
    expect(await decideIn("project", {}, "project")).toBe("decline");
    const elsewhere = { environmentId: "remote" };
    expect((await askAbout({ commands: { allow: ["ls"] } }, shown("ls"), elsewhere)).decision).toBe("decline");
  });

  test("is one of commands.cwd when there are some, and the thread's does not count then", async () => {
    const cwd = [at("project2"), at("project", "s*")];
    expect(await decideIn(at("project2"), { cwd }, at("project"))).toBe("accept");
    expect(await decideIn(at("project", "out"), { cwd }, null)).toBe("accept");
    expect(await decideIn(at("project", "sub"), { cwd }, null)).toBe("accept");
    expect(await decideIn(at("project"), { cwd }, at("project"))).toBe("decline");
    expect(await decideIn(at("project", "sub"), { cwd: at("project") }, null)).toBe("decline");
    expect(await decideIn(at("project", "sub"), { cwd: at("link", "**") }, null)).toBe("accept");
    expect(await decideIn(at("project"), { cwd: [] }, at("project"))).toBe("decline");
  });

  test("that cannot be one is refused", () => {
    expect(() => approvalRules({ commands: { cwd: "project" } })).toThrow(UsageError);
    expect(() => approvalRules({ commands: { cwd: [""] } })).toThrow(UsageError);
    // @ts-expect-error a folder is text
    expect(() => approvalRules({ commands: { cwd: 7 } })).toThrow(UsageError);
  });

  test("says so in the reason", async () => {
    const { why } = await askAbout({ commands: { allow: ["ls"] } }, shown("ls"), { cwd: "/elsewhere" });
    expect(why?.reason).toContain("working directory of the thread");
  });
});

describe("path rules", () => {
  let folder: string;
  const at = (...names: string[]) => join(folder, ...names);
  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "path-rules-")));
    for (const name of ["open", "other", "real"]) mkdirSync(at(name));
    writeFileSync(at("open", "file"), "");
    symlinkSync(at("real"), at("link"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("allow a .. behind a link only if both readings of it are allowed", () => {
    symlinkSync(at("other"), at("open", "out"));
    const asked = `${at("open", "out")}/../a`;
    expect(pathRules({ allow: [at("open", "**")] }).file(asked, []).outcome).toBe("unmatched");
    expect(pathRules({ allow: [at("*")] }).file(asked, []).outcome).toBe("unmatched");
    expect(pathRules({ allow: [at("open", "**"), at("*")] }).file(asked, []).outcome).toBe("accept");
  });

  test("allow a link only if its target and the folder that contains it are allowed", () => {
    symlinkSync(at("open", "file"), at("other", "in"));
    symlinkSync(at("real", "x"), at("open", "file2"));
    expect(pathRules({ allow: [at("open", "**")] }).file(at("other", "in"), []).outcome).toBe("unmatched");
    expect(pathRules({ allow: [at("open", "**"), at("other", "*")] }).file(at("other", "in"), []).outcome).toBe(
      "accept",
    );
    const asked = `${at("open", "out")}/../file2`;
    expect(pathRules({ allow: [at("open", "**"), at("*")] }).file(asked, []).outcome).toBe("unmatched");
  });

  test("say which pattern decides", () => {
    const rules = pathRules({ allow: [at("open", "**")], deny: [at("open", "*.key")] });
    expect(rules.file(at("open", "a"), [])).toMatchObject({ outcome: "accept", rule: at("open", "**") });
    expect(rules.file(at("open", "a.key"), [])).toMatchObject({ outcome: "decline", rule: at("open", "*.key") });
    expect(rules.file(at("other", "a"), [])).toMatchObject({ outcome: "unmatched" });
  });

  test("allow a tree only with everything below it, and a file alone", () => {
    const rules = pathRules({ allow: [at("open", "*")] });
    expect(rules.tree(at("open", "new"), []).outcome).toBe("unmatched");
    expect(rules.tree(at("open", "file"), []).outcome).toBe("accept");
    expect(pathRules({ allow: [at("open", "**")] }).tree(at("open"), []).outcome).toBe("accept");
  });

  test("deny a tree that contains something denied, and what is below a denied folder", () => {
    const rules = pathRules({ allow: [at("**")], deny: [at("open", "secret")] });
    expect(rules.tree(at("open"), []).outcome).toBe("decline");
    expect(rules.file(at("open", "secret", "a"), []).outcome).toBe("decline");
    expect(rules.denialBelow(folder, [])?.outcome).toBe("decline");
    expect(rules.denialBelow(at("other"), [])).toBeUndefined();
  });

  test("need a relative path to be allowed below each base", () => {
    const rules = pathRules({ allow: [at("open", "**")] });
    expect(rules.file("a", [at("open")]).outcome).toBe("accept");
    expect(rules.file("a", [at("open"), at("other")]).outcome).toBe("unmatched");
    expect(rules.file("a", []).outcome).toBe("unmatched");
    expect(rules.file("../other/a", [at("open")]).outcome).toBe("unmatched");
  });

  test("follow the links of an allowed folder once, and those of a denied one each time", () => {
    const rules = pathRules({ allow: [at("link", "**")], deny: [at("later", "**")] });
    expect(rules.file(at("real", "a"), []).outcome).toBe("accept");
    symlinkSync(at("real"), at("later"));
    expect(rules.file(at("real", "a"), []).outcome).toBe("decline");
    rmSync(at("later"));
    rmSync(at("link"));
    symlinkSync(at("other"), at("link"));
    expect(rules.file(at("link", "a"), []).outcome).toBe("unmatched");
    expect(rules.file(at("real", "a"), []).outcome).toBe("accept");
  });

  test("never allow a URL, and deny what it names", () => {
    const rules = pathRules({ allow: ["/**"], deny: [at("open", "**")] });
    expect(rules.file(`file://${at("open", "a")}`, []).outcome).toBe("decline");
    expect(rules.file(`FILE://${at("other", "a")}`, []).outcome).toBe("unmatched");
  });

  test("ignore case in what they deny where the file system does, and never in what they allow", () => {
    const list = { allow: [at("**")], deny: [at("open", "secret")] };
    for (const platform of ["darwin", "win32"]) {
      expect(pathRules(list, platform).file(at("OPEN", "Secret"), []).outcome).toBe("decline");
    }
    expect(pathRules(list, "linux").file(at("OPEN", "Secret"), []).outcome).toBe("accept");
    expect(pathRules({ allow: [at("open", "**")] }, "darwin").file(at("OPEN", "a"), []).outcome).toBe("unmatched");
  });

  test.each(["a:stream", "PROGRA~1", "a.", "a ", "b./c"])(
    "do not allow %j on Windows, which opens another file",
    (name) => {
      const rules = (platform: string) => pathRules({ allow: [at("**")] }, platform).file(at(name), []).outcome;
      expect([rules("linux"), rules("win32")]).toEqual(["accept", "unmatched"]);
    },
  );
});

describe("network rules", () => {
  test.each([
    ["a.test", "A.TEST", "accept"],
    ["a.test", "a.test.", "accept"],
    ["*.a.test", "b.a.test", "accept"],
    ["*.a.test", "a.test", "unmatched"],
    ["*.a.test", "ba.test", "unmatched"],
    ["*", "a.test", "accept"],
    ["::1", "[::1]", "accept"],
    ["1.2.3.4", "0x1020304", "unmatched"],
    ["1.2.3.4", "::ffff:1.2.3.4", "unmatched"],
    ["b\u00fccher.test", "xn--bcher-kva.test", "accept"],
    ["*", "a.test/x", "unmatched"],
    ["*", "a b", "unmatched"],
    ["*", "0x1020304", "unmatched"],
    ["*", "\uff41.test", "unmatched"],
  ])("that allow %s, asked about %s: %s", (pattern, host, outcome) => {
    expect(networkRules({ allow: [pattern] }).host(host).outcome).toBe(outcome);
  });

  test("allow the whole network only by *, and only if nothing is denied", () => {
    expect(networkRules({ allow: ["*"] }).everything().outcome).toBe("accept");
    expect(networkRules({ allow: ["*.test"] }).everything().outcome).toBe("unmatched");
    expect(networkRules({ allow: ["*"], deny: ["a.test"] }).everything()).toMatchObject({
      outcome: "decline",
      rule: "a.test",
    });
  });

  test.each(["", "a.test:443", "http://a.test", "*.*.test", "a*.test", "*.", "a/b", "a@b", "[::1"])(
    "refuse the pattern %j",
    (pattern) => {
      expect(() => networkRules({ allow: [pattern] })).toThrow(UsageError);
      expect(() => networkRules({ deny: [pattern] })).toThrow(/^approvalRules: the pattern .* in network\.deny /);
    },
  );
});

describe("the verdict on permissions", () => {
  const rules = {
    paths: pathRules({ allow: ["/w/**", "/r/**"], deny: ["/w/secret/**"] }),
    network: networkRules({ allow: ["*"] }),
  };
  const scope = { cwd: "/w", environmentId: null };
  const verdict = (fileSystem: object | null, more: object = {}, network: object | null = null) =>
    permissionVerdict(untyped({ network, fileSystem }), { ...scope, ...more }, rules)?.outcome;
  const special = (value: object) => ({ entries: [{ access: "read", path: { type: "special", value } }] });

  test.each<[what: string, fileSystem: object | null, outcome: string | undefined]>([
    ["nothing", null, undefined],
    ["an empty profile", { read: [], write: [] }, undefined],
    ["an allowed folder", { read: ["/w/a"], write: ["/r"] }, "accept"],
    ["a relative folder in the working directory", { read: ["a"] }, "accept"],
    ["a folder that contains a denied one", { read: ["/w"] }, "decline"],
    ["one of two that is not allowed", { read: ["/w/a", "/x"] }, "unmatched"],
    ["an entry", { entries: [{ access: "write", path: { type: "path", path: "/w/a" } }] }, "accept"],
    ["an entry that only denies", { entries: [{ access: "deny", path: { type: "path", path: "/x" } }] }, undefined],
    ["the root", special({ kind: "root" }), "decline"],
    ["the project roots", special({ kind: "project_roots", subpath: null }), "decline"],
    ["a part of the project roots", special({ kind: "project_roots", subpath: "a" }), "unmatched"],
    ["the folder for temporary files", special({ kind: "slash_tmp" }), "unmatched"],
    ["a kind of a newer runtime", special({ kind: "moon" }), "unmatched"],
    ["a glob", { entries: [{ access: "read", path: { type: "glob_pattern", pattern: "/w/**/a" } }] }, "decline"],
    ["a type of a newer runtime", { entries: [{ access: "read", path: { type: "moon" } }] }, "unmatched"],
  ])("%s", (_, fileSystem, outcome) => {
    expect(verdict(fileSystem)).toBe(outcome);
  });

  test("is open for paths on another machine, and for relative ones without a working directory", () => {
    expect(verdict({ read: ["/w/a"] }, { environmentId: "remote" })).toBe("unmatched");
    expect(verdict({ read: ["/w/a"] }, { environmentId: "local" })).toBe("accept");
    expect(verdict({ read: ["a"] }, { cwd: null })).toBe("unmatched");
  });

  test("covers the network", () => {
    expect(verdict(null, {}, { enabled: true })).toBe("accept");
    expect(verdict(null, {}, { enabled: false })).toBeUndefined();
  });
});
