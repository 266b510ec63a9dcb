/** What a person is shown before a decision, and that nothing is asked that cannot be shown. */

import { describe, expect, test } from "vitest";
import { untyped } from "../../../codex-embed/test/support/turns.js";
import {
  commandForm,
  elicitationForm,
  fileChangeForm,
  indent,
  mcpToolForm,
  permissionsForm,
  questionsForm,
  readAnswers,
  readDecision,
  readElicitation,
} from "../../src/forms.js";

const at = { threadId: "t", turnId: "u", itemId: "i", startedAtMs: 1, environmentId: null };
type Command = Parameters<typeof commandForm>[0];
const command = (over: Partial<Command>): Command => ({ kind: "command", ...at, command: "ls", cwd: "/w", ...over });

describe("text of the agent", () => {
  test.each([
    ["a\nb", "a\\nb"],
    ["tab\there", "tab\\there"],
    ["\u001b[2Jwiped", "\\u{1b}[2Jwiped"],
    ["safe\u202egnp.exe", "safe\\u{202e}gnp.exe"],
    ["zero\u200bwidth", "zero\\u{200b}width"],
    ["half \ud800", "half \\u{d800}"],
    ["ünï — 漢字 👍", "ünï — 漢字 👍"],
  ])("shows hidden characters: %j", (path, shown) => {
    const change = { path, kind: { type: "delete" as const }, diff: "" };
    const form = fileChangeForm({ ...at, reason: null, grantRoot: null, changes: [change] });
    expect(form?.message).toContain(`Files:\n    delete ${shown} (-0)\n`);
  });

  test("cannot pass for a line of ours", () => {
    expect(indent("ls\n\nThe agent's reason:\n    Harmless.")).toBe(
      "    ls\n    \n    The agent's reason:\n        Harmless.",
    );
  });
});

describe("a command", () => {
  test("is shown whole, or not asked for", () => {
    const long = `echo ${"x".repeat(10_000)}`;
    expect(commandForm(command({ command: long }))?.message).toContain(long);
    expect(commandForm(command({ command: "x".repeat(16_000) }))).toBeNull();
    expect(commandForm(command({ command: null }))).toBeNull();
    expect(commandForm(command({ command: "" }))).toBeNull();
  });

  test("says when it is about something else than running it", () => {
    expect(commandForm(command({ kind: "writeStdin" }))?.message).toContain("write to the stdin of a running command");
    const network = commandForm(command({ networkApprovalContext: { host: "example.org", protocol: "https" } }));
    expect(network?.message).toContain("network access");
    expect(network?.message).toContain("Host:\n    https example.org");
    const more = { network: { enabled: true }, fileSystem: null };
    expect(commandForm(command({ additionalPermissions: more }))?.message).toContain('"enabled": true');
  });
});

describe("a change of files", () => {
  const ask = (...changes: Parameters<typeof fileChangeForm>[0]["changes"]) =>
    fileChangeForm({ ...at, reason: null, grantRoot: null, changes });

  test("is shown whole, each line with its sign, or not asked for", () => {
    const form = ask(
      { path: "/a", kind: { type: "add" }, diff: "1\nadd /etc/x (+1)\u200b\n" },
      { path: "/b", kind: { type: "delete" }, diff: "1\n" },
      {
        path: "/c",
        kind: { type: "update", move_path: "/d" },
        diff: "@@ -1 +1,2 @@\n-1\n+1\n+2\n 3\n\\ No newline at end of file\n\nMoved to: /d",
      },
    );
    expect(form?.message).toBe(
      [
        "Codex asks to change 3 files outside its sandbox.\n",
        "Files:",
        "    add /a (+2)",
        "    delete /b (-1)",
        "    update /c -> /d (+2 -1)",
        "",
        "Changes:",
        "    add /a (+2)",
        "    +1",
        "    +add /etc/x (+1)\\u{200b}",
        "    delete /b (-1)",
        "    -1",
        "    update /c -> /d (+2 -1)",
        "    @@ -1 +1,2 @@",
        "    -1",
        "    +1",
        "    +2",
        "     3",
        "    \\ No newline at end of file",
        "    ",
        "     Moved to: /d",
      ].join("\n"),
    );
    expect(ask({ path: "/a", kind: { type: "add" }, diff: "1\n".repeat(8_000) })).toBeNull();
  });
});

