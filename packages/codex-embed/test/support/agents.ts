/** What stands in for a client where no sub-agents are followed. */

import type { AgentHost } from "../../src/stream/agentStream.js";

export const noAgents: AgentHost = {
  bufferBytes: 1_000_000,
  follow: () => () => {},
  isActive: async () => false,
  parentOf: async () => null,
};
