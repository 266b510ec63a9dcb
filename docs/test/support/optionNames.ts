/** The names of the options that a type of the package takes. */

import ts from "typescript";
import { ROOT } from "./pages.js";

/** Gives the members of exported types of `src/index.ts`, by the name of the type. */
export function readOptions(typeNames: readonly string[]): Map<string, string[]> {
  const entry = `${ROOT}packages/codex-embed/src/index.ts`;
  const program = ts.createProgram([entry], {
    strict: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    // For the names of members it does not matter what the types of Node are.
    lib: ["lib.es2023.d.ts"],
    types: [],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} is not a module.`);
  const exported = new Map(checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]));
  return new Map(
    typeNames.map((name) => {
      const symbol = exported.get(name);
      if (symbol === undefined) throw new Error(`${entry} does not export ${name}.`);
      const type = checker.getDeclaredTypeOfSymbol(
        (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol),
      );
      const isPublic = (member: ts.Symbol): boolean => !member.getJsDocTags().some((tag) => tag.name === "internal");
      return [
        name,
        checker
          .getPropertiesOfType(type)
          .filter(isPublic)
          .map((member) => member.name),
      ];
    }),
  );
}
