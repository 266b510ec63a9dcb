/** What the user of an MCP client sees before a decision or an answer, and how the answer is read. */

import { randomUUID } from "node:crypto";
import {
  type CommandApprovalRequest,
  type ElicitationAnswer,
  type ElicitationRequest,
  escapeForDisplay,
  type FileChangeApprovalRequest,
  type Handlers,
  isSafeToDisplay,
  type McpToolApprovalRequest,
  type QuestionAnswers,
} from "codex-embed";
import type { Answer, Question } from "./caller.js";
import { isRecord } from "./checks.js";

type PermissionsRequest = Parameters<NonNullable<Handlers["approvePermissions"]>>[0];
type QuestionsRequest = Parameters<NonNullable<Handlers["answerQuestions"]>>[0];
type AgentQuestion = QuestionsRequest["questions"][number];
type FormField = (Question & { mode: "form" })["requestedSchema"]["properties"][string];

/** Nobody reads a longer form to its end. It is declined, never shown in part. */
const MAX_FORM_CHARS = 16_000;

/** All decisions on an approval. */
const DECISIONS = ["accept", "acceptForSession", "decline", "cancel"] as const;
/** A decision on an approval. */
export type Decision = (typeof DECISIONS)[number];

const MEANING: Readonly<Record<Decision, string>> = {
  accept: "accept: yes, this once",
  acceptForSession: "acceptForSession: yes, and the next time this thread asks for the same",
  decline: "decline: no, and the agent continues without it",
  cancel: "cancel: no, and the turn ends",
};

/** The form for a command, for network access of a command, or for input to a running one. Null if it cannot be shown whole. */
export function commandForm(request: CommandApprovalRequest): Question | null {
  const { command, cwd, environmentId, reason, networkApprovalContext: network, additionalPermissions } = request;
  if (!command && !network) return null;
  const title =
    request.kind === "writeStdin"
      ? "Codex asks to write to the stdin of a running command."
      : network
        ? "Codex asks for network access."
        : "Codex asks to run a command outside its sandbox.";
  return decisionForm(title, [
    ["Command", command],
    ["Host", network && `${network.protocol} ${network.host}`],
    ["Directory", cwd],
    ["Environment", environmentId === "local" ? null : environmentId],
    ["Additional permissions", additionalPermissions && JSON.stringify(additionalPermissions, null, 2)],
    ["The agent's reason", reason],
  ]);
}

/** The form for file changes: each file with its size, then every line. Null if it cannot be shown whole. */
export function fileChangeForm({ changes, reason, grantRoot }: FileChangeApprovalRequest): Question | null {
  const what = changes.length === 1 ? "a file" : `${changes.length} files`;
  const files = changes.map(describeChange);
  return decisionForm(`Codex asks to change ${what} outside its sandbox.`, [
    ["Files", files.map(({ head }) => head).join("\n")],
    ["Changes", files.map(({ head, lines }) => [head, ...lines].join("\n")).join("\n")],
    ["Write access for the session below", grantRoot],
    ["The agent's reason", reason],
  ]);
}

/** The form for permissions beyond the sandbox. Null if it cannot be shown whole. */
export function permissionsForm({ permissions, cwd, reason }: PermissionsRequest): Question | null {
  return decisionForm(
    "Codex asks for permissions beyond its sandbox.",
    [
      ["Permissions", JSON.stringify(permissions, null, 2)],
      ["Directory", cwd],
      ["The agent's reason", reason],
    ],
    ["accept", "acceptForSession", "decline"],
  );
}

/** The form for a call to one of the agent's own MCP servers. Null if it cannot be shown whole. */
export function mcpToolForm(request: McpToolApprovalRequest): Question | null {
  const { serverName, environmentId, toolName, toolArguments, message, persist } = request;
  return decisionForm(
    "Codex asks to call a tool of an MCP server.",
    [
      ["Server", serverName],
      ["Environment", environmentId],
      ["Tool", toolName],
      ["Arguments", toolArguments === null ? null : JSON.stringify(toolArguments, null, 2)],
      ["Question", message === "" ? null : message],
    ],
    persist.includes("session") ? DECISIONS : ["accept", "decline", "cancel"],
  );
}

/** Reads the answer to one of the forms above. Anything but an accepted form with a known decision is `decline`. */
export function readDecision(answer: Answer | null): Decision {
  if (answer?.action !== "accept" || !isRecord(answer.content)) return "decline";
  const { decision } = answer.content;
  return DECISIONS.find((known) => known === decision) ?? "decline";
}

