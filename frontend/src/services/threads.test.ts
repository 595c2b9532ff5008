// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { aThread, ME } from "../testing/factories";
import { createFakeLine, type FakeLine } from "../testing/fakeLine";
import type { Thread } from "../types/generated/contract";
import { Conversations } from "./conversations";
import { Failure, offline } from "./failure";
import { ThreadService } from "./threads";

let line: FakeLine;
let threads: ThreadService;

function create() {
  const conversations = new Conversations(line.ask);
  conversations.me.set(ME);
  return new ThreadService(line, conversations);
}

beforeEach(() => {
  vi.useFakeTimers();
  line = createFakeLine();
  threads = create();
});
afterEach(() => {
  vi.useRealTimers();
});

const ids = () => threads.getSnapshot().threads.map(({ id }) => id);

describe("pages", () => {
  it("come one after the other, until there are no more", async () => {
    line.answer("list_threads", ({ cursor }) =>
      cursor === null
        ? { threads: [aThread({ id: "t2" })], next_cursor: "2", total_unread: 5 }
        : { threads: [aThread({ id: "t1" })], next_cursor: null, total_unread: 5 },
    );
    await threads.reload();
    expect(threads.getSnapshot()).toMatchObject({ status: "ready", hasMore: true, totalUnread: 5 });
    await Promise.all([threads.loadMore(), threads.loadMore()]);
    expect(ids()).toEqual(["t2", "t1"]);
    expect(threads.getSnapshot().hasMore).toBe(false);
    await threads.loadMore();
    expect(line.requests("list_threads").map(({ cursor }) => cursor)).toEqual([null, "2"]);
  });

  it("that the server refuses show an error, until a reload works", async () => {
    line.answer("list_threads", () => {
      throw new Failure("internal", "Broken", false);
    });
    await expect(threads.reload()).rejects.toMatchObject({ code: "internal" });
    expect(threads.getSnapshot()).toMatchObject({ status: "error", error: { code: "internal" } });
    line.answer("list_threads", () => ({ threads: [], next_cursor: null, total_unread: 0 }));
    const reload = threads.reload();
    expect(threads.getSnapshot()).toMatchObject({ status: "loading", error: null });
    await reload;
    expect(threads.getSnapshot()).toMatchObject({ status: "ready", error: null });
  });

  it("that fail for want of a connection go on loading", async () => {
    line.answer("list_threads", () => {
      throw offline();
    });
    await expect(threads.reload()).rejects.toMatchObject({ code: "offline" });
    expect(threads.getSnapshot().status).toBe("loading");
  });

  it("are none for a client of single conversations", async () => {
    line = createFakeLine(["/threads"]);
    threads = create();
    await threads.reload();
    expect(threads.getSnapshot()).toMatchObject({ status: "ready", threads: [] });
    expect(line.asked).toEqual([]);
  });
});

it("fetches a single thread once for all who want it", async () => {
  line.answer("get_thread", ({ thread_id }) => aThread({ id: thread_id }));
  const [one, other] = await Promise.all([threads.fetch("t7"), threads.fetch("t7")]);
  expect(one).toBe(other);
  expect(threads.get("t7")).toBe(one);
  expect(line.asked).toHaveLength(1);
});

it("shows a thread that it created", async () => {
  line.answer("create_thread", () => aThread({ id: "t8" }));
  const thread = await threads.create({ kind: "direct", participant_ids: [2] });
  expect(threads.get("t8")).toBe(thread);
  expect(ids()).toEqual(["t8"]);
});

it("looks for new threads once for a burst of news, and not after the end", async () => {
  line.answer("list_threads", () => ({ threads: [aThread()], next_cursor: null, total_unread: 1 }));
  threads.findSoon();
  threads.findSoon();
  await vi.advanceTimersByTimeAsync(50);
  expect(line.asked).toHaveLength(1);
  expect(ids()).toEqual(["t1"]);
  threads.findSoon();
  threads.stop();
  await vi.advanceTimersByTimeAsync(50);
  expect(line.asked).toHaveLength(1);
});

describe("the newest thread", () => {
  const answer = (...list: Thread[]) =>
    line.answer("list_threads", () => ({ threads: list, next_cursor: null, total_unread: 0 }));

  it("is no news if it is known so far", async () => {
    answer(aThread({ rev: 4 }));
    await threads.reload();
    await threads.checkNewest();
    expect(line.requests("list_threads")).toEqual([{ cursor: null }, { limit: 1 }]);
  });

  it.each([
    ["is not known", aThread({ id: "t9", rev: 1 })],
    ["went on", aThread({ rev: 5, last_seq: 9 })],
  ])("has the list read on if it %s", async (_, newest) => {
    answer(aThread({ rev: 4 }));
    await threads.reload();
    answer(newest);
    await threads.checkNewest();
    expect(line.requests("list_threads").slice(1)).toEqual([{ limit: 1 }, { cursor: null }]);
    expect(threads.get(newest.id)).toMatchObject({ rev: newest.rev, last_seq: newest.last_seq });
  });

  it("is not asked for before the list is there", async () => {
    await threads.checkNewest();
    expect(line.asked).toEqual([]);
  });
});

it("loads the list itself if news come before it is there", async () => {
  line.answer("list_threads", () => ({ threads: [aThread()], next_cursor: "2", total_unread: 1 }));
  threads.findSoon();
  await vi.advanceTimersByTimeAsync(50);
  expect(threads.getSnapshot()).toMatchObject({ status: "ready", hasMore: true });
});
