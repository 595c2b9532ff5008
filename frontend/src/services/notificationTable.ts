import type { Notification } from "../types/generated/contract";
import { createStore, patch } from "./store";
import type { NotificationsState } from "./types";

const NOTHING: NotificationsState = {
  notifications: [],
  status: "loading",
  error: null,
  hasMore: false,
  unreadCount: 0,
};

function compare(one: Notification, other: Notification): number {
  if (one.timestamp !== other.timestamp) return one.timestamp < other.timestamp ? 1 : -1;
  return one.id < other.id ? 1 : -1;
}

/** The known notifications, newest first. It asks nothing. */
export class NotificationTable {
  readonly store = createStore(NOTHING);
  /** Cleared ones are kept as such, so that a late answer does not bring them back. */
  readonly #cleared = new Set<string>();

  get(id: string): Notification | undefined {
    return this.store.getSnapshot().notifications.find((notification) => notification.id === id);
  }

  /** Whether it was ever here, cleared or not. */
  has(id: string): boolean {
    return this.#cleared.has(id) || this.get(id) !== undefined;
  }

  /** Takes what the server told; what is held already is replaced if that is newer. */
  put(items: readonly Notification[]): void {
    const held = new Map(this.store.getSnapshot().notifications.map((one) => [one.id, one]));
    for (const item of items) {
      if (item.cleared_at !== null) this.#cleared.add(item.id);
      const known = held.get(item.id);
      if (this.#cleared.has(item.id)) held.delete(item.id);
      else if (known === undefined || item.rev > known.rev) held.set(item.id, item);
    }
    this.#show([...held.values()].sort(compare));
  }

  /** Marks those that `matches` as read; all of the same moment. */
  read(matches: (notification: Notification) => boolean, at: string): void {
    this.#show(
      this.store
        .getSnapshot()
        .notifications.map((one) => (one.read_at === null && matches(one) ? { ...one, read_at: at } : one)),
    );
  }

  clearOne(id: string): void {
    this.#cleared.add(id);
    this.#show(this.store.getSnapshot().notifications.filter((one) => one.id !== id));
  }

  /** Undoes changes that the server refused. */
  restore(before: readonly Notification[]): void {
    for (const { id } of before) this.#cleared.delete(id);
    const restored = new Set(before.map(({ id }) => id));
    const others = this.store.getSnapshot().notifications.filter(({ id }) => !restored.has(id));
    this.#show([...others, ...before].sort(compare));
  }

  setUnread(unreadCount: number): void {
    patch(this.store, { unreadCount: Math.max(0, unreadCount) });
  }

  clear(): void {
    this.#cleared.clear();
    this.store.set(NOTHING);
  }

  #show(notifications: readonly Notification[]): void {
    const before = this.store.getSnapshot().notifications;
    const isSame = before.length === notifications.length && notifications.every((one, index) => one === before[index]);
    if (!isSame) patch(this.store, { notifications });
  }
}
