/** The type check of the documentation's programs: all blocks in one compilation. */

import { dirname } from "node:path";
import ts from "typescript";
import { fileName, folderOf, isFile } from "./pageFiles.js";
import { type CodeBlock, ROOT } from "./pages.js";

const PRELUDE = `${ROOT}docs/test/support/prelude.ts`;
const GLOBALS = `${ROOT}docs/test/support/globals.d.ts`;

/** Packages that pages import and this repository does not install. They have no types here. */
const FOREIGN = ["electron"];

const isFragment = ({ marks }: CodeBlock): boolean => marks.includes("fragment");

/** What the compiler says of the blocks, by place; and the names that a whole program takes without declaring them. */
export function typeFaults(blocks: readonly CodeBlock[]): string[] {
  const files = new Map(blocks.map((block) => [pathOf(block), block]));
  const made = new Map([...files].map(([path, { text }]) => [path, text]));
  made.set(GLOBALS, globals());
  const program = compile(made);
  const checker = program.getTypeChecker();
  return [...files].flatMap(([path, block]) => {
    const source = program.getSourceFile(path);
    if (source === undefined) return [`${block.place}: was not compiled`];
    const at = (position: number): string =>
      `${block.page}:${block.line + 1 + source.getLineAndCharacterOfPosition(position).line}`;
    const faults = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
      ({ start = 0, messageText }) => `${at(start)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
    if (isFragment(block)) return faults;
    const undeclared = namesOf(source).filter((name) => isFromPrelude(checker.getSymbolAtLocation(name)));
    return [...faults, ...undeclared.map((name) => `${at(name.getStart())}: ${name.text} is not declared`)];
  });
}

/** The files of a page are in a folder together, so that they may import each other. */
function pathOf(block: CodeBlock): string {
  const folder = ROOT + folderOf(block.page);
  return isFile(block) ? `${folder}/${fileName(block)}` : `${folder}.L${block.line}.ts`;
}

/** Makes the names of the prelude global, so that a piece may declare one of them itself. */
function globals(): string {
  const prelude = ts.sys.readFile(PRELUDE) ?? "";
  const names = [...prelude.matchAll(/^export declare (?:const|function) (\w+)/gm)];
  return [
    ...names.map(([, name = ""]) => `declare const ${name}: typeof import("./prelude.js").${name};`),
    ...FOREIGN.flatMap((name) => [`declare module "${name}";`, `declare module "${name}/*";`]),
  ].join("\n");
}

function compile(made: ReadonlyMap<string, string>): ts.Program {
  const parsed = ts.getParsedCommandLineOfConfigFile(
    `${ROOT}tsconfig.json`,
    {
      jsx: ts.JsxEmit.ReactJSX,
      noUnusedLocals: false,
      noUnusedParameters: false,
      noPropertyAccessFromIndexSignature: false,
    },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"));
      },
    },
  );
  const folders = new Set([...made.keys()].map((path) => dirname(path)));
  // What frameworks take "@" for: the folder of the page's own files.
  const paths = { ...parsed?.options.paths, "@/*": [...folders].map((folder) => `${folder}/*.ts`) };
  const options = { ...parsed?.options, paths };
  const host = ts.createCompilerHost(options);
  return ts.createProgram([...made.keys()], options, {
    ...host,
    fileExists: (path) => made.has(path) || host.fileExists(path),
    directoryExists: (path) => folders.has(path) || host.directoryExists?.(path) === true,
    readFile: (path) => made.get(path) ?? host.readFile(path),
    getSourceFile: (path, target, ...rest) => {
      const text = made.get(path);
      return text === undefined ? host.getSourceFile(path, target, ...rest) : ts.createSourceFile(path, text, target);
    },
  });
}

function namesOf(source: ts.SourceFile): ts.Identifier[] {
  const names: ts.Identifier[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

function isFromPrelude(symbol: ts.Symbol | undefined): boolean {
  return symbol?.declarations?.some((declaration) => declaration.getSourceFile().fileName === GLOBALS) ?? false;
}
