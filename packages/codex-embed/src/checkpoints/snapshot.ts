import { CheckpointError } from "../errors/checkpoint.js";
import type { WorkspaceChange } from "../protocol/shapes.js";
import {
  type BytePath,
  type Listing,
  type ListingLimits,
  listWorkspace,
  pathIn,
  shownPath,
  splitNul,
} from "./listing.js";
import { type Store, withIndex } from "./store.js";

/** How often a snapshot is tried: files may change under it. */
const ATTEMPTS = 3;
const EXECUTABLE = 0o100;

/** A folder whose files are recorded. */
export interface Workspace {
  /** Absolute, without symbolic links. */
  readonly cwd: string;
  /** The runtime's home, absolute: it is never part of the workspace. */
  readonly codexHome: string;
}

/** The state of a workspace at one time. */
export interface Snapshot {
  /** The git tree of its files. */
  readonly tree: string;
  readonly listing: Listing;
}

/** An earlier state that a snapshot is compared with. */
export interface Base {
  /** Its files count even if they are ignored by now. */
  readonly tree: string;
  /** What was left out there is left out again: an ignored file is not new when its rule is gone. */
  readonly left: readonly BytePath[];
}

/** Records the files of a workspace in the repository. Only those that have changed since the last time are read. */
export async function takeSnapshot(
  store: Store,
  { cwd, codexHome }: Workspace,
  limits: ListingLimits,
  base: Base | null = null,
): Promise<Snapshot> {
  const known = base === null ? [] : splitNul(await store.run(["ls-tree", "-r", "-z", "--name-only", base.tree]));
  const skipped = new Set([pathIn(cwd, codexHome), ...(base?.left ?? [])]);
  for (let attempt = 1; ; attempt++) {
    const listing = await listWorkspace(store, { cwd, skipped, known }, limits);
    try {
      const tree = await withIndex(store, async (index, isNew) => {
        const call = { index, workTree: cwd };
        const indexed = isNew ? [] : splitNul(await store.run(["ls-files", "-z"], call));
        const gone = indexed.filter((path) => !listing.files.has(path));
        if (gone.length > 0) {
          await store.run(["update-index", "-z", "--force-remove", "--stdin"], { ...call, input: joinNul(gone) });
        }
        // Small files as one pack instead of a file each: half the time, a tenth of the space.
        const pack = (await store.packsMany()) ? ["-c", "core.bigFileThreshold=1"] : [];
        const args = [...pack, "update-index", "-z", "--add", "--remove", "--replace", "--stdin"];
        await store.run(args, { ...call, input: joinNul([...listing.files.keys()]) });
        return (await store.run(["write-tree"], call)).toString().trim();
      });
      await store.touch();
      return { tree, listing };
    } catch (error) {
      if (!CheckpointError.isInstance(error) || attempt === ATTEMPTS) throw error;
      // It may be damaged. Without it, all files are read.
      await store.forgetIndex();
    }
  }
}

/** What a file is in a tree. */
export interface FileState {
  readonly mode: string;
  readonly blob: string;
}

/** How a path differs between two trees. Null: it is not there. */
export interface Difference {
  readonly from: FileState | null;
  readonly to: FileState | null;
}

/** Every path that differs between two trees. */
export async function differences(store: Store, from: string, to: string): Promise<Map<BytePath, Difference>> {
  const found = new Map<BytePath, Difference>();
  if (from === to) return found;
  const output = splitNul(await store.run(["diff-tree", "-r", "-z", "--raw", "--no-renames", from, to]));
  for (let at = 0; at + 1 < output.length; at += 2) {
    const [oldMode = "", mode = "", oldBlob = "", blob = ""] = (output[at] ?? "").slice(1).split(" ");
    found.set(output[at + 1] ?? "", { from: stateOf(oldMode, oldBlob), to: stateOf(mode, blob) });
  }
  return found;
}

function stateOf(mode: string, blob: string): FileState | null {
  return mode === "000000" ? null : { mode, blob };
}

const KINDS: Readonly<Record<string, WorkspaceChange["kind"]>> = { A: "add", D: "delete", R: "rename" };

/** The changes between two trees, sorted by path, with renames. */
export async function changesBetween(store: Store, from: string, to: string): Promise<WorkspaceChange[]> {
  if (from === to) return [];
  const args = ["diff-tree", "-r", "-z", "-M", "--raw", "--numstat", "--no-ext-diff", "--no-textconv", from, to];
  const fields = splitNul(await store.run(args));
  const named = new Map<BytePath, { readonly kind: WorkspaceChange["kind"]; readonly from?: string }>();
  const changes: WorkspaceChange[] = [];
  let at = 0;
  const next = (): string => fields[at++] ?? "";
  while (at < fields.length) {
    const field = next();
    if (field.startsWith(":")) {
      const kind = KINDS[field.slice(field.lastIndexOf(" ") + 1).charAt(0)] ?? "update";
      const old = next();
      if (kind === "rename") named.set(next(), { kind, from: shownPath(old) });
      else named.set(old, { kind });
    } else {
      const [additions = "", deletions = "", path = ""] = splitCounts(field);
      // Of a rename, the two paths follow.
      if (path === "") next();
      const changed = path === "" ? next() : path;
      const what = named.get(changed) ?? { kind: "update" };
      changes.push({
        path: shownPath(changed),
        ...what,
        additions: additions === "-" ? null : Number(additions),
        deletions: deletions === "-" ? null : Number(deletions),
      });
    }
  }
  return changes;
}

/** A name may hold tabs. */
function splitCounts(field: string): string[] {
  const first = field.indexOf("\t");
  const second = field.indexOf("\t", first + 1);
  return [field.slice(0, first), field.slice(first + 1, second), field.slice(second + 1)];
}

/** The difference of two trees as a unified diff. */
export async function diffBetween(store: Store, from: string, to: string): Promise<string> {
  if (from === to) return "";
  const args = ["diff-tree", "-r", "-p", "-M", "--no-color", "--no-ext-diff", "--no-textconv", from, to];
  return (await store.run(args)).toString("utf8");
}

/** Paths as git reads them from stdin. */
export function joinNul(paths: readonly BytePath[]): string {
  return paths.map((path) => `${path}\0`).join("");
}

/** The permission bits of files and folders: those that most have, and the exceptions. */
export interface Permissions {
  /** Of most files that are not executable, of most that are, and of most folders. */
  readonly usual: readonly [plain: number, executable: number, folder: number];
  readonly others: readonly (readonly [path: BytePath, mode: number])[];
}

/** Git knows only whether a file is executable. A restore must not make a secret file readable for all. */
export function permissionsOf({ files, directories }: Listing): Permissions {
  const plain = [...files].filter(([, mode]) => !isExecutable(mode));
  const executable = [...files].filter(([, mode]) => isExecutable(mode));
  const usual = [mostOf(plain, 0o644), mostOf(executable, 0o755), mostOf(directories, 0o755)] as const;
  const others = [plain, executable, [...directories]].flatMap((group, index) =>
    group.filter(([, mode]) => mode !== usual[index]),
  );
  return { usual, others };
}

function isExecutable(mode: number): boolean {
  return (mode & EXECUTABLE) !== 0;
}

function mostOf(entries: Iterable<readonly [BytePath, number]>, otherwise: number): number {
  const counts = new Map<number, number>();
  for (const [, mode] of entries) counts.set(mode, (counts.get(mode) ?? 0) + 1);
  let most = otherwise;
  for (const [mode, count] of counts) if (count > (counts.get(most) ?? 0)) most = mode;
  return most;
}
