// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aMessage, aThread, ME, OTHER } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import type { Message, ThreadChanges } from "../types/generated/contract";
import { CatchUp } from "./catchUp";
import { Conversations } from "./conversations";
import { Failure } from "./failure";
import { ThreadService } from "./threads";

const nothing: ThreadChanges = {
  rev: 1,
  thread: null,
  messages: [],
  receipts: [],
  unread_count: 0,
  removed: false,
  more: false,
};
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const messages = (from: number, to: number) => range(from, to).map((seq) => aMessage({ seq, rev: seq + 1 }));

let line: FakeLine;
let conversations: Conversations;
let threads: ThreadService;
let catchUp: CatchUp;
beforeEach(() => {
  vi.useFakeTimers();
  line = createFakeLine();
  conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  threads = new ThreadService(line, conversations);
  catchUp = new CatchUp(line, conversations, threads);
  conversations.behind.on(catchUp.soon);
});
afterEach(() => {
  vi.useRealTimers();
});

const seqs = () =>
  conversations.histories
    .of("t1")
    .getSnapshot()
    .messages.map(({ seq }) => seq);

async function open(loaded: Message[]) {
  conversations.adopt(aThread({ rev: loaded.length + 1, last_seq: loaded.length }));
  line.answer("get_history", () => ({ messages: loaded, has_more_before: false, has_more_after: false }));
  await conversations.histories.of("t1").load({});
}

