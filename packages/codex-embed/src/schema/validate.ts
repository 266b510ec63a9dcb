import { type Context, createContext, Script } from "node:vm";
import { UsageError } from "../errors/base.js";
import { type JsonObject, localReference, pointerNames, type SchemaIssue, valueAt } from "./types.js";

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

/** What ajv says is wrong with a value. */
export interface AjvError {
  readonly instancePath: string;
  readonly message?: string;
  readonly params: Record<string, unknown>;
}

/** What is used of a compiled schema. */
export interface AjvValidate {
  (value: unknown): unknown;
  errors?: readonly AjvError[] | null | undefined;
}

/** What is used of an instance of ajv. */
export interface AjvInstance {
  compile(schema: object): AjvValidate;
  removeKeyword(keyword: string): unknown;
  addKeyword(definition: {
    keyword: string;
    schemaType: "string";
    errors: "full";
    compile(reference: string): RefCheck;
  }): unknown;
}

interface RefCheck {
  (value: unknown, context?: { readonly instancePath: string }): boolean;
  errors?: AjvError[];
}

/** Rules about the whole schema resource, or about what a reference has looked at: ajv's own `$ref` knows them. */
const NEEDS_PLAIN_REFS = /"(?:\$id|\$anchor|\$dynamic\w+|\$recursive\w+|unevaluated\w+)":/;

/** Every failed alternative repeats what is wrong below it, so without a limit the list doubles with each level. */
const MAX_ERRORS = 100;

/**
 * Compiles a schema. Of a recursive union ajv checks the same part of the value again for each alternative on every
 * level above it: the time doubles with each level of the value. Here it is linear in the size of the value.
 */
export function compileShared(ajv: AjvInstance, schema: JsonObject): AjvValidate {
  if (NEEDS_PLAIN_REFS.test(JSON.stringify(schema))) return ajv.compile(schema);
  const targets = new Map<string, Target>();
  // The schema of schemas is compiled with the first schema, and needs ajv's own references.
  ajv.compile({});
  ajv.removeKeyword("$ref");
  ajv.addKeyword({
    keyword: "$ref",
    schemaType: "string",
    errors: "full",
    compile(reference) {
      const target = targets.get(reference) ?? new Target(reference, schema);
      targets.set(reference, target);
      const check: RefCheck = (value, context) => {
        const at = context?.instancePath ?? "";
        check.errors = target.errorsOf(value).map((error) => ({ ...error, instancePath: at + error.instancePath }));
        return check.errors.length === 0;
      };
      return check;
    },
  });
  const validate = ajv.compile(schema);
  // A target may lead to further ones, which the loop then reaches as well.
  for (const target of targets.values()) target.compile(ajv);
  return validate;
}

/** What a `$ref` leads to. */
class Target {
  readonly #schema: object;
  readonly #known = new WeakMap<object, readonly AjvError[]>();
  #validate: AjvValidate | undefined;

  constructor(reference: string, root: JsonObject) {
    const names = localReference(reference);
    const schema = names === undefined ? undefined : valueAt(root, names);
    if (typeof schema === "boolean") this.#schema = schema ? {} : { not: {} };
    else if (typeof schema === "object" && schema !== null) this.#schema = schema;
    else throw new Error(`can't resolve reference ${reference}`);
  }

  compile(ajv: AjvInstance): void {
    this.#validate = ajv.compile(this.#schema);
  }

  errorsOf(value: unknown): readonly AjvError[] {
    if (typeof value !== "object" || value === null) return this.#check(value);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const errors = this.#check(value);
    this.#known.set(value, errors);
    return errors;
  }

  #check(value: unknown): readonly AjvError[] {
    const validate = this.#validate;
    if (validate === undefined || validate(value) === true) return [];
    return (validate.errors ?? []).slice(0, MAX_ERRORS);
  }
}
