/** Owns the forms for the agent's own questions and those of its MCP servers, and the reading of the answers. */

import type { ElicitationAnswer, ElicitationRequest, Handlers, QuestionAnswers } from "../index.js";
import type { Answer, Question } from "./caller.js";
import { isRecord } from "./toolInputs.js";
import { oneLine, setIn } from "./visible.js";

type QuestionsRequest = Parameters<NonNullable<Handlers["answerQuestions"]>>[0];
type AgentQuestion = QuestionsRequest["questions"][number];
type FormField = (Question & { mode: "form" })["requestedSchema"]["properties"][string];

/** The field next to a choice in which something else can be answered. */
const otherField = (id: string) => `${id}_other`;

/**
 * One form for all questions. Null when a question asks for a secret: forms of MCP must not, since what is typed into
 * them passes through the client.
 */
export function questionsForm({ questions }: QuestionsRequest): Question | null {
  if (questions.length === 0 || questions.some(({ isSecret }) => isSecret)) return null;
  const properties: Record<string, FormField> = {};
  const required: string[] = [];
  for (const question of questions) {
    const { id, header, isOther } = question;
    const labels = labelsOf(question);
    properties[id] = {
      type: "string",
      title: oneLine(header === "" ? id : header),
      description: describe(question),
      ...(labels.length > 0 && { enum: [...labels] }),
    };
    if (labels.length > 0 && isOther) {
      properties[otherField(id)] = { type: "string", title: `${oneLine(header)}: something else` };
    } else {
      required.push(id);
    }
  }
  const what = questions.length === 1 ? "a question" : `${questions.length} questions`;
  const texts = questions.map(({ question }) => `- ${oneLine(question)}`);
  return {
    mode: "form",
    message: [`Codex has ${what}:`, ...texts].join("\n"),
    requestedSchema: { type: "object", properties, required },
  };
}

/** The answers to the questions: those that are valid. An answer that is none of the choices counts as none. */
export function readAnswers({ questions }: QuestionsRequest, { action, content }: Answer): QuestionAnswers {
  if (action !== "accept" || !isRecord(content)) return {};
  const answers: Record<string, string> = {};
  for (const question of questions) {
    const [value, other] = [content[question.id], content[otherField(question.id)]];
    const labels = labelsOf(question);
    const isChoice = labels.length > 0;
    if (isChoice && question.isOther && typeof other === "string" && other !== "") answers[question.id] = other;
    else if (typeof value === "string" && (!isChoice || labels.includes(value))) answers[question.id] = value;
  }
  return answers;
}

/** A form or a link of one of the agent's MCP servers, under the server's name. Null for other kinds. */
export function passedOn(request: ElicitationRequest): Question | null {
  if (request.mode !== "form" && request.mode !== "url") return null;
  const message = `${oneLine(request.serverName)} asks:\n${setIn(request.message)}`;
  if (request.mode === "url") {
    return { mode: "url", message, url: request.url, elicitationId: request.elicitationId };
  }
  const { properties, required } = request.requestedSchema;
  const fields: Record<string, FormField> = {};
  for (const [name, field] of Object.entries(properties)) if (field !== undefined) fields[name] = legible(field);
  const requestedSchema = { type: "object" as const, properties: fields, ...(required !== undefined && { required }) };
  return { mode: "form", message, requestedSchema };
}

/** The answer to what was passed on. What is no clear yes is a no; a form's content must hold plain values alone. */
export function readPassedOn(request: ElicitationRequest, { action, content }: Answer): ElicitationAnswer {
  if (action === "cancel") return "cancel";
  if (action !== "accept") return "decline";
  if (request.mode === "url") return { action: "accept" };
  return isFormContent(content) ? { action: "accept", content: { ...content } } : "decline";
}

function legible(field: FormField): FormField {
  const { title, description } = field;
  return {
    ...field,
    ...(title !== undefined && { title: oneLine(title) }),
    ...(description !== undefined && { description: oneLine(description) }),
  };
}

function isFormContent(content: unknown): content is Readonly<Record<string, string | number | boolean | string[]>> {
  return isRecord(content) && Object.values(content).every((value) => isPlain(value) || isTextList(value));
}

function isPlain(value: unknown): value is string | number | boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function labelsOf({ options }: AgentQuestion): string[] {
  return (options ?? []).map(({ label }) => label);
}

function describe({ question, options }: AgentQuestion): string {
  const choices = (options ?? []).map(({ label, description }) => `${label}: ${description}`);
  return [question, ...choices].map(oneLine).join("\n");
}
