import { type JsonObject, type SchemaIssue } from "./types.js";
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
export declare function loadAjv(dialect: Dialect): Promise<AjvClass | null>;
/**
 * Compiles a schema to a check. Formats are not checked: that takes another package. Null when ajv is not installed.
 *
 * @throws UsageError when ajv refuses the schema.
 */
export declare function compileCheck(schema: JsonObject, where: string, load: AjvLoader): Promise<Check | null>;
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
  (
    value: unknown,
    context?: {
      readonly instancePath: string;
    },
  ): boolean;
  errors?: AjvError[];
}
/**
 * Compiles a schema. Of a recursive union ajv checks the same part of the value again for each alternative on every
 * level above it: the time doubles with each level of the value. Here it is linear in the size of the value.
 */
export declare function compileShared(ajv: AjvInstance, schema: JsonObject): AjvValidate;
export {};
