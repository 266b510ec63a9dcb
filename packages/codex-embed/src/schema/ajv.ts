/** Owns the check of values against a plain JSON Schema, by ajv when it is installed. */

import { type Context, createContext, Script } from "node:vm";
import { UsageError } from "../errors/index.js";
import { pointerNames } from "./pointer.js";
import { type AjvError, type AjvInstance, type AjvValidate, compileShared } from "./sharedRefs.js";
import type { JsonObject, SchemaIssue } from "./types.js";

/** How long a check may hold up the event loop: a schema can ask for more than linear time. */
const MAX_CHECK_MS = 1_000;
const TOO_SLOW = `could not be checked within ${MAX_CHECK_MS} ms`;

/** More issues say no more, and all of them are read by the model that is asked to correct its answer. */
const MAX_ISSUES = 100;

/** The dialects of JSON Schema that ajv has a class each for. */
export type Dialect = "2020-12" | "draft-07";

/** What is used of ajv's classes. */
type AjvClass = new (options: {
  allErrors: boolean;
  strict: boolean;
  validateFormats: boolean;
  logger: false;
}) => AjvInstance;

/** Gives ajv's class for a dialect, or null when ajv is not installed. */
export type AjvLoader = (dialect: Dialect) => Promise<AjvClass | null>;

/** Checks a value: the issues, none of them when it conforms. */
export type Check = (value: unknown) => readonly SchemaIssue[];

/** Loads the optional peer `ajv`. An older major version without these classes counts as not installed. */
export async function loadAjv(dialect: Dialect): Promise<AjvClass | null> {
  try {
    if (dialect === "draft-07") return (await import("ajv")).Ajv ?? null;
    return (await import("ajv/dist/2020.js")).Ajv2020 ?? null;
  } catch (error) {
    if (error instanceof Error && "code" in error && isMissing(error.code)) return null;
    throw error;
  }
}

function isMissing(code: unknown): boolean {
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}

/**
 * Compiles a schema to a check. Formats are not checked: that takes another package. Null when ajv is not installed.
 *
 * @throws UsageError when ajv refuses the schema.
 */
export async function compileCheck(schema: JsonObject, where: string, load: AjvLoader): Promise<Check | null> {
  const { $schema, ...body } = schema;
  const isOld = typeof $schema === "string" && /draft-0[4-7]/.test($schema);
  const Ajv = await load(isOld ? "draft-07" : "2020-12");
  if (Ajv === null) return null;
  let validate: AjvValidate;
  try {
    const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false, logger: false });
    validate = compileShared(ajv, body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${where} is not a valid JSON Schema: ${reason}.`, { cause });
  }
  return (value) => {
    const isValid = withinTime(() => validate(value) === true);
    if (isValid === undefined) return [{ message: TOO_SLOW, path: [] }];
    if (isValid) return [];
    const issues = (validate.errors ?? []).slice(0, MAX_ISSUES).map((error) => toIssue(error, value));
    return issues.length > 0 ? issues : [{ message: "does not conform to the schema", path: [] }];
  };
}

let sandbox: Context | undefined;
let runner: Script | undefined;

/**
 * What a function returns, or undefined when it takes longer than a check may. A `pattern` can take exponential time over
 * text that a model has chosen, and only V8 itself can stop a regular expression.
 */
function withinTime<T>(run: () => T): T | undefined {
  sandbox ??= createContext({});
  runner ??= new Script("run()");
  let result: T | undefined;
  sandbox["run"] = () => {
    result = run();
  };
  try {
    runner.runInContext(sandbox, { timeout: MAX_CHECK_MS });
    return result;
  } catch (error) {
    if (isTimeout(error)) return undefined;
    throw error;
  } finally {
    sandbox["run"] = undefined;
  }
}

/** The error is one of the sandbox's own realm. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}

function toIssue(error: AjvError, value: unknown): SchemaIssue {
  return { message: `${error.message ?? "is not valid"}${detail(error.params)}`, path: toPath(error, value) };
}

function detail(params: object): string {
  if ("additionalProperty" in params) return `: ${JSON.stringify(params.additionalProperty)}`;
  if ("allowedValues" in params) return `: ${JSON.stringify(params.allowedValues)}`;
  if ("allowedValue" in params) return `: ${JSON.stringify(params.allowedValue)}`;
  return "";
}

/** An index is a number and a property's name is not, which only the value itself tells apart. */
function toPath(error: AjvError, value: unknown): (string | number)[] {
  let at: unknown = value;
  return (pointerNames(error.instancePath) ?? []).map((name) => {
    const isIndex = Array.isArray(at);
    at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
    return isIndex ? Number(name) : name;
  });
}
