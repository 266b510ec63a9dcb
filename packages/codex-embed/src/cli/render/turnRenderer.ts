import type { TurnEvent, TurnSnapshot } from "../../index.js";
import type { ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, TurnPlanStep } from "../../protocol/index.js";
import { type Action, actionOf, changeLines } from "./items.js";

import { clean, count, duration, lastLines, number, Page, type Paint, painter, type Style } from "./text.js";

const INDENT = "  ";
const DEFAULT_MAX_OUTPUT_LINES = 12;
/** Enough for the last lines of any command. Limits memory for commands that print without end. */
const MAX_KEPT_OUTPUT_CHARACTERS = 64 * 1024;

/** Options of {@link TurnRenderer}. */
export interface TurnRendererOptions {
  /** Writes ANSI colours. If false, the output contains no escape sequences. */
  readonly color: boolean;
  /** Paths inside this folder are shown relative to it. */
  readonly cwd?: string;
  /** How many of the last lines of a command's output are shown. Default 12. */
  readonly maxOutputLines?: number;
}

/**
 * Renders turns as lines: streams the agent's messages at column 0, and indents its actions, each with its outcome. Never
 * moves the cursor, so that the output is the same in a terminal and in a file.
 */
export class TurnRenderer {
  readonly #page: Page;
  readonly #paint: Paint;
  readonly #options: TurnRendererOptions;
  /** The part of each streaming text that was shown, by item id. */
  readonly #shown = new Map<string, string>();
  /** The running actions by item id: their titles as shown, and their output since. */
  readonly #running = new Map<string, { readonly title: string; output: string }>();
  #plan: readonly TurnPlanStep[] = [];
  #totalTokens = 0;

  /** @param write - receives pieces of text, not always whole lines. */
  constructor(write: (text: string) => void, options: TurnRendererOptions) {
    this.#page = new Page(write);
    this.#paint = painter(options.color);
    this.#options = options;
  }