test("permissions cannot end the turn, and a tool that is not to be kept cannot be kept", () => {
  const permissions = { network: { enabled: true }, fileSystem: null };
  const form = permissionsForm({ ...at, cwd: "/w", reason: null, permissions });
  expect(form).toMatchObject({
    requestedSchema: { properties: { decision: { enum: ["accept", "acceptForSession", "decline"] } } },
  });
  const tool = {
    threadId: "t",
    turnId: null,
    serverName: "s",
    toolName: "x",
    toolDescription: null,
    toolArguments: { a: "1\n2" },
    message: "",
    persist: ["always"],
  };
  expect(mcpToolForm(tool)).toMatchObject({
    requestedSchema: { properties: { decision: { enum: ["accept", "decline", "cancel"] } } },
  });
  expect(mcpToolForm(tool)?.message).toContain('"a": "1\\n2"');
  expect(mcpToolForm(tool)?.message).not.toContain("Environment");
  expect(mcpToolForm({ ...tool, environmentId: "staging" })?.message).toContain("Environment:\n    staging\n");
});

test.each<[Parameters<typeof readDecision>[0], string]>([
  [{ action: "accept", content: { decision: "accept" } }, "accept"],
  [{ action: "accept", content: { decision: "cancel" } }, "cancel"],
  [{ action: "accept", content: { decision: "yes" } }, "decline"],
  [{ action: "accept", content: ["accept"] }, "decline"],
  [{ action: "accept", content: undefined }, "decline"],
  [{ action: "decline", content: { decision: "accept" } }, "decline"],
  [{ action: "cancel", content: { decision: "accept" } }, "decline"],
  [null, "decline"],
])("the answer %j decides: %s", (answer, decision) => {
  expect(readDecision(answer)).toBe(decision);
});

describe("questions of the agent", () => {
  const question = { id: "q", header: "Q", question: "What?", isOther: false, isSecret: false, options: null };
  const request = (...questions: Parameters<typeof questionsForm>[0]["questions"]) => ({
    threadId: "t",
    turnId: "u",
    itemId: "i",
    isBlocking: true,
    autoResolutionMs: null,
    questions,
  });

  const choice = (...labels: string[]) => ({
    ...question,
    options: labels.map((label) => ({ label, description: "" })),
  });

  test("show each choice for what it is, and give back what was chosen", () => {
    const asked = request(choice("a", "b\u200b"));
    expect(questionsForm(asked)).toMatchObject({
      requestedSchema: { properties: { q: { enum: ["a", "b\\u{200b}"] } } },
    });
    expect(readAnswers(asked, { action: "accept", content: { q: "b\\u{200b}" } })).toEqual({ q: "b\u200b" });
    expect(readAnswers(asked, { action: "accept", content: { q: "b" } })).toEqual({});
    expect(questionsForm(request(choice("b\\u{200b}", "b\u200b")))).toBeNull();
    expect(questionsForm(request({ ...question, id: "q\u200b" }))).toBeNull();
  });

  test("are not asked when one of them is for a secret, or there is none", () => {
    expect(questionsForm(request(question, { ...question, id: "s", isSecret: true }))).toBeNull();
    expect(questionsForm(request())).toBeNull();
    expect(questionsForm(request(question))).toMatchObject({
      requestedSchema: { properties: { q: { type: "string" } }, required: ["q"] },
    });
  });

  test("the ids are the model's: none gets the answer to another", () => {
    const options = [{ label: "Red", description: "" }];
    const asked = request(
      untyped({ ...question, id: "tone", isOther: true, options }),
      { ...question, id: "tone_other" },
      { ...question, id: "__proto__" },
    );
    const form = questionsForm(asked);
    const properties = form?.mode === "form" ? Object.keys(form.requestedSchema.properties) : [];
    expect(properties).toEqual(["tone", "tone_other_", "tone_other", "__proto__"]);
    const content = JSON.parse('{ "tone": "Red", "tone_other": "mine", "__proto__": "odd" }');
    const answers = readAnswers(asked, { action: "accept", content });
    expect(Object.entries(answers)).toEqual([
      ["tone", "Red"],
      ["tone_other", "mine"],
      ["__proto__", "odd"],
    ]);
  });

  test("two with one id are not asked: the agent could not tell the answers apart", () => {
    expect(questionsForm(request(question, question))).toBeNull();
  });

  test.each<[unknown, object]>([
    [{ q: "free" }, { q: "free" }],
    [{ q: 7 }, {}],
    [{ other: "x" }, {}],
    [null, {}],
    [["free"], {}],
  ])("take only what is an answer: %j", (content, answers) => {
    expect(readAnswers(request(question), { action: "accept", content })).toEqual(answers);
    expect(readAnswers(request(question), { action: "decline", content })).toEqual({});
  });
});

