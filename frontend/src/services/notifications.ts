import type { Notification, NotificationEvent, NotificationUpdatedEvent } from "../types/generated/contract";
import { Emitter } from "./emitter";
import { handled, ignore, offline, toFailure } from "./failure";
import type { Line } from "./line";
import { NotificationTable } from "./notificationTable";
import { Revisions } from "./revisions";
import { patch } from "./store";
import type { Notifications } from "./types";

const GAP_MS = 250;
/** The notification centre has one revision. */
const CENTRE = "centre";

type Told = { readonly unread_count: number; readonly rev: number };

/** The notification centre: loaded by pages, kept up by events, caught up by its revision. */
export class NotificationService implements Notifications {
  readonly #line: Line;
  readonly #table = new NotificationTable();
  readonly #revisions = new Revisions();
  readonly #arrivals = new Emitter<NotificationEvent>();
  /** Changes when everything is forgotten: what was begun before has nothing to undo any more. */
  #turn = 0;
  #cursor: string | null = null;
  #loading: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  readonly subscribe = this.#table.store.subscribe;
  readonly getSnapshot = this.#table.store.getSnapshot;
  readonly onArrival = this.#arrivals.on;

  readonly reload = (): Promise<void> =>
    this.#once(async () => {
      if (this.getSnapshot().status === "error") patch(this.#table.store, { status: "loading", error: null });
      try {
        await this.#loadPage(null);
      } catch (thrown) {
        const error = toFailure(thrown);
        const isShown = this.getSnapshot().status === "loading" && error.code !== "offline" && error.code !== "timeout";
        if (isShown) patch(this.#table.store, { status: "error", error });
        throw error;
      }
    });

  readonly loadMore = (): Promise<void> => {
    const cursor = this.#cursor;
    if (this.#loading === null && cursor === null) return Promise.resolve();
    return this.#once(() => this.#loadPage(cursor));
  };

  readonly markRead = (id: string): Promise<void> => {
    const notification = this.#table.get(id);
    if (notification?.read_at !== null) return Promise.resolve();
    return this.#change([notification], {
      show: () => this.#table.read((one) => one.id === id, new Date().toISOString()),
      ask: () => this.#line.ask("mark_notification_read", { notification_id: id }),
    });
  };

  readonly markAllRead = (): Promise<void> => {
    const unread = this.getSnapshot().notifications.filter(({ read_at }) => read_at === null);
    return this.#change(unread, {
      show: () => this.#table.read(() => true, new Date().toISOString()),
      unreadCount: 0,
      ask: () => this.#line.ask("mark_all_notifications_read", {}),
    });
  };

  readonly clear = (id: string): Promise<void> => {
    const notification = this.#table.get(id);
    if (notification === undefined) return Promise.resolve();
    return this.#change([notification], {
      show: () => this.#table.clearOne(id),
      ask: () => this.#line.ask("clear_notification", { notification_id: id }),
    });
  };

  /** One arrived. */
  readonly hear = (event: NotificationEvent): void => {
    const isNew = !this.#table.has(event.id);
    const { unread_count: _count, ...notification } = event;
    this.#table.put([notification]);
    this.#settle(event);
    if (isNew && event.cleared_at === null) this.#arrivals.emit(event);
  };

  /** Some were read or cleared, here or on another device. */
  readonly update = (event: NotificationUpdatedEvent): void => {
    const { notification_ids: ids, all, read_at, cleared_at } = event;
    if (read_at !== null) this.#table.read(({ id }) => all || ids.includes(id), read_at);
    if (cleared_at !== null) for (const id of ids) this.#table.clearOne(id);
    this.#settle(event);
  };

  /** There is a new connection. */
  async catchUp(): Promise<void> {
    this.#stopTimer();
    if (this.getSnapshot().status === "ready") await this.#sync();
    else await this.reload();
  }

  stop(): void {
    this.#turn += 1;
    this.#stopTimer();
    this.#table.clear();
    this.#revisions.clear();
    this.#cursor = null;
    this.#loading = null;
  }

  /** The connection is gone; the next one catches up. */
  readonly #stopTimer = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  };

  readonly lost = this.#stopTimer;

  async #loadPage(cursor: string | null): Promise<void> {
    if (!this.#line.can("list_notifications")) {
      patch(this.#table.store, { status: "ready" });
      return;
    }
    const page = await this.#line.ask("list_notifications", { cursor });
    if (!this.#line.isWhole) throw offline();
    this.#table.put(page.notifications);
    this.#cursor = page.next_cursor;
    // Only the first page says up to where everything is known; another one may be newer than what was heard.
    if (cursor === null) this.#know(page);
    patch(this.#table.store, { status: "ready", error: null, hasMore: page.next_cursor !== null });
  }

  async #sync(): Promise<void> {
    if (!this.#line.can("list_notifications")) return;
    while (this.#line.isWhole) {
      const { notifications } = await this.#line.ask("sync", { notifications: this.#revisions.get(CENTRE) ?? 0 });
      if (notifications === null || !this.#line.isWhole) return;
      this.#table.put(notifications.items);
      this.#know(notifications);
      if (!notifications.more) return;
    }
  }

  /** Shows a change at once; undoes it if the server refuses. */
  async #apply(before: readonly Notification[], change: Change): Promise<void> {
    const { unreadCount } = this.getSnapshot();
    const fewer = before.filter(({ read_at }) => read_at === null).length;
    const turn = this.#turn;
    change.show();
    this.#table.setUnread(change.unreadCount ?? unreadCount - fewer);
    try {
      const told = await change.ask();
      if (this.#line.isWhole) this.#settle(told);
    } catch (thrown) {
      if (turn !== this.#turn) throw thrown;
      this.#table.restore(before);
      this.#table.setUnread(this.getSnapshot().unreadCount + (change.unreadCount === 0 ? unreadCount : fewer));
      throw thrown;
    }
  }

  readonly #change = (before: readonly Notification[], change: Change): Promise<void> =>
    handled(this.#apply(before, change));

  #know({ rev, unread_count }: Told): void {
    if (this.#revisions.order(CENTRE, rev) !== "old" || rev === this.#revisions.get(CENTRE)) {
      this.#table.setUnread(unread_count);
    }
    this.#revisions.advance(CENTRE, rev);
  }

  /** News with a revision: the newest count is shown in any case, and a gap is looked after soon. */
  #settle({ rev, unread_count }: Told): void {
    const order = this.#revisions.order(CENTRE, rev);
    if (order !== "old") this.#table.setUnread(unread_count);
    if (order === "next") this.#revisions.advance(CENTRE, rev);
    if (order !== "ahead") return;
    this.#revisions.keepAhead(CENTRE, rev);
    this.#timer ??= setTimeout(() => {
      this.#stopTimer();
      if (this.#revisions.hasGap(CENTRE)) this.#sync().catch(ignore);
    }, GAP_MS);
  }

  #once(load: () => Promise<void>): Promise<void> {
    if (this.#loading !== null) return this.#loading;
    const loading = handled(
      load().finally(() => {
        if (this.#loading === loading) this.#loading = null;
      }),
    );
    this.#loading = loading;
    return loading;
  }
}

/** A change that is shown before the server has it. */
interface Change {
  readonly show: () => void;
  /** How many are unread afterwards, if that does not follow from what changed. */
  readonly unreadCount?: number;
  readonly ask: () => Promise<Told>;
}
