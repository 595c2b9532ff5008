// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { aMessage, aParticipant, aThread, aUser, ME, OTHER } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import type { Message } from "../types/generated/contract";
import { Conversations } from "./conversations";

let line: FakeLine;
let conversations: Conversations;
let behind: string[];
beforeEach(() => {
  line = createFakeLine();
  conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  behind = [];
  conversations.behind.on((threadId) => behind.push(threadId));
  conversations.adopt(aThread());
});

const thread = () => conversations.table.get("t1");
const totalUnread = () => conversations.table.store.getSnapshot().totalUnread;
const known = () => conversations.revisions.get("t1");
const place = (userId: number) => thread()?.participants.find(({ user_id }) => user_id === userId);
const read = (seq: number, rev: number, userId: number = OTHER, unreadCount = 0) =>
  conversations.move({ threadId: "t1", position: { user_id: userId, read_seq: seq }, unreadCount }, rev);

async function load(messages: Message[]) {
  line.answer("get_history", () => ({ messages, has_more_before: false, has_more_after: false }));
  await conversations.histories.of("t1").load({});
}

describe("messages", () => {
  it("move the thread, count as unread, and are news once", () => {
    expect(conversations.take(aMessage({ seq: 1, rev: 2, sent_at: "2026-11-24T13:00:00.000Z" }))).toBe(true);
    expect(conversations.take(aMessage({ seq: 1, rev: 2 }))).toBe(false);
    expect(thread()).toMatchObject({ last_seq: 1, rev: 2, unread_count: 1, activity_at: "2026-11-24T13:00:00.000Z" });
    expect(totalUnread()).toBe(1);
    expect(known()).toBe(2);
    expect(behind).toEqual([]);
  });

  it("of one's own are not unread, and settle what was sent", () => {
    const stored = vi.fn();
    conversations.stored.on(stored);
    const message = aMessage({ seq: 1, rev: 2, sender_id: ME, client_message_id: "c1" });
    conversations.take(message);
    expect(thread()).toMatchObject({ unread_count: 0 });
    expect(place(ME)).toMatchObject({ read_seq: 1 });
    expect(stored).toHaveBeenCalledWith(message);
  });

  it("of one's own do not read what is unread", () => {
    conversations.take(aMessage({ seq: 1, rev: 2 }));
    conversations.take(aMessage({ seq: 2, rev: 3, sender_id: ME }));
    expect(thread()).toMatchObject({ unread_count: 1 });
    expect(place(ME)).toMatchObject({ read_seq: 0 });
  });

  it("that follow are shown over a gap of revisions, which is looked after", async () => {
    await load([]);
    conversations.take(aMessage({ seq: 1, rev: 4 }));
    expect(conversations.histories.of("t1").getSnapshot().messages).toHaveLength(1);
    expect(thread()).toMatchObject({ last_seq: 1, unread_count: 1 });
    expect(known()).toBe(1);
    expect(behind).toEqual(["t1"]);
    // The receipts between were only overtaken.
    read(0, 2);
    read(0, 3);
    expect(known()).toBe(4);
    expect(conversations.revisions.hasGap("t1")).toBe(false);
  });

  it("beyond a missing one wait for it, and are counted once", async () => {
    await load([]);
    conversations.take(aMessage({ seq: 2, rev: 3 }));
    expect(conversations.histories.of("t1").getSnapshot().messages).toEqual([]);
    expect(thread()).toMatchObject({ last_seq: 0, unread_count: 0 });
    expect(behind).toEqual(["t1"]);
    const messages = [aMessage({ seq: 1, rev: 2 }), aMessage({ seq: 2, rev: 3 })];
    const changes = { rev: 3, thread: null, messages, receipts: [], unread_count: 2, removed: false, more: false };
    expect(conversations.catchUp("t1", changes)).toBe(true);
    expect(thread()).toMatchObject({ last_seq: 2, unread_count: 2, rev: 3 });
    expect(conversations.histories.of("t1").getSnapshot().messages).toHaveLength(2);
  });

  it("of a thread that is not known say that there is one", () => {
    const unknown = vi.fn();
    conversations.unknown.on(unknown);
    conversations.take(aMessage({ thread_id: "t9" }));
    expect(unknown).toHaveBeenCalledWith("t9");
    expect(conversations.table.get("t9")).toBeUndefined();
  });

  it("of others are noted as received", () => {
    const received = vi.fn();
    conversations.received.on(received);
    conversations.take(aMessage({ seq: 1, rev: 2 }));
    conversations.take(aMessage({ seq: 2, rev: 3, sender_id: ME }));
    expect(received.mock.calls).toEqual([[{ threadId: "t1", seq: 1 }]]);
  });
});

