import { useMemo, useSyncExternalStore } from "react";
import type { Store } from "../services/types";

/** The snapshot of a store, live. */
export function useStore<Snapshot>(store: Store<Snapshot>): Snapshot {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
}

type Equal<Value> = (one: Value, other: Value) => boolean;

function createSelection<Snapshot, Selected>(
  store: Store<Snapshot>,
  select: (snapshot: Snapshot) => Selected,
  equal: Equal<Selected>,
): () => Selected {
  let last: { snapshot: Snapshot; selected: Selected } | null = null;
  return () => {
    const snapshot = store.getSnapshot();
    if (last && Object.is(last.snapshot, snapshot)) return last.selected;
    const selected = select(snapshot);
    last = { snapshot, selected: last && equal(last.selected, selected) ? last.selected : selected };
    return last.selected;
  };
}

/**
 * A part of a store, live: renders again only when that part changes. Keep `select` and `equal` the same between renders
 * (`useCallback`, or outside of the component).
 */
export function useSelection<Snapshot, Selected>(
  store: Store<Snapshot>,
  select: (snapshot: Snapshot) => Selected,
  equal: Equal<Selected> = Object.is,
): Selected {
  const getSelection = useMemo(() => createSelection(store, select, equal), [store, select, equal]);
  return useSyncExternalStore(store.subscribe, getSelection, getSelection);
}

/** Whether two lists hold the same items. */
export function sameItems<Item>(one: readonly Item[], other: readonly Item[]): boolean {
  return one.length === other.length && one.every((item, index) => Object.is(item, other[index]));
}

/** Whether two maps hold the same values under the same keys. */
export function sameEntries<Key, Value>(one: ReadonlyMap<Key, Value>, other: ReadonlyMap<Key, Value>): boolean {
  return (
    one.size === other.size && [...one].every(([key, value]) => other.has(key) && Object.is(other.get(key), value))
  );
}
