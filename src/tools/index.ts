/** The tools, gathered. */

export type { ToolImage, ToolResult, ToolResultPart } from "./result.js";
export { type Tool, type ToolContext, type ToolGroup, type ToolOptions, tool, toolGroup } from "./tool.js";
export { type ToolCallContext, ToolSet } from "./toolSet.js";
