/** Finds and ends every process that one child of this program has started. */
/** Which processes {@link ProcessTree.killOrphans} ends. */
export interface Orphans {
  /** `NAME=value`: the environment must hold one of them. The values must hold no blanks. */
  readonly variables: readonly string[];
  /** On the clock of `performance.now()`: processes that started earlier stay. */
  readonly sinceMs: number;
}
/**
 * The child, the members of its process group, their descendants, and whatever carries the child's mark in its environment.
 *
 * Without a mark, a descendant that has left the group is only known when it was seen while the line of its parents was
 * unbroken: one that detached itself before the child crashed, without a {@link refresh} in between, is not found. The same
 * holds for a descendant that cleared its environment. On Windows the descendants are only found while the child runs.
 */
export declare class ProcessTree {
  #private;
  constructor(rootPid: number, mark?: string);
  /** Says that the child is gone, so that its id may come to stand for another process. */
  rootExited(): void;
  /** Takes a snapshot of who runs: forgets the dead and learns of new descendants. Never rejects. */
  refresh(): Promise<void>;
  /** Refreshes until no member runs any more, but no longer than `timeoutMs` or until `cut` settles. */
  gone(timeoutMs: number, cut?: Promise<unknown>): Promise<boolean>;
  /** Kills all members, also the ones they create meanwhile, until none is left or `timeoutMs` is over. */
  killAll(timeoutMs: number): Promise<boolean>;
  /** Signals the group and every other member. On Windows every signal ends the tree by force. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** For the exit of this program, when nothing asynchronous runs any more. */
  killSync(): void;
  /**
   * Kills marked processes that do not descend from the child, which is what its commands leave behind. Waits until those
   * are gone, and those among the child's descendants that would belong to them: they may be about to leave some.
   */
  killOrphans({ variables, sinceMs }: Orphans): Promise<void>;
}