type Section = readonly [title: string, text: string | null | undefined];

function decisionForm(
  title: string,
  sections: readonly Section[],
  decisions: readonly Decision[] = DECISIONS,
): Question | null {
  const shown = sections.flatMap(([name, text]) => (text ? [`${name}:\n${indent(text)}`] : []));
  const message = [title, ...shown].join("\n\n");
  if (message.length > MAX_FORM_CHARS) return null;
  const description = decisions.map((decision) => MEANING[decision]).join("; ");
  const decision = { type: "string" as const, title: "Decision", description, enum: [...decisions] };
  return {
    mode: "form",
    message,
    requestedSchema: { type: "object", properties: { decision }, required: ["decision"] },
  };
}

/**
 * A changed file as one line, and its content. Every content line begins with a sign, so that none can pass for the
 * line of another file. The runtime sends added and deleted files as bare text and updates as a diff.
 */
function describeChange({ path, kind, diff }: FileChangeApprovalRequest["changes"][number]): {
  readonly head: string;
  readonly lines: readonly string[];
} {
  const lines = diff === "" ? [] : diff.replace(/\n$/, "").split("\n");
  const name = `${kind.type} ${escapeLine(path)}`;
  if (kind.type === "add") return { head: `${name} (+${lines.length})`, lines: lines.map((line) => `+${line}`) };
  if (kind.type === "delete") return { head: `${name} (-${lines.length})`, lines: lines.map((line) => `-${line}`) };
  const target = kind.move_path === null ? "" : ` -> ${escapeLine(kind.move_path)}`;
  const count = (sign: string): number =>
    lines.filter((line) => line.startsWith(sign) && !line.startsWith(sign.repeat(3))).length;
  return {
    head: `${name}${target} (+${count("+")} -${count("-")})`,
    lines: lines.map((line) => (/^[-+@ \\]|^$/.test(line) ? line : ` ${line}`)),
  };
}

/**
 * One form for all questions of the agent. Null when it must not or cannot be shown: a question asks for a secret (MCP
 * forbids forms for those, since the client sees what is typed), a field name holds hidden characters, two choices look
 * the same, or two questions have the same id, so that the agent could not tell their answers apart.
 */
export function questionsForm({ questions }: QuestionsRequest): Question | null {
  const isShowable = (question: AgentQuestion): boolean => {
    const labels = shownLabels(question);
    return !question.isSecret && isSafeToDisplay(question.id) && new Set(labels).size === labels.length;
  };
  if (questions.length === 0 || !questions.every(isShowable)) return null;
  if (new Set(questions.map(({ id }) => id)).size < questions.length) return null;
  const properties = new Map<string, FormField>();
  const required: string[] = [];
  for (const { question, field, otherField } of withFieldNames(questions)) {
    const { id, header, isOther } = question;
    const labels = shownLabels(question);
    properties.set(field, {
      type: "string",
      title: escapeLine(header === "" ? id : header),
      description: describeQuestion(question),
      ...(labels.length > 0 && { enum: labels }),
    });
    if (labels.length > 0 && isOther) {
      properties.set(otherField, { type: "string", title: `${escapeLine(header)}: something else` });
    } else {
      required.push(field);
    }
  }
  const what = questions.length === 1 ? "a question" : `${questions.length} questions`;
  const texts = questions.map(({ question }) => `- ${escapeLine(question)}`);
  return {
    mode: "form",
    message: [`Codex has ${what}:`, ...texts].join("\n"),
    requestedSchema: { type: "object", properties: Object.fromEntries(properties), required },
  };
}

/** Reads the answers to {@link questionsForm}: the valid ones. An answer that is not one of the choices is left out. */
export function readAnswers({ questions }: QuestionsRequest, { action, content }: Answer): QuestionAnswers {
  if (action !== "accept" || !isRecord(content)) return {};
  const answers = new Map<string, string>();
  for (const { question, field, otherField } of withFieldNames(questions)) {
    const [value, other] = [content[field], content[otherField]];
    if (typeof other === "string" && other !== "" && question.isOther && question.options?.length) {
      answers.set(question.id, other);
    } else if (typeof value === "string") {
      const answer = question.options?.length ? labelBehind(question, value) : value;
      if (answer !== undefined) answers.set(question.id, answer);
    }
  }
  return Object.fromEntries(answers);
}

