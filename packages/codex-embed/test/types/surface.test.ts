/** Walks every type that the package exports, to the last member, and looks for `any`. */

import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";
import { verifies } from "../support/verifies.js";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const entries = [
  "codex-embed/src/index",
  "codex-embed/src/protocol/index",
  "codex-embed/src/approvals/index",
  "codex-embed/src/exec/index",
  "codex-embed/src/testing/index",
  "codex-embed/src/ui/index",
  "mcp-server/src/index",
].map((name) => `${root}packages/${name}.ts`);

function compile(files: readonly string[], made: Readonly<Record<string, string>> = {}): ts.Program {
  const parsed = ts.getParsedCommandLineOfConfigFile(
    `${root}tsconfig.json`,
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"));
      },
    },
  );
  const options = parsed?.options ?? {};
  const host = ts.createCompilerHost(options);
  return ts.createProgram([...files, ...Object.keys(made)], options, {
    ...host,
    fileExists: (path) => path in made || host.fileExists(path),
    getSourceFile: (path, target, ...rest) => {
      const text = made[path];
      return text === undefined ? host.getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target);
    },
  });
}

function isReference(type: ts.Type): type is ts.TypeReference {
  if (!("objectFlags" in type) || typeof type.objectFlags !== "number") return false;
  return (type.objectFlags & ts.ObjectFlags.Reference) !== 0;
}

function isPrivate(declaration: ts.Declaration): boolean {
  if ((ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) !== 0) return true;
  const isMember = ts.isPropertyDeclaration(declaration) || ts.isMethodDeclaration(declaration);
  return isMember && ts.isPrivateIdentifier(declaration.name);
}

/** The places, by name, at which the exports of a module lead to `any`. */
function findAny(program: ts.Program, entry: string): string[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} is not a module.`);
  const seen = new Set<ts.Type>();
  const found: string[] = [];

  const isOurs = (symbol: ts.Symbol | undefined): boolean =>
    symbol?.declarations?.some((declaration) => !declaration.getSourceFile().fileName.includes("node_modules")) ?? true;
  const isHidden = (symbol: ts.Symbol): boolean =>
    (symbol.flags & ts.SymbolFlags.Prototype) !== 0 ||
    symbol.getJsDocTags().some(({ name }) => name === "internal") ||
    (symbol.valueDeclaration !== undefined && isPrivate(symbol.valueDeclaration));

  const visitSignature = (signature: ts.Signature, path: string): void => {
    for (const parameter of signature.parameters)
      visit(checker.getTypeOfSymbol(parameter), `${path}(${parameter.name})`);
    for (const parameter of signature.typeParameters ?? []) visit(parameter, `${path}<${parameter.symbol.name}>`);
    visit(signature.getReturnType(), `${path}()`);
  };

  const visit = (type: ts.Type, path: string): void => {
    if (type.flags & ts.TypeFlags.Any) {
      found.push(path);
      return;
    }
    if (seen.has(type)) return;
    seen.add(type);
    if (type.isUnionOrIntersection()) {
      for (const member of type.types) visit(member, path);
      return;
    }
    if (!(type.flags & ts.TypeFlags.Object)) {
      const constraint = checker.getBaseConstraintOfType(type);
      if (constraint !== undefined && constraint !== type) visit(constraint, path);
      return;
    }
    for (const argument of type.aliasTypeArguments ?? []) visit(argument, `${path}<>`);
    if (isReference(type)) {
      for (const argument of checker.getTypeArguments(type)) visit(argument, `${path}<>`);
    }
    if (!isOurs(type.symbol)) return;
    for (const property of type.getProperties()) {
      if (isOurs(property) && !isHidden(property)) visit(checker.getTypeOfSymbol(property), `${path}.${property.name}`);
    }
    for (const signature of type.getCallSignatures()) visitSignature(signature, path);
    for (const signature of type.getConstructSignatures()) visitSignature(signature, `new ${path}`);
    for (const { type: value } of checker.getIndexInfosOfType(type)) visit(value, `${path}[]`);
  };

  for (const exported of checker.getExportsOfModule(module)) {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    if (symbol.flags & ts.SymbolFlags.Type) visit(checker.getDeclaredTypeOfSymbol(symbol), exported.name);
    if (symbol.flags & ts.SymbolFlags.Value) visit(checker.getTypeOfSymbol(symbol), exported.name);
  }
  return found;
}

/** A module with `any` in every kind of place. */
const MADE = `${root}packages/codex-embed/src/made.ts`;
const MADE_TEXT = `
  export interface Member { ok: string; deep: { bad: any } }
  export const parse = (text: string) => JSON.parse(text);
  export class Box<T extends Record<string, any>> {
    #secret: any;
    private hidden: any;
    /** @internal */ own: any;
    constructor(readonly value: T) {}
    map(change: (value: any[]) => void): Promise<T> { throw change; }
  }
  export type Either = string | { left: Map<string, any> };
  export function each(): AsyncIterableIterator<string> { throw 0; }
  export type Fine = unknown | Set<string> | AbortSignal | AsyncGenerator<string, void, undefined>;
`;

/** One program for both tests: most of the time goes into the types of Node and of the protocol. */
const program = compile(entries, { [MADE]: MADE_TEXT });

it("has no any in any public type", () => {
  verifies("no-any");
  expect([...new Set(entries.flatMap((entry) => findAny(program, entry)))]).toEqual([]);
}, 60_000);

it("would find one wherever it is", () => {
  expect([...new Set(findAny(program, MADE))].sort()).toEqual([
    "Box.map(change)(value)<>",
    "Box<><>",
    "Either.left<>",
    "Member.deep.bad",
    "each()<>",
    "parse()",
  ]);
}, 60_000);
