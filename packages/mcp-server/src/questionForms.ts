/** Owns the forms for the agent's own questions and those of its MCP servers, and the reading of the answers. */

import { randomUUID } from "node:crypto";
import type { ElicitationAnswer, ElicitationRequest, Handlers, QuestionAnswers } from "codex-embed";
import { escapeForDisplay, isSafeToDisplay } from "../../codex-embed/src/util/display.js";
import type { Answer, Question } from "./caller.js";
import { isRecord } from "./toolInputs.js";
import { setIn } from "./visible.js";

type QuestionsRequest = Parameters<NonNullable<Handlers["answerQuestions"]>>[0];
type AgentQuestion = QuestionsRequest["questions"][number];
type FormField = (Question & { mode: "form" })["requestedSchema"]["properties"][string];

/** A question with the names of its fields. */
interface Asked {
  readonly question: AgentQuestion;
  readonly field: string;
  /** The field next to a choice in which something else can be answered. */
  readonly otherField: string;
}

/** The ids are the model's choice: a question `tone_other` must not get the answer to the question `tone`. */
function withFields(questions: readonly AgentQuestion[]): Asked[] {
  const taken = new Set(questions.map(({ id }) => id));
  return questions.map((question) => {
    let otherField = `${question.id}_other`;
    while (taken.has(otherField)) otherField += "_";
    taken.add(otherField);
    return { question, field: question.id, otherField };
  });
}

/**
 * One form for all questions. Null when a question asks for a secret: forms of MCP must not, since what is typed into
 * them passes through the client. Null as well when a field does not show for what it is, two choices look
 * alike, or two questions have one id: the agent could not tell their answers apart.
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
  for (const { question, field, otherField } of withFields(questions)) {
    const { id, header, isOther } = question;
    const labels = shownLabels(question);
    properties.set(field, {
      type: "string",
      title: escapeForDisplay(header === "" ? id : header, { singleLine: true }),
      description: describe(question),
      ...(labels.length > 0 && { enum: labels }),
    });
    if (labels.length > 0 && isOther) {
      properties.set(otherField, {
        type: "string",
        title: `${escapeForDisplay(header, { singleLine: true })}: something else`,
      });
    } else {
      required.push(field);
    }
  }
  const what = questions.length === 1 ? "a question" : `${questions.length} questions`;
  const texts = questions.map(({ question }) => `- ${escapeForDisplay(question, { singleLine: true })}`);
  return {
    mode: "form",
    message: [`Codex has ${what}:`, ...texts].join("\n"),
    requestedSchema: { type: "object", properties: Object.fromEntries(properties), required },
  };
}

/** The answers to the questions: those that are valid. An answer that is none of the choices counts as none. */
export function readAnswers({ questions }: QuestionsRequest, { action, content }: Answer): QuestionAnswers {
  if (action !== "accept" || !isRecord(content)) return {};
  const answers = new Map<string, string>();
  for (const { question, field, otherField } of withFields(questions)) {
    const [value, other] = [content[field], content[otherField]];
    if (typeof other === "string" && other !== "" && question.isOther && question.options?.length) {
      answers.set(question.id, other);
    } else if (typeof value === "string") {
      const answer = question.options?.length ? chosenLabel(question, value) : value;
      if (answer !== undefined) answers.set(question.id, answer);
    }
  }
  return Object.fromEntries(answers);
}

/**
 * A form or a link of one of the agent's MCP servers, under the server's name. Null for other kinds, and for one that
 * holds what does not show and yet is part of the answer, such as a choice, the name of a field, or the link itself.
 */
export function passedOn(request: ElicitationRequest): Question | null {
  if (request.mode !== "form" && request.mode !== "url") return null;
  const message = `${escapeForDisplay(request.serverName, { singleLine: true })} asks:\n${setIn(request.message)}`;
  if (request.mode === "url") {
    if (!isSafeToDisplay(request.url)) return null;
    // The id is the server's choice, and another server's could be the same.
    return { mode: "url", message, url: request.url, elicitationId: randomUUID() };
  }
  const { properties, required } = request.requestedSchema;
  const fields: Readonly<Record<string, FormField>> = Object.fromEntries(
    Object.entries(properties).flatMap(([name, field]) => (field === undefined ? [] : [[name, legible(field)]])),
  );
  if (!showsAll(fields)) return null;
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

/** The field with what only is shown of it escaped. */
function legible(field: FormField): FormField {
  const { title, description } = field;
  const texts = {
    ...(title !== undefined && { title: escapeForDisplay(title, { singleLine: true }) }),
    ...(description !== undefined && { description: escapeForDisplay(description, { singleLine: true }) }),
  };
  if ("enumNames" in field)
    return {
      ...field,
      ...texts,
      enumNames: field.enumNames?.map((text) => escapeForDisplay(text, { singleLine: true })),
    };
  if ("oneOf" in field) return { ...field, ...texts, oneOf: field.oneOf.map(legibleOption) };
  if ("items" in field && "anyOf" in field.items) {
    return { ...field, ...texts, items: { ...field.items, anyOf: field.items.anyOf.map(legibleOption) } };
  }
  return { ...field, ...texts };
}

function legibleOption(option: { const: string; title: string }): { const: string; title: string } {
  return { ...option, title: escapeForDisplay(option.title, { singleLine: true }) };
}

/** Whether all texts of a value, its keys too, show for what they are. */
function showsAll(value: unknown): boolean {
  if (typeof value === "string") return isSafeToDisplay(value);
  if (Array.isArray(value)) return value.every(showsAll);
  return !isRecord(value) || Object.entries(value).every(([key, member]) => isSafeToDisplay(key) && showsAll(member));
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

function shownLabels({ options }: AgentQuestion): string[] {
  return (options ?? []).map(({ label }) => escapeForDisplay(label, { singleLine: true }));
}

/** The label behind one that was shown. */
function chosenLabel({ options }: AgentQuestion, shown: string): string | undefined {
  return options?.find(({ label }) => escapeForDisplay(label, { singleLine: true }) === shown)?.label;
}

function describe({ question, options }: AgentQuestion): string {
  const choices = (options ?? []).map(({ label, description }) => `${label}: ${description}`);
  return [question, ...choices].map((text) => escapeForDisplay(text, { singleLine: true })).join("\n");
}