describe("receipts", () => {
  it("move the ticks", async () => {
    await load([aMessage({ seq: 1, sender_id: ME })]);
    read(1, 2);
    expect(conversations.histories.of("t1").getSnapshot().messages[0]).toMatchObject({ state: "read", is_read: true });
    expect(known()).toBe(2);
  });

  it("with an old revision still count: large threads have no others", () => {
    conversations.revisions.advance("t1", 9);
    read(1, 3);
    expect(place(OTHER)).toMatchObject({ read_seq: 1 });
    expect(behind).toEqual([]);
    expect(known()).toBe(9);
  });

  it("of one's own say what is left unread", () => {
    for (const seq of [1, 2, 3]) conversations.take(aMessage({ seq, rev: seq + 1 }));
    read(2, 5, ME, 1);
    expect(thread()).toMatchObject({ unread_count: 1 });
    expect(totalUnread()).toBe(1);
    // One that we passed meanwhile says nothing.
    read(1, 6, ME, 2);
    expect(thread()).toMatchObject({ unread_count: 1 });
    read(3, 7, ME, 0);
    expect(totalUnread()).toBe(0);
  });

  it("of one's own are counted by the loaded messages, which are newer than the server's count", async () => {
    await load([]);
    for (const seq of [1, 2, 3]) conversations.take(aMessage({ seq, rev: seq + 1 }));
    read(1, 5, ME, 1);
    expect(thread()).toMatchObject({ unread_count: 2 });
  });
});

describe("answers of the server", () => {
  it("that are older than what is known change nothing", () => {
    conversations.take(aMessage({ seq: 1, rev: 2 }));
    const before = thread();
    conversations.adopt(aThread({ rev: 1, title: "Old" }));
    expect(thread()).toBe(before);
  });

  it("that say the same keep the object", () => {
    const before = thread();
    conversations.adopt(aThread());
    expect(thread()).toBe(before);
  });

  it("do not undo what we read and the server did not know yet", () => {
    conversations.take(aMessage({ seq: 1, rev: 2 }));
    conversations.move({ threadId: "t1", position: { user_id: ME, read_seq: 1 } }, null);
    conversations.adopt(aThread({ rev: 2, last_seq: 1, unread_count: 1 }));
    expect(thread()).toMatchObject({ unread_count: 0 });
    expect(place(ME)).toMatchObject({ read_seq: 1 });
  });

  it("that are newer than the loaded messages leave a gap to look after", async () => {
    await load([]);
    conversations.adopt(aThread({ rev: 5, last_seq: 3, unread_count: 3 }));
    expect(behind).toEqual(["t1"]);
    expect(known()).toBe(1);
    expect(totalUnread()).toBe(3);
  });

  it("are all there is to know where no messages are loaded", () => {
    conversations.adopt(aThread({ rev: 5, last_seq: 3, unread_count: 3 }));
    expect(known()).toBe(5);
    expect(behind).toEqual([]);
  });

  it("bring the exact total, also of threads that are not loaded", () => {
    const threads = [aThread({ id: "t2", unread_count: 2 }), aThread()];
    expect(conversations.adoptPage({ threads, next_cursor: "c", total_unread: 12 })).toBe(true);
    expect(totalUnread()).toBe(12);
    conversations.take(aMessage({ seq: 1, rev: 2 }));
    expect(totalUnread()).toBe(13);
    expect(conversations.adoptPage({ threads, next_cursor: "c", total_unread: 12 })).toBe(false);
    expect(totalUnread()).toBe(13);
  });
});

it("orders threads by activity", () => {
  conversations.adopt(aThread({ id: "t2", activity_at: "2026-11-24T12:30:00.000Z" }));
  const order = () => conversations.table.store.getSnapshot().threads.map(({ id }) => id);
  expect(order()).toEqual(["t2", "t1"]);
  conversations.take(aMessage({ seq: 1, rev: 2, sent_at: "2026-11-24T13:00:00.000Z" }));
  expect(order()).toEqual(["t1", "t2"]);
});

it("shows people's new names and leaves other threads alone", () => {
  conversations.adopt(aThread({ id: "t2", participants: [aParticipant({ user_id: 7 })] }));
  const other = conversations.table.get("t2");
  conversations.rename(aUser({ display_name: "Juan P.", avatar_url: "/j.png" }));
  expect(place(OTHER)).toMatchObject({ display_name: "Juan P.", avatar_url: "/j.png" });
  expect(conversations.table.get("t2")).toBe(other);
});

it("forgets a thread that is not ours any more", async () => {
  await load([aMessage()]);
  conversations.take(aMessage({ seq: 1, rev: 2 }));
  conversations.drop("t1");
  expect(conversations.table.store.getSnapshot()).toMatchObject({ threads: [], totalUnread: 0 });
  expect(conversations.histories.of("t1").getSnapshot().loaded).toBe(false);
  expect(known()).toBeUndefined();
});