  /** Renders the next event of a turn. */
  render(event: TurnEvent): void {
    switch (event.method) {
      case "item/started":
        this.#started(event.params.item);
        break;
      case "item/completed":
        this.#completed(event.params.item);
        break;
      case "item/agentMessage/delta":
      case "item/plan/delta":
        this.#text(event.params.itemId, event.params.delta);
        break;
      case "item/reasoning/summaryPartAdded":
        if (this.#shown.has(event.params.itemId)) this.#thought(event.params.itemId, "\n");
        break;
      case "item/reasoning/summaryTextDelta":
        this.#thought(event.params.itemId, event.params.delta);
        break;
      case "item/commandExecution/outputDelta":
        this.#output(event.params.itemId, event.params.delta);
        break;
      case "item/mcpToolCall/progress":
        this.#note(event.params.message);
        break;
      case "turn/plan/updated":
        this.#planUpdated(event.params.explanation, event.params.plan);
        break;
      case "thread/tokenUsage/updated":
        this.#usage(event.params.tokenUsage);
        break;
      case "item/autoApprovalReview/completed": {
        const { status, riskLevel, rationale } = event.params.review;
        this.#note(`review: ${status}${riskLevel === null ? "" : `, ${riskLevel} risk`}. ${rationale ?? ""}`.trimEnd());
        break;
      }
      case "model/rerouted":
        this.warning(`The model ${event.params.toModel} answers instead of ${event.params.fromModel}.`);
        break;
      case "hook/completed": {
        const { status, eventName, statusMessage } = event.params.run;
        if (status !== "completed") this.warning(`The hook ${eventName} ${status}. ${statusMessage ?? ""}`.trimEnd());
        break;
      }
      case "error": {
        const { message, additionalDetails: details } = event.params.error;
        const text = details === null ? message : `${message} (${details})`;
        if (event.params.willRetry) this.#remark("yellow", "!", `${text}: retrying`);
        else this.#remark("red", "x", text);
        break;
      }
      case "turn/completed":
        this.#turnCompleted();
        break;
      default:
        break;
    }
  }

  /** Renders a warning of a turn or of the runtime. */
  warning(message: string): void {
    this.#remark("yellow", "!", message);
  }

  /** Ends the open line, so that other output can follow. */
  pause(): void {
    this.#page.end();
  }

  /** Renders the result of a turn. */
  summary(outcome: TurnSnapshot, more: { readonly modelRequests?: number } = {}): void {
    this.#page.gap();
    for (const line of summaryLines(outcome, this.#paint, more.modelRequests)) this.#page.line(INDENT + line);
  }

  #started(item: ThreadItem): void {
    // A retried stream may start again under the same id.
    this.#shown.delete(item.id);
    const action = actionOf(item, this.#paint, this.#options.cwd);
    if (action === null || (item.type === "webSearch" && item.query === "")) return;
    this.#running.set(item.id, { title: action.title, output: "" });
    this.#announce(item.id, action.title);
  }

  #completed(item: ThreadItem): void {
    switch (item.type) {
      case "userMessage":
        for (const part of item.content) {
          const text = part.type === "text" ? clean(part.text) : `[${part.type}]`;
          this.#page.gap();
          this.#page.append(`> ${text}`, (line) => this.#paint("bold", line));
        }
        break;
      case "agentMessage":
      case "plan":
        this.#finishText(item.id, item.text);
        break;
      case "exitedReviewMode":
        this.#finishText(item.id, item.review);
        break;
      case "reasoning":
        if (!this.#shown.has(item.id)) this.#thought(item.id, item.summary.join("\n"));
        this.#shown.delete(item.id);
        break;
      case "fileChange":
        this.#page.gap();
        for (const change of item.changes) {
          const note = item.status === "completed" ? "" : `  ${this.#paint("red", item.status)}`;
          const [title = "", ...rows] = changeLines(change, this.#paint, this.#options.cwd);
          this.#page.line(INDENT + title + note);
          for (const row of rows) this.#page.line(INDENT + row);
        }
        break;
      default: {
        const action = actionOf(item, this.#paint, this.#options.cwd);
        if (action !== null) this.#finishAction(item.id, action);
      }
    }
  }

  #text(id: string, delta: string): void {
    const shown = this.#shown.get(id) ?? "";
    this.#shown.set(id, shown + delta);
    if (this.#page.open !== id) {
      this.#page.gap();
      this.#page.begin(id);
    }
    this.#page.append(clean(delta));
  }

  /** Writes the rest of a text that its deltas did not contain. */
  #finishText(id: string, text: string): void {
    const shown = this.#shown.get(id) ?? "";
    this.#shown.delete(id);
    const rest = text.startsWith(shown) ? text.slice(shown.length) : text;
    if (rest !== "") this.#text(id, rest);
    this.#shown.delete(id);
  }

  #thought(id: string, delta: string): void {
    if (delta === "") return;
    this.#shown.set(id, "thought");
    if (this.#page.open !== id) {
      this.#page.gap();
      this.#page.begin(id);
    }
    const text = clean(delta).replaceAll("**", "").replaceAll("\n\n", "\n");
    this.#page.append(text, (line) => this.#paint("dim", line), `${INDENT}~ `);
  }

  /** Leaves the line open for the outcome. */
  #announce(id: string, title: string): void {
    if (this.#page.open === null || !this.#running.has(this.#page.open)) this.#page.gap();
    this.#page.begin(id);
    this.#page.append(title, undefined, INDENT);
  }

  #finishAction(id: string, { title, outcome, output }: Action): void {
    const running = this.#running.get(id);
    if (this.#page.open !== id || running?.title !== title) this.#announce(id, title);
    if (outcome !== "") this.#page.append(`  ${outcome}`);
    this.#outputLines(output === "" ? (running?.output ?? "") : output);
    this.#running.delete(id);
  }

  #output(id: string, delta: string): void {
    const running = this.#running.get(id);
    if (running !== undefined) running.output = (running.output + delta).slice(-MAX_KEPT_OUTPUT_CHARACTERS);
  }

  #outputLines(output: string): void {
    const { hidden, lines } = lastLines(output, this.#options.maxOutputLines ?? DEFAULT_MAX_OUTPUT_LINES);
    this.#page.end();
    if (hidden > 0) this.#dimLine(`${INDENT}… ${hidden} more above`);
    for (const line of lines) this.#dimLine(INDENT + line);
  }

  #note(text: string): void {
    this.#dimLine(INDENT + clean(text));
  }

