/** The move of this repository to another runtime: everything that can be written without a person. */

import { compareVersions } from "../../packages/codex-embed/src/protocol/runtimes.js";
import { flatten } from "../generate/flatten.js";
import { GENERATED, type Modules, makeModules } from "../generate/modules.js";
import { locateBinary, type RuntimeOutput, readBinary, readRuntime } from "../generate/runtime.js";
import {
  pinRuntime,
  ROOT,
  read,
  runs,
  tracked,
  uncommitted,
  unlockRuntime,
  versions,
  write,
} from "../release/repository.js";
import { releaseVersion } from "../release/version.js";
import { installRuntime } from "../shared/runtimes.js";
import { withoutVanished } from "./corpus.js";
import { diffProtocols, type ProtocolDiff, type ProtocolTypes, printDiff } from "./diff.js";
import { type Origin, printLegacy } from "./legacy.js";
import { type Mention, movePage } from "./pages.js";
import { resolveRuntime } from "./registry.js";
import { changesetName, decisionsOf } from "./report.js";
import type { UpdateState } from "./state.js";

const CORPORA = ["packages/codex-embed/test/fixtures/messages.jsonl"];
const RUNTIMES = "packages/codex-embed/src/protocol/runtimes.ts";

/** A move that is known to be possible. Nothing has been changed yet. */
export interface Move {
  readonly origin: Origin;
  readonly to: string;
  readonly modules: Modules;
  readonly legacy: string;
  readonly diff: ProtocolDiff;
}

/**
 * Looks whether the repository can move to a runtime, without changing anything: the registry has it with a binary for
 * this platform, its types can be generated, and nothing uncommitted would get mixed up with the update. Null when the
 * runtime is the pinned one.
 */
export async function prepareMove(requested: string): Promise<Move | null> {
  const to = resolveRuntime(requested);
  const from = versions().runtime;
  if (to === from) return null;
  releaseVersion(to);
  const changed = uncommitted(".");
  if (changed !== "") throw new Error(`Commit or remove what would get mixed up with the update first:\n${changed}`);

  console.error(`== Runtime ${from} → ${to}: download, types`);
  const pinned = readRuntime(ROOT);
  const binary = await installRuntime(to);
  const output = readBinary(binary);
  if (output.version !== to) throw new Error(`@openai/codex@${to} is a runtime that says it is ${output.version}.`);
  const origin: Origin = {
    version: from,
    protocol: read(`${GENERATED}protocol.ts`),
    tables: read(`${GENERATED}tables.ts`),
    legacy: read(`${GENERATED}legacy.ts`),
  };
  const modules = makeModules(output);
  const [protocol = "", tables = ""] = [modules.files.get("protocol.ts"), modules.files.get("tables.ts")];
  const types = (all: RuntimeOutput, stable: RuntimeOutput): ProtocolTypes => ({
    all: flatten(all.files),
    stable: flatten(stable.files),
  });
  const diff = diffProtocols(
    types(pinned, readBinary(locateBinary(ROOT), { stable: true })),
    types(output, readBinary(binary, { stable: true })),
  );
  return { origin, to, modules, legacy: printLegacy(origin, protocol, tables), diff };
}

/** Makes the move. When the new runtime cannot be installed, the manifests are put back. */
export function makeMove({ origin, to, modules, legacy, diff }: Move): UpdateState {
  const from = origin.version;
  const manifests = tracked("package.json", "*/package.json", "package-lock.json").map((path) => ({
    path,
    text: read(path),
  }));
  pinRuntime(releaseVersion(to), to);
  unlockRuntime();
  if (!runs("npm", "install", "--ignore-scripts")) {
    for (const { path, text } of manifests) write(path, text);
    throw new Error(`npm could not install @openai/codex@${to}. The manifests are as before; run npm ci.`);
  }
  for (const [name, text] of modules.files) write(`${GENERATED}${name}`, text);
  write(`${GENERATED}legacy.ts`, legacy);
  write(RUNTIMES, withTested(read(RUNTIMES), from, to));
  // The generator tells what the table lacks when this fails.
  runs("npm", "run", "--silent", "generate:since");
  const methods = {
    before: methodsIn(origin.tables, origin.legacy),
    after: methodsIn(modules.files.get("tables.ts") ?? "", legacy),
  };
  for (const path of CORPORA) write(path, withoutVanished(read(path), methods));
  const rewritten = pages().flatMap((path) => {
    const page = movePage(path, read(path), from, to);
    if (page.rewritten.length > 0) write(path, page.text);
    return page.rewritten;
  });
  const moved = manifests.filter(({ path, text }) => path.startsWith("packages/") && read(path) !== text);
  write(
    `.changeset/${changesetName(to)}`,
    changesetOf(
      moved.map(({ path }) => nameIn(read(path))),
      to,
    ),
  );
  return { from, to, decisions: decisionsOf(diff), rewritten, difference: printDiff(diff, from, to) };
}

function nameIn(manifest: string): string {
  const { name }: { name: string } = JSON.parse(manifest);
  return name;
}

function changesetOf(packages: readonly string[], to: string): string {
  return `---\n${packages.map((name) => `"${name}": patch\n`).join("")}---\n\nThe runtime is ${to}.\n`;
}

/** The places that still name a version. */
export function mentionsOf(version: string): Mention[] {
  return pages().flatMap((path) => movePage(path, read(path), version, version).left);
}

/** The pages that are about the present: a changelog and a decision keep the versions of their time. */
function pages(): string[] {
  return tracked("*.md").filter(
    (path) => !/(?:^|\/)CHANGELOG\.md$|^docs\/decisions\/|^\.changeset\/|^api\//.test(path),
  );
}

/** The methods of messages from the runtime that the texts of `tables.ts` and `legacy.ts` have. */
function methodsIn(...modules: readonly string[]): ReadonlySet<string> {
  return new Set(modules.flatMap((text) => [...text.matchAll(/^ {2}"?([\w/]+)"?: /gm)].map(([, name = ""]) => name)));
}

/** The tested runtimes of `protocol/runtimes.ts`: the one that was pinned is one of them, newer ones are not. */
export function withTested(text: string, from: string, to: string): string {
  return text.replace(
    /(tested: \[OLDEST, )(.*?)(RUNTIME_VERSION\])/s,
    (_, begin: string, list: string, end: string) => {
      const known = [...list.matchAll(/"([^"]+)"/g)].map(([, version = ""]) => version);
      const older = [...new Set([...known, from])].filter((version) => compareVersions(version, to) < 0);
      older.sort(compareVersions);
      return `${begin}${older.map((version) => `"${version}", `).join("")}${end}`;
    },
  );
}
