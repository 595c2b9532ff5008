// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aNotification } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import type { Notification } from "../types/generated/contract";
import { Failure, offline } from "./failure";
import { NotificationService } from "./notifications";

const READ_AT = "2026-11-24T14:00:00.000Z";
const at = (n: number) => `2026-11-24T12:00:0${n}.000Z`;
const one = (n: number, changes: Partial<Notification> = {}) =>
  aNotification({ id: `n${n}`, rev: n, timestamp: at(n), ...changes });

let line: FakeLine;
let notifications: NotificationService;
beforeEach(async () => {
  vi.useFakeTimers();
  line = createFakeLine();
  line.answer("list_notifications", () => ({
    notifications: [one(2), one(1)],
    next_cursor: null,
    unread_count: 2,
    rev: 2,
  }));
  notifications = new NotificationService(line);
  await notifications.catchUp();
});
afterEach(() => {
  vi.useRealTimers();
});

const ids = () => notifications.getSnapshot().notifications.map(({ id }) => id);
const unread = () => notifications.getSnapshot().unreadCount;
const event = (n: number, unread_count: number) => ({ ...one(n), unread_count });

describe("arrivals", () => {
  it("are shown and told once", () => {
    const arrived = vi.fn();
    notifications.onArrival(arrived);
    notifications.hear(event(3, 3));
    notifications.hear(event(3, 3));
    expect(ids()).toEqual(["n3", "n2", "n1"]);
    expect(unread()).toBe(3);
    expect(arrived).toHaveBeenCalledOnce();
  });

  it("ahead of a gap are shown, and what was missed is fetched soon", async () => {
    const arrived = vi.fn();
    notifications.onArrival(arrived);
    line.answer("sync", () => ({
      threads: {},
      notifications: { rev: 5, items: [one(3), one(4), one(5)], more: false, unread_count: 5 },
    }));
    notifications.hear(event(5, 5));
    expect(ids()).toEqual(["n5", "n2", "n1"]);
    await vi.advanceTimersByTimeAsync(250);
    expect(line.requests("sync")).toEqual([{ notifications: 2 }]);
    expect(ids()).toEqual(["n5", "n4", "n3", "n2", "n1"]);
    expect(arrived).toHaveBeenCalledOnce();
  });

  it("that were only overtaken ask nothing", async () => {
    notifications.hear(event(4, 4));
    notifications.hear(event(3, 3));
    await vi.advanceTimersByTimeAsync(250);
    expect(line.requests("sync")).toEqual([]);
    expect(ids()).toEqual(["n4", "n3", "n2", "n1"]);
  });
});

describe("changes", () => {
  it("show at once and then as the server counts", async () => {
    line.answer("mark_notification_read", () => ({ unread_count: 1, rev: 3 }));
    const read = notifications.markRead("n2");
    expect(unread()).toBe(1);
    expect(notifications.getSnapshot().notifications[0]?.read_at).not.toBeNull();
    await read;
    await notifications.markRead("n2");
    expect(line.requests("mark_notification_read")).toHaveLength(1);
  });

  it("to all of them leave none unread", async () => {
    line.answer("mark_all_notifications_read", () => ({ unread_count: 0, rev: 3 }));
    const read = notifications.markAllRead();
    expect(unread()).toBe(0);
    expect(notifications.getSnapshot().notifications.every(({ read_at }) => read_at !== null)).toBe(true);
    await read;
    expect(unread()).toBe(0);
  });

  it("that the server refuses are undone", async () => {
    line.answer("clear_notification", () => {
      throw new Failure("unavailable", "Later", true);
    });
    const clear = notifications.clear("n2");
    expect(ids()).toEqual(["n1"]);
    expect(unread()).toBe(1);
    await expect(clear).rejects.toMatchObject({ code: "unavailable" });
    expect(ids()).toEqual(["n2", "n1"]);
    expect(unread()).toBe(2);
  });

  it("of another device are followed", () => {
    const changed = { all: false, read_at: READ_AT, cleared_at: null, unread_count: 1, rev: 3 };
    notifications.update({ ...changed, notification_ids: ["n1"] });
    expect(notifications.getSnapshot().notifications[1]).toMatchObject({ id: "n1", read_at: READ_AT });
    notifications.update({
      ...changed,
      notification_ids: ["n2"],
      read_at: null,
      cleared_at: READ_AT,
      unread_count: 0,
      rev: 4,
    });
    expect(ids()).toEqual(["n1"]);
    expect(unread()).toBe(0);
  });

  it("keep a cleared one away, whatever older answer still holds it", async () => {
    line.answer("clear_notification", () => ({ unread_count: 1, rev: 3 }));
    await notifications.clear("n2");
    await notifications.reload();
    expect(ids()).toEqual(["n1"]);
  });
});

describe("a new connection", () => {
  it("brings what was missed, as long as there is more", async () => {
    line.answer("sync", ({ notifications: rev }) => ({
      threads: {},
      notifications:
        rev === 2
          ? { rev: 3, items: [one(1, { cleared_at: READ_AT, rev: 3 })], more: true, unread_count: 2 }
          : { rev: 4, items: [one(4)], more: false, unread_count: 2 },
    }));
    await notifications.catchUp();
    expect(line.requests("sync")).toEqual([{ notifications: 2 }, { notifications: 3 }]);
    expect(ids()).toEqual(["n4", "n2"]);
  });

  it("asks nothing of a client without the centre", async () => {
    line = createFakeLine(["/messaging"]);
    notifications = new NotificationService(line);
    await notifications.catchUp();
    await notifications.catchUp();
    expect(notifications.getSnapshot().status).toBe("ready");
    expect(line.asked).toEqual([]);
  });
});

it("loads older pages", async () => {
  line.answer("list_notifications", ({ cursor }) =>
    cursor === null
      ? { notifications: [one(2)], next_cursor: "c", unread_count: 2, rev: 2 }
      : { notifications: [one(1)], next_cursor: null, unread_count: 2, rev: 2 },
  );
  notifications = new NotificationService(line);
  await notifications.reload();
  expect(notifications.getSnapshot().hasMore).toBe(true);
  await notifications.loadMore();
  expect(ids()).toEqual(["n2", "n1"]);
  expect(notifications.getSnapshot().hasMore).toBe(false);
});

it("undoes nothing after the end", async () => {
  let refuse = (_: Error) => {};
  line.answer("clear_notification", () => new Promise((_, reject) => (refuse = reject)));
  const clear = notifications.clear("n2");
  notifications.stop();
  refuse(offline());
  await expect(clear).rejects.toMatchObject({ code: "offline" });
  expect(ids()).toEqual([]);
});

it("forgets everything at the end, and leaves no timer", () => {
  notifications.hear(event(9, 9));
  notifications.stop();
  expect(notifications.getSnapshot()).toMatchObject({ notifications: [], status: "loading", unreadCount: 0 });
  expect(vi.getTimerCount()).toBe(0);
});
