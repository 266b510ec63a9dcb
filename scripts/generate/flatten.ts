/** The merge of the runtime's one-type-per-file output into a single module without imports. */

import { posix } from "node:path";
import ts from "typescript";

interface Declaration {
  path: string;
  name: string;
  source: ts.SourceFile;
  node: ts.TypeAliasDeclaration;
  /** Local name of each import -> path of the file that declares it. */
  imports: ReadonlyMap<string, string>;
}

/** Merges the files (by path, forward slashes) into the text of one module, sorted by type name, without a header. */
export function flatten(files: ReadonlyMap<string, string>): string {
  const declarations = [...files]
    .filter(([path]) => posix.basename(path) !== "index.ts")
    .map(([path, text]) => parse(path, text));
  const names = assignNames(declarations);
  const texts = new Map<string, { doc: string; body: string }>();
  for (const declaration of declarations) {
    const name = lookUp(names, declaration.path);
    const doc = docComment(declaration);
    const body = print(declaration, names);
    const merged = texts.get(name);
    texts.set(name, merged === undefined || merged.doc === "" ? { doc, body } : merged);
  }
  return [...texts]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, { doc, body }]) => `${doc}${body}\n`)
    .join("\n");
}

function parse(path: string, text: string): Declaration {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports = new Map<string, string>();
  const aliases: ts.TypeAliasDeclaration[] = [];
  for (const statement of source.statements) {
    if (ts.isTypeAliasDeclaration(statement)) {
      aliases.push(statement);
      continue;
    }
    const bindings = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : undefined;
    if (!ts.isImportDeclaration(statement) || bindings === undefined || !ts.isNamedImports(bindings)) {
      throw new Error(`${path}: a statement is neither a named import nor a type: ${statement.getText(source)}`);
    }
    if (!ts.isStringLiteral(statement.moduleSpecifier)) throw new Error(`${path}: an import without a path.`);
    const target = posix.join(posix.dirname(path), `${statement.moduleSpecifier.text}.ts`);
    for (const { name, propertyName } of bindings.elements) {
      if (propertyName !== undefined) throw new Error(`${path}: renamed import ${name.text} is not supported.`);
      imports.set(name.text, target);
    }
  }
  const [node] = aliases;
  if (node === undefined || aliases.length > 1) throw new Error(`${path}: has ${aliases.length} types, expected one.`);
  return { path, name: node.name.text, source, node, imports };
}

/** Gives each file's type its name in the merged module: equal types of one name are one, else the root one is renamed. */
function assignNames(declarations: readonly Declaration[]): ReadonlyMap<string, string> {
  const names = new Map(declarations.map(({ path, name }) => [path, name]));
  const taken = new Set(names.values());
  const rootFiles = declarations.filter(({ path }) => posix.dirname(path) === ".");
  // A rename changes the text of the types that refer to it, which can part two that were equal so far.
  for (let settled = false; !settled; ) {
    settled = true;
    for (const name of new Set(names.values())) {
      const same = declarations.filter(({ path }) => names.get(path) === name);
      if (new Set(same.map((declaration) => print(declaration, names))).size < 2) continue;
      const legacy = `Legacy${name}`;
      const root = rootFiles.find((declaration) => same.includes(declaration));
      if (root === undefined || taken.has(legacy)) throw new Error(`Cannot tell the types named ${name} apart.`);
      names.set(root.path, legacy);
      taken.add(legacy);
      settled = false;
    }
  }
  return names;
}

/** Prints the type with its final names and with `number` for `bigint`: on the wire every number is a JSON number. */
function print({ path, name, source, node, imports }: Declaration, names: ReadonlyMap<string, string>): string {
  let text = "";
  let at = node.getStart(source);
  const replace = (target: ts.Node, replacement: string): void => {
    text += source.text.slice(at, target.getStart(source)) + replacement;
    at = target.getEnd();
  };
  const visit = (child: ts.Node): void => {
    if (child.kind === ts.SyntaxKind.BigIntKeyword) replace(child, "number");
    if (ts.isTypeReferenceNode(child)) {
      const local = child.typeName.getText(source);
      const target = local === name ? path : imports.get(local);
      if (target !== undefined) replace(child.typeName, lookUp(names, target));
      else if (!globalTypes.has(local)) throw new Error(`${path}: ${local} is neither imported nor a global type.`);
    }
    ts.forEachChild(child, visit);
  };
  replace(node.name, lookUp(names, path));
  visit(node.type);
  return text + source.text.slice(at, node.getEnd());
}

const globalTypes: ReadonlySet<string> = new Set(["Array", "Record"]);

function docComment({ source, node }: Declaration): string {
  const comments = ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? [];
  return comments
    .map(({ pos, end }) => source.text.slice(pos, end))
    .filter((comment) => comment.startsWith("/**"))
    .map((comment) => `${comment}\n`)
    .join("");
}

function lookUp(names: ReadonlyMap<string, string>, path: string): string {
  const name = names.get(path);
  if (name === undefined) throw new Error(`${path} is imported, but the runtime did not print it.`);
  return name;
}
