/** The reading of the merged protocol module: its methods, and the shape of their params by the type checker. */

import ts from "typescript";

/** One member of a request or notification union of the protocol. */
export interface Method {
  method: string;
  /** The type of its params as written, `undefined` when it has none. */
  params: string;
  /** The names of generated types which that text refers to. */
  references: readonly string[];
}

/** A field of a notification's params. */
export type Field = "string" | "number" | "other";

/** The merged protocol module, parsed and type-checked. */
export interface Protocol {
  typeNames: ReadonlySet<string>;
  /** The members of a union of messages, such as `ClientRequest`, sorted by method. */
  methods(union: string): Method[];
  /** The fields of a method's params with their types (null and undefined aside), each also by its path: `turn.id`. */
  fields(union: string, method: string): ReadonlyMap<string, Field>;
}

/** The files of TypeScript's library. Parsing them takes longer than a small protocol does. */
const libraries = new Map<string, ts.SourceFile | undefined>();

/** Parses the module of the protocol's types and throws when it does not typecheck. */
export function compileTypes(text: string): { source: ts.SourceFile; checker: ts.TypeChecker } {
  const fileName = "/protocol.ts";
  const options: ts.CompilerOptions = { strict: true, noEmit: true, types: [], target: ts.ScriptTarget.ES2023 };
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.ES2023, true);
  const host = ts.createCompilerHost(options);
  const readLibrary = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) => {
    if (name === fileName) return source;
    if (!libraries.has(name)) libraries.set(name, readLibrary(name, ...rest));
    return libraries.get(name);
  };
  const program = ts.createProgram([fileName], options, host);
  const [problem] = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  if (problem !== undefined) {
    throw new Error(
      `The generated types do not typecheck: ${ts.flattenDiagnosticMessageText(problem.messageText, " ")}`,
    );
  }
  return { source, checker: program.getTypeChecker() };
}

/** Reads the merged module. Throws when it does not typecheck. */
export function readProtocol(text: string): Protocol {
  const { source, checker } = compileTypes(text);
  const aliases = new Map(source.statements.filter(ts.isTypeAliasDeclaration).map((alias) => [alias.name.text, alias]));

  function members(union: string): { method: string; params: ts.TypeNode | undefined }[] {
    const alias = aliases.get(union);
    if (alias === undefined) throw new Error(`The protocol has no type ${union}.`);
    const nodes = ts.isUnionTypeNode(alias.type) ? [...alias.type.types] : [alias.type];
    return nodes
      .map((node) => ({ method: methodName(union, node), params: propertyType(node, "params") }))
      .sort((left, right) => (left.method < right.method ? -1 : 1));
  }

  return {
    typeNames: new Set(aliases.keys()),
    methods: (union) =>
      members(union).map(({ method, params }) => ({
        method,
        params: params?.getText(source) ?? "undefined",
        references: params === undefined ? [] : referencesOf(params, aliases),
      })),
    fields: (union, method) => {
      const params = members(union).find((member) => member.method === method)?.params;
      const fields = new Map<string, Field>();
      if (params === undefined) return fields;
      const add = (type: ts.Type, path: string): void => {
        for (const symbol of type.getProperties()) {
          const fieldType = checker.getNonNullableType(checker.getTypeOfSymbol(symbol));
          fields.set(path + symbol.name, kindOf(fieldType));
          if (path === "") add(fieldType, `${symbol.name}.`);
        }
      };
      add(checker.getTypeFromTypeNode(params), "");
      return fields;
    },
  };

  function kindOf(type: ts.Type): Field {
    if (checker.isTypeAssignableTo(type, checker.getStringType())) return "string";
    return checker.isTypeAssignableTo(type, checker.getNumberType()) ? "number" : "other";
  }
}

function propertyType(node: ts.TypeNode, name: string): ts.TypeNode | undefined {
  if (!ts.isTypeLiteralNode(node)) throw new Error(`A message is not an object type: ${node.getText()}`);
  for (const member of node.members) {
    const isNamed = member.name !== undefined && "text" in member.name && member.name.text === name;
    if (isNamed && ts.isPropertySignature(member)) return member.type;
  }
  return undefined;
}

function methodName(union: string, node: ts.TypeNode): string {
  const type = propertyType(node, "method");
  if (type !== undefined && ts.isLiteralTypeNode(type) && ts.isStringLiteral(type.literal)) return type.literal.text;
  throw new Error(`A member of ${union} has no literal method: ${node.getText()}`);
}

function referencesOf(node: ts.Node, known: ReadonlyMap<string, unknown>): string[] {
  const found: string[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isTypeReferenceNode(child) && known.has(child.typeName.getText())) found.push(child.typeName.getText());
    ts.forEachChild(child, visit);
  };
  visit(node);
  return found;
}
