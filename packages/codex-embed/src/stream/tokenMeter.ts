import type { ThreadItem } from "../protocol/generated/protocol.js";
import type { TurnEvent } from "./events.js";

/** The items of tools. When they have ended, the runtime calls the model again. */
const TOOL_ITEMS: ReadonlySet<ThreadItem["type"]> = new Set<ThreadItem["type"]>([
  "commandExecution",
  "fileChange",
  "mcpToolCall",
  "dynamicToolCall",
  "collabAgentToolCall",
  "imageView",
  "sleep",
]);

/**
 * The tokens of a turn or a goal, with those of its sub-agents. A limit is reached when they are spent and the model is
 * called once more: a turn that ends with the response that spends them is complete.
 */
export class TokenMeter {
  #own = 0;
  #agents = 0;
  /** Whether the response in progress has called a tool. */
  #awaitsTool = false;
  #isReview = false;
  #limit: { readonly tokens: number; readonly onReached: () => void } | null = null;

  /** The tokens that were spent so far. */
  get spent(): number {
    return this.#own + this.#agents;
  }

  /** Calls back once, when as many tokens are spent and the model is called again. */
  limit(tokens: number, onReached: () => void): void {
    this.#limit = { tokens, onReached };
    if (this.#isSpent && (this.#awaitsTool || this.#agents > 0)) this.#reach();
  }

  /** Takes an event of the turn or the goal. `own` is what it has spent without its agents. */
  observe(event: TurnEvent, own: number): void {
    const wasSpent = this.#isSpent;
    this.#own = own;
    let isGoingOn = false;
    switch (event.method) {
      case "item/started": {
        const { type } = event.params.item;
        this.#isReview ||= type === "enteredReviewMode";
        this.#awaitsTool = TOOL_ITEMS.has(type);
        isGoingOn = this.#awaitsTool || (wasSpent && !this.#isRendering(type));
        break;
      }
      case "turn/plan/updated":
        // The only sign of `update_plan`, which has no item.
        this.#awaitsTool = true;
        isGoingOn = true;
        break;
      case "thread/tokenUsage/updated":
        // Follows the tools of its response.
        isGoingOn = this.#awaitsTool;
        this.#awaitsTool = false;
        break;
      case "rawResponse/completed":
        this.#awaitsTool = false;
        break;
      case "turn/started":
        isGoingOn = wasSpent;
        break;
      default:
        return;
    }
    if (isGoingOn && this.#isSpent) this.#reach();
  }

  /** A response of the model has ended. Its tools start after this. */
  count(own: number): void {
    this.#own = own;
    this.#awaitsTool = false;
  }

  /** The agents have spent so many tokens. The turn goes on: it waits for them, or answers while they work. */
  countAgents(agents: number): void {
    if (agents === this.#agents) return;
    this.#agents = agents;
    if (this.#isSpent) this.#reach();
  }

  get #isSpent(): boolean {
    return this.#limit !== null && this.spent >= this.#limit.tokens;
  }

  /** Whether the runtime makes such an item of the last answer of a review. */
  #isRendering(type: ThreadItem["type"]): boolean {
    return type === "exitedReviewMode" || (this.#isReview && type === "agentMessage");
  }

  #reach(): void {
    const { onReached } = this.#limit ?? {};
    this.#limit = null;
    onReached?.();
  }
}
