/** Approvals and questions of the agent, put before the user of a real client of either protocol. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { McpHttpHandle } from "@codex-embed/mcp-server";
import type { Client, ElicitResult } from "@modelcontextprotocol/client";
import { applyPatch, gate, message, type Part, shell, step, toolCall } from "codex-embed/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { verifies } from "../../../codex-embed/test/support/verifies.js";
import { type Answerer, connectTo, McpHome, outcomeOf, serve, textOf } from "../support/mcp.js";

const probe = fileURLToPath(new URL("../../../codex-embed/test/fixtures/mcp/askingServer.cjs", import.meta.url));

let home: McpHome;
let server: McpHttpHandle;
let count = 0;
/** A path that the sandbox does not let the agent write to. */
const outside = () => join(home.home.codexHome, `outside-${count++}`);

beforeAll(async () => {
  home = await McpHome.create({
    extraConfig: {
      features: { default_mode_request_user_input: true, request_permissions_tool: true },
      mcp_servers: { probe: { command: process.execPath, args: [probe] } },
    },
  });
  server = await serve(home);
});
afterAll(async () => {
  await server.close();
  await home.close();
});

const asking = (path: string) => shell(`touch ${path}`, { escalate: { justification: "Needed." }, callId: "ask" });
const decide = (decision: unknown): ElicitResult => ({ action: "accept", content: { decision: String(decision) } });
/** What the model was told of its call `ask`. */
const told = () => home.model.requests.at(-1)?.toolOutput("ask") ?? "";

/** A question as the client sees it. */
type Asked = Record<string, unknown> & { message?: unknown };

