import { type Context, createContext, Script } from "node:vm";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { messageOf, UsageError } from "../errors/base.js";
import { type JsonObject, localReference, pointerNames, type SchemaIssue, valueAt } from "./types.js";

/** How long a check may block the event loop: a schema can ask for more than linear time. */
const MAX_CHECK_MS = 1_000;
const TOO_SLOW = `could not be checked within ${MAX_CHECK_MS} ms`;

/** More issues say no more, and the model that has to correct its answer reads all of them. */
const MAX_ISSUES = 100;

/** Returns what is wrong with a value; an empty list when it conforms. */
export type Check = (value: unknown) => readonly SchemaIssue[];

/**
 * Compiles a plain JSON Schema of draft 2020-12, or of the draft that `$schema` names, to a check. `format` is an
 * annotation, as in the standard, and is not checked. A check takes time in proportion to the size of the value, and
 * reports a value that takes more than 1 s, which a `pattern` can, as one that does not conform.
 *
 * @param where - what the schema is for, in the words of the caller.
 * @throws UsageError when the validator refuses the schema.
 */
export function compileCheck(schema: JsonObject, where: string): Check {
  const { $schema, ...body } = schema;
  const isOld = typeof $schema === "string" && /draft-0[4-7]/.test($schema);
  const options = { allErrors: true, strict: false, validateFormats: false, logger: false } as const;
  let validate: ValidateFunction;
  try {
    validate = compileShared(isOld ? new Ajv(options) : new Ajv2020(options), body);
  } catch (cause) {
    throw new UsageError(`${where} is not a valid JSON Schema: ${messageOf(cause)}.`, { cause });
  }
  return (value) => {
    const isValid = withinTime(() => validate(value) === true);
    if (isValid === undefined) return [{ message: TOO_SLOW, path: [] }];
    if (isValid) return [];
    const issues = (validate.errors ?? []).slice(0, MAX_ISSUES).map((error) => toIssue(error, value));
    return issues.length > 0 ? issues : [{ message: "does not conform to the schema", path: [] }];
  };
}

function toIssue(error: ErrorObject, value: unknown): SchemaIssue {
  return { message: `${error.message ?? "is not valid"}${detail(error.params)}`, path: toPath(error, value) };
}

function detail(params: object): string {
  if ("additionalProperty" in params) return `: ${JSON.stringify(params.additionalProperty)}`;
  if ("allowedValues" in params) return `: ${JSON.stringify(params.allowedValues)}`;
  if ("allowedValue" in params) return `: ${JSON.stringify(params.allowedValue)}`;
  return "";
}

/** An index is a number and a property's name is not, which only the value itself tells apart. */
function toPath(error: ErrorObject, value: unknown): (string | number)[] {
  let at: unknown = value;
  return (pointerNames(error.instancePath) ?? []).map((name) => {
    const isIndex = Array.isArray(at);
    at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
    return isIndex ? Number(name) : name;
  });
}

let sandbox: Context | undefined;
let runner: Script | undefined;

/**
 * Returns what a function returns, or undefined when it takes longer than a check may. A `pattern` can take exponential
 * time over text that a model has chosen, and only V8 itself can stop a regular expression.
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

/** The error belongs to the sandbox's own realm. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}

/** What ajv calls for a keyword. */
interface KeywordCheck {
  (value: unknown, context?: { readonly instancePath: string }): boolean;
  errors?: ErrorObject[];
}

/** Rules about the whole schema resource, or about what a reference has looked at: only ajv's own `$ref` knows them. */
const NEEDS_PLAIN_REFS = /"(?:\$id|\$anchor|\$dynamic\w+|\$recursive\w+|unevaluated\w+)":/;

/** Every failed alternative repeats what is wrong below it: without a limit the list doubles with each level. */
const MAX_ERRORS = 100;

/**
 * Compiles a schema whose references remember what they found. In a recursive union ajv checks the same part of the
 * value again for each alternative on every level above it, so its time doubles with each level of the value. With a
 * memory it is linear in the size of the value.
 */
function compileShared(ajv: Ajv | Ajv2020, schema: JsonObject): ValidateFunction {
  if (NEEDS_PLAIN_REFS.test(JSON.stringify(schema))) return ajv.compile(schema);
  const targets = new Map<string, Target>();
  // The meta-schema is compiled with the first schema, and needs ajv's own references.
  ajv.compile({});
  ajv.removeKeyword("$ref");
  ajv.addKeyword({
    keyword: "$ref",
    schemaType: "string",
    errors: "full",
    compile(reference: string) {
      const target = targets.get(reference) ?? new Target(reference, schema);
      targets.set(reference, target);
      const check: KeywordCheck = (value, context) => {
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

/** The schema that a `$ref` points to, and what is wrong with each object and array that it has checked. */
class Target {
  readonly #schema: object;
  readonly #known = new WeakMap<object, readonly ErrorObject[]>();
  #validate: ValidateFunction | undefined;

  constructor(reference: string, root: JsonObject) {
    const names = localReference(reference);
    const schema = names === undefined ? undefined : valueAt(root, names);
    if (typeof schema === "boolean") this.#schema = schema ? {} : { not: {} };
    else if (typeof schema === "object" && schema !== null) this.#schema = schema;
    else throw new Error(`can't resolve reference ${reference}`);
  }

  compile(ajv: Ajv | Ajv2020): void {
    this.#validate = ajv.compile(this.#schema);
  }

  errorsOf(value: unknown): readonly ErrorObject[] {
    if (typeof value !== "object" || value === null) return this.#check(value);
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const errors = this.#check(value);
    this.#known.set(value, errors);
    return errors;
  }

  #check(value: unknown): readonly ErrorObject[] {
    const validate = this.#validate;
    if (validate === undefined || validate(value) === true) return [];
    return (validate.errors ?? []).slice(0, MAX_ERRORS);
  }
}