describe("what an MCP server of the agent asks", () => {
  const form = {
    threadId: "t",
    turnId: null,
    serverName: "s\u202e",
    environmentId: null,
    mode: "form" as const,
    _meta: null,
    message: "Name?",
    requestedSchema: { type: "object" as const, properties: { name: { type: "string" as const } } },
  };

  test("is passed on under the server's name, in the two modes that MCP has", () => {
    expect(elicitationForm(form)).toMatchObject({ mode: "form", message: "s\\u{202e} asks:\n    Name?" });
    expect(elicitationForm({ ...form, mode: "openai/form" })).toBeNull();
  });

  test("cannot hide or reorder text, or pose as a question of ours", () => {
    const message = "Name?\n\nCodex asks to run\u202e";
    const properties = { name: { type: "string" as const, title: "\u200bName", description: "a\u2066b" } };
    expect(elicitationForm({ ...form, message, requestedSchema: { type: "object", properties } })).toMatchObject({
      message: "s\\u{202e} asks:\n    Name?\n    \n    Codex asks to run\\u{202e}",
      requestedSchema: { properties: { name: { title: "\\u{200b}Name", description: "a\\u{2066}b" } } },
    });
    const link = { ...form, mode: "url" as const, url: "https://a.example", elicitationId: "e", message };
    expect(elicitationForm(link)).toMatchObject({
      message: expect.stringContaining("\\u{202e}"),
      url: "https://a.example",
    });
    // Another server may have chosen the same id.
    expect(elicitationForm(link)).not.toMatchObject({ elicitationId: "e" });
  });

  test.each<[string, object]>([
    ["a choice", { type: "string", enum: ["a", "b\u200b"] }],
    ["a value behind a title", { type: "string", oneOf: [{ const: "\u0085", title: "a" }] }],
    ["one of several choices", { type: "array", items: { type: "string", enum: ["\u{e0041}"] } }],
    ["a default", { type: "string", default: "\u202e" }],
  ])("is declined when %s does not show for what it is", (_name, field) => {
    const asked = { ...form, requestedSchema: JSON.parse(JSON.stringify({ type: "object", properties: { field } })) };
    expect(elicitationForm(asked)).toBeNull();
  });

  test("has the names of its choices written out", () => {
    const properties = {
      old: { type: "string" as const, enum: ["a"], enumNames: ["A\u200b"] },
      one: { type: "string" as const, oneOf: [{ const: "a", title: "A\u200b" }] },
      many: { type: "array" as const, items: { anyOf: [{ const: "a", title: "A\u200b" }] } },
    };
    const shown = "A\\u{200b}";
    expect(elicitationForm({ ...form, requestedSchema: { type: "object", properties } })).toMatchObject({
      requestedSchema: {
        properties: {
          old: { enumNames: [shown] },
          one: { oneOf: [{ const: "a", title: shown }] },
          many: { items: { anyOf: [{ const: "a", title: shown }] } },
        },
      },
    });
    const link = { ...form, mode: "url" as const, url: "https://a.example/\u202e", elicitationId: "e" };
    expect(elicitationForm(link)).toBeNull();
  });

  test.each<[string, unknown, unknown]>([
    [
      "accept",
      { name: "Ada", list: ["a"], n: 1, b: true },
      { action: "accept", content: { name: "Ada", list: ["a"], n: 1, b: true } },
    ],
    ["accept", { name: { nested: true } }, "decline"],
    ["accept", undefined, "decline"],
    ["accept", [], "decline"],
    ["cancel", {}, "cancel"],
    ["decline", { name: "Ada" }, "decline"],
    ["something", { name: "Ada" }, "decline"],
  ])("is answered with a clear yes or no: %s %j", (action, content, answer) => {
    expect(readElicitation(form, { action, content })).toEqual(answer);
  });
});