describe.each(["2025-11-25", "2026-07-28"])("a client of %s", (version) => {
  const negotiation = version === "2026-07-28" ? { versionNegotiation: { mode: { pin: version } } } : {};

  /** Calls `codex` with these steps of the model, and a user that answers in this way. */
  async function run(answer: Answerer | undefined, ...steps: readonly Part[]) {
    const asked: Asked[] = [];
    const client = await connect(
      answer &&
        ((params, signal) => {
          asked.push(params);
          return answer(params, signal);
        }),
    );
    home.model.enqueue(...steps);
    const result = await client.callTool({ name: "codex", arguments: { prompt: "Go." } });
    await client.close();
    return { result, asked };
  }

  const connect = (answer?: Answerer): Promise<Client> => connectTo(server.url, answer, negotiation);

  test("speaks the protocol that this test is about", async () => {
    const client = await connect();
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    await client.close();
  });

  test("a command is asked for, with all that one has to know, and runs when it is accepted", async () => {
    verifies("mcp-approvals");
    const path = outside();
    const { result, asked } = await run(() => decide("accept"), asking(path), message("Done."));
    expect(outcomeOf(result)).toMatchObject({ status: "completed", content: "Done." });
    expect(existsSync(path)).toBe(true);
    expect(asked).toMatchObject([
      {
        mode: "form",
        requestedSchema: {
          properties: { decision: { enum: ["accept", "acceptForSession", "decline", "cancel"] } },
          required: ["decision"],
        },
      },
    ]);
    const shown = String(asked[0]?.message);
    expect(shown).toContain("Codex asks to run a command outside its sandbox.");
    expect(shown).toContain(`touch ${path}`);
    expect(shown).toContain(`Directory:\n    ${home.workspace}`);
    expect(shown).toContain("The agent's reason:\n    Needed.");
  });

  test("acceptForSession holds for the same command of the thread", async () => {
    const path = outside();
    const { asked } = await run(() => decide("acceptForSession"), asking(path), asking(path), message("Done."));
    expect(asked).toHaveLength(1);
    expect(existsSync(path)).toBe(true);
  });

  test.each<[string, Answerer]>([
    ["a decline in the form", () => decide("decline")],
    ["a form that is declined", () => ({ action: "decline" })],
    ["a form that is put away", () => ({ action: "cancel" })],
    ["an acceptance without a decision", () => ({ action: "accept", content: {} })],
    ["an acceptance without content", () => ({ action: "accept" })],
    ["a decision that is none", () => decide("yes")],
    ["an amendment of the rules, which is not on offer", () => decide("acceptWithExecpolicyAmendment")],
  ])("%s is a no: the command does not run, and the turn goes on", async (_name, answer) => {
    const path = outside();
    const { result, asked } = await run(answer, asking(path), message("Done without."));
    expect(asked).toHaveLength(1);
    expect(outcomeOf(result)).toMatchObject({ status: "completed", content: "Done without." });
    expect(told()).toContain("rejected by user");
    expect(existsSync(path)).toBe(false);
  });

  test("cancel ends the turn, which is told as not done", async () => {
    const path = outside();
    const { result } = await run(() => decide("cancel"), asking(path));
    expect(result.isError).toBe(true);
    expect(outcomeOf(result)).toMatchObject({ status: "interrupted", content: expect.stringContaining("interrupted") });
    expect(existsSync(path)).toBe(false);
  });

  test("a client that cannot ask its user has everything declined", async () => {
    verifies("mcp-approvals");
    const path = outside();
    const { result } = await run(undefined, asking(path), message("Done without."));
    expect(outcomeOf(result)).toMatchObject({ status: "completed", content: "Done without." });
    expect(told()).toContain("rejected by user");
    expect(existsSync(path)).toBe(false);
  });

  test("two requests at once are two questions, and each answer goes to its own", async () => {
    const [yes, no] = [outside(), outside()];
    const both = step(
      shell(`touch ${yes}`, { escalate: { justification: "Yes." }, callId: "yes" }),
      shell(`touch ${no}`, { escalate: { justification: "No." }, callId: "no" }),
    );
    const answer: Answerer = ({ message: shown }) => decide(String(shown).includes(yes) ? "accept" : "decline");
    const client = await connect(answer);
    home.model.enqueue(both, message("Done."));
    await client.callTool({ name: "codex", arguments: { prompt: "Go." } });
    await client.close();
    expect([existsSync(yes), existsSync(no)]).toEqual([true, false]);
  });

  test("a change of files is asked for with paths, sizes and every line", async () => {
    const path = outside();
    const patch = applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+one\n+two\n*** End Patch`);
    const { asked } = await run(() => decide("accept"), patch, message("Done."));
    expect(asked).toHaveLength(1);
    expect(String(asked[0]?.message)).toContain(`Files:\n    add ${path} (+2)\n`);
    expect(String(asked[0]?.message)).toContain(`Changes:\n    add ${path} (+2)\n    +one\n    +two`);
    expect(existsSync(path)).toBe(true);

    const refused = outside();
    await run(
      () => decide("decline"),
      applyPatch(`*** Begin Patch\n*** Add File: ${refused}\n+x\n*** End Patch`),
      message("Ok."),
    );
    expect(existsSync(refused)).toBe(false);
  });

  test("permissions are asked for, and granted for the turn alone", async () => {
    const wanted = { network: { enabled: true } };
    const ask = () => toolCall("request_permissions", { reason: "Needed.", permissions: wanted }, { callId: "ask" });
    const { asked } = await run(() => decide("accept"), ask(), message("Done."));
    expect(String(asked[0]?.message)).toContain('"enabled": true');
    expect(JSON.parse(told())).toMatchObject({ permissions: wanted, scope: "turn" });
    await run(() => decide("decline"), ask(), message("Done."));
    expect(told()).not.toContain("true");
  });

  test("questions of the agent are one form, and only valid answers reach it", async () => {
    const options = [
      { label: "Red", description: "Like fire." },
      { label: "Blue", description: "Like water." },
    ];
    const questions = [
      { id: "colour", header: "Colour", question: "Which colour?", options },
      { id: "tone", header: "Tone", question: "Which tone?", options },
    ];
    const ask = () => toolCall("request_user_input", { questions }, { callId: "ask" });
    const { asked } = await run(
      () => ({ action: "accept", content: { colour: "Blue", tone: "Red", tone_other: "Grey" } }),
      ask(),
      message("Done."),
    );
    expect(String(asked[0]?.message)).toContain("Codex has 2 questions:\n- Which colour?\n- Which tone?");
    expect(asked[0]).toMatchObject({
      requestedSchema: { properties: { colour: { enum: ["Red", "Blue"] }, tone_other: {} } },
    });
    expect(JSON.parse(told())).toEqual({ answers: { colour: { answers: ["Blue"] }, tone: { answers: ["Grey"] } } });

    await run(() => ({ action: "accept", content: { colour: "Green", tone: "Red" } }), ask(), message("Done."));
    expect(JSON.parse(told())).toEqual({ answers: { tone: { answers: ["Red"] } } });
    await run(() => ({ action: "decline" }), ask(), message("Done."));
    expect(JSON.parse(told())).toEqual({ answers: {} });
  });

  test("a tool of the agent's own MCP server is asked for", async () => {
    const call = () => toolCall("plain", {}, { namespace: "mcp__probe", callId: "ask" });
    const { asked } = await run(() => decide("accept"), call(), message("Done."));
    expect(asked).toHaveLength(1);
    expect(String(asked[0]?.message)).toContain("Server:\n    probe\n\nTool:\n    plain");
    expect(told()).toContain("the tool has acted");
    await run(() => decide("decline"), call(), message("Done."));
    expect(told()).toContain("rejected");
  });

  test("a form and a link of the agent's own MCP server are passed on, and so are the answers", async () => {
    const call = (name: string) => toolCall(name, {}, { namespace: "mcp__probe", callId: "ask" });
    const { asked } = await run(() => ({ action: "accept", content: { name: "Ada" } }), call("form"), message("Done."));
    expect(asked).toMatchObject([
      {
        message: "probe asks:\n    Your name?",
        requestedSchema: { properties: { name: { type: "string" } }, required: ["name"] },
      },
    ]);
    expect(told().replaceAll("\\", "")).toContain('"content":{"name":"Ada"}');

    const link = await run(() => ({ action: "accept" }), call("link"), message("Done."));
    expect(link.asked).toMatchObject([{ mode: "url", url: "http://127.0.0.1/confirm" }]);
    expect(told().replaceAll("\\", "")).toContain('"action":"accept"');
    await run(() => ({ action: "decline" }), call("link"), message("Done."));
    expect(told().replaceAll("\\", "")).toContain('"action":"decline"');
  });

  test("a reply is asked about as well, and its own client is asked", async () => {
    const { result } = await run(() => decide("decline"), message("Ready."));
    const path = outside();
    const client = await connect(() => decide("accept"));
    home.model.enqueue(asking(path), message("Done."));
    const { threadId } = outcomeOf(result);
    const replied = await client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Go." } });
    await client.close();
    expect(textOf(replied)).toContain("Done.");
    expect(existsSync(path)).toBe(true);
  });

  test("a reply that is refused takes nothing from the call whose turn runs", async () => {
    const path = outside();
    const client = await connect(() => decide("accept"));
    const hold = gate();
    const begun = message({ deltas: ["Working", hold] });
    home.model.enqueue(message("Ready."), step(begun, asking(path)), message("Done."));
    const { threadId } = outcomeOf(await client.callTool({ name: "codex", arguments: { prompt: "Get ready." } }));
    const running = client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Go." } });
    await hold.reached;
    const refused = await client.callTool({ name: "codex-reply", arguments: { threadId, prompt: "Me first." } });
    expect(textOf(refused)).toContain("already has a turn in flight");
    hold.open();
    expect(textOf(await running)).toContain("Done.");
    expect(existsSync(path)).toBe(true);
    await client.close();
  });

  test("a client whose handler fails is a no", async () => {
    const path = outside();
    const client = await connect(() => {
      throw new Error("The user has fled.");
    });
    home.model.enqueue(asking(path), message("Done without."));
    const cancel = new AbortController();
    const running = client.callTool({ name: "codex", arguments: { prompt: "Go." } }, { signal: cancel.signal });
    if (version === "2025-11-25") expect(textOf(await running)).toContain("Done without.");
    // A client of the later protocol gives its call up then: nothing tells the server, which waits for the answer.
    else await expect(running).rejects.toThrow("The user has fled.");
    await client.close();
    expect(existsSync(path)).toBe(false);
  });
});
