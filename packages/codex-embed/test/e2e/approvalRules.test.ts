/** Runs a real agent under approval rules: what they let it do, and the ways around them that must fail. */

import { existsSync } from "node:fs";
import { mkdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Thread } from "codex-embed";
import { type ApprovalRuleDecision, type ApprovalRulesOptions, approvalRules } from "codex-embed/approvals";
import { applyPatch, message, type Part, shell } from "codex-embed/testing";
import { describe, expect, test } from "vitest";
import { EVASIONS } from "../support/approvals.js";
import { SharedBench } from "../support/bench.js";
import { itemsOf } from "../support/turns.js";
import { verifies } from "../support/verifies.js";

const bench = new SharedBench({ sandbox: "workspace-write" });
let count = 0;

/** A folder that the sandbox does not let the agent write to. */
async function outside(): Promise<string> {
  const folder = join(bench.codexHome, `outside-${count++}`);
  await mkdir(folder);
  return realpath(folder);
}

async function threadWith(options: ApprovalRulesOptions, ...steps: Part[]) {
  const decisions: ApprovalRuleDecision[] = [];
  const handlers = approvalRules({ ...options, onDecision: (decision) => void decisions.push(decision) });
  const thread: Thread = await bench.threadWith({ ephemeral: true, handlers }, ...steps, message("Done."));
  return { thread, decisions };
}

const asking = (command: string) => shell(command, { escalate: { justification: "Needed." } });

describe.each(EVASIONS)("touch by %s", (_, command) => {
  test("is not covered by a rule that allows git status", async () => {
    const path = join(await outside(), "file");
    const { thread, decisions } = await threadWith({ commands: { allow: ["git status **"] } }, asking(command(path)));
    const result = await thread.run("Go.");
    expect(itemsOf(result, "commandExecution")).toMatchObject([{ status: "declined" }]);
    expect(existsSync(path)).toBe(false);
    expect(decisions).toMatchObject([{ kind: "command", decision: "decline", threadId: thread.id }]);
    expect(decisions[0]?.reason).not.toBe("");
  });

  test("is caught by a rule that denies touch, where everything else is accepted", async () => {
    const path = join(await outside(), "file");
    const otherwise = { approveCommand: () => "accept" as const };
    const { thread, decisions } = await threadWith({ commands: { deny: ["touch"] }, otherwise }, asking(command(path)));
    await thread.run("Go.");
    expect(existsSync(path)).toBe(false);
    expect(decisions).toMatchObject([{ decision: "decline", by: "rule", rule: "touch" }]);
  });
});

test("an output redirected into a file is not covered by a rule for the command", async () => {
  verifies("allow-rules");
  const path = join(await outside(), "file");
  const { thread } = await threadWith({ commands: { allow: ["echo **"] } }, asking(`echo hi > ${path}`));
  await thread.run("Go.");
  expect(existsSync(path)).toBe(false);
});

describe("an allowed command that the model bends", () => {
  const allow = ["git status", "npm test **"];
  const escalate = { justification: "Needed." };

  /** Where each of them would leave a file, outside the sandbox. */
  async function attempt(command: string, workdir?: string): Promise<boolean> {
    const path = join(await outside(), "file");
    const folder = await realpath(bench.workspace);
    await mkdir(join(folder, "sub", "bin"), { recursive: true });
    await writeFile(join(folder, "sub", "package.json"), JSON.stringify({ scripts: { test: `touch ${path}` } }));
    await writeFile(join(folder, "sub", "config"), `[core]\n\tfsmonitor = "touch ${path}; false"\n`);
    const asked = shell(command, { escalate, ...(workdir === undefined ? {} : { workdir: join(folder, workdir) }) });
    const { thread, decisions } = await threadWith({ commands: { allow } }, asked);
    await thread.run("Go.");
    expect(decisions).toMatchObject([{ decision: "decline", by: "otherwise" }]);
    return existsSync(path);
  }

  test("to another folder is not covered", async () => {
    verifies("allowed-command");
    expect(await attempt("npm test", "sub")).toBe(false);
    expect(await attempt("git status", "sub")).toBe(false);
  });

  test("by an option is not covered", async () => {
    verifies("allowed-command");
    expect(await attempt("npm test --prefix sub")).toBe(false);
    expect(await attempt("npm test --prefix=sub")).toBe(false);
    expect(await attempt("npm test -- --prefix sub")).toBe(false);
    expect(await attempt("npm test --script-shell=/bin/false")).toBe(false);
  });
});

