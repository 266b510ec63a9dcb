/**
 * What an item is found by: its thread, its turn and its id, together. The id alone tells nothing apart, because the model
 * chooses it: the id of a tool's item is the id of the model's call, and two threads can have the same one at once.
 */
export interface ItemRef {
  readonly threadId: string;
  readonly turnId: string;
  readonly itemId: string;
}

/** The reference as a key. No two references have the same one, whatever their ids hold. */
export function itemKey({ threadId, turnId, itemId }: ItemRef): string {
  return JSON.stringify([threadId, turnId, itemId]);
}
