import type { Store } from "./types";

/** A store whose owner sets it. Setting the same snapshot again tells nobody. */
export interface WritableStore<Snapshot> extends Store<Snapshot> {
  set(snapshot: Snapshot): void;
}

/** When listeners are told: at once, or once for all changes of a tick. */
export type Notify = (tell: () => void) => void;

/**
 * A store that keeps one immutable snapshot. The snapshot changes at once; by default listeners are told in a microtask,
 * so that a burst of changes (a page of `sync`, say) renders once.
 */
export function createStore<Snapshot>(initial: Snapshot, notify: Notify = queueMicrotask): WritableStore<Snapshot> {
  let snapshot = initial;
  let due = false;
  const listeners = new Set<() => void>();
  const tell = () => {
    due = false;
    for (const listener of [...listeners]) {
      if (listeners.has(listener)) listener();
    }
  };
  return {
    getSnapshot: () => snapshot,
    subscribe(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    set(next) {
      if (Object.is(next, snapshot)) return;
      snapshot = next;
      if (due) return;
      due = true;
      notify(tell);
    },
  };
}

/** Sets some fields of a store's snapshot; fields that are equal already make no new snapshot. */
export function patch<Snapshot extends object>(store: WritableStore<Snapshot>, changes: Partial<Snapshot>): void {
  const now = store.getSnapshot();
  const next = { ...now, ...changes };
  const keys = Object.keys(changes).filter((key): key is keyof Snapshot & string => key in next);
  if (keys.some((key) => !Object.is(now[key], next[key]))) store.set(next);
}
