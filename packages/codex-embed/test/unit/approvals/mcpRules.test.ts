/** Tests the rules for tools of MCP servers: server, tool, and the environment that registered the server. */

import { type ApprovalRuleDecision, type ApprovalRulesOptions, approvalRules } from "codex-embed/approvals";
import { UsageError, type HandlerContext, type McpToolApprovalRequest } from "codex-embed";
import { describe, expect, test, vi } from "vitest";
import { untyped } from "../../support/turns.js";
import { verifies } from "../../support/verifies.js";

const context: HandlerContext = {
  signal: new AbortController().signal,
  threadId: "t",
  turnId: "u",
  itemId: null,
  threadCwd: null,
};

const request = (given: Partial<McpToolApprovalRequest> = {}): McpToolApprovalRequest => ({
  threadId: "t",
  turnId: "u",
  serverName: "docs",
  environmentId: null,
  toolName: "read_page",
  toolDescription: null,
  toolArguments: {},
  message: "?",
  persist: ["session", "always"],
  ...given,
});

const decide = (mcp: ApprovalRulesOptions["mcp"], given: Partial<McpToolApprovalRequest> = {}) =>
  approvalRules({ mcp }).approveMcpTool?.(request(given), context);

describe("mcp rules", () => {
  test.each([
    [{ server: "docs" }, {}, "accept"],
    [{ server: "docs" }, { toolName: null }, "accept"],
    [{ server: "doc" }, {}, "decline"],
    [{ server: "d*s" }, {}, "accept"],
    [{ server: "docs", tool: "read_*" }, {}, "accept"],
    [{ server: "docs", tool: "read_*" }, { toolName: "write_page" }, "decline"],
    [{ server: "docs", tool: "*" }, { toolName: null }, "decline"],
    // Of the whole thread, or of a runtime that names no environments.
    [{ server: "docs" }, { environmentId: undefined }, "accept"],
    [{ server: "docs" }, { environmentId: "staging" }, "decline"],
    [{ server: "docs", environmentId: "staging" }, { environmentId: "staging" }, "accept"],
    [{ server: "docs", environmentId: "staging" }, { environmentId: "production" }, "decline"],
    [{ server: "docs", environmentId: "staging" }, { environmentId: null }, "decline"],
    [{ server: "docs", environmentId: "staging" }, { environmentId: undefined }, "decline"],
    [{ server: "docs", environmentId: "*" }, { environmentId: "staging" }, "accept"],
    [{ server: "docs", environmentId: "*" }, { environmentId: null }, "decline"],
  ])("allow %o: %o is %s", (pattern, given, expected) => {
    verifies("mcp-rules");
    expect(decide({ allow: [pattern] }, given)).toBe(expected);
  });

  test.each([
    [{ server: "docs" }, {}, "decline"],
    [{ server: "docs" }, { environmentId: "staging" }, "decline"],
    [{ server: "docs", tool: "write_*" }, {}, "accept"],
    [{ server: "docs", tool: "write_*" }, { toolName: null }, "decline"],
    [{ server: "docs", environmentId: "staging" }, { environmentId: "staging" }, "decline"],
    [{ server: "docs", environmentId: "staging" }, { environmentId: null }, "accept"],
    // What is unknown can be what the rule denies.
    [{ server: "docs", environmentId: "staging" }, { environmentId: undefined }, "decline"],
  ])("deny %o wins over an allow rule: %o is %s", (pattern, given, expected) => {
    verifies("mcp-rules");
    const allow = [{ server: "*" }, { server: "*", environmentId: "*" }];
    expect(decide({ allow, deny: [pattern] }, given)).toBe(expected);
  });

  test("the audit log shows the tool and its environment", () => {
    const decisions: ApprovalRuleDecision[] = [];
    const onDecision = (decision: ApprovalRuleDecision): void => void decisions.push(decision);
    const rule = { server: "docs", environmentId: "staging" };
    const { approveMcpTool } = approvalRules({ mcp: { allow: [rule] }, onDecision });
    for (const environmentId of ["staging", null]) void approveMcpTool?.(request({ environmentId }), context);
    expect(decisions).toEqual([
      {
        kind: "mcpTool",
        decision: "accept",
        by: "rule",
        rule: JSON.stringify(rule),
        reason: `mcp.allow has ${JSON.stringify(rule)}, which matches "read_page" of "docs" in the environment "staging".`,
        subject: '"read_page" of "docs" in the environment "staging"',
        environmentId: "staging",
        threadId: "t",
        turnId: "u",
        itemId: null,
      },
      expect.objectContaining({
        decision: "decline",
        by: "otherwise",
        reason: 'No rule matches: no pattern of mcp.allow matches "read_page" of "docs". Declined by default.',
        environmentId: null,
      }),
    ]);
  });

  test("a tool that no rule matches goes to `otherwise`", async () => {
    const decisions: ApprovalRuleDecision[] = [];
    const approveMcpTool = vi.fn(() => "acceptAlways" as const);
    const rules = approvalRules({ otherwise: { approveMcpTool }, onDecision: (each) => void decisions.push(each) });
    expect(await rules.approveMcpTool?.(request(), context)).toBe("acceptAlways");
    expect(approveMcpTool).toHaveBeenCalledExactlyOnceWith(request(), context);
    expect(decisions).toMatchObject([{ kind: "mcpTool", decision: "accept", by: "otherwise" }]);
  });

  test("rules that say nothing of MCP leave it to the other handlers", () => {
    expect(approvalRules({ commands: { allow: ["ls"] } })).not.toHaveProperty("approveMcpTool");
    expect(approvalRules({ mcp: {} })).toHaveProperty("approveMcpTool");
  });

  test.each([
    ["docs", /the pattern "docs" in mcp\.allow is not an object\. Write \{ server: "name" \}\.$/],
    [{}, /needs a non-empty string as server/],
    [{ server: "" }, /needs a non-empty string as server/],
    [{ server: "docs", tool: "" }, /needs a non-empty string as tool/],
    [{ server: "docs", environmentId: null }, /needs a non-empty string as environmentId/],
    [{ server: "docs", name: "x" }, /has the unknown key "name"/],
  ])("refuse the pattern %o", (pattern, expected) => {
    const make = () => approvalRules({ mcp: { allow: [untyped(pattern)] } });
    expect(make).toThrow(UsageError);
    expect(make).toThrow(expected);
  });
});