  #dimLine(text: string): void {
    this.#page.line(INDENT + this.#paint("dim", text));
  }

  /** Renders the whole plan once, and then only changed steps. */
  #planUpdated(explanation: string | null, plan: readonly TurnPlanStep[]): void {
    const before = this.#plan;
    this.#plan = plan;
    const isSame = plan.length === before.length && plan.every(({ step }, index) => step === before[index]?.step);
    const changed = isSame ? plan.filter(({ status }, index) => status !== before[index]?.status) : plan;
    if (changed.length === 0) return;
    this.#page.gap();
    const lines = changed.map((step) => this.#planStep(step));
    if (explanation) lines.unshift(this.#paint("dim", clean(explanation)));
    const label = this.#paint("cyan", "plan");
    for (const [index, line] of lines.entries()) this.#page.line(`${INDENT}${index === 0 ? label : "    "}  ${line}`);
  }

  #planStep({ step, status }: TurnPlanStep): string {
    switch (status) {
      case "completed":
        return `${this.#paint("green", "[x]")} ${clean(step)}`;
      case "inProgress":
        return `${this.#paint("yellow", "[>]")} ${this.#paint("bold", clean(step))}`;
      case "pending":
        return `[ ] ${clean(step)}`;
    }
  }

  /** Skips repeated counts: the runtime repeats the last one after a model response without usage. */
  #usage({ total, last, modelContextWindow }: ThreadTokenUsage): void {
    if (total.totalTokens === this.#totalTokens) return;
    this.#totalTokens = total.totalTokens;
    const share = modelContextWindow === null ? 0 : (100 * last.totalTokens) / modelContextWindow;
    const context = modelContextWindow === null ? "" : ` · ${share.toFixed(share < 10 ? 1 : 0)}% of the context window`;
    // Directly below the output of an action, but not directly below a message.
    if (this.#page.open !== null && !this.#running.has(this.#page.open)) this.#page.gap();
    this.#page.line(INDENT + this.#paint("dim", `tokens  ${usageText(last)}${context}`));
  }

  #remark(style: Style, mark: string, text: string): void {
    this.#page.end();
    this.#page.append(`${mark} ${clean(text)}`, (line) => this.#paint(style, line), INDENT);
    this.#page.end();
  }

  #turnCompleted(): void {
    for (const [id, { title, output }] of this.#running) {
      if (this.#page.open !== id) this.#announce(id, title);
      this.#page.append(`  ${this.#paint("yellow", "still running")}`);
      this.#outputLines(output);
    }
    this.#running.clear();
    this.#shown.clear();
    this.#plan = [];
    this.#page.end();
  }
}

/** The nouns of the counted kinds of items. */
const NOUNS: Partial<Record<ThreadItem["type"], string>> = {
  agentMessage: "message",
  reasoning: "thought",
  commandExecution: "command",
  fileChange: "file change",
  mcpToolCall: "tool call",
  dynamicToolCall: "tool call",
  collabAgentToolCall: "agent call",
  webSearch: "search",
  plan: "plan",
};

/** Formats the summary of a turn, without indentation. */
function summaryLines(outcome: TurnSnapshot, paint: Paint, modelRequests?: number): string[] {
  const took = outcome.durationMs === null ? "" : ` in ${duration(outcome.durationMs)}`;
  const items = itemsText(outcome.items, paint);
  const { usage } = outcome;
  const row = (name: string, text: string): string => `${paint("cyan", name.padEnd(9))}${text}`;
  return [
    row("turn", headline(outcome, paint) + took),
    ...(items === "" ? [] : [row("items", items)]),
    ...(modelRequests === undefined ? [] : [row("model", count(modelRequests, "request"))]),
    ...(usage === null
      ? []
      : [
          row("tokens", usageText(usage.turn)),
          row("", `${number(usage.turn.totalTokens)} in this turn, ${number(usage.thread.totalTokens)} in this thread`),
        ]),
  ];
}

/** Formats the token usage of a model response, a turn or a thread. */
function usageText(usage: TokenUsageBreakdown): string {
  const cached = usage.cachedInputTokens === 0 ? "" : ` (${number(usage.cachedInputTokens)} cached)`;
  const reasoning = usage.reasoningOutputTokens === 0 ? "" : ` (${number(usage.reasoningOutputTokens)} reasoning)`;
  return `${number(usage.inputTokens)} in${cached}, ${number(usage.outputTokens)} out${reasoning}`;
}

function headline({ status }: TurnSnapshot, paint: Paint): string {
  switch (status) {
    case "completed":
      return paint("green", "completed");
    case "interrupted":
      return paint("yellow", "interrupted");
    case "failed":
      return paint("red", "failed");
    case "inProgress":
      return paint("yellow", "in progress");
  }
}

function itemsText(items: readonly ThreadItem[], paint: Paint): string {
  const counts = new Map<string, number>();
  for (const { type } of items) {
    const noun = NOUNS[type];
    if (noun !== undefined) counts.set(noun, (counts.get(noun) ?? 0) + 1);
  }
  const failed = items.filter((item) => item.type === "commandExecution" && item.status === "failed").length;
  return [...counts]
    .map(([noun, value]) => {
      const note = noun === "command" && failed > 0 ? ` (${paint("red", `${failed} failed`)})` : "";
      return count(value, noun) + note;
    })
    .join(", ");
}
