/** Checks each part of a value against each `$ref` target once, however many alternatives of a schema lead there. */

import { localReference, valueAt } from "./pointer.js";
import type { JsonObject } from "./types.js";

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
