/** Values that conform to a JSON Schema, for a model that has to answer with one. */

/** Whether a value is an object with members. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value that conforms to a schema of the kind that structured output takes. */
export function sampleOf(schema: unknown, root: unknown = schema): unknown {
  if (!isObject(schema)) return "text";
  if (typeof schema["$ref"] === "string") return sampleOf(target(root, schema["$ref"]), root);
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const choices: unknown = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(choices)) return sampleOf(choices.find((choice) => !isNull(choice)) ?? choices[0], root);
  const { type, properties = {}, items, minimum, maximum } = schema;
  switch (Array.isArray(type) ? type.find((name) => name !== "null") : type) {
    case "object":
      return Object.fromEntries(Object.entries(properties ?? {}).map(([name, value]) => [name, sampleOf(value, root)]));
    case "array":
      return [sampleOf(items, root)];
    case "integer":
    case "number":
      return Math.min(
        typeof maximum === "number" ? maximum : 1,
        Math.max(typeof minimum === "number" ? minimum : 1, 1),
      );
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return "text";
  }
}

function isNull(schema: unknown): boolean {
  return isObject(schema) && schema["type"] === "null";
}

function target(root: unknown, pointer: string): unknown {
  return pointer
    .replace(/^#\/?/, "")
    .split("/")
    .filter((part) => part !== "")
    .reduce<unknown>((value, part) => (isObject(value) ? value[part] : undefined), root);
}