test("an allowed command runs in the folder that a thread or a turn was given, or that the rules name", async () => {
  verifies("allowed-command");
  const path = join(await outside(), "file");
  const other = await outside();
  const touch = [["touch", path]];
  const asked = (workdir: string) => shell(`touch ${path}`, { workdir, escalate: { justification: "Needed." } });

  const moved = await threadWith({ commands: { allow: touch } }, asked(other));
  await moved.thread.run("Go.", { cwd: other });
  expect(moved.decisions).toMatchObject([{ decision: "accept", by: "rule" }]);

  const named = await threadWith(
    { commands: { allow: touch, cwd: `${other}/**` } },
    asked(other),
    asked(bench.workspace),
  );
  await named.thread.run("Go.");
  expect(named.decisions).toMatchObject([{ decision: "accept" }, { decision: "decline", by: "otherwise" }]);
});

test("what a rule allows runs without anyone being asked, and what none covers goes to the handler", async () => {
  const [allowed, other] = [join(await outside(), "file"), join(await outside(), "file")];
  const asked: (string | null | undefined)[] = [];
  const approveCommand = ({ command }: { command?: string | null }) => {
    asked.push(command);
    return "decline" as const;
  };
  const { thread, decisions } = await threadWith(
    { commands: { allow: [["touch", allowed]] }, otherwise: { approveCommand } },
    asking(`touch ${allowed}`),
    asking(`touch ${other}`),
  );
  await thread.run("Go.");
  expect([existsSync(allowed), existsSync(other)]).toEqual([true, false]);
  expect(asked).toEqual([expect.stringContaining(other)]);
  expect(decisions).toMatchObject([
    { decision: "accept", by: "rule" },
    { decision: "decline", by: "otherwise" },
  ]);
});

describe("paths", () => {
  const add = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+hello\n*** End Patch`);

  test("a file below an allowed folder is written", async () => {
    const folder = await outside();
    const path = join(folder, "b.txt");
    const { thread, decisions } = await threadWith({ paths: { allow: [`${folder}/**`] } }, add(path));
    await thread.run("Go.");
    expect(await readFile(path, "utf8")).toBe("hello\n");
    expect(decisions).toMatchObject([{ kind: "fileChange", decision: "accept", by: "rule" }]);
  });

  test("a way up or a link out of the folder is followed before the rule is asked", async () => {
    verifies("path-rules");
    const [folder, elsewhere] = [await outside(), await outside()];
    await symlink(elsewhere, join(folder, "link"));
    const { thread, decisions } = await threadWith(
      { paths: { allow: [`${folder}/**`] } },
      add(join(folder, "link", "by-link.txt")),
      add(`${folder}/../${elsewhere.split("/").at(-1)}/by-dots.txt`),
      add(`../../${elsewhere.split("/").at(-1)}/relative.txt`),
    );
    await thread.run("Go.");
    expect(["by-link.txt", "by-dots.txt", "relative.txt"].filter((name) => existsSync(join(elsewhere, name)))).toEqual(
      [],
    );
    expect(new Set(decisions.map(({ decision }) => decision))).toEqual(new Set(["decline"]));
    expect(decisions.length).toBeGreaterThanOrEqual(2);
  });

  test("a denial wins over what is allowed", async () => {
    verifies("allow-rules");
    const folder = await outside();
    const paths = { allow: [`${folder}/**`], deny: [`${folder}/**/*.key`] };
    const { thread, decisions } = await threadWith({ paths }, add(join(folder, "a.key")), add(join(folder, "a.txt")));
    await thread.run("Go.");
    expect([existsSync(join(folder, "a.key")), existsSync(join(folder, "a.txt"))]).toEqual([false, true]);
    expect(decisions).toMatchObject([
      { decision: "decline", by: "rule", rule: `${folder}/**/*.key` },
      { decision: "accept", by: "rule" },
    ]);
  });
});