/**
 * Each question with the name of its field, and of the field next to a choice that takes another answer. The model
 * chooses the ids: a question `tone_other` must not get the free text of the question `tone`.
 */
function withFieldNames(questions: readonly AgentQuestion[]) {
  const taken = new Set(questions.map(({ id }) => id));
  return questions.map((question) => {
    let otherField = `${question.id}_other`;
    while (taken.has(otherField)) otherField += "_";
    taken.add(otherField);
    return { question, field: question.id, otherField };
  });
}

function describeQuestion({ question, options }: AgentQuestion): string {
  const choices = (options ?? []).map(({ label, description }) => `${label}: ${description}`);
  return [question, ...choices].map(escapeLine).join("\n");
}

function shownLabels({ options }: AgentQuestion): string[] {
  return (options ?? []).map(({ label }) => escapeLine(label));
}

function labelBehind({ options }: AgentQuestion, shown: string): string | undefined {
  return options?.find(({ label }) => escapeLine(label) === shown)?.label;
}

/**
 * A form or a link of one of the agent's MCP servers, under the name of that server. Null for other modes, and when a
 * part that goes into the answer holds hidden characters: a choice, a default, the name of a field, or the link.
 */
export function elicitationForm(request: ElicitationRequest): Question | null {
  if (request.mode !== "form" && request.mode !== "url") return null;
  const message = `${escapeLine(request.serverName)} asks:\n${indent(request.message)}`;
  if (request.mode === "url") {
    if (!isSafeToDisplay(request.url)) return null;
    // The server chooses its id, and another server may have chosen the same.
    return { mode: "url", message, url: request.url, elicitationId: randomUUID() };
  }
  const { properties, required } = request.requestedSchema;
  const fields: Readonly<Record<string, FormField>> = Object.fromEntries(
    Object.entries(properties).flatMap(([name, field]) => (field === undefined ? [] : [[name, escapeField(field)]])),
  );
  if (!isSafeThroughout(fields)) return null;
  const requestedSchema = { type: "object" as const, properties: fields, ...(required !== undefined && { required }) };
  return { mode: "form", message, requestedSchema };
}

/** Reads the answer to {@link elicitationForm}. Content that a form cannot have is `decline`. */
export function readElicitation(request: ElicitationRequest, { action, content }: Answer): ElicitationAnswer {
  if (action === "cancel") return "cancel";
  if (action !== "accept") return "decline";
  if (request.mode === "url") return { action: "accept" };
  return isFormContent(content) ? { action: "accept", content: { ...content } } : "decline";
}

/** The field with its titles and descriptions escaped, which are shown and never sent back. */
function escapeField(field: FormField): FormField {
  const { title, description } = field;
  const texts = {
    ...(title !== undefined && { title: escapeLine(title) }),
    ...(description !== undefined && { description: escapeLine(description) }),
  };
  if ("enumNames" in field) return { ...field, ...texts, enumNames: field.enumNames?.map(escapeLine) };
  if ("oneOf" in field) return { ...field, ...texts, oneOf: field.oneOf.map(escapeTitle) };
  if ("items" in field && "anyOf" in field.items) {
    return { ...field, ...texts, items: { ...field.items, anyOf: field.items.anyOf.map(escapeTitle) } };
  }
  return { ...field, ...texts };
}

function escapeTitle(option: { const: string; title: string }): { const: string; title: string } {
  return { ...option, title: escapeLine(option.title) };
}

function isSafeThroughout(value: unknown): boolean {
  if (typeof value === "string") return isSafeToDisplay(value);
  if (Array.isArray(value)) return value.every(isSafeThroughout);
  if (!isRecord(value)) return true;
  return Object.entries(value).every(([key, member]) => isSafeToDisplay(key) && isSafeThroughout(member));
}

function isFormContent(content: unknown): content is Readonly<Record<string, string | number | boolean | string[]>> {
  const isPlain = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);
  const isTextList = (value: unknown): boolean =>
    Array.isArray(value) && value.every((item) => typeof item === "string");
  return isRecord(content) && Object.values(content).every((value) => isPlain(value) || isTextList(value));
}

/** The text with each line escaped and indented, so that no line of it can pass for one of ours. */
export function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${escapeLine(line)}`)
    .join("\n");
}

function escapeLine(text: string): string {
  return escapeForDisplay(text, { singleLine: true });
}
