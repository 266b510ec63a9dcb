/** Sub-agents of a caller's agent: what they ask is put before the caller's user, and not before the operator. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ElicitResult } from "@modelcontextprotocol/client";
import { message, shell } from "codex-embed/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cast, spawn, waitFor } from "../../../codex-embed/test/support/cast.js";
import { connectTo, McpHome, outcomeOf, serve } from "../support/mcp.js";

let home: McpHome;
beforeAll(async () => {
  home = await McpHome.create();
});
afterAll(() => home.close());

test.each([
  ["accept", true],
  ["decline", false],
])(
  "a sub-agent's command: the caller's user says %s, and the operator's handler is not asked",
  async (decision, runs) => {
    let operatorAsked = 0;
    const approveCommand = () => {
      operatorAsked += 1;
      return runs ? "decline" : "accept";
    };
    const server = await serve(home, { codex: { ...home.options.codex, handlers: { approveCommand } } });
    const path = join(home.home.codexHome, `outside-${decision}`);
    const asked: unknown[] = [];
    const client = await connectTo(server.url, ({ message: question }): ElicitResult => {
      asked.push(question);
      return { action: "accept", content: { decision } };
    });
    cast(home.model, {
      root: [spawn("a", "helper"), waitFor("a"), message("All done.")],
      helper: [shell(`touch ${path}`, { escalate: { justification: "Needed." } }), message("Helped.")],
    });
    const result = await client.callTool({ name: "codex", arguments: { prompt: "root" } });
    await client.close();
    await server.close();
    expect(outcomeOf(result)).toMatchObject({ status: "completed", content: "All done." });
    expect(asked).toEqual([expect.stringContaining(`touch ${path}`)]);
    expect(operatorAsked).toBe(0);
    expect(existsSync(path)).toBe(runs);
  },
);
