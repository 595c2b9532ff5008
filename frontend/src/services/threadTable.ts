import type { Thread, UserId } from "../types/generated/contract";
import { moveForward, placeOf } from "./receipts";
import { createStore, patch } from "./store";
import type { ThreadsState } from "./types";

const NOTHING: ThreadsState = { threads: [], status: "loading", error: null, hasMore: false, totalUnread: 0 };

/** Newest activity first; ids settle ties, so that the order is the same on each device. */
function compare(one: Thread, other: Thread): number {
  if (one.activity_at !== other.activity_at) return one.activity_at < other.activity_at ? 1 : -1;
  return one.id < other.id ? 1 : -1;
}

/** The known threads, in order, and how much is unread in all. It asks nothing. */
export class ThreadTable {
  readonly store = createStore(NOTHING);
  readonly #byId = new Map<string, Thread>();
  readonly #me: () => UserId | null;
  readonly #changed: (thread: Thread) => void;

  /** `changed` is told of each thread that changed. */
  constructor(me: () => UserId | null, changed: (thread: Thread) => void) {
    this.#me = me;
    this.#changed = changed;
  }

  readonly get = (threadId: string): Thread | undefined => this.#byId.get(threadId);

  /**
   * Takes a thread as the server just answered it. One that is older than what is known is left out; what we moved
   * forward ourselves and the server did not know yet stays.
   */
  adopt(thread: Thread): void {
    const ours = this.#byId.get(thread.id);
    if (ours === undefined) this.#put([thread]);
    else if (thread.rev >= ours.rev) this.#replace(ours, this.#merge(ours, thread));
  }

  /** Takes a page, in one change. */
  adoptPage(threads: readonly Thread[], totalUnread: number): void {
    const fresh = threads.filter(({ id }) => !this.#byId.has(id));
    for (const thread of threads) if (this.#byId.has(thread.id)) this.adopt(thread);
    this.#put(fresh);
    const ahead = threads.reduce(
      (sum, { id, unread_count }) => sum + (this.get(id)?.unread_count ?? 0) - unread_count,
      0,
    );
    patch(this.store, { totalUnread: Math.max(0, totalUnread + ahead), status: "ready", error: null });
  }

  /** Changes a thread that is known; the same object back means no change. */
  update(threadId: string, change: (thread: Thread) => Thread): void {
    const thread = this.#byId.get(threadId);
    if (thread === undefined) return;
    this.#replace(thread, change(thread));
  }

  /** Changes every thread that `change` answers another object for. */
  updateAll(change: (thread: Thread) => Thread): void {
    for (const threadId of [...this.#byId.keys()]) this.update(threadId, change);
  }

  remove(threadId: string): void {
    const thread = this.#byId.get(threadId);
    if (thread === undefined) return;
    this.#byId.delete(threadId);
    const { threads, totalUnread } = this.store.getSnapshot();
    patch(this.store, {
      threads: threads.filter(({ id }) => id !== threadId),
      totalUnread: Math.max(0, totalUnread - thread.unread_count),
    });
  }

  clear(): void {
    this.#byId.clear();
    this.store.set(NOTHING);
  }

  #put(fresh: readonly Thread[]): void {
    if (fresh.length === 0) return;
    for (const thread of fresh) this.#byId.set(thread.id, thread);
    patch(this.store, { threads: [...this.store.getSnapshot().threads, ...fresh].sort(compare) });
    for (const thread of fresh) this.#changed(thread);
  }

  #replace(thread: Thread, next: Thread): void {
    if (next === thread) return;
    this.#byId.set(next.id, next);
    const { threads, totalUnread } = this.store.getSnapshot();
    const replaced = threads.map((one) => (one === thread ? next : one));
    patch(this.store, {
      threads: next.activity_at === thread.activity_at ? replaced : replaced.sort(compare),
      totalUnread: Math.max(0, totalUnread + next.unread_count - thread.unread_count),
    });
    this.#changed(next);
  }

  #merge(ours: Thread, theirs: Thread): Thread {
    const participants = theirs.participants.map((place) => {
      const known = placeOf(ours, place.user_id);
      return known === undefined ? place : moveForward(place, known);
    });
    const merged = { ...theirs, participants, unread_count: this.#unreadOf(ours, theirs) };
    // Keeps identity where a reconnection brought nothing new.
    return JSON.stringify(merged) === JSON.stringify(ours) ? ours : merged;
  }

  #unreadOf(ours: Thread, theirs: Thread): number {
    const readByUs = placeOf(ours, this.#me())?.read_seq ?? 0;
    const readSaysServer = placeOf(theirs, this.#me())?.read_seq ?? 0;
    if (readByUs <= readSaysServer) return theirs.unread_count;
    return readByUs >= theirs.last_seq ? 0 : Math.min(ours.unread_count, theirs.unread_count);
  }
}
