import { isRecord } from "../util/json.js";

/** One finding of a review. */
export interface ReviewFinding {
  /** One line. It begins with the priority in brackets, such as `[P1]`, when the reviewer wrote it there. */
  readonly title: string;
  readonly body: string;
  /** 0 is the most urgent. Null when the reviewer gave none. */
  readonly priority: number | null;
  /** From 0 to 1. Null when only the rendered text was available, which leaves it out. */
  readonly confidence: number | null;
  /** The absolute path, as the reviewer wrote it. */
  readonly file: string;
  /** The first line, counted from 1. */
  readonly startLine: number;
  /** The last line, inclusive. */
  readonly endLine: number;
}

/** The overall verdict of a review. */
export interface ReviewVerdict {
  /** For example "patch is correct". Null when only the rendered text was available, which leaves it out. */
  readonly correctness: string | null;
  readonly explanation: string | null;
  /** From 0 to 1. Null when only the rendered text was available. */
  readonly confidence: number | null;
}

/** The content of a review. */
export interface ReviewContent {
  readonly findings: readonly ReviewFinding[];
  readonly verdict: ReviewVerdict | null;
}

const HEADING = /^(?:Full review comments|Review comment):$/;
const FINDING = /^- (.+) — (.+):(\d+)-(\d+)$/;
const PRIORITY = /^\[P(\d)\]/;

/** Reads the reviewer's JSON; null for any other text. Skips findings without a file and line. */
export function readReviewJson(text: string): ReviewContent | null {
  const review = parseObject(text);
  const found = review?.["findings"];
  if (review === null || !Array.isArray(found)) return null;
  return {
    findings: found.flatMap((entry: unknown) => (isRecord(entry) ? readFinding(entry) : [])),
    verdict: {
      correctness: textOf(review["overall_correctness"]),
      explanation: textOf(review["overall_explanation"]),
      confidence: numberOf(review["overall_confidence_score"]),
    },
  };
}

/**
 * Reads the text that the runtime renders: an explanation, a heading, and one entry per finding, whose body is indented.
 * Text of another form becomes the explanation as a whole.
 */
export function readFindings(text: string): ReviewContent {
  const lines = text.split("\n");
  const heading = lines.findLastIndex((line, index) => HEADING.test(line) && nextEntry(lines, index + 1));
  const explanation = (heading === -1 ? text : lines.slice(0, heading).join("\n")).trim();
  const findings: ReviewFinding[] = [];
  let body: string[] = [];
  for (const line of heading === -1 ? [] : lines.slice(heading + 1)) {
    const [, title, file, start, end] = FINDING.exec(line) ?? [];
    if (title === undefined || file === undefined) {
      body.push(line.replace(/^ {2}/, ""));
      continue;
    }
    close(findings, body);
    body = [];
    const priority = numberOf(Number(PRIORITY.exec(title)?.[1] ?? Number.NaN));
    findings.push({
      title,
      body: "",
      priority,
      confidence: null,
      file,
      startLine: Number(start),
      endLine: Number(end),
    });
  }
  close(findings, body);
  const verdict = { correctness: null, explanation: explanation === "" ? null : explanation, confidence: null };
  return { findings, verdict: text.trim() === "" ? null : verdict };
}

function close(findings: ReviewFinding[], body: readonly string[]): void {
  const last = findings.pop();
  if (last !== undefined) findings.push({ ...last, body: body.join("\n").trim() });
}

function nextEntry(lines: readonly string[], from: number): boolean {
  return FINDING.test(lines.slice(from).find((line) => line !== "") ?? "");
}

function readFinding(entry: Readonly<Record<string, unknown>>): ReviewFinding[] {
  const location = objectOf(entry["code_location"]);
  const range = objectOf(location?.["line_range"]);
  const file = textOf(location?.["absolute_file_path"]);
  const startLine = numberOf(range?.["start"]);
  const title = textOf(entry["title"]) ?? "";
  if (file === null || startLine === null) return [];
  return [
    {
      title,
      body: textOf(entry["body"]) ?? "",
      priority: numberOf(entry["priority"]) ?? numberOf(Number(PRIORITY.exec(title)?.[1] ?? Number.NaN)),
      confidence: numberOf(entry["confidence_score"]),
      file,
      startLine,
      endLine: numberOf(range?.["end"]) ?? startLine,
    },
  ];
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return isRecord(value) ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
