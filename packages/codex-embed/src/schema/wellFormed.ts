import { UsageError } from "../errors/base.js";
import type { JsonValue } from "../protocol/generated/protocol.js";
import { isRecord } from "../util/json.js";
import { isType, type JsonObject, localReference, setMember, toPath, valueAt } from "./types.js";

/** Returns what is wrong with the value of a keyword; undefined when it is fine. */
type Test = (value: JsonValue) => string | undefined;

const test =
  (isFine: (value: JsonValue) => boolean, wanted: string): Test =>
  (value) =>
    isFine(value) ? undefined : `it must be ${wanted}`;

const isString = (value: JsonValue): value is string => typeof value === "string";
const isNumber = (value: JsonValue): value is number => typeof value === "number";
const isSchema = (value: JsonValue): boolean => typeof value === "boolean" || isRecord(value);
const isSchemaList = (value: JsonValue): boolean => Array.isArray(value) && value.length > 0 && value.every(isSchema);
const isNameList = (value: JsonValue): boolean =>
  Array.isArray(value) && value.every(isString) && new Set(value).size === value.length;

const isNameLists = (value: JsonValue): boolean =>
  isRecord(value) && Object.values(value).every((each) => each !== undefined && isNameList(each));
const isTypes = (value: JsonValue): boolean =>
  Array.isArray(value) ? value.length > 0 && value.every(isType) && isNameList(value) : isType(value);

const NUMBER = test(isNumber, "a number");
const COUNT = test((value) => isNumber(value) && Number.isInteger(value) && value >= 0, "an integer ≥ 0");
const BOOLEAN = test((value) => typeof value === "boolean", "true or false");
const TEXT = test(isString, "a string");
const SCHEMA = test(isSchema, "a schema");
const SCHEMAS = test(isSchemaList, "a list of schemas, with at least one");
const SCHEMA_MAP = test(isRecord, "an object of schemas");

const all = (keywords: string, form: Test): [string, Test][] => keywords.split(" ").map((keyword) => [keyword, form]);

/** The keywords of draft 2020-12, and of the drafts before it, whose values have to have a form. */
const KEYWORDS: ReadonlyMap<string, Test> = new Map([
  ["type", test(isTypes, "the name of a JSON type, or a list of different ones")],
  ["enum", test((value) => Array.isArray(value) && value.length > 0, "a list of values, with at least one")],
  ["required", test(isNameList, "a list of different names")],
  ["dependentRequired", test(isNameLists, "an object of lists of different names")],
  ["pattern", patternProblem],
  ["multipleOf", test((value) => isNumber(value) && value > 0, "a number > 0")],
  ["items", test((value) => isSchema(value) || Array.isArray(value), "a schema")],
  ...all("minimum maximum exclusiveMinimum exclusiveMaximum", NUMBER),
  ...all("minLength maxLength minItems maxItems minContains maxContains minProperties maxProperties", COUNT),
  ...all("uniqueItems nullable", BOOLEAN),
  ...all("title description format $ref", TEXT),
  ...all("properties patternProperties $defs definitions dependentSchemas", SCHEMA_MAP),
  ...all("allOf anyOf oneOf prefixItems", SCHEMAS),
  ...all("additionalItems additionalProperties unevaluatedProperties unevaluatedItems", SCHEMA),
  ...all("contains propertyNames not if then else", SCHEMA),
]);

/** The conversion and the validator refuse deeper schemas. */
const MAX_LEVELS = 300;

/**
 * Checks a plain JSON Schema when it is given, before any value is checked against it. Returns a copy in which OpenAPI's
 * `nullable: true` is written in JSON Schema.
 *
 * @param where - what the schema is for, in the words of the caller.
 * @throws UsageError with the path of a keyword that no validator could use: a `pattern` that is not a JavaScript regular
 * expression with the flag `u`, a repeated name in `required`, a reference without a target, ….
 */
export function toWellFormedSchema(json: JsonObject, where: string): JsonObject {
  const refuse = (path: readonly string[], problem: string): never => {
    throw new UsageError(`${where} is not a valid JSON Schema: at ${toPath(path)}, ${problem}.`);
  };

  const visit = (schema: JsonValue, path: readonly string[]): JsonValue => {
    if (typeof schema === "boolean" || path.length > MAX_LEVELS) return schema;
    if (!isRecord(schema)) return refuse(path, "it must be a schema");
    const copy: JsonObject = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (value === undefined) continue;
      const at = [...path, keyword];
      const problem =
        KEYWORDS.get(keyword)?.(value) ?? (keyword === "$ref" ? referenceProblem(value, json) : undefined);
      if (problem !== undefined) refuse(at, problem);
      setMember(copy, keyword, visitValue(keyword, value, at));
    }
    return withNull(copy);
  };

  const visitValue = (keyword: string, value: JsonValue, at: readonly string[]): JsonValue => {
    const form = KEYWORDS.get(keyword);
    if (form === SCHEMA) return visit(value, at);
    if (form === SCHEMAS || (keyword === "items" && Array.isArray(value))) {
      return Array.isArray(value) ? value.map((each, index) => visit(each, [...at, String(index)])) : value;
    }
    if (keyword === "items") return visit(value, at);
    if (form !== SCHEMA_MAP || !isRecord(value)) return value;
    const copy: JsonObject = {};
    for (const [name, each] of Object.entries(value)) {
      const problem = keyword === "patternProperties" ? patternProblem(name) : undefined;
      if (problem !== undefined) refuse([...at, name], problem);
      if (each !== undefined) setMember(copy, name, visit(each, [...at, name]));
    }
    return copy;
  };

  const made = visit(json, []);
  return isRecord(made) ? made : json;
}

function patternProblem(value: JsonValue): string | undefined {
  if (typeof value !== "string") return "it must be a string";
  try {
    new RegExp(value, "u");
    return undefined;
  } catch {
    return "it is not a JavaScript regular expression with the flag u (no (?i), and no escapes such as \\:)";
  }
}

/** Only the validator resolves references to an anchor or to the `$id` of a part. */
function referenceProblem(value: JsonValue, root: JsonObject): string | undefined {
  if (typeof value !== "string") return undefined;
  const names = localReference(value);
  if (names !== undefined) return valueAt(root, names) === undefined ? "the reference has no target" : undefined;
  const hasIds = value.startsWith("#") || /"\$id":/.test(JSON.stringify(root));
  return hasIds ? undefined : "the reference points outside the schema: use $defs";
}

function withNull(schema: JsonObject): JsonObject {
  const { nullable, ...rest } = schema;
  if (nullable !== true) return nullable === undefined ? schema : rest;
  const { type, enum: choices, const: constant, ...others } = rest;
  if (type === undefined) return { anyOf: [rest, { type: "null" }] };
  const values = constant === undefined ? choices : [constant];
  return {
    ...others,
    type: [...new Set([type, "null"].flat())],
    ...(Array.isArray(values) ? { enum: [...values.filter((each) => each !== null), null] } : {}),
  };
}