describe("after a gap", () => {
  it("waits a little, asks once for all of them, and not if the gap closed by itself", async () => {
    conversations.adopt(aThread());
    conversations.adopt(aThread({ id: "t2" }));
    line.answer("sync", () => ({ threads: {}, notifications: null }));
    conversations.take(aMessage({ seq: 1, rev: 3 }));
    conversations.take(aMessage({ thread_id: "t2", seq: 1, rev: 3 }));
    await vi.advanceTimersByTimeAsync(249);
    expect(line.asked).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(line.requests("sync")).toEqual([{ threads: { t1: 1, t2: 1 } }]);
  });

  it("applies what was missed", async () => {
    await open([]);
    line.answer("sync", () => ({
      threads: { t1: { ...nothing, rev: 4, messages: messages(1, 3), unread_count: 3 } },
      notifications: null,
    }));
    conversations.take(aMessage({ seq: 3, rev: 4 }));
    await vi.advanceTimersByTimeAsync(250);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(conversations.table.get("t1")).toMatchObject({ unread_count: 3, last_seq: 3, rev: 4 });
  });

  it("asks nothing any more once the connection is gone", async () => {
    conversations.adopt(aThread());
    conversations.take(aMessage({ seq: 1, rev: 3 }));
    catchUp.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(line.asked).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("after a connection", () => {
  it("loads the list the first time", async () => {
    line.answer("list_threads", () => ({ threads: [aThread()], next_cursor: null, total_unread: 0 }));
    await catchUp.all();
    expect(line.asked.map(({ name }) => name)).toEqual(["list_threads"]);
    expect(threads.getSnapshot()).toMatchObject({ status: "ready", threads: [aThread()] });
  });

  it("then catches up with all that is known, a hundred at a time, and looks for new threads", async () => {
    const known = range(1, 150).map((n) => aThread({ id: `t${n}` }));
    line.answer("list_threads", () => ({ threads: known, next_cursor: null, total_unread: 0 }));
    await catchUp.all();
    line.answer("sync", () => ({ threads: {}, notifications: null }));
    line.answer("list_threads", ({ cursor }) =>
      cursor === null
        ? { threads: [aThread({ id: "new" })], next_cursor: "2", total_unread: 0 }
        : { threads: known.slice(0, 50), next_cursor: "3", total_unread: 0 },
    );
    await catchUp.all();
    expect(line.requests("sync").map((request) => Object.keys(request.threads ?? {}).length)).toEqual([100, 50]);
    expect(line.requests("list_threads").map(({ cursor }) => cursor)).toEqual([null, null, "2"]);
    expect(threads.get("new")).toBeDefined();
  });

  it("tries again when the server has no time, until the connection is gone", async () => {
    line.answer("list_threads", () => {
      throw new Failure("unavailable", "Later", true);
    });
    await expect(catchUp.all()).rejects.toMatchObject({ code: "unavailable" });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(line.requests("list_threads")).toHaveLength(2);
    line.isWhole = false;
    catchUp.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a thread", () => {
  it("is asked for again while there is more", async () => {
    await open([]);
    line.answer("sync", ({ threads: held }) => {
      const rev = held?.t1 ?? 0;
      const page = messages(rev, Math.min(rev + 99, 250));
      const more = rev + 99 < 250;
      return { threads: { t1: { ...nothing, rev: rev + page.length, messages: page, more } }, notifications: null };
    });
    await catchUp.threads(["t1"]);
    expect(line.requests("sync")).toHaveLength(3);
    expect(seqs()).toEqual(range(1, 250));
  });

  it("with too much to fill in is replaced by its latest page", async () => {
    await open(messages(1, 3));
    const thread = aThread({ rev: 2_001, last_seq: 2_000, unread_count: 1_997 });
    line.answer("sync", ({ threads: held }) => ({
      threads: { t1: { ...nothing, rev: held?.t1 ?? 0, more: true } },
      notifications: null,
    }));
    line.answer("get_thread", () => thread);
    line.answer("get_history", () => ({
      messages: messages(1_951, 2_000),
      has_more_before: true,
      has_more_after: false,
    }));
    await catchUp.threads(["t1"]);
    expect(line.requests("sync")).toHaveLength(5);
    expect(seqs()).toEqual(range(1_951, 2_000));
    expect(conversations.histories.of("t1").getSnapshot().hasMoreBefore).toBe(true);
    expect(conversations.table.get("t1")).toMatchObject({ unread_count: 1_997 });
    expect(conversations.revisions.get("t1")).toBe(2_001);
  });

  it("in which messages still do not fit is loaded anew", async () => {
    await open(messages(1, 3));
    line.answer("sync", () => ({
      threads: { t1: { ...nothing, rev: 9, messages: messages(6, 8) } },
      notifications: null,
    }));
    line.answer("get_thread", () => aThread({ rev: 9, last_seq: 8 }));
    line.answer("get_history", () => ({ messages: messages(4, 8), has_more_before: true, has_more_after: false }));
    await catchUp.threads(["t1"]);
    expect(seqs()).toEqual(range(1, 8));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(line.requests("sync")).toHaveLength(1);
  });

  it("that is not ours any more is dropped", async () => {
    await open([]);
    line.answer("sync", () => ({ threads: { t1: { ...nothing, removed: true } }, notifications: null }));
    await catchUp.threads(["t1"]);
    expect(threads.getSnapshot().threads).toEqual([]);
  });

  it("that we read in part elsewhere has as much unread as the server says", async () => {
    conversations.adopt(aThread({ rev: 9, last_seq: 8, unread_count: 8 }));
    line.answer("sync", () => ({ threads: { t1: { ...nothing, rev: 9, unread_count: 3 } }, notifications: null }));
    await catchUp.threads(["t1"]);
    expect(conversations.table.get("t1")).toMatchObject({ unread_count: 3 });
  });

  it("that we read and the server does not know yet stays read", async () => {
    await open(messages(1, 3));
    conversations.move({ threadId: "t1", position: { user_id: ME, read_seq: 2 } }, null);
    line.answer("sync", () => ({ threads: { t1: { ...nothing, rev: 4, unread_count: 3 } }, notifications: null }));
    await catchUp.threads(["t1"]);
    expect(conversations.table.get("t1")).toMatchObject({ unread_count: 1 });
  });

  it("that goes on while the answer is under way keeps the newer count", async () => {
    await open([]);
    line.answer("sync", () => {
      conversations.take(aMessage({ seq: 1, rev: 2 }));
      return { threads: { t1: { ...nothing, rev: 1, unread_count: 0 } }, notifications: null };
    });
    await catchUp.threads(["t1"]);
    expect(conversations.table.get("t1")).toMatchObject({ unread_count: 1 });
  });

  it("takes the receipts of others", async () => {
    await open([aMessage({ seq: 1, sender_id: ME })]);
    const receipt = {
      user_id: OTHER,
      user_name: "",
      read_seq: 1,
      read_at: null,
      delivered_seq: 1,
      delivered_at: null,
      rev: 3,
    };
    line.answer("sync", () => ({ threads: { t1: { ...nothing, rev: 3, receipts: [receipt] } }, notifications: null }));
    await catchUp.threads(["t1"]);
    expect(conversations.histories.of("t1").getSnapshot().messages[0]).toMatchObject({ state: "read" });
  });
});
