/** The tools, gathered. */

export type { ToolResult, ToolResultPart } from "./result.js";
export { type Tool, type ToolContext, type ToolGroup, type ToolOptions, tool, toolGroup } from "./tool.js";
export { ToolSet } from "./toolSet.js";
